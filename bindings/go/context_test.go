package libresult_test

import (
	"context"
	"errors"
	"path/filepath"
	"strings"
	"testing"
	"time"

	libresult "github.com/libresult/libresult/bindings/go"
)

// calls are all that take a context, on a run and its latest checkpoint.
func calls(t *testing.T) (*libresult.Checkpoint, map[string]func(ctx context.Context) error) {
	dir := copyRun(t, "r260v2-meta")
	run := open(t, dir)
	checkpoint := run.LatestCheckpoint()
	out, replace := t.TempDir(), libresult.Setting{Key: "on_exists", Value: "replace"}
	return checkpoint, map[string]func(ctx context.Context) error{
		"Open": func(ctx context.Context) error {
			_, err := libresult.Open(ctx, dir)
			return err
		},
		"ReadFrame": func(ctx context.Context) error {
			_, err := run.ReadFrame(ctx)
			return err
		},
		"WriteParquet": func(ctx context.Context) error {
			return run.WriteParquet(ctx, filepath.Join(out, "run.parquet"), replace)
		},
		"WriteCSV": func(ctx context.Context) error {
			return run.WriteCSV(ctx, filepath.Join(out, "run.csv"), replace)
		},
		"OpenCheckpoint": func(ctx context.Context) error {
			_, err := libresult.OpenCheckpoint(ctx, checkpoint.URI())
			return err
		},
		"ReadMetadata": func(ctx context.Context) error {
			_, err := checkpoint.ReadMetadata(ctx)
			return err
		},
		"WriteMetadata": func(ctx context.Context) error {
			return checkpoint.WriteMetadata(ctx, map[string]any{"written": true})
		},
		"UpdateMetadata": func(ctx context.Context) error {
			return checkpoint.UpdateMetadata(ctx, map[string]any{"updated": true})
		},
	}
}

func TestContextThatIsDone(t *testing.T) {
	cause := errors.New("the operator said so")
	canceled, cancel := context.WithCancelCause(t.Context())
	cancel(cause)
	late, cancelLate := context.WithDeadline(t.Context(), time.Unix(0, 0))
	defer cancelLate()
	checkpoint, calls := calls(t)
	before := readMetadata(t, checkpoint)
	for name, call := range calls {
		err := call(canceled)
		expectError(t, err, libresult.ErrCanceled, "the operator said so")
		if !errors.Is(err, context.Canceled) || !errors.Is(err, cause) {
			t.Errorf("%s: %v is not context.Canceled and its cause", name, err)
		}
		err = call(late)
		expectError(t, err, libresult.ErrCanceled)
		if !errors.Is(err, context.DeadlineExceeded) || errors.Is(err, context.Canceled) {
			t.Errorf("%s: %v is not context.DeadlineExceeded alone", name, err)
		}
	}
	if after := readMetadata(t, checkpoint); !sameMembers(after, before) {
		t.Errorf("the metadata was %v, is %v", before, after)
	}
}

func TestContextThatIsNotDone(t *testing.T) {
	canceled, cancel := context.WithCancel(t.Context())
	defer cancel()
	_, calls := calls(t)
	for name, call := range calls {
		for _, ctx := range []context.Context{context.Background(), canceled} {
			if err := call(ctx); err != nil {
				t.Errorf("%s: %v", name, err)
			}
		}
	}
}

// TestCancelDuringACall cancels a call that reads for a while. A call that ends first, or does not
// begin, says nothing, so it tries until one was stopped on its way.
func TestCancelDuringACall(t *testing.T) {
	dir := t.TempDir()
	row := `{"checkpoint_dir_name": "checkpoint_000000", "pad": "` + strings.Repeat("x", 200) + "\"}\n"
	writeFile(t, filepath.Join(dir, "result.json"), strings.Repeat(row, 32<<20/len(row)))
	for attempt := range 300 {
		ctx, cancel := context.WithTimeout(t.Context(), time.Duration(1+attempt%100)*time.Millisecond)
		_, err := libresult.Open(ctx, dir)
		cancel()
		if err == nil {
			continue
		}
		expectError(t, err, libresult.ErrCanceled, "deadline exceeded")
		if !errors.Is(err, context.DeadlineExceeded) {
			t.Fatalf("%v is not context.DeadlineExceeded", err)
		}
		if !strings.Contains(err.Error(), "not begun") {
			return
		}
	}
	t.Fatal("no call was stopped")
}

// TestCancelAtAnyMoment races the end of calls with their cancellation, for the race detector and
// the address sanitizer to watch.
func TestCancelAtAnyMoment(t *testing.T) {
	_, calls := calls(t)
	for name, call := range calls {
		for range 100 {
			ctx, cancel := context.WithCancel(t.Context())
			go cancel()
			if err := call(ctx); err != nil && !errors.Is(err, context.Canceled) {
				t.Errorf("%s: %v", name, err)
			}
		}
	}
}
