package libresult_test

import (
	"context"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	libresult "github.com/libresult/libresult/bindings/go"
)

// makeCheckpoint makes a checkpoint of four files, of which one is large.
func makeCheckpoint(t *testing.T) *libresult.Checkpoint {
	t.Helper()
	dir := filepath.Join(t.TempDir(), "checkpoint_000007")
	if err := os.MkdirAll(filepath.Join(dir, "optim"), 0o755); err != nil {
		t.Fatal(err)
	}
	writeFile(t, filepath.Join(dir, "model.bin"), strings.Repeat("0123456789", 100_000))
	writeFile(t, filepath.Join(dir, "optim", "rank_0.pt"), "abcdef")
	writeFile(t, filepath.Join(dir, "optim", "empty"), "")
	writeFile(t, filepath.Join(dir, ".metadata.json"), "{}")
	checkpoint, err := libresult.OpenCheckpoint(t.Context(), dir)
	if err != nil {
		t.Fatal(err)
	}
	return checkpoint
}

// filesBelow reads all files below a directory.
func filesBelow(t *testing.T, dir string) map[string]string {
	t.Helper()
	files := map[string]string{}
	err := filepath.WalkDir(dir, func(path string, entry fs.DirEntry, err error) error {
		if err == nil && !entry.IsDir() {
			name, _ := filepath.Rel(dir, path)
			files[name] = readFile(t, path)
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return files
}

func TestDownload(t *testing.T) {
	checkpoint := makeCheckpoint(t)
	want := filesBelow(t, checkpoint.Path())
	home := t.TempDir()
	dest := filepath.Join(home, "new", "copy")
	var last, total uint64
	ctx := libresult.WithProgress(t.Context(), func(done, of uint64) {
		if done < last {
			t.Errorf("%d bytes after %d", done, last)
		}
		last, total = done, of
	})
	if err := checkpoint.Download(ctx, dest, set("part_bytes", "65536")...); err != nil {
		t.Fatal(err)
	}
	if got := filesBelow(t, dest); !equalFiles(got, want) || last != 1_000_008 || total != last {
		t.Errorf("got %d files, and was told %d of %d bytes", len(got), last, total)
	}

	expectError(t, checkpoint.Download(t.Context(), dest), libresult.ErrIO, dest, "on_exists")
	writeFile(t, filepath.Join(dest, "stale"), "old")
	if err := checkpoint.Download(t.Context(), dest, set("on_exists", "replace", "include", "optim/*")...); err != nil {
		t.Fatal(err)
	}
	if got := filesBelow(t, dest); len(got) != 2 || got["optim/rank_0.pt"] != "abcdef" {
		t.Errorf("got %v", got)
	}
	other := filepath.Join(home, "other")
	expectError(t, checkpoint.Download(t.Context(), other, set("include", "modle.bin")...),
		libresult.ErrInvalidArgument, "modle.bin", "model.bin")
	expectError(t, checkpoint.Download(t.Context(), "a\x00b"), libresult.ErrInvalidArgument, "destDir", "NUL")
	gone, err := libresult.OpenCheckpoint(t.Context(), filepath.Join(home, "gone"))
	if err != nil {
		t.Fatal(err)
	}
	expectError(t, gone.Download(t.Context(), other), libresult.ErrNotFound, "gone")
	left, err := os.ReadDir(home)
	if err != nil || len(left) != 1 {
		t.Errorf("%v is left behind, %v", left, err)
	}
}

func equalFiles(a, b map[string]string) bool {
	for name, text := range a {
		if other, ok := b[name]; !ok || other != text {
			return false
		}
	}
	return len(a) == len(b)
}

func TestDownloadThatIsStopped(t *testing.T) {
	checkpoint := makeCheckpoint(t)
	ctx, cancel := context.WithCancel(t.Context())
	dest := filepath.Join(t.TempDir(), "copy")
	err := checkpoint.Download(libresult.WithProgress(ctx, func(uint64, uint64) { cancel() }), dest)
	if _, missing := os.Stat(dest); !errors.Is(err, context.Canceled) || missing == nil {
		t.Errorf("got %v, %v", err, missing)
	}
	// What was there of it is gone on with.
	if err := checkpoint.Download(t.Context(), dest); err != nil {
		t.Fatal(err)
	}
	if !equalFiles(filesBelow(t, dest), filesBelow(t, checkpoint.Path())) {
		t.Error("the copy is not whole")
	}

	home := t.TempDir()
	dest = filepath.Join(home, "copy")

	defer func() {
		if got := recover(); got != "mine" {
			t.Errorf("recovered %v", got)
		}
		if left, err := os.ReadDir(home); err != nil || len(left) != 0 {
			t.Errorf("%v is left behind, %v", left, err)
		}
	}()
	_ = checkpoint.Download(libresult.WithProgress(t.Context(), func(uint64, uint64) { panic("mine") }), dest)
	t.Error("the panic is lost")
}

func TestOpenDirectory(t *testing.T) {
	checkpoint := makeCheckpoint(t)
	directory, err := checkpoint.OpenDirectory(t.Context(), set("include", "model.bin", "keep", "true")...)
	if err != nil {
		t.Fatal(err)
	}
	// A local checkpoint is itself.
	if directory.Path() != checkpoint.Path() {
		t.Errorf("it is at %s", directory.Path())
	}
	directory.Close()
	directory.Close()
	if directory.Path() != "" || len(filesBelow(t, checkpoint.Path())) != 4 {
		t.Errorf("after it was closed it is at %q", directory.Path())
	}
	_, err = checkpoint.OpenDirectory(t.Context(), set("on_exists", "fail")...)
	expectError(t, err, libresult.ErrInvalidArgument, "on_exists")
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	_, err = checkpoint.OpenDirectory(ctx)
	expectError(t, err, libresult.ErrCanceled)
}

func TestFiles(t *testing.T) {
	checkpoint := makeCheckpoint(t)
	files, err := checkpoint.Files(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	want := []libresult.File{
		{Name: ".metadata.json", Size: 2}, {Name: "model.bin", Size: 1_000_000}, {Name: "optim/empty", Size: 0},
		{Name: "optim/rank_0.pt", Size: 6},
	}
	if !slices.Equal(files, want) {
		t.Errorf("got %v", files)
	}

	into := make([]byte, 4)
	for offset, want := range map[uint64]string{0: "abcd", 3: "def", 6: "", 1 << 50: ""} {
		n, err := checkpoint.ReadFile(t.Context(), "optim/rank_0.pt", offset, into)
		if err != nil || string(into[:n]) != want {
			t.Errorf("at %d: %q, %v", offset, into[:n], err)
		}
	}
	if n, err := checkpoint.ReadFile(t.Context(), "optim/rank_0.pt", 0, nil); n != 0 || err != nil {
		t.Errorf("got %d, %v", n, err)
	}
	_, err = checkpoint.ReadFile(t.Context(), "optim/rank_1.pt", 0, into)
	expectError(t, err, libresult.ErrNotFound, "optim/rank_1.pt")
	_, err = checkpoint.ReadFile(t.Context(), "../x", 0, into)
	expectError(t, err, libresult.ErrInvalidArgument, "name", "../x")
	_, err = checkpoint.ReadFile(t.Context(), "a\x00", 0, into)
	expectError(t, err, libresult.ErrInvalidArgument, "name", "NUL")
}
