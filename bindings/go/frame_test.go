package libresult_test

import (
	"errors"
	"fmt"
	"math"
	"os"
	"path/filepath"
	"reflect"
	"runtime"
	"slices"
	"strings"
	"sync"
	"testing"

	libresult "github.com/libresult/libresult/bindings/go"
)

func readFrame(t testing.TB, run *libresult.Run, settings ...libresult.Setting) *libresult.Frame {
	t.Helper()
	frame, err := run.ReadFrame(t.Context(), settings...)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(frame.Close)
	return frame
}

// set is the settings KEY, VALUE, KEY, VALUE and so on.
func set(pairs ...string) []libresult.Setting {
	var settings []libresult.Setting
	for pair := range slices.Chunk(pairs, 2) {
		settings = append(settings, libresult.Setting{Key: pair[0], Value: pair[1]})
	}
	return settings
}

func columnNames(frame *libresult.Frame) []string {
	names := []string{}
	for column := range frame.Columns() {
		names = append(names, column.Name)
	}
	return names
}

// expectColumn holds what a method returns for a column against cells, of which nil is null.
func expectColumn[T any](t *testing.T, name string, values []T, valid []bool, err error, cells ...any) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
	got := make([]any, len(values))
	for row := range values {
		if zero := *new(T); valid[row] {
			got[row] = values[row]
		} else if !reflect.DeepEqual(values[row], zero) {
			t.Errorf("%s: the null in row %d is %v", name, row, values[row])
		}
	}
	if len(valid) != len(values) || !reflect.DeepEqual(got, cells) {
		t.Errorf("%s is %v, want %v", name, got, cells)
	}
}

func TestFrame(t *testing.T) {
	frame := readFrame(t, open(t, corpus("r260v1-late")))
	if frame.RowCount() != 8 || frame.ColumnCount() != 19 {
		t.Errorf("%d rows, %d columns", frame.RowCount(), frame.ColumnCount())
	}
	columns := slices.Collect(frame.Columns())
	want := []libresult.Column{
		{Name: "loss", Type: libresult.ColumnFloat64, Index: 0},
		{Name: "i", Type: libresult.ColumnInt64, Index: 1},
		{Name: "timestamp", Type: libresult.ColumnInt64, Index: 2},
		{Name: "checkpoint_dir_name", Type: libresult.ColumnString, Index: 3},
		{Name: "should_checkpoint", Type: libresult.ColumnBool, Index: 4},
	}
	if len(columns) != 19 || !slices.Equal(columns[:5], want) {
		t.Errorf("the columns are %v", columns)
	}
	for _, column := range columns {
		if found, ok := frame.FindColumn(column.Name); found != column || !ok {
			t.Errorf("FindColumn(%q) is %v, %v, want %v", column.Name, found, ok, column)
		}
	}
	for column := range frame.Columns() {
		if column.Index == 1 {
			break
		}
	}

	losses, err := frame.Float64s("loss")
	if want := []float64{1, 1. / 2, 1. / 3, 1. / 4, 1. / 5, 1. / 6, 1. / 7, 1. / 8}; err != nil || !slices.Equal(losses, want) {
		t.Errorf("the losses are %v, %v", losses, err)
	}
	steps, valid, err := frame.Int64s("i")
	expectColumn(t, "i", steps, valid, err, int64(0), int64(1), int64(2), int64(3), int64(4), int64(5), int64(6), int64(7))
	late, valid, err := frame.Int64s("late/metric")
	expectColumn(t, "late/metric", late, valid, err, nil, nil, nil, int64(30), int64(40), int64(50), int64(60), int64(70))
	names, valid, err := frame.Strings("checkpoint_dir_name")
	expectColumn(t, "checkpoint_dir_name", names, valid, err,
		"checkpoint_000000", nil, "checkpoint_000001", nil, "checkpoint_000002", nil, "checkpoint_000003", nil)
	truths, valid, err := frame.Bools("should_checkpoint")
	expectColumn(t, "should_checkpoint", truths, valid, err, true, nil, true, nil, true, nil, true, nil)
	hosts, valid, err := frame.Strings("hostname")
	expectColumn(t, "hostname", hosts, valid, err, slices.Repeat([]any{"node-1"}, 8)...)
	if found := frame.Diagnostics(); len(found) != 0 {
		t.Errorf("the diagnostics are %v", found)
	}
}

