package libresult_test

import (
	"archive/zip"
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"runtime"
	"strings"
	"sync"
	"syscall"
	"testing"
	"testing/fstest"
	"time"

	libresult "github.com/libresult/libresult/bindings/go"
)

// memory is a store in memory: files by path.
type memory struct {
	mutex sync.Mutex
	files map[string]string
	fails func(method, path string) error
}

func (m *memory) lock(method, path string) (func(), error) {
	m.mutex.Lock()
	if m.fails != nil {
		if err := m.fails(method, path); err != nil {
			m.mutex.Unlock()
			return nil, err
		}
	}
	return m.mutex.Unlock, nil
}

func (m *memory) List(dir string) ([]libresult.StoreEntry, error) {
	unlock, err := m.lock("List", dir)
	if err != nil {
		return nil, err
	}
	defer unlock()
	var entries []libresult.StoreEntry
	seen := map[string]bool{}
	for name, text := range m.files {
		below, isBelow := strings.CutPrefix(name, strings.TrimPrefix(dir+"/", "/"))
		first, _, isDeeper := strings.Cut(below, "/")
		if isBelow && !seen[first] {
			seen[first] = true
			entries = append(entries, libresult.StoreEntry{Name: first, Size: int64(len(text)), IsDir: isDeeper})
		}
	}
	if entries == nil {
		return nil, fs.ErrNotExist
	}
	return entries, nil
}

func (m *memory) ReadAt(file string, p []byte, offset int64) (int, error) {
	unlock, err := m.lock("ReadAt", file)
	if err != nil {
		return 0, err
	}
	defer unlock()
	text, isThere := m.files[file]
	if !isThere {
		return 0, fs.ErrNotExist
	}
	return strings.NewReader(text).ReadAt(p, offset)
}

func (m *memory) Write(file string, data []byte) error {
	unlock, err := m.lock("Write", file)
	if err != nil {
		return err
	}
	defer unlock()
	m.files[file] = string(data)
	return nil
}

// register registers a store until the test ends.
func register(t *testing.T, scheme string, store libresult.Store) {
	t.Helper()
	if err := libresult.RegisterStore(scheme, store); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := libresult.UnregisterStore(scheme); err != nil {
			t.Error(err)
		}
	})
}

func newMemory() *memory {
	rows := `{"loss": 2.5, "checkpoint_dir_name": "checkpoint_000000"}` + "\n" + `{"loss": 1.5, "checkpoint_dir_name": null}` + "\n"
	return &memory{files: map[string]string{"runs/1/result.json": rows, "runs/1/checkpoint_000000/weights": "w"}}
}

func TestStore(t *testing.T) {
	store := newMemory()
	register(t, "mem", store)
	run := open(t, "mem://runs/1/")
	if run.URI() != "mem://runs/1" || run.Path() != "runs/1" || run.Filesystem() != "mem" {
		t.Errorf("it is %s, %s on %s", run.URI(), run.Path(), run.Filesystem())
	}
	if loss, _ := run.Metric("loss"); loss != 1.5 {
		t.Errorf("the loss is %v", loss)
	}
	frame, err := run.ReadFrame(t.Context(), set("threads", "4")...)
	if err != nil || frame.RowCount() != 2 {
		t.Fatal(frame, err)
	}
	checkpoint := run.ResumeCheckpoint()
	if checkpoint == nil {
		t.Fatal("there is no checkpoint to resume from")
	}
	if err := checkpoint.WriteMetadata(t.Context(), map[string]any{"a": 1}); err != nil {
		t.Fatal(err)
	}
	if got := store.files["runs/1/checkpoint_000000/.metadata.json"]; got != `{"a": 1}` {
		t.Errorf("the metadata is %q", got)
	}
	if metadata, err := checkpoint.ReadMetadata(t.Context()); err != nil || fmt.Sprint(metadata) != "map[a:1]" {
		t.Error(metadata, err)
	}
	if err := run.WriteCSV(t.Context(), "mem://out/all.csv", set("column", "loss")...); err != nil {
		t.Fatal(err)
	}
	if got := store.files["out/all.csv"]; got != "loss\r\n2.5\r\n1.5\r\n" {
		t.Errorf("the file is %q", got)
	}
	expectError(t, run.WriteCSV(t.Context(), "mem://out/all.csv"), libresult.ErrIO, "mem://out/all.csv", "on_exists")
}

