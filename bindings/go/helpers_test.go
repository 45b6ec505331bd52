package libresult_test

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	libresult "github.com/libresult/libresult/bindings/go"
)

// corpus returns the directory of a run of the corpus that can be opened in place.
func corpus(name string) string {
	return filepath.Join("..", "..", "tests", "corpus", name, "run")
}

func open(t testing.TB, uri string, settings ...libresult.Setting) *libresult.Run {
	t.Helper()
	run, err := libresult.Open(t.Context(), uri, settings...)
	if err != nil {
		t.Fatal(err)
	}
	return run
}

// makeRun makes a run of Train V2 with a checkpoint for each of the metrics, which are JSON.
func makeRun(t testing.TB, metrics ...string) string {
	t.Helper()
	dir := t.TempDir()
	var entries []string
	for i, text := range metrics {
		name := fmt.Sprintf("checkpoint_2026-01-01_00-00-00.%06d", i)
		entries = append(entries, fmt.Sprintf(`{"checkpoint_dir_name": %q, "metrics": %s}`, name, text))
		if err := os.Mkdir(filepath.Join(dir, name), 0o755); err != nil {
			t.Fatal(err)
		}
	}
	snapshot := `{"checkpoint_results": [` + strings.Join(entries, ", ") + `]}`
	writeFile(t, filepath.Join(dir, "checkpoint_manager_snapshot.json"), snapshot)
	return dir
}

// copyRun copies a run of the corpus, so that it can be written to.
func copyRun(t testing.TB, name string) string {
	t.Helper()
	dir := filepath.Join(t.TempDir(), "run")
	if err := os.CopyFS(dir, os.DirFS(corpus(name))); err != nil {
		t.Fatal(err)
	}
	return dir
}

func writeFile(t testing.TB, path, text string) {
	t.Helper()
	if err := os.WriteFile(path, []byte(text), 0o644); err != nil {
		t.Fatal(err)
	}
}

func readFile(t testing.TB, path string) string {
	t.Helper()
	text, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

// expectError holds err against a code, and its message against texts that it must contain.
func expectError(t testing.TB, err error, code libresult.Code, texts ...string) {
	t.Helper()
	if !errors.Is(err, code) {
		t.Fatalf("got %v, want %v", err, code)
	}
	var failure *libresult.Error
	if !errors.As(err, &failure) {
		t.Fatalf("%v is a %T", err, err)
	}
	if failure.Code != code {
		t.Errorf("the code is %v, want %v", failure.Code, code)
	}
	if err.Error() != "libresult: "+failure.Message {
		t.Errorf("Error() is %q, the message %q", err, failure.Message)
	}
	for _, text := range texts {
		if !strings.Contains(failure.Message, text) {
			t.Errorf("the message lacks %q: %s", text, failure.Message)
		}
	}
}

// names lists checkpoints.
func names(checkpoints []*libresult.Checkpoint) []string {
	var names []string
	for _, checkpoint := range checkpoints {
		names = append(names, checkpoint.Name())
	}
	return names
}

var background = context.Background()
