// Command inspect prints one report of a training run. It prints the same as examples/inspect.c,
// which describes it.
package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"math/big"
	"os"
	"regexp"
	"slices"
	"strings"
	"unicode/utf8"

	libresult "github.com/libresult/libresult/bindings/go"
)

func main() {
	arguments := os.Args[1:]
	modes := map[string]libresult.Mode{"min": libresult.Min, "max": libresult.Max}
	if len(arguments) < 1 || len(arguments) > 3 || len(arguments) == 3 && modes[arguments[2]] == 0 {
		fmt.Fprintln(os.Stderr, "usage: inspect RUN [METRIC [min|max]]")
		os.Exit(2)
	}
	run, err := libresult.Open(context.Background(), arguments[0])
	if err != nil {
		fmt.Fprintln(os.Stderr, "inspect:", message(err))
		os.Exit(1)
	}

	putRun(run)
	keys := readKeys(run)
	metrics := putMetrics(run, keys.Metrics)
	putConfig(run, keys.Config.Value)
	by := choice{metric: chooseMetric(run, metrics), isGuess: true}
	if len(arguments) > 1 {
		by = choice{metric: arguments[1]}
	}
	by.mode = chooseMode(by.metric)
	if len(arguments) > 2 {
		by.mode = modes[arguments[2]]
	}
	putCheckpoints(run, by)
	putLeftovers(run)
	putFailure(run)
	putDiagnostics(run)
}

// message is what an error says, without the name of the package.
func message(err error) string {
	var failure *libresult.Error
	if errors.As(err, &failure) {
		return failure.Message
	}
	return err.Error()
}

// ---- Text --------------------------------------------------------------------------------------

var bold, red, green, plain = colours()

func colours() (bold, red, green, plain string) {
	info, err := os.Stdout.Stat()
	_, noColour := os.LookupEnv("NO_COLOR")
	if err != nil || info.Mode()&os.ModeCharDevice == 0 || noColour {
		return "", "", "", ""
	}
	return "\x1b[1m", "\x1b[31m", "\x1b[32m", "\x1b[0m"
}

func heading(text string) {
	fmt.Printf("\n%s%s%s\n", bold, text, plain)
}

func isControl(r rune) bool {
	return r < 0x20 || r == 0x7f
}

// cell is one line, padded to columns; what could steer a terminal becomes "?".
func cell(text string, columns int) string {
	line := strings.Map(func(r rune) rune {
		if isControl(r) {
			return '?'
		}
		return r
	}, text)
	return line + strings.Repeat(" ", max(0, columns-utf8.RuneCountInString(text)))
}

var colourCode = regexp.MustCompile(`^\x1b\[[^@-~]*[@-~]?`)

// block is lines, all but the first and the empty ones indented, without the newlines at the end,
// colour codes and other control characters but tabs.
func block(text string, indent int) string {
	var lines strings.Builder
	text = strings.TrimRight(text, "\n")
	for i := 0; i < len(text); i++ {
		switch code := colourCode.FindString(text[i:]); {
		case code != "":
			i += len(code) - 1
		case text[i] == '\n' && text[i+1] == '\n':
			lines.WriteByte('\n')
		case text[i] == '\n':
			lines.WriteString("\n" + strings.Repeat(" ", indent))
		case text[i] == '\t' || !isControl(rune(text[i])):
			lines.WriteByte(text[i])
		}
	}
	return lines.String()
}

func putField(name, text string) {
	if text == "" {
		text = "not recorded"
	}
	fmt.Printf("  %-11s  %s\n", name, block(text, 15))
}

// ---- Values, and nested objects as rows --------------------------------------------------------

func show(value any) string {
	switch value := value.(type) {
	case float64:
		return showFloat(value)
	case *big.Int:
		nearest, _ := new(big.Float).SetInt(value).Float64()
		return showFloat(nearest)
	case []any:
		elements := make([]string, len(value))
		for i, element := range value {
			elements[i] = show(element)
		}
		return "[" + strings.Join(elements, ", ") + "]"
	case map[string]any:
		if len(value) == 0 {
			return "{}"
		}
		return "{...}"
	}
	return cell(showJSON(value), 0)
}

func showFloat(number float64) string {
	switch {
	case math.IsNaN(number):
		return "nan"
	case math.IsInf(number, 1):
		return "inf"
	case math.IsInf(number, -1):
		return "-inf"
	}
	return fmt.Sprintf("%.6g", number)
}

// plainer undoes what encoding/json escapes without need.
var plainer = strings.NewReplacer(`\\`, `\\`, `\u2028`, "\u2028", `\u2029`, "\u2029")

func showJSON(value any) string {
	var text bytes.Buffer
	encoder := json.NewEncoder(&text)
	encoder.SetEscapeHTML(false)
	if err := encoder.Encode(value); err != nil {
		panic(err) // What libresult returns can be encoded, but for the floats, which are no more here.
	}
	return plainer.Replace(strings.TrimSuffix(text.String(), "\n"))
}

