package arrow_test

import (
	"errors"
	"fmt"
	"io"
	"math"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"sync"
	"testing"

	"github.com/apache/arrow-go/v18/arrow"
	"github.com/apache/arrow-go/v18/arrow/array"
	"github.com/apache/arrow-go/v18/arrow/ipc"

	libresult "github.com/libresult/libresult/bindings/go"
	resultarrow "github.com/libresult/libresult/bindings/go/arrow"
)

// makeRun makes a run with these reports, which are JSON.
func makeRun(t testing.TB, reports ...string) string {
	t.Helper()
	dir := t.TempDir()
	text := strings.Join(reports, "\n") + "\n"
	if err := os.WriteFile(filepath.Join(dir, "result.json"), []byte(text), 0o644); err != nil {
		t.Fatal(err)
	}
	return dir
}

// manyReports has columns of all types, with nulls in each, and in none.
func manyReports(count int) []string {
	reports := make([]string, count)
	for i := range reports {
		members := []string{`"null": null`, fmt.Sprintf(`"all": %d`, i)}
		for place, member := range []string{
			fmt.Sprintf(`"bool": %t`, i%2 == 0),
			fmt.Sprintf(`"int64": %d`, -i),
			fmt.Sprintf(`"uint64": %d`, uint64(math.MaxUint64)-uint64(i)),
			fmt.Sprintf(`"float64": %d.5`, i),
			fmt.Sprintf(`"string": "é%d"`, i),
			fmt.Sprintf(`"json": [%d, null]`, i),
		} {
			if i%7 != place {
				members = append(members, member)
			}
		}
		reports[i] = "{" + strings.Join(members, ", ") + "}"
	}
	return reports
}

func readFrame(t testing.TB, dir string, settings ...libresult.Setting) *libresult.Frame {
	t.Helper()
	run, err := libresult.Open(t.Context(), dir)
	if err != nil {
		t.Fatal(err)
	}
	frame, err := run.ReadFrame(t.Context(), settings...)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(frame.Close)
	return frame
}

func records(t testing.TB, frame *libresult.Frame) array.RecordReader {
	t.Helper()
	reader, err := resultarrow.Records(frame)
	if err != nil {
		t.Fatal(err)
	}
	return reader
}

func batchRows(rows string) libresult.Setting {
	return libresult.Setting{Key: "batch_rows", Value: rows}
}

// cells is a column of frame, of which nil is null.
func cells(t testing.TB, frame *libresult.Frame, column libresult.Column) []any {
	t.Helper()
	switch column.Type {
	case libresult.ColumnNull:
		return make([]any, frame.RowCount())
	case libresult.ColumnBool:
		return orNil(frame.Bools(column.Name))
	case libresult.ColumnInt64:
		return orNil(frame.Int64s(column.Name))
	case libresult.ColumnUint64:
		return orNil(frame.Uint64s(column.Name))
	case libresult.ColumnFloat64:
		values, valuesErr := frame.Float64s(column.Name)
		valid, err := frame.Validity(column.Name)
		return orNil(values, valid, errors.Join(valuesErr, err))
	case libresult.ColumnString, libresult.ColumnJSON:
		return orNil(frame.Strings(column.Name))
	}
	t.Fatalf("column %v", column)
	return nil
}

func orNil[T any](values []T, valid []bool, err error) []any {
	if err != nil {
		panic(err)
	}
	cells := make([]any, len(values))
	for row, value := range values {
		if valid[row] {
			cells[row] = value
		}
	}
	return cells
}

// cell is a cell of a record; nil if it is null.
func cell(t testing.TB, column arrow.Array, row int) any {
	t.Helper()
	if column.IsNull(row) {
		return nil
	}
	switch column := column.(type) {
	case *array.Null: // Says IsNull only of what has a bitmap.
		return nil
	case *array.Boolean:
		return column.Value(row)
	case *array.Int64:
		return column.Value(row)
	case *array.Uint64:
		return column.Value(row)
	case *array.Float64:
		return column.Value(row)
	case *array.String:
		return column.Value(row)
	}
	t.Fatalf("a column is of %v", column.DataType())
	return nil
}