func TestFrameOfAllTypes(t *testing.T) {
	frame := readFrame(t, open(t, makeRun(t,
		`{"u": 18446744073709551615, "f": NaN, "b": true, "n": null, "j": [1, "é"], "s": "x", "o": {"": -0.0}}`,
		`{"u": 0, "f": null, "b": false, "n": null, "j": 1e400, "s": "", "big": 18446744073709551616}`,
		`{"b": null, "f": 3, "s": null}`)))
	types := []string{}
	for column := range frame.Columns() {
		types = append(types, fmt.Sprint(column.Name, " ", column.Type))
	}
	if want := []string{"u uint64", "f float64", "b bool", "n null", "j json", "s string", "o/ float64", "big json"}; !slices.Equal(types, want) {
		t.Errorf("the columns are %q, want %q", types, want)
	}

	numbers, valid, err := frame.Uint64s("u")
	expectColumn(t, "u", numbers, valid, err, uint64(math.MaxUint64), uint64(0), nil)
	truths, valid, err := frame.Bools("b")
	expectColumn(t, "b", truths, valid, err, true, false, nil)
	texts, valid, err := frame.Strings("s")
	expectColumn(t, "s", texts, valid, err, "x", "", nil)
	texts, valid, err = frame.Strings("j")
	expectColumn(t, "j", texts, valid, err, `[1,"é"]`, `"Infinity"`, nil)
	texts, valid, err = frame.Strings("big")
	expectColumn(t, "big", texts, valid, err, nil, "18446744073709551616", nil)

	nan := math.NaN()
	for name, want := range map[string][]float64{
		"u":  {0x1p64, 0, nan},
		"f":  {nan, nan, 3},
		"b":  {1, 0, nan},
		"o/": {math.Copysign(0, -1), nan, nan},
	} {
		got, err := frame.Float64s(name)
		if err != nil || !slices.EqualFunc(got, want, func(a, b float64) bool { return same(a, b) }) {
			t.Errorf("Float64s(%q) are %v, %v, want %v", name, got, err, want)
		}
	}
	for name, want := range map[string][]bool{
		"f": {true, false, true}, // The first NaN was reported, the second was not.
		"n": {false, false, false},
	} {
		if got, err := frame.Validity(name); err != nil || !slices.Equal(got, want) {
			t.Errorf("Validity(%q) is %v, %v, want %v", name, got, err, want)
		}
	}
}

func TestFrameWithoutReports(t *testing.T) {
	frame := readFrame(t, open(t, makeRun(t)))
	if frame.RowCount() != 0 || frame.ColumnCount() != 0 || len(columnNames(frame)) != 0 {
		t.Errorf("%d rows, %d columns: %v", frame.RowCount(), frame.ColumnCount(), columnNames(frame))
	}
	frame = readFrame(t, open(t, corpus("r260v1-late")), set("rows", "5..5")...)
	if values, err := frame.Float64s("loss"); frame.RowCount() != 0 || err == nil && len(values) != 0 {
		t.Errorf("%d rows, the losses are %v, %v", frame.RowCount(), values, err)
	}
}

