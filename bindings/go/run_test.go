package libresult_test

import (
	"encoding/json"
	"fmt"
	"path/filepath"
	"reflect"
	"regexp"
	"slices"
	"sync"
	"testing"

	libresult "github.com/libresult/libresult/bindings/go"
)

func TestRun(t *testing.T) {
	run := open(t, corpus("r260v1-late"))
	absolute, err := filepath.Abs(corpus("r260v1-late"))
	if err != nil {
		t.Fatal(err)
	}
	if got, want := open(t, absolute).Path(), absolute; got != want {
		t.Errorf("Path() is %q, want %q", got, want)
	}
	if got := open(t, run.URI()).Metrics(); !reflect.DeepEqual(got, run.Metrics()) {
		t.Errorf("opened by its URI it has the metrics %v, want %v", got, run.Metrics())
	}
	if got := run.Filesystem(); got != "local" {
		t.Errorf("Filesystem() is %q", got)
	}
	if got := run.Layout(); got != libresult.LayoutTrainV1 {
		t.Errorf("Layout() is %v", got)
	}
	if got := run.RayVersion(); got != "" {
		t.Errorf("RayVersion() is %q", got)
	}
	if got := run.Metrics()["loss"]; got != 0.125 {
		t.Errorf("the loss is %v", got)
	}
	if got, want := run.Config(), map[string]any{"train_loop_config": nil}; !reflect.DeepEqual(got, want) {
		t.Errorf("Config() is %v, want %v", got, want)
	}
	if run.ConfigPresence() != libresult.PresencePresent || run.ConfigSource() != "result.json" {
		t.Errorf("the configuration is %v, from %q", run.ConfigPresence(), run.ConfigSource())
	}
	value, presence, source := run.ReturnValue(), run.ReturnValuePresence(), run.ReturnValueSource()
	if value != nil || presence != libresult.PresenceUnknown || source != "" {
		t.Errorf("the return value is %v, %v, from %q", value, presence, source)
	}
	if run.Failure() != nil || run.FailurePresence() != libresult.PresenceAbsent {
		t.Errorf("the failure is %v, %v", run.Failure(), run.FailurePresence())
	}
}

func TestMetric(t *testing.T) {
	run := open(t, corpus("r260v2-nested"))
	for _, test := range []struct {
		path  string
		value any
		ok    bool
	}{
		{"eval/loss", -1.0, true},
		{"eval/top/k5", int64(3), true},
		{"a/b", int64(3), true},
		{"list/2", "x", true},
		{"none", nil, true},
		{"eval", map[string]any{"loss": -1.0, "top": map[string]any{"k1": 0.30000000000000004, "k5": int64(3)}}, true},
		{"eval/los", nil, false},
		{"", nil, false},
		{"eval/loss\x00", nil, false},
	} {
		if value, ok := run.Metric(test.path); !reflect.DeepEqual(value, test.value) || ok != test.ok {
			t.Errorf("Metric(%q) of the run is %v, %v, want %v, %v", test.path, value, ok, test.value, test.ok)
		}
		if value, ok := run.LatestCheckpoint().Metric(test.path); !reflect.DeepEqual(value, test.value) || ok != test.ok {
			t.Errorf("Metric(%q) of the checkpoint is %v, %v, want %v, %v", test.path, value, ok, test.value, test.ok)
		}
	}
}

func TestCheckpointsComeInTheOrderOfTheReports(t *testing.T) {
	run := open(t, corpus("r260v1-late"))
	want := []string{"checkpoint_000000", "checkpoint_000001", "checkpoint_000002", "checkpoint_000003"}
	if got := names(slices.Collect(run.Checkpoints())); !slices.Equal(got, want) || run.CheckpointCount() != len(want) {
		t.Errorf("got %d, %v, want %v", run.CheckpointCount(), got, want)
	}
	place := 0
	for checkpoint := range run.Checkpoints() {
		if index, ok := checkpoint.Index(); index != place || !ok {
			t.Errorf("Index() of checkpoint %d is %d, %v", place, index, ok)
		}
		if report, ok := checkpoint.Report(); report != uint64(2*place) || !ok {
			t.Errorf("Report() of checkpoint %d is %d, %v", place, report, ok)
		}
		place++
		if place == 2 {
			break
		}
	}
}

func TestLatestAndResume(t *testing.T) {
	run := open(t, corpus("v1-checkpoints-deleted_latest"))
	latest, resume := run.LatestCheckpoint(), run.ResumeCheckpoint()
	if latest.Name() != "checkpoint_000003" || latest.Presence() != libresult.PresenceAbsent {
		t.Errorf("the latest is %s, %v", latest.Name(), latest.Presence())
	}
	if resume.Name() != "checkpoint_000002" || resume.Presence() != libresult.PresencePresent {
		t.Errorf("to resume from is %s, %v", resume.Name(), resume.Presence())
	}

	empty := open(t, corpus("r260v2-nockpt"))
	latest, resume = empty.LatestCheckpoint(), empty.ResumeCheckpoint()
	if latest != nil || resume != nil || empty.CheckpointCount() != 0 {
		t.Errorf("without checkpoints there are %v, %v, %d", latest, resume, empty.CheckpointCount())
	}
}

