package libresult_test

import (
	"encoding/json"
	"errors"
	"math"
	"path/filepath"
	"reflect"
	"runtime"
	"slices"
	"strings"
	"testing"

	libresult "github.com/libresult/libresult/bindings/go"
)

func TestCheckpoint(t *testing.T) {
	run := open(t, corpus("r260v2-val_mixed"))
	var statuses []libresult.Status
	for checkpoint := range run.Checkpoints() {
		statuses = append(statuses, checkpoint.Status())
		if got, want := checkpoint.Path(), run.Path()+"/"+checkpoint.Name(); got != want {
			t.Errorf("Path() is %q, want %q", got, want)
		}
		if checkpoint.Filesystem() != "local" || checkpoint.Presence() != libresult.PresencePresent {
			t.Errorf("%s: %q, %v", checkpoint.Name(), checkpoint.Filesystem(), checkpoint.Presence())
		}
	}
	want := []libresult.Status{
		libresult.StatusValidated, libresult.StatusValidationFailed, libresult.StatusValidationTimedOut,
		libresult.StatusCommitted,
	}
	if !slices.Equal(statuses, want) {
		t.Errorf("the statuses are %v, want %v", statuses, want)
	}
}

func TestOpenCheckpoint(t *testing.T) {
	of := open(t, corpus("r260v2-meta")).LatestCheckpoint()
	alone, err := libresult.OpenCheckpoint(t.Context(), of.URI())
	if err != nil {
		t.Fatal(err)
	}
	if alone.Name() != of.Name() || alone.Path() != of.Path() || alone.URI() != of.URI() {
		t.Errorf("got %s, %s, %s", alone.Name(), alone.Path(), alone.URI())
	}
	if alone.Presence() != libresult.PresencePresent || alone.Status() != libresult.StatusUnknown {
		t.Errorf("got %v, %v", alone.Presence(), alone.Status())
	}
	if _, ok := alone.Index(); ok || alone.Metrics() != nil {
		t.Errorf("it has a place in a run, or the metrics %v", alone.Metrics())
	}

	none, err := libresult.OpenCheckpoint(t.Context(), filepath.Join(t.TempDir(), "checkpoint_000001"))
	if err != nil {
		t.Fatal(err)
	}
	if none.Presence() != libresult.PresenceAbsent {
		t.Errorf("one that is not there is %v", none.Presence())
	}
}

func TestCheckpointOutlivesItsRun(t *testing.T) {
	dir := makeRun(t, `{"loss": 2, "text": "a"}`, `{"loss": 1, "text": "b"}`)
	var kept []*libresult.Checkpoint
	for range 50 {
		run := open(t, dir)
		kept = append(kept, slices.Collect(run.Checkpoints())...)
		kept = append(kept, run.LatestCheckpoint(), run.ResumeCheckpoint())
		ranking, err := run.RankCheckpoints("loss", libresult.Max)
		if err != nil {
			t.Fatal(err)
		}
		kept = append(kept, ranking.Entries[1].Checkpoint)
		runtime.GC()
	}
	for range 3 {
		runtime.GC()
		_ = make([]byte, 1<<20)
	}
	for i, checkpoint := range kept {
		text := "b"
		if i%5 == 0 {
			text = "a"
		}
		if got := checkpoint.Metrics()["text"]; got != text || filepath.Dir(checkpoint.Path()) != dir {
			t.Fatalf("checkpoint %d is %v at %s", i, got, checkpoint.Path())
		}
	}
}

// metadataOf copies a run whose last checkpoint has the metadata text, and returns that checkpoint
// and the file.
func metadataOf(t *testing.T, text string) (*libresult.Checkpoint, string) {
	t.Helper()
	checkpoint := open(t, copyRun(t, "r260v2-meta")).LatestCheckpoint()
	file := filepath.Join(checkpoint.Path(), ".metadata.json")
	writeFile(t, file, text)
	return checkpoint, file
}

