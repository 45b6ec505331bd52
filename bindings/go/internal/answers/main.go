// Command answers opens runs and prints all that libresult answers about them, value by value.
// tests/table/README.md describes what it reads and prints.
package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"iter"
	"math"
	"math/big"
	"os"
	"strconv"
	"strings"
	"time"

	libresult "github.com/libresult/libresult/bindings/go"
)

func main() {
	// The files of this machine, as those of a store.
	if err := libresult.RegisterStore("gofs", libresult.FSStore(os.DirFS("/"))); err != nil {
		fmt.Fprintln(os.Stderr, "answers:", err)
		os.Exit(1)
	}
	if err := answerAll(os.Stdin, os.Stdout); err != nil {
		fmt.Fprintln(os.Stderr, "answers:", err)
		os.Exit(1)
	}
}

// answerAll reads cases to the end of in, and writes a line to out for each.
func answerAll(in io.Reader, out io.Writer) error {
	input, err := io.ReadAll(in)
	if err != nil {
		return err
	}
	encoder := json.NewEncoder(out)
	encoder.SetEscapeHTML(false)
	fields := bytes.Split(bytes.TrimSuffix(input, []byte{0}), []byte{0})
	for len(input) > 0 && len(fields) > 0 {
		uri := string(fields[0])
		pairs, rest, err := counted(fields[1:], 2)
		if err != nil {
			return err
		}
		metrics, rest, err := counted(rest, 1)
		if err != nil {
			return err
		}
		count, rest, err := number(rest)
		if err != nil {
			return err
		}
		ofFrames := make([][]libresult.Setting, count)
		for i := range ofFrames {
			var pairs [][]byte
			if pairs, rest, err = counted(rest, 2); err != nil {
				return err
			}
			ofFrames[i] = settings(pairs)
		}
		if err := encoder.Encode(answer(uri, settings(pairs), metrics, ofFrames)); err != nil {
			return err
		}
		fields = rest
	}
	return nil
}

// number takes the number off fields that start with one.
func number(fields [][]byte) (count int, rest [][]byte, err error) {
	if len(fields) == 0 {
		return 0, nil, errors.New("the input ends within a case")
	}
	count, err = strconv.Atoi(string(fields[0]))
	if err != nil || count < 0 || count > len(fields) {
		return 0, nil, fmt.Errorf("%q is no number of fields that follow", fields[0])
	}
	return count, fields[1:], nil
}

// counted splits fields that start with a number into that many times each, and what follows.
func counted(fields [][]byte, each int) (found, rest [][]byte, err error) {
	count, rest, err := number(fields)
	if err != nil {
		return nil, nil, err
	}
	if count > len(rest)/each {
		return nil, nil, errors.New("the input ends within a case")
	}
	return rest[:count*each], rest[count*each:], nil
}

// settings are pairs of a key and a value.
func settings(pairs [][]byte) []libresult.Setting {
	settings := make([]libresult.Setting, len(pairs)/2)
	for i := range settings {
		settings[i] = libresult.Setting{Key: string(pairs[2*i]), Value: string(pairs[2*i+1])}
	}
	return settings
}

// object is a JSON object.
type object map[string]any