func TestStoreErrors(t *testing.T) {
	store := newMemory()
	register(t, "mem", store)
	for about, wrong := range map[string]struct {
		err  error
		code libresult.Code
	}{
		"gone":        {fmt.Errorf("no: %w", fs.ErrNotExist), libresult.ErrNotFound},
		"beneath":     {&fs.PathError{Op: "open", Path: "x", Err: syscall.ENOTDIR}, libresult.ErrNotFound},
		"forbidden":   {&fs.PathError{Op: "open", Path: "x", Err: syscall.EACCES}, libresult.ErrPermission},
		"unsupported": {errors.ErrUnsupported, libresult.ErrUnsupported},
		"canceled":    {context.Canceled, libresult.ErrCanceled},
		"ours":        {&libresult.Error{Code: libresult.ErrCorrupt, Message: "torn\x00"}, libresult.ErrCorrupt},
		"a code":      {libresult.ErrPermission, libresult.ErrPermission},
		"any":         {errors.New("the tape is torn"), libresult.ErrIO},
	} {
		t.Run(about, func(t *testing.T) {
			run := open(t, "mem://runs/1")
			store.fails = func(method, path string) error { return wrong.err }
			defer func() { store.fails = nil }()
			_, err := libresult.Open(t.Context(), "mem://runs/1")
			expectError(t, err, wrong.code, "mem://runs/1")
			store.fails = func(method, path string) error {
				if method == "ReadAt" {
					return wrong.err
				}
				return nil
			}
			_, err = run.ReadFrame(t.Context())
			words := strings.ReplaceAll(strings.TrimPrefix(wrong.err.Error(), "libresult: "), "\x00", "\uFFFD")
			expectError(t, err, wrong.code, "mem://runs/1/result.json", words)
			store.fails = func(method, path string) error {
				if method == "Write" {
					return wrong.err
				}
				return nil
			}
			expectError(t, run.WriteParquet(t.Context(), "mem://file"), wrong.code, "mem://file", words)
		})
	}
}

func TestStorePanics(t *testing.T) {
	store := newMemory()
	register(t, "mem", store)
	run := open(t, "mem://runs/1")
	for _, panics := range []string{"List", "ReadAt", "Write"} {
		store.fails = func(method, path string) error {
			if method == panics {
				store.mutex.Unlock()
				panic(errors.New("boom in " + method))
			}
			return nil
		}
		_, err := libresult.Open(t.Context(), "mem://runs/1")
		if panics == "Write" {
			err = run.WriteCSV(t.Context(), "mem://file")
		}
		expectError(t, err, libresult.ErrIO, "mem://", "panicked", "boom in "+panics)
	}
	var none *memory
	register(t, "none", none)
	_, err := libresult.Open(t.Context(), "none://runs/1")
	expectError(t, err, libresult.ErrIO, "none://", "nil pointer")
}

// odd is a store whose answers make no sense.
type odd struct {
	libresult.Store
	name  string
	count int
}

func (o odd) List(dir string) ([]libresult.StoreEntry, error) {
	return []libresult.StoreEntry{{Name: o.name, Size: 10}}, nil
}

func (o odd) ReadAt(file string, p []byte, offset int64) (int, error) { return o.count, nil }

func TestStoresThatLie(t *testing.T) {
	for about, store := range map[string]odd{
		"entry called":   {name: "a/b"},
		`called "a\x00"`: {name: "a\x00"},
		"became shorter": {name: "result.json", count: 0},
		"bytes where":    {name: "result.json", count: 11},
		"bytes where 10": {name: "result.json", count: -1},
	} {
		t.Run(about, func(t *testing.T) {
			register(t, "odd", store)
			_, err := libresult.Open(t.Context(), "odd://run")
			expectError(t, err, libresult.ErrIO, "odd://run", about)
		})
	}
}

func TestRegisterStore(t *testing.T) {
	store := newMemory()
	for _, scheme := range []string{"", "s3", "file", "Mem", "m m", "1m"} {
		expectError(t, libresult.RegisterStore(scheme, store), libresult.ErrInvalidArgument, scheme)
		expectError(t, libresult.UnregisterStore(scheme), libresult.ErrInvalidArgument, scheme)
	}
	expectError(t, libresult.RegisterStore("m\x00", store), libresult.ErrInvalidArgument, "scheme", "NUL")
	expectError(t, libresult.UnregisterStore("m\x00"), libresult.ErrInvalidArgument, "scheme", "NUL")
	expectError(t, libresult.RegisterStore("mem", nil), libresult.ErrInvalidArgument, "store")
	register(t, "mem", store)
	expectError(t, libresult.RegisterStore("mem", store), libresult.ErrInvalidArgument, "mem://", "already")
}

func TestStoreIsKeptAsLongAsItIsUsed(t *testing.T) {
	gone := make(chan struct{})
	useAfterUnregistering(t, gone)
	for range 500 {
		runtime.GC()
		select {
		case <-gone:
			return
		case <-time.After(10 * time.Millisecond):
		}
	}
	t.Error("the store is kept after all that is on it is gone")
}

// useAfterUnregistering is no part of its caller: nothing on a stack keeps what it used. It closes gone when
// nothing has the store any more.
//
//go:noinline
func useAfterUnregistering(t *testing.T, gone chan struct{}) {
	store := newMemory()
	runtime.SetFinalizer(store, func(*memory) { close(gone) })
	if err := libresult.RegisterStore("mem", store); err != nil {
		t.Fatal(err)
	}
	run := open(t, "mem://runs/1")
	if err := libresult.UnregisterStore("mem"); err != nil {
		t.Fatal(err)
	}
	store = nil
	runtime.GC()
	if frame, err := run.ReadFrame(t.Context()); err != nil || frame.RowCount() != 2 {
		t.Error(frame, err)
	}
	_, err := libresult.Open(t.Context(), "mem://runs/1")
	expectError(t, err, libresult.ErrInvalidArgument, "mem://")
	runtime.KeepAlive(run)
}