// TestLongFrame goes beyond a byte of the bitmap that says what is null.
func TestLongFrame(t *testing.T) {
	const rows = 1003
	var metrics []string
	for row := range rows {
		text := fmt.Sprintf(`{"i": %d, "s": "%d"}`, row, row/10)
		if row%7 == 3 {
			text = `{"i": null}`
		}
		metrics = append(metrics, text)
	}
	frame := readFrame(t, open(t, makeRun(t, metrics...)))
	numbers, valid, err := frame.Int64s("i")
	texts, textValid, textErr := frame.Strings("s")
	doubles, doubleErr := frame.Float64s("i")
	if err := errors.Join(err, textErr, doubleErr); err != nil || len(numbers) != rows {
		t.Fatal(err, len(numbers))
	}
	for row := range rows {
		number, text, double, isValid := int64(row), fmt.Sprint(row/10), float64(row), true
		if row%7 == 3 {
			number, text, double, isValid = 0, "", math.NaN(), false
		}
		if numbers[row] != number || texts[row] != text || !same(doubles[row], double) || valid[row] != isValid || textValid[row] != isValid {
			t.Fatalf("row %d is %v %v, %q %v, %v", row, numbers[row], valid[row], texts[row], textValid[row], doubles[row])
		}
	}
}

func TestFrameSettings(t *testing.T) {
	dir := t.TempDir()
	var rows []string
	for i, iteration := range []int{1, 2, 2, 3} {
		rows = append(rows, fmt.Sprintf(`{"eval": {"loss": %d, "acc": 0.5}, "loss": 7, "training_iteration": %d, "config": {"lr": 1}}`, i, iteration))
	}
	writeFile(t, filepath.Join(dir, "result.json"), strings.Join(rows, "\n")+"\n")
	run := open(t, dir)
	all := []string{"eval/loss", "eval/acc", "loss", "training_iteration", "config/lr"}
	for _, test := range []struct {
		settings []libresult.Setting
		columns  []string
		losses   []float64
	}{
		{nil, all, []float64{0, 1, 2, 3}},
		{set("column", "eval/*"), []string{"eval/loss", "eval/acc"}, []float64{0, 1, 2, 3}},
		{set("column", "l?ss", "column", "eval/loss"), []string{"eval/loss", "loss"}, []float64{0, 1, 2, 3}},
		{set("config", "false"), all[:4], []float64{0, 1, 2, 3}},
		{set("rows", "1..3"), all, []float64{1, 2}},
		{set("rows", "3.."), all, []float64{3}},
		{set("dedupe", "last"), all, []float64{0, 2, 3}},
		{set("threads", "1"), all, []float64{0, 1, 2, 3}},
		{set("threads", "4", "batch_rows", "1", "max_memory", "100000000"), all, []float64{0, 1, 2, 3}},
	} {
		frame := readFrame(t, run, test.settings...)
		if got := columnNames(frame); !slices.Equal(got, test.columns) {
			t.Errorf("%v: the columns are %q, want %q", test.settings, got, test.columns)
		}
		if got, err := frame.Float64s("eval/loss"); err != nil || !slices.Equal(got, test.losses) || frame.RowCount() != len(got) {
			t.Errorf("%v: the losses are %v, %v, want %v", test.settings, got, err, test.losses)
		}
	}
}

func TestFrameThatCannotBeRead(t *testing.T) {
	run := open(t, corpus("r260v1-late"))
	for _, test := range []struct {
		about    string
		run      *libresult.Run
		settings []libresult.Setting
		code     libresult.Code
		says     []string
	}{
		{"an unknown column", run, set("column", "losss"), libresult.ErrInvalidArgument, []string{"losss", "loss"}},
		{"rows that are none", run, set("rows", "5"), libresult.ErrInvalidArgument, []string{"rows", "5", "FROM..TO"}},
		{"rows that end before they start", run, set("rows", "5..3"), libresult.ErrInvalidArgument, []string{"rows", "5..3"}},
		{"an unknown setting", run, set("colunm", "loss"), libresult.ErrInvalidArgument, []string{"colunm", "column"}},
		{"a word that is none", run, set("dedupe", "first"), libresult.ErrInvalidArgument, []string{"dedupe", "first"}},
		{"a column with NUL", run, set("column", "loss\x00"), libresult.ErrInvalidArgument, []string{"column", "NUL"}},
		{"too little memory", run, set("max_memory", "1"), libresult.ErrCorrupt, []string{"max_memory"}},
	} {
		t.Run(test.about, func(t *testing.T) {
			frame, err := test.run.ReadFrame(t.Context(), test.settings...)
			if frame != nil {
				t.Errorf("got a frame of %d rows", frame.RowCount())
			}
			expectError(t, err, test.code, test.says...)
		})
	}
}