func TestLeftovers(t *testing.T) {
	leftovers := slices.Collect(open(t, corpus("r260v2-kill_race1")).Leftovers())
	want := []string{"checkpoint_2026-11-25_03-09-32.691456", "checkpoint_2026-11-25_03-09-33.775245"}
	if got := names(leftovers); !slices.Equal(got, want) {
		t.Errorf("got %v, want %v", got, want)
	}
	for _, leftover := range leftovers {
		if _, ok := leftover.Index(); ok || leftover.Status() != libresult.StatusUncommitted || leftover.Metrics() != nil {
			t.Errorf("%s: %v, %v", leftover.Name(), leftover.Status(), leftover.Metrics())
		}
		if _, ok := leftover.Report(); ok {
			t.Errorf("%s has a report", leftover.Name())
		}
	}
}

func TestFailure(t *testing.T) {
	run := open(t, corpus("v1-failure-only_txt_many"))
	failure := run.Failure()
	if run.FailurePresence() != libresult.PresencePresent || failure == nil {
		t.Fatalf("the failure is %v, %v", run.FailurePresence(), failure)
	}
	if !regexp.MustCompile(`line 3, in loop`).MatchString(failure.Traceback) {
		t.Errorf("the traceback is %q", failure.Traceback)
	}
	failure.Traceback = ""
	want := &libresult.Failure{
		Type: "RuntimeError", Module: "builtins", Message: "third", Source: "error.txt",
		Occurrences: 3, Recovered: true, Workers: []libresult.Failure{},
	}
	if !reflect.DeepEqual(failure, want) {
		t.Errorf("got %+v, want %+v", failure, want)
	}
}

func TestDiagnostics(t *testing.T) {
	diagnostics := open(t, corpus("v1-lines-torn_in_number")).Diagnostics()
	if len(diagnostics) != 2 {
		t.Fatalf("got %v", diagnostics)
	}
	for _, diagnostic := range diagnostics {
		if diagnostic.Message == "" || diagnostic.File == "" {
			t.Errorf("got %+v", diagnostic)
		}
		switch diagnostic.Code {
		case "torn_last_line":
			if diagnostic.Severity != libresult.SeverityDamage || diagnostic.File != "result.json" || diagnostic.Line != 4 {
				t.Errorf("got %+v", diagnostic)
			}
		case "uncommitted_checkpoint":
			if diagnostic.Severity != libresult.SeverityNote || diagnostic.Line != 0 {
				t.Errorf("got %+v", diagnostic)
			}
		default:
			t.Errorf("got %+v", diagnostic)
		}
	}
	if none := open(t, corpus("r60v2-basic")).Diagnostics(); len(none) != 0 {
		t.Errorf("an undamaged run has %v", none)
	}
}

func TestRunIsJSON(t *testing.T) {
	run := open(t, corpus("r260v2-nested"))
	var fromString, fromMarshal any
	if err := json.Unmarshal([]byte(fmt.Sprint(run)), &fromString); err != nil {
		t.Fatal(err)
	}
	encoded, err := json.Marshal(map[string]any{"run": run})
	if err != nil {
		t.Fatal(err)
	}
	if err := json.Unmarshal(encoded, &fromMarshal); err != nil {
		t.Fatal(err)
	}
	if want := map[string]any{"run": fromString}; !reflect.DeepEqual(fromMarshal, want) {
		t.Errorf("marshalled it is %v, want %v", fromMarshal, want)
	}
}

func TestZeroRunHasNothing(t *testing.T) {
	run := new(libresult.Run)
	if run.URI() != "" || run.Metrics() != nil || run.CheckpointCount() != 0 || run.LatestCheckpoint() != nil ||
		run.Failure() != nil || run.Layout() != libresult.LayoutUnknown || len(run.Diagnostics()) != 0 {
		t.Errorf("a zero run has %v", run)
	}
	_, err := run.BestCheckpoint("loss", libresult.Min)
	expectError(t, err, libresult.ErrInvalidArgument, "run")
	_, err = new(libresult.Checkpoint).ReadMetadata(t.Context())
	expectError(t, err, libresult.ErrInvalidArgument, "checkpoint")
}

func TestManyGoroutinesShareARun(t *testing.T) {
	run := open(t, corpus("r260v2-nested"))
	ask := func() []any {
		best, err := run.BestCheckpoint("eval/loss", libresult.Min)
		if err != nil {
			return []any{err}
		}
		metadata, err := best.ReadMetadata(background)
		if err != nil {
			return []any{err}
		}
		return []any{
			run.URI(), run.Metrics(), run.String(), run.Diagnostics(), names(slices.Collect(run.Checkpoints())),
			best.Name(), best.Metrics(), metadata,
		}
	}
	want := ask()
	var group sync.WaitGroup
	for range 16 {
		group.Add(1)
		go func() {
			defer group.Done()
			for range 20 {
				if got := ask(); !reflect.DeepEqual(got, want) {
					t.Errorf("got %v, want %v", got, want)
					return
				}
			}
		}()
	}
	group.Wait()
}