func TestStoreFromManyGoroutines(t *testing.T) {
	register(t, "mem", newMemory())
	register(t, "dir", libresult.FSStore(os.DirFS(filepath.Join("..", "..", "tests", "corpus"))))
	var group sync.WaitGroup
	for range 8 {
		group.Add(1)
		go func() {
			defer group.Done()
			for _, uri := range []string{"mem://runs/1", "dir://r260v1-nested/run", "dir://r260v2-val_mixed/run"} {
				run, err := libresult.Open(context.Background(), uri)
				if err != nil {
					t.Error(err)
					return
				}
				if _, err := run.ReadFrame(context.Background(), set("threads", "4")...); err != nil {
					t.Error(err)
				}
			}
		}()
	}
	group.Wait()
}

// forward is a file system whose files can only be read from front to back.
type forward struct{ fs.FS }

type forwardFile struct{ fs.File }

func (f forward) Open(name string) (fs.File, error) {
	file, err := f.FS.Open(name)
	if _, isDir := file.(fs.ReadDirFile); isDir && err == nil {
		return file, nil
	}
	return forwardFile{file}, err
}

// zipped packs a directory.
func zipped(t *testing.T, dir string) fs.FS {
	t.Helper()
	var packed bytes.Buffer
	writer := zip.NewWriter(&packed)
	if err := writer.AddFS(os.DirFS(dir)); err != nil {
		t.Fatal(err)
	}
	if err := writer.Close(); err != nil {
		t.Fatal(err)
	}
	reader, err := zip.NewReader(bytes.NewReader(packed.Bytes()), int64(packed.Len()))
	if err != nil {
		t.Fatal(err)
	}
	return reader
}

func TestFSStore(t *testing.T) {
	for _, name := range []string{"r260v1-nested", "r260v2-val_mixed"} {
		here := open(t, corpus(name))
		for about, fsys := range map[string]fs.FS{
			"directory": os.DirFS(corpus(name)),
			"zip":       zipped(t, corpus(name)),
			"forward":   forward{os.DirFS(corpus(name))},
		} {
			t.Run(name+" "+about, func(t *testing.T) {
				register(t, "fs", libresult.FSStore(fsys))
				run := open(t, "fs://")
				if fmt.Sprint(run.Metrics()) != fmt.Sprint(here.Metrics()) {
					t.Errorf("the metrics are %v, want %v", run.Metrics(), here.Metrics())
				}
				frame, err := run.ReadFrame(t.Context(), set("threads", "3")...)
				if err != nil {
					t.Fatal(err)
				}
				if want, err := here.ReadFrame(t.Context()); err != nil || frame.RowCount() != want.RowCount() {
					t.Errorf("%d rows, want %d, %v", frame.RowCount(), want.RowCount(), err)
				}
				expectError(t, run.WriteCSV(t.Context(), "fs://file"), libresult.ErrUnsupported, "fs://file", "read-only")
				_, err = libresult.Open(t.Context(), "fs://no/such")
				expectError(t, err, libresult.ErrNotFound, "fs://no/such")
			})
		}
	}
}

func TestFSStorePaths(t *testing.T) {
	rows := &fstest.MapFile{Data: []byte(`{"step": 1}` + "\n")}
	store := libresult.FSStore(fstest.MapFS{"a/b/result.json": rows})
	for _, dir := range []string{"a/b", "/a/b", "a//b", "./a/b", "a/../a/./b", "../a/b"} {
		entries, err := store.List(dir)
		if err != nil || len(entries) != 1 || entries[0].Name != "result.json" || entries[0].Size != 12 {
			t.Errorf("%s: %v, %v", dir, entries, err)
		}
	}
	for _, root := range []string{"", "/"} {
		entries, err := store.List(root)
		if err != nil || len(entries) != 1 || !entries[0].IsDir {
			t.Errorf("%q: %v, %v", root, entries, err)
		}
	}
	p := make([]byte, 20)
	if n, err := store.ReadAt(path.Join("a/b/result.json"), p, 5); string(p[:n]) != `p": 1}`+"\n" || !errors.Is(err, io.EOF) {
		t.Errorf("%q, %v", p[:n], err)
	}
}

func TestFSStoreLinks(t *testing.T) {
	dir := t.TempDir()
	writeFile(t, filepath.Join(dir, "file"), "text")
	for link, target := range map[string]string{"link": "file", "nowhere": "gone", "self": "."} {
		if err := os.Symlink(target, filepath.Join(dir, link)); err != nil {
			t.Fatal(err)
		}
	}
	if err := syscall.Mkfifo(filepath.Join(dir, "pipe"), 0o600); err != nil {
		t.Fatal(err)
	}
	entries, err := libresult.FSStore(os.DirFS(dir)).List("")
	want := "[{file 4 false} {link 4 false} {self "
	if err != nil || len(entries) != 3 || !strings.HasPrefix(fmt.Sprint(entries), want) || !entries[2].IsDir {
		t.Errorf("%v, %v", entries, err)
	}
}