func readMetadata(t *testing.T, checkpoint *libresult.Checkpoint) map[string]any {
	t.Helper()
	metadata, err := checkpoint.ReadMetadata(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	return metadata
}

func sameMembers(a, b map[string]any) bool {
	if len(a) != len(b) {
		return false
	}
	for key, value := range a {
		if other, ok := b[key]; !ok || !same(value, other) {
			return false
		}
	}
	return true
}

func TestReadMetadata(t *testing.T) {
	run := open(t, corpus("r260v2-meta"))
	last := run.LatestCheckpoint()
	want := map[string]any{"step": int64(2), "sets": map[string]any{"lr": 0.2}, "nan": math.NaN()}
	got := readMetadata(t, last)
	if !sameMembers(got, want) {
		t.Errorf("got %v, want %v", got, want)
	}
	for first := range run.Checkpoints() {
		if got := readMetadata(t, first); got == nil || len(got) != 0 {
			t.Errorf("metadata without members is %v", got)
		}
		break
	}
	none, _ := libresult.OpenCheckpoint(t.Context(), makeRun(t, `{}`)+"/checkpoint_2026-01-01_00-00-00.000000")
	if got := readMetadata(t, none); got == nil || len(got) != 0 {
		t.Errorf("no metadata is %v", got)
	}
}

func TestMetadataIsWrittenAsItWasRead(t *testing.T) {
	checkpoint, _ := metadataOf(t, `{"int": 3, "float": 3.0, "tiny": 1e-7, "nan": NaN, "inf": Infinity, "-inf": -Infinity,
		"big": 123456789012345678901234567890, "uint": 18446744073709551615, "text": "<größe>\u0000\n🎉\u2028",
		"list": [1, 1.0, [], {}, null, true], "a/b": {"": -0.0}}`)
	read := readMetadata(t, checkpoint)
	if len(read) != 11 {
		t.Fatalf("got %v", read)
	}
	if err := checkpoint.WriteMetadata(t.Context(), read); err != nil {
		t.Fatal(err)
	}
	if again := readMetadata(t, checkpoint); !sameMembers(again, read) {
		t.Errorf("got %v, want %v", again, read)
	}
}

func TestWriteMetadataReplacesAll(t *testing.T) {
	checkpoint, _ := metadataOf(t, `{"old": 1}`)
	metadata := struct {
		Step  int            `json:"step"`
		Sets  map[string]any `json:"sets"`
		Empty *int           `json:"empty,omitempty"`
	}{Step: 7, Sets: map[string]any{"lr": 0.5}}
	if err := checkpoint.WriteMetadata(t.Context(), metadata); err != nil {
		t.Fatal(err)
	}
	want := map[string]any{"step": int64(7), "sets": map[string]any{"lr": 0.5}}
	if got := readMetadata(t, checkpoint); !reflect.DeepEqual(got, want) {
		t.Errorf("got %v, want %v", got, want)
	}
}

func TestUpdateMetadataKeepsOtherMembers(t *testing.T) {
	checkpoint, file := metadataOf(t, `{"kept": [1e2, 123456789012345678901234567890, NaN], "x": 1}`)
	changes := map[string]any{"x": 2.0, "new": json.RawMessage(`{"a": 1}`)}
	if err := checkpoint.UpdateMetadata(t.Context(), changes); err != nil {
		t.Fatal(err)
	}
	if text := readFile(t, file); !strings.Contains(text, `"kept": [1e2, 123456789012345678901234567890, NaN]`) {
		t.Errorf("the file is now %s", text)
	}
	got := readMetadata(t, checkpoint)
	delete(got, "kept")
	if want := map[string]any{"x": 2.0, "new": map[string]any{"a": int64(1)}}; !reflect.DeepEqual(got, want) {
		t.Errorf("got %v, want %v", got, want)
	}
}

func TestBadMetadataIsNotWritten(t *testing.T) {
	const before = `{"old": 1}`
	checkpoint, file := metadataOf(t, before)
	for _, bad := range []any{nil, 1, "text", []any{map[string]any{}}} {
		expectError(t, checkpoint.WriteMetadata(t.Context(), bad), libresult.ErrInvalidArgument, "object")
		expectError(t, checkpoint.UpdateMetadata(t.Context(), bad), libresult.ErrInvalidArgument, "object")
	}
	err := checkpoint.WriteMetadata(t.Context(), map[string]any{"list": []any{make(chan int)}})
	expectError(t, err, libresult.ErrInvalidArgument, "chan int")
	if unsupported := new(json.UnsupportedTypeError); !errors.As(err, &unsupported) {
		t.Errorf("the error of encoding/json is lost: %v", err)
	}
	if text := readFile(t, file); text != before {
		t.Errorf("the file is now %s", text)
	}
}

func TestBrokenMetadata(t *testing.T) {
	checkpoint, _ := metadataOf(t, `{"torn`)
	_, err := checkpoint.ReadMetadata(t.Context())
	expectError(t, err, libresult.ErrCorrupt, ".metadata.json")
}
