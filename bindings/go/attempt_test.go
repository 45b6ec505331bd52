package libresult_test

import (
	"path/filepath"
	"reflect"
	"strings"
	"testing"
	"time"

	libresult "github.com/libresult/libresult/bindings/go"
)

// openWithEvents opens a run of the corpus with its export events, in which it has another path: a
// placeholder, and the name that Ray knew it by.
func openWithEvents(t *testing.T, name, ranAs string) *libresult.Run {
	t.Helper()
	events := filepath.Join(filepath.Dir(corpus(name)), "events")
	return open(t, corpus(name), libresult.Setting{Key: "events", Value: events},
		libresult.Setting{Key: "events_path", Value: "${STORAGE}/" + ranAs})
}

func TestExportEvents(t *testing.T) {
	run := openWithEvents(t, "events-damaged-not_ended", "r260v2-ev_fail1")
	if run.Status() != "scheduling" || !strings.HasPrefix(run.StatusDetail(), "Scheduling 1 workers") {
		t.Errorf("the status is %q, %q", run.Status(), run.StatusDetail())
	}
	if got, want := run.StartTime(), time.Unix(1795575524, 77818532).UTC(); got != want {
		t.Errorf("it started at %v, want %v", got, want)
	}
	if !run.EndTime().IsZero() {
		t.Errorf("it ended at %v", run.EndTime())
	}
	if source := run.ConfigSource(); source != "events" || run.Config()["lr"] != 0.1 {
		t.Errorf("the configuration is %v, from %q", run.Config(), source)
	}
	attempts := run.Attempts()
	if len(attempts) != 1 {
		t.Fatalf("there are %d attempts", len(attempts))
	}
	attempt := attempts[0]
	if attempt.Status != "errored" || attempt.Workers != 1 || attempt.EndTime.Before(attempt.StartTime) {
		t.Errorf("the attempt is %+v", attempt)
	}
	if failure := run.Failure(); !reflect.DeepEqual(failure, attempt.Failure) {
		t.Errorf("the failure is %+v, that of the attempt %+v", failure, attempt.Failure)
	}
	if workers := attempt.Failure.Workers; len(workers) != 1 || workers[0].Rank == nil || *workers[0].Rank != 0 {
		t.Errorf("the workers that failed are %+v", workers)
	}
}

func TestConfigured(t *testing.T) {
	run := openWithEvents(t, "r255v2-ev_scored", "r255v2-ev_scored")
	if metric := run.ConfiguredMetric(); metric != "score" {
		t.Errorf("the metric is %q", metric)
	}
	if mode, ok := run.ConfiguredMode(); mode != libresult.Min || !ok {
		t.Errorf("the mode is %v, %v", mode, ok)
	}
	if keep, ok := run.ConfiguredKeep(); keep != 2 || !ok {
		t.Errorf("it keeps %d, %v", keep, ok)
	}
	if attempts := run.Attempts(); len(attempts) != 1 || attempts[0].Failure != nil {
		t.Errorf("the attempts are %+v", attempts)
	}
}

func TestWithoutEvents(t *testing.T) {
	run := open(t, corpus("r255v2-ev_scored"))
	_, hasMode := run.ConfiguredMode()
	_, hasKeep := run.ConfiguredKeep()
	if run.Status() != "" || run.StatusDetail() != "" || run.ConfiguredMetric() != "" || hasMode || hasKeep {
		t.Errorf("something is known: %v", run)
	}
	if !run.StartTime().IsZero() || !run.EndTime().IsZero() || len(run.Attempts()) != 0 {
		t.Errorf("something is known: %v", run)
	}
	missing := filepath.Join(t.TempDir(), "none")
	_, err := libresult.Open(t.Context(), corpus("r255v2-ev_scored"), libresult.Setting{Key: "events", Value: missing})
	expectError(t, err, libresult.ErrInvalidArgument, missing, "events")
}