func TestFrameOfARunThatChanged(t *testing.T) {
	dir := copyRun(t, "r260v1-late")
	run := open(t, dir)
	file := filepath.Join(dir, "result.json")
	text := readFile(t, file)
	writeFile(t, file, text+text)
	if frame := readFrame(t, run); frame.RowCount() != 8 {
		t.Errorf("it has grown to %d rows", frame.RowCount())
	}
	writeFile(t, file, text[:len(text)/2])
	_, err := run.ReadFrame(t.Context())
	expectError(t, err, libresult.ErrCorrupt, "result.json")
	if err := os.Remove(file); err != nil {
		t.Fatal(err)
	}
	_, err = run.ReadFrame(t.Context())
	expectError(t, err, libresult.ErrNotFound, "result.json")
}

func TestDiagnosticsOfAFrame(t *testing.T) {
	dir := t.TempDir()
	writeFile(t, filepath.Join(dir, "result.json"), "{\"loss\": 1}\nnonsense\n{\"loss\": 2}\n")
	frame := readFrame(t, open(t, dir))
	found := frame.Diagnostics()
	if len(found) != 1 || found[0].Severity != libresult.SeverityDamage || found[0].File != "result.json" || found[0].Line != 2 {
		t.Errorf("the diagnostics are %+v", found)
	}
	if frame.RowCount() != 2 {
		t.Errorf("%d rows", frame.RowCount())
	}
}

// columnMethods are all that copy a column.
var columnMethods = map[string]func(frame *libresult.Frame, name string) error{
	"Float64s": func(frame *libresult.Frame, name string) error { _, err := frame.Float64s(name); return err },
	"Int64s":   func(frame *libresult.Frame, name string) error { _, _, err := frame.Int64s(name); return err },
	"Uint64s":  func(frame *libresult.Frame, name string) error { _, _, err := frame.Uint64s(name); return err },
	"Bools":    func(frame *libresult.Frame, name string) error { _, _, err := frame.Bools(name); return err },
	"Strings":  func(frame *libresult.Frame, name string) error { _, _, err := frame.Strings(name); return err },
	"Validity": func(frame *libresult.Frame, name string) error { _, err := frame.Validity(name); return err },
}

func TestColumnOfAnotherType(t *testing.T) {
	frame := readFrame(t, open(t, makeRun(t,
		`{"null": null, "bool": true, "int64": -1, "uint64": 18446744073709551615, "float64": 0.5, "string": "x", "json": []}`)))
	fits := map[string][]string{
		"Float64s": {"bool", "int64", "uint64", "float64"},
		"Int64s":   {"int64"},
		"Uint64s":  {"uint64"},
		"Bools":    {"bool"},
		"Strings":  {"string", "json"},
		"Validity": {"null", "bool", "int64", "uint64", "float64", "string", "json"},
	}
	for method, call := range columnMethods {
		for column := range frame.Columns() {
			if column.Name != column.Type.String() {
				t.Errorf("column %s is of type %v", column.Name, column.Type)
			}
			err := call(frame, column.Name)
			if slices.Contains(fits[method], column.Name) {
				if err != nil {
					t.Errorf("%s(%q): %v", method, column.Name, err)
				}
				continue
			}
			expectError(t, err, libresult.ErrInvalidArgument, "'"+column.Name+"' is of type "+column.Name+", not ")
		}
		expectError(t, call(frame, "no such"), libresult.ErrInvalidArgument, "no column 'no such'")
		expectError(t, call(frame, "bool\x00"), libresult.ErrInvalidArgument, "column", "NUL")
	}
	for _, name := range []string{"no such", "", "bool\x00"} {
		if found, ok := frame.FindColumn(name); ok {
			t.Errorf("FindColumn(%q) is %v", name, found)
		}
	}
}