// keys are those of an object in the order of the file, which Go's maps do not keep.
type keys []member

type member struct {
	key   string
	below keys
}

// UnmarshalJSON reads the keys of an object; what is no object has none.
func (k *keys) UnmarshalJSON(text []byte) error {
	decoder := json.NewDecoder(bytes.NewReader(text))
	if start, err := decoder.Token(); err != nil || start != json.Delim('{') {
		return err
	}
	for decoder.More() {
		key, err := decoder.Token()
		if err != nil {
			return err
		}
		var below keys
		if err := decoder.Decode(&below); err != nil {
			return err
		}
		*k = append(*k, member{key.(string), below})
	}
	return nil
}

// runKeys are the keys of what the report prints in their order.
type runKeys struct {
	Metrics keys `json:"metrics"`
	Config  struct {
		Value keys `json:"value"`
	} `json:"config"`
}

func readKeys(run *libresult.Run) runKeys {
	var read runKeys
	if err := json.Unmarshal([]byte(run.String()), &read); err != nil {
		panic(err) // The run promises to be JSON.
	}
	return read
}

type row struct {
	name  string // Keys joined by "/".
	value any
}

// flatten appends what lies below value: everything but objects that have members.
func flatten(rows []row, above, key string, value any, below keys) []row {
	name := key
	if above != "" {
		name = above + "/" + key
	}
	members, _ := value.(map[string]any)
	if len(members) == 0 {
		return append(rows, row{name, value})
	}
	for _, member := range below {
		rows = flatten(rows, name, member.key, members[member.key], member.below)
	}
	return rows
}

func putRows(rows []row) {
	columns := 0
	for _, row := range rows {
		columns = max(columns, utf8.RuneCountInString(row.name))
	}
	for _, row := range rows {
		fmt.Printf("  %s%s\n", cell(row.name, columns+2), show(row.value))
	}
}

// ---- The run, its metrics and configuration ----------------------------------------------------

func putRun(run *libresult.Run) {
	layouts := map[libresult.Layout]string{
		libresult.LayoutUnknown: "unknown",
		libresult.LayoutTrainV1: "Ray Train V1 / Tune",
		libresult.LayoutTrainV2: "Ray Train V2",
	}
	name := run.Path()[strings.LastIndex(run.Path(), "/")+1:]
	fmt.Printf("%s%s%s\n", bold, cell(name, 0), plain)
	putField("path", run.Path())
	putField("layout", layouts[run.Layout()])
	putField("Ray version", run.RayVersion())
}

// bookkeeping is what Ray adds to every report of Train V1 and Tune.
var bookkeeping = []string{
	"checkpoint_dir_name", "config", "date", "done", "experiment_id", "experiment_tag", "hostname",
	"iterations_since_restore", "node_ip", "pid", "should_checkpoint", "time_since_restore",
	"time_this_iter_s", "time_total_s", "timestamp", "timesteps_since_restore", "trial_id",
	"warmup_time",
}

// putMetrics returns the metrics of the last report.
func putMetrics(run *libresult.Run, order keys) []row {
	var rows []row
	metrics, leftOut := run.Metrics(), 0
	for _, member := range order {
		if run.Layout() == libresult.LayoutTrainV1 && slices.Contains(bookkeeping, member.key) {
			leftOut++
		} else {
			rows = flatten(rows, "", member.key, metrics[member.key], member.below)
		}
	}
	heading("Metrics of the last report")
	putRows(rows)
	if len(rows) == 0 {
		fmt.Println("  none")
	}
	if leftOut > 0 {
		fmt.Printf("  (and %d that Ray adds for itself)\n", leftOut)
	}
	return rows
}

func putConfig(run *libresult.Run, order keys) {
	heading("Configuration")
	switch run.ConfigPresence() {
	case libresult.PresenceUnknown:
		fmt.Println("  Unknown: this directory does not record how the run was configured.")
	case libresult.PresenceAbsent:
		fmt.Println("  none")
	default:
		putRows(flatten(nil, "", "", run.Config(), order))
		fmt.Printf("  (from %s)\n", cell(run.ConfigSource(), 0))
	}
}

// ---- Checkpoints -------------------------------------------------------------------------------

// choice is what makes a checkpoint the best.
type choice struct {
	metric  string // Empty: none is best.
	mode    libresult.Mode
	isGuess bool
}

// chooseMetric finds a metric to judge by; empty if there is none.
func chooseMetric(run *libresult.Run, rows []row) string {
	for _, name := range []string{"eval/loss", "loss"} {
		if _, ok := run.Metric(name); ok {
			return name
		}
	}
	for _, row := range rows {
		switch row.value.(type) {
		case float64, *big.Int:
			return row.name
		}
	}
	return ""
}