func answer(uri string, settings []libresult.Setting, metrics [][]byte, ofFrames [][]libresult.Setting) object {
	run, err := libresult.Open(context.Background(), uri, settings...)
	if err != nil {
		return object{"error": errorAnswer(err)}
	}
	named := make([]object, len(metrics))
	for i, metric := range metrics {
		named[i] = namedAnswer(run, string(metric))
	}
	frames := make([]object, len(ofFrames))
	for i, settings := range ofFrames {
		frames[i] = frameAnswer(run.ReadFrame(context.Background(), settings...))
	}
	return object{
		"layout":        run.Layout().String(),
		"ray_version":   run.RayVersion(),
		"uri":           run.URI(),
		"path":          run.Path(),
		"filesystem":    run.Filesystem(),
		"metrics":       valueAnswer(membersOrNil(run.Metrics())),
		"checkpoint":    checkpointAnswer(run.LatestCheckpoint()),
		"resume":        checkpointAnswer(run.ResumeCheckpoint()),
		"checkpoints":   checkpointAnswers(run.Checkpoints()),
		"leftovers":     checkpointAnswers(run.Leftovers()),
		"named":         named,
		"failure":       runFailureAnswer(run.FailurePresence(), run.Failure()),
		"config":        factAnswer(run.ConfigPresence(), membersOrNil(run.Config()), run.ConfigSource()),
		"return_value":  factAnswer(run.ReturnValuePresence(), run.ReturnValue(), run.ReturnValueSource()),
		"status":        run.Status(),
		"status_detail": run.StatusDetail(),
		"start_time_ns": timeAnswer(run.StartTime()),
		"end_time_ns":   timeAnswer(run.EndTime()),
		"configured":    configuredAnswer(run),
		"attempts":      attemptAnswers(run.Attempts()),
		"diagnostics":   diagnosticAnswers(run.Diagnostics()),
		"json":          run.String(),
		"frames":        frames,
	}
}

func errorAnswer(err error) object {
	var failure *libresult.Error
	if !errors.As(err, &failure) {
		panic(err) // The package promises that there are no others.
	}
	return object{"code": failure.Code.String(), "message": failure.Message}
}

func checkpointAnswer(checkpoint *libresult.Checkpoint) any {
	if checkpoint == nil {
		return nil
	}
	index, hasIndex := checkpoint.Index()
	report, hasReport := checkpoint.Report()
	return object{
		"name":         checkpoint.Name(),
		"uri":          checkpoint.URI(),
		"path":         checkpoint.Path(),
		"filesystem":   checkpoint.Filesystem(),
		"index":        orNil(index, hasIndex),
		"report_index": orNil(report, hasReport),
		"presence":     checkpoint.Presence().String(),
		"status":       checkpoint.Status().String(),
		"metrics":      valueAnswer(membersOrNil(checkpoint.Metrics())),
	}
}

func checkpointAnswers(checkpoints iter.Seq[*libresult.Checkpoint]) []any {
	answers := []any{}
	for checkpoint := range checkpoints {
		answers = append(answers, checkpointAnswer(checkpoint))
	}
	return answers
}

func namedAnswer(run *libresult.Run, metric string) object {
	value, _ := run.Metric(metric)
	best, rank := object{}, object{}
	for _, mode := range []libresult.Mode{libresult.Min, libresult.Max} {
		best[mode.String()] = bestAnswer(run.BestCheckpoint(metric, mode))
		rank[mode.String()] = rankAnswer(run.RankCheckpoints(metric, mode))
	}
	return object{"metric": metric, "value": valueAnswer(value), "best": best, "rank": rank}
}

func bestAnswer(best *libresult.Checkpoint, err error) object {
	if err != nil {
		return errorAnswer(err)
	}
	return object{"name": best.Name(), "path": best.Path()}
}

func rankAnswer(ranking *libresult.Ranking, err error) object {
	if err != nil {
		return errorAnswer(err)
	}
	ranked, skipped := []object{}, []object{}
	for _, entry := range ranking.Entries {
		ranked = append(ranked, object{"name": entry.Checkpoint.Name(), "value": valueAnswer(entry.Value)})
	}
	for _, entry := range ranking.Skipped {
		skipped = append(skipped, object{"name": entry.Checkpoint.Name(), "reason": entry.Reason.String()})
	}
	return object{"ranked": ranked, "skipped": skipped}
}

func runFailureAnswer(presence libresult.Presence, failure *libresult.Failure) object {
	var answer object
	if failure == nil {
		answer = failureAnswer(libresult.Failure{})
		answer["count"] = nil
	} else {
		answer = failureAnswer(*failure)
	}
	answer["presence"] = presence.String()
	return answer
}