func isSame(a, b any) bool {
	x, xOK := a.(float64)
	y, yOK := b.(float64)
	if xOK && yOK {
		return math.Float64bits(x) == math.Float64bits(y)
	}
	return a == b
}

// expectRecords holds all that reader returns against the cells of columns, and releases it.
func expectRecords(t testing.TB, reader array.RecordReader, batchRows int, want [][]any) {
	t.Helper()
	defer reader.Release()
	start, rows := 0, len(want[0])
	for reader.Next() {
		batch := reader.RecordBatch()
		if got := int(batch.NumRows()); got != min(batchRows, rows-start) {
			t.Fatalf("batch_rows %d: a batch at row %d of %d has %d rows", batchRows, start, rows, got)
		}
		for place, cells := range want {
			column, nulls := batch.Column(place), 0
			for row := range column.Len() {
				got := cell(t, column, row)
				if !isSame(got, cells[start+row]) {
					t.Fatalf("batch_rows %d: %s in row %d is %v, want %v", batchRows, batch.ColumnName(place), start+row, got, cells[start+row])
				}
				if got == nil {
					nulls++
				}
			}
			if column.NullN() != nulls {
				t.Errorf("batch_rows %d: %s counts %d nulls of %d", batchRows, batch.ColumnName(place), column.NullN(), nulls)
			}
		}
		start += int(batch.NumRows())
	}
	if err := reader.Err(); err != nil || start != rows {
		t.Errorf("batch_rows %d: %d rows of %d, %v", batchRows, start, rows, err)
	}
}

func allCells(t testing.TB, frame *libresult.Frame) [][]any {
	t.Helper()
	var all [][]any
	for column := range frame.Columns() {
		all = append(all, cells(t, frame, column))
	}
	return all
}

func TestRecordsEqualTheFrame(t *testing.T) {
	made := makeRun(t, manyReports(203)...)
	for _, dir := range []string{made, "../../../tests/corpus/r260v1-late/run", "../../../tests/corpus/r260v2-nested/run"} {
		for _, rows := range []int{1, 3, 8, 13, 200, 203, 65536} {
			frame := readFrame(t, dir, batchRows(fmt.Sprint(rows)))
			expectRecords(t, records(t, frame), rows, allCells(t, frame))
		}
	}
	frame := readFrame(t, made)
	expectRecords(t, records(t, frame), 65536, allCells(t, frame))
}

func TestSchema(t *testing.T) {
	reader := records(t, readFrame(t, makeRun(t, manyReports(10)...)))
	defer reader.Release()
	want := map[string]arrow.DataType{
		"null":    arrow.Null,
		"all":     arrow.PrimitiveTypes.Int64,
		"bool":    arrow.FixedWidthTypes.Boolean,
		"int64":   arrow.PrimitiveTypes.Int64,
		"uint64":  arrow.PrimitiveTypes.Uint64,
		"float64": arrow.PrimitiveTypes.Float64,
		"string":  arrow.BinaryTypes.String,
		"json":    arrow.BinaryTypes.String,
	}
	if got := reader.Schema().NumFields(); got != len(want) {
		t.Errorf("%d fields", got)
	}
	for _, field := range reader.Schema().Fields() {
		if field.Type != want[field.Name] || !field.Nullable {
			t.Errorf("field %v, want %v", field, want[field.Name])
		}
		kind, _ := field.Metadata.GetValue("libresult.type")
		if isJSON := kind == "json"; isJSON != (field.Name == "json") || !isJSON && kind != "" {
			t.Errorf("field %s is of type %q", field.Name, kind)
		}
	}
}

func TestRecordsOutliveTheFrame(t *testing.T) {
	frame := readFrame(t, makeRun(t, manyReports(203)...), batchRows("50"))
	want := allCells(t, frame)
	reader := records(t, frame)
	frame.Close()
	runtime.GC()
	runtime.GC()
	// Batches outlive the reader, too.
	var kept []arrow.RecordBatch
	for reader.Next() {
		reader.RecordBatch().Retain()
		kept = append(kept, reader.RecordBatch())
	}
	schema := reader.Schema()
	reader.Release()
	again, err := array.NewRecordReader(schema, kept)
	if err != nil {
		t.Fatal(err)
	}
	for _, batch := range kept {
		batch.Release()
	}
	expectRecords(t, again, 50, want)
}