func chooseMode(metric string) libresult.Mode {
	if strings.HasSuffix(metric, "loss") {
		return libresult.Min
	}
	return libresult.Max
}

func presenceWords(checkpoint *libresult.Checkpoint) string {
	switch checkpoint.Presence() {
	case libresult.PresencePresent:
		return "present"
	case libresult.PresenceAbsent:
		return "gone"
	}
	return "unknown"
}

func statusWords(checkpoint *libresult.Checkpoint) string {
	return strings.ReplaceAll(checkpoint.Status().String(), "_", " ")
}

// putTable marks the checkpoint with the index best.
func putTable(run *libresult.Run, metric string, best int) {
	names, statuses := len("name"), len("status")
	for checkpoint := range run.Checkpoints() {
		names = max(names, utf8.RuneCountInString(checkpoint.Name()))
		statuses = max(statuses, len(statusWords(checkpoint)))
	}
	title := metric
	if title == "" {
		title = "metric"
	}
	fmt.Printf("    report  %-*s  %-*s  directory  %s\n", names, "name", statuses, "status", cell(title, 0))
	for checkpoint := range run.Checkpoints() {
		start, mark, end := "", " ", ""
		if index, ok := checkpoint.Index(); ok && index == best {
			start, mark, end = green, "*", plain
		}
		report := "-"
		if number, ok := checkpoint.Report(); ok {
			report = fmt.Sprint(number)
		}
		shown := "-"
		if value, ok := checkpoint.Metric(metric); ok && metric != "" {
			shown = show(value)
		}
		fmt.Printf("  %s%s %6s  %s%-*s  %-9s  %s%s\n", start, mark, report, cell(checkpoint.Name(), names+2),
			statuses, statusWords(checkpoint), presenceWords(checkpoint), shown, end)
	}
}

func putCheckpoints(run *libresult.Run, by choice) {
	heading("Checkpoints")
	if run.CheckpointCount() == 0 {
		fmt.Println("  none")
		return
	}
	if by.metric == "" {
		putTable(run, by.metric, -1)
		fmt.Print("\n  None is the best: there is no metric to judge by.\n")
		return
	}
	best, err := run.BestCheckpoint(by.metric, by.mode)
	if err != nil {
		putTable(run, by.metric, -1)
		fmt.Printf("\n  None is the best: %s.\n", block(message(err), 2))
		return
	}
	index, _ := best.Index()
	putTable(run, by.metric, index)
	end, why := "largest", ""
	if by.mode == libresult.Min {
		end = "smallest"
	}
	if by.isGuess {
		why = ", chosen because no metric was named"
	}
	fmt.Printf("\n  * is the best: it has the %s %s%s.\n", end, cell(by.metric, 0), why)
}

func putLeftovers(run *libresult.Run) {
	leftovers := slices.Collect(run.Leftovers())
	if len(leftovers) > 0 {
		heading("Leftovers: checkpoint directories that no report names")
	}
	for _, leftover := range leftovers {
		fmt.Printf("  %s\n", cell(leftover.Name(), 0))
	}
}

// ---- What went wrong ---------------------------------------------------------------------------

func putFailure(run *libresult.Run) {
	heading("Failure")
	failure := run.Failure()
	if run.FailurePresence() == libresult.PresenceUnknown {
		fmt.Println("  Unknown: this directory does not record whether the run failed.")
		return
	}
	if failure == nil {
		fmt.Println("  none")
		return
	}
	times, recovered := "once", "no"
	if failure.Occurrences != 1 {
		times = fmt.Sprint(failure.Occurrences, " times")
	}
	if failure.Recovered {
		recovered = "yes, the run went on after it"
	}
	fmt.Print(red)
	putField("type", failure.Type)
	putField("module", failure.Module)
	putField("message", failure.Message)
	fmt.Print(plain)
	putField("happened", times)
	putField("recovered", recovered)
	putField("source", failure.Source)
	if failure.Traceback != "" {
		fmt.Printf("\n    %s\n", block(failure.Traceback, 4))
	}
}

func putDiagnostics(run *libresult.Run) {
	diagnostics := run.Diagnostics()
	if len(diagnostics) > 0 {
		heading("Diagnostics")
	}
	for _, diagnostic := range diagnostics {
		start, end, where := "", "", ""
		if diagnostic.Severity == libresult.SeverityDamage {
			start, end = red, plain
		}
		if diagnostic.Line > 0 {
			where = fmt.Sprint(", line ", diagnostic.Line)
		}
		fmt.Printf("  %s%-6s%s  %s in %s%s\n          %s\n", start, diagnostic.Severity, end,
			cell(diagnostic.Code, 0), cell(diagnostic.File, 0), where, block(diagnostic.Message, 10))
	}
}