func failureAnswer(failure libresult.Failure) object {
	workers := []object{}
	for _, worker := range failure.Workers {
		answer := detailsAnswer(worker)
		answer["rank"] = worker.Rank
		workers = append(workers, answer)
	}
	answer := detailsAnswer(failure)
	answer["workers"] = workers
	return answer
}

func detailsAnswer(failure libresult.Failure) object {
	return object{
		"type":      failure.Type,
		"module":    failure.Module,
		"message":   failure.Message,
		"traceback": failure.Traceback,
		"source":    failure.Source,
		"count":     failure.Occurrences,
		"recovered": failure.Recovered,
	}
}

func configuredAnswer(run *libresult.Run) object {
	var mode any
	if best, ok := run.ConfiguredMode(); ok {
		mode = best.String()
	}
	keep, hasKeep := run.ConfiguredKeep()
	return object{"metric": run.ConfiguredMetric(), "mode": mode, "keep": orNil(keep, hasKeep)}
}

func attemptAnswers(attempts []libresult.Attempt) []object {
	answers := []object{}
	for _, attempt := range attempts {
		var failure any
		if attempt.Failure != nil {
			failure = failureAnswer(*attempt.Failure)
		}
		answers = append(answers, object{
			"status":        attempt.Status,
			"start_time_ns": timeAnswer(attempt.StartTime),
			"end_time_ns":   timeAnswer(attempt.EndTime),
			"workers":       attempt.Workers,
			"failure":       failure,
		})
	}
	return answers
}

// timeAnswer is a time in nanoseconds; nil if it is not known.
func timeAnswer(at time.Time) any {
	if at.IsZero() {
		return nil
	}
	return at.UnixNano()
}

func factAnswer(presence libresult.Presence, value any, source string) object {
	return object{"presence": presence.String(), "value": valueAnswer(value), "source": source}
}

func diagnosticAnswers(diagnostics []libresult.Diagnostic) []object {
	answers := []object{}
	for _, diagnostic := range diagnostics {
		answers = append(answers, object{
			"code":     diagnostic.Code,
			"severity": diagnostic.Severity.String(),
			"file":     diagnostic.File,
			"line":     diagnostic.Line,
			"message":  diagnostic.Message,
		})
	}
	return answers
}

// orNil is a number that may be missing.
func orNil[T any](number T, ok bool) any {
	if !ok {
		return nil
	}
	return number
}

// membersOrNil is an object that may be missing; as an any, a nil map would not be nil.
func membersOrNil(members map[string]any) any {
	if members == nil {
		return nil
	}
	return members
}

// valueAnswer is value as what encoding/json writes as the table wants it.
func valueAnswer(value any) any {
	switch value := value.(type) {
	case nil, bool, int64, uint64, *big.Int, string:
		return value
	case float64:
		return floatAnswer(value)
	case []any:
		elements := make([]any, len(value))
		for i, element := range value {
			elements[i] = valueAnswer(element)
		}
		return elements
	case map[string]any:
		return membersAnswer(value)
	}
	panic(fmt.Sprintf("libresult returned a %T", value))
}

func floatAnswer(number float64) any {
	switch {
	case math.IsNaN(number):
		return object{"$f": "nan"}
	case math.IsInf(number, 1):
		return object{"$f": "inf"}
	case math.IsInf(number, -1):
		return object{"$f": "-inf"}
	}
	digits := strconv.FormatFloat(number, 'g', -1, 64)
	if !strings.ContainsAny(digits, ".e") {
		digits += ".0"
	}
	return json.Number(digits)
}

func membersAnswer(members map[string]any) any {
	answers, pairs, escaped := object{}, []any{}, false
	for key, value := range members {
		answers[key] = valueAnswer(value)
		pairs = append(pairs, []any{key, answers[key]})
		escaped = escaped || strings.HasPrefix(key, "$")
	}
	if escaped {
		return object{"$pairs": pairs}
	}
	return answers
}