func TestFrameOutlivesItsRun(t *testing.T) {
	dir := copyRun(t, "r260v1-late")
	frame, err := open(t, dir).ReadFrame(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if err := os.RemoveAll(dir); err != nil {
		t.Fatal(err)
	}
	runtime.GC()
	runtime.GC()
	if losses, err := frame.Float64s("loss"); err != nil || len(losses) != 8 || losses[7] != 0.125 {
		t.Errorf("the losses are %v, %v", losses, err)
	}
}

func TestClosedFrame(t *testing.T) {
	frame := readFrame(t, open(t, corpus("r260v1-late")))
	names, _, err := frame.Strings("checkpoint_dir_name")
	if err != nil {
		t.Fatal(err)
	}
	columns := frame.Columns()
	frame.Close()
	frame.Close()
	if frame.RowCount() != 0 || frame.ColumnCount() != 0 || len(slices.Collect(columns)) != 0 || len(frame.Diagnostics()) != 0 {
		t.Errorf("%d rows, %d columns, %v, %v", frame.RowCount(), frame.ColumnCount(), columnNames(frame), frame.Diagnostics())
	}
	if found, ok := frame.FindColumn("loss"); ok {
		t.Errorf("there is still %v", found)
	}
	for _, call := range columnMethods {
		expectError(t, call(frame, "loss"), libresult.ErrInvalidArgument, "closed")
	}
	if names[6] != "checkpoint_000003" {
		t.Errorf("what was copied is %q", names)
	}
}

// TestCloseAtAnyMoment closes frames that others read, for the race detector to watch.
func TestCloseAtAnyMoment(t *testing.T) {
	run := open(t, corpus("r260v1-late"))
	for range 50 {
		frame := readFrame(t, run)
		var readers sync.WaitGroup
		for range 4 {
			readers.Add(1)
			go func() {
				defer readers.Done()
				for column := range frame.Columns() {
					if values, _, err := frame.Strings(column.Name); err == nil && len(values) != 8 {
						t.Errorf("%d values", len(values))
					}
				}
			}()
		}
		frame.Close()
		readers.Wait()
	}
}

// TestFramesAreFreed lets large frames go, by Close and without it.
func TestFramesAreFreed(t *testing.T) {
	const size, frames = 8 << 20, 10
	dir := t.TempDir()
	row := `{"note": "` + strings.Repeat("x", size/1000) + "\"}\n"
	writeFile(t, filepath.Join(dir, "result.json"), strings.Repeat(row, 1000))
	run := open(t, dir)
	for about, release := range map[string]func(frame *libresult.Frame){
		"closed":    (*libresult.Frame).Close,
		"collected": func(*libresult.Frame) { runtime.GC() },
	} {
		before := residentBytes(t)
		for range frames {
			frame, err := run.ReadFrame(t.Context(), set("threads", "1")...)
			if err != nil {
				t.Fatal(err)
			}
			release(frame)
		}
		if grown := residentBytes(t) - before; grown > size*frames/2 {
			t.Errorf("%s: memory has grown by %d MiB", about, grown>>20)
		}
	}
}

func residentBytes(t testing.TB) int {
	t.Helper()
	var size, resident int
	if _, err := fmt.Sscan(readFile(t, "/proc/self/statm"), &size, &resident); err != nil {
		t.Fatal(err)
	}
	return resident * os.Getpagesize()
}
