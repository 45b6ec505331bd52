package libresult_test

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	libresult "github.com/libresult/libresult/bindings/go"
)

func TestWriteParquet(t *testing.T) {
	run := open(t, corpus("r260v1-late"))
	file := filepath.Join(t.TempDir(), "late.parquet")
	if err := run.WriteParquet(t.Context(), file); err != nil {
		t.Fatal(err)
	}
	const magic = "PAR1"
	whole := readFile(t, file)
	if !strings.HasPrefix(whole, magic) || !strings.HasSuffix(whole, magic) || !strings.Contains(whole, "eval_loss") {
		t.Errorf("it is no Parquet file of %d bytes", len(whole))
	}

	expectError(t, run.WriteParquet(t.Context(), file), libresult.ErrIO, file)
	if err := run.WriteParquet(t.Context(), file, set("column", "loss", "on_exists", "replace")...); err != nil {
		t.Fatal(err)
	}
	if less := readFile(t, file); strings.Contains(less, "eval_loss") {
		t.Error("it has columns that were not asked for")
	}
}

func TestWriteCSV(t *testing.T) {
	run := open(t, corpus("r260v1-late"))
	file := filepath.Join(t.TempDir(), "late.csv")
	if err := run.WriteCSV(t.Context(), file, set("column", "i", "column", "late/*", "rows", "2..5", "null", "NA")...); err != nil {
		t.Fatal(err)
	}
	if got, want := readFile(t, file), "i,late/metric\n2,NA\n3,30\n4,40\n"; strings.ReplaceAll(got, "\r\n", "\n") != want {
		t.Errorf("it is %q, want %q", got, want)
	}
}

func TestWriteTellsProgress(t *testing.T) {
	run := open(t, corpus("r260v1-late"))
	dir := t.TempDir()
	for name, write := range map[string]func(ctx context.Context, uri string, settings ...libresult.Setting) error{
		"Parquet": run.WriteParquet,
		"CSV":     run.WriteCSV,
	} {
		var last, total uint64
		ctx := libresult.WithProgress(t.Context(), func(done, of uint64) { last, total = done, of })
		if err := write(ctx, filepath.Join(dir, name)); err != nil {
			t.Fatal(err)
		}
		if last == 0 || last != total {
			t.Errorf("%s: told %d of %d bytes", name, last, total)
		}
		ctx, cancel := context.WithCancel(t.Context())
		stopped := filepath.Join(dir, "stopped")
		err := write(libresult.WithProgress(ctx, func(uint64, uint64) { cancel() }), stopped)
		if _, missing := os.Stat(stopped); !errors.Is(err, context.Canceled) || missing == nil {
			t.Errorf("%s: got %v, %v", name, err, missing)
		}
	}
}

func TestWriteThatFails(t *testing.T) {
	run := open(t, corpus("r260v1-late"))
	dir := t.TempDir()
	file := filepath.Join(dir, "late")
	for about, write := range map[string]func(uri string, settings ...libresult.Setting) error{
		"Parquet": func(uri string, settings ...libresult.Setting) error {
			return run.WriteParquet(t.Context(), uri, settings...)
		},
		"CSV": func(uri string, settings ...libresult.Setting) error {
			return run.WriteCSV(t.Context(), uri, settings...)
		},
	} {
		expectError(t, write(file, set("column", "losss")...), libresult.ErrInvalidArgument, "losss")
		expectError(t, write(file, set("on_exits", "fail")...), libresult.ErrInvalidArgument, "on_exits", "on_exists")
		expectError(t, write(file+"\x00"), libresult.ErrInvalidArgument, "uri", "NUL")
		expectError(t, write(file, set("column", "\x00")...), libresult.ErrInvalidArgument, "column", "NUL")
		expectError(t, write(""), libresult.ErrInvalidArgument, "empty")
		if left, err := os.ReadDir(dir); err != nil || len(left) != 0 {
			t.Errorf("%s: %v is left behind, %v", about, left, err)
		}
	}
}