func TestRecordsOfNothing(t *testing.T) {
	for about, test := range map[string]struct {
		frame         *libresult.Frame
		rows, columns int
	}{
		"no rows":    {readFrame(t, makeRun(t, `{"loss": 1}`), libresult.Setting{Key: "rows", Value: "1.."}), 0, -1},
		"no columns": {readFrame(t, makeRun(t, `{}`, `{}`)), 2, 0},
		"only nulls": {readFrame(t, makeRun(t, `{"n": null}`)), 1, 1},
	} {
		reader := records(t, test.frame)
		rows := 0
		for reader.Next() {
			rows += int(reader.RecordBatch().NumRows())
		}
		if columns := reader.Schema().NumFields(); rows != test.rows || test.columns >= 0 && columns != test.columns {
			t.Errorf("%s: %d rows, %d columns", about, rows, columns)
		}
		reader.Release()
	}
}

func TestRecordsOfAClosedFrame(t *testing.T) {
	frame := readFrame(t, makeRun(t, `{"loss": 1}`))
	frame.Close()
	reader, err := resultarrow.Records(frame)
	if reader != nil || !errors.Is(err, libresult.ErrInvalidArgument) || !strings.Contains(err.Error(), "closed") {
		t.Errorf("got %v, %v", reader, err)
	}
}

// TestRecordsGoAnywhere writes records as others who take a RecordReader do.
func TestRecordsGoAnywhere(t *testing.T) {
	frame := readFrame(t, makeRun(t, manyReports(20)...), batchRows("6"))
	reader := records(t, frame)
	defer reader.Release()
	through, out := io.Pipe()
	go func() {
		writer := ipc.NewWriter(out, ipc.WithSchema(reader.Schema()))
		for reader.Next() {
			if err := writer.Write(reader.RecordBatch()); err != nil {
				t.Error(err)
			}
		}
		out.CloseWithError(writer.Close())
	}()
	read, err := ipc.NewReader(through)
	if err != nil {
		t.Fatal(err)
	}
	expectRecords(t, read, 6, allCells(t, frame))
}

// TestManyReadAtOnce shares a frame, and a batch, among goroutines, for the race detector to watch.
func TestManyReadAtOnce(t *testing.T) {
	frame := readFrame(t, makeRun(t, manyReports(50)...), batchRows("20"))
	want := allCells(t, frame)
	var readers sync.WaitGroup
	for range 8 {
		readers.Add(1)
		go func() {
			defer readers.Done()
			for range 10 {
				expectRecords(t, records(t, frame), 20, want)
			}
		}()
	}
	readers.Wait()
}

// TestRecordsAreFreed lets the records of large frames go: nothing waits for the garbage collector.
func TestRecordsAreFreed(t *testing.T) {
	const size, frames = 8 << 20, 10
	report := `{"note": "` + strings.Repeat("x", size/1000) + `"}`
	reports := make([]string, 1000)
	for i := range reports {
		reports[i] = report
	}
	run, err := libresult.Open(t.Context(), makeRun(t, reports...))
	if err != nil {
		t.Fatal(err)
	}
	before := residentBytes(t)
	for range frames {
		frame, err := run.ReadFrame(t.Context(), libresult.Setting{Key: "threads", Value: "1"}, batchRows("300"))
		if err != nil {
			t.Fatal(err)
		}
		reader := records(t, frame)
		frame.Close()
		reader.Next()
		reader.Release()
	}
	if grown := residentBytes(t) - before; grown > size*frames/2 {
		t.Errorf("memory has grown by %d MiB", grown>>20)
	}
}

func residentBytes(t testing.TB) int {
	t.Helper()
	text, err := os.ReadFile("/proc/self/statm")
	if err != nil {
		t.Fatal(err)
	}
	var size, resident int
	if _, err := fmt.Sscan(string(text), &size, &resident); err != nil {
		t.Fatal(err)
	}
	return resident * os.Getpagesize()
}
