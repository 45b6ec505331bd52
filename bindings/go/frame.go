package libresult

// #include "frame.h"
import "C"

import (
	"context"
	"fmt"
	"iter"
	"runtime"
	"sync"
	"unsafe"

	"github.com/libresult/libresult/bindings/go/internal/export"
)

// Frame is every report of a run as typed columns: one row a report, in the order of the reports,
// and nested metrics as "eval/loss". It never changes, and may outlive the run.
//
// It lies in memory that Go's garbage collector does not see, so that a large one is better closed
// than left to it.
type Frame struct {
	// Close waits for all others. As each unlocks at its end, none needs to keep the frame alive.
	lock          sync.RWMutex
	c             *C.libresult_frame
	rows, columns int
	cleanup       runtime.Cleanup
}

// Column is what a column of a frame is called, and what it holds.
type Column struct {
	// Name is that of the metric, such as "eval/loss".
	Name string
	Type ColumnType
	// Index is its place among the columns.
	Index int
}

// ReadFrame reads every report of the run into columns.
//
// Of Train V1, the column "checkpoint_dir_name" names the checkpoint of a row; of V2, rows and
// checkpoints are the same. The settings: "column" (a name, or a pattern with "*" and "?"; may come
// more than once), "config" ("false" leaves the columns "config/…" out), "dedupe" ("last": of the
// reports of one training_iteration only the last), "rows" ("FROM..TO"), "threads", "batch_rows" and
// "max_memory", in bytes.
//
// A run that was opened with "read=latest" has them as well. A column that no row has is an
// [ErrInvalidArgument], unless there are no rows. A file that was replaced or became shorter since the
// run was opened is [ErrCorrupt], as is a limit that is exceeded.
func (r *Run) ReadFrame(ctx context.Context, settings ...Setting) (*Frame, error) {
	defer runtime.KeepAlive(r)
	var pinner runtime.Pinner
	defer pinner.Unpin()
	array, count, err := cSettings(settings, &pinner)
	if err != nil {
		return nil, err
	}
	var owned *C.libresult_frame
	err = stoppable(ctx, func(cancel *C.libresult_cancel) *C.libresult_error {
		return C.libresult_run_read_frame(r.c, array, count, cancel, &owned)
	})
	if err != nil {
		return nil, err
	}
	frame := &Frame{
		c:       owned,
		rows:    int(C.libresult_frame_row_count(owned)),
		columns: int(C.libresult_frame_column_count(owned)),
	}
	frame.cleanup = runtime.AddCleanup(frame, func(owned *C.libresult_frame) { C.libresult_frame_free(owned) }, owned)
	return frame, nil
}

// Close gives the memory of the frame back at once. What was copied or exported from it stays good.
// A closed frame has no rows and no columns, and closing it again does nothing.
func (f *Frame) Close() {
	f.lock.Lock()
	defer f.lock.Unlock()
	f.cleanup.Stop()
	C.libresult_frame_free(f.c)
	f.c, f.rows, f.columns = nil, 0, 0
}

// RowCount returns how many reports there are.
func (f *Frame) RowCount() int {
	f.lock.RLock()
	defer f.lock.RUnlock()
	return f.rows
}

// ColumnCount returns how many columns there are.
func (f *Frame) ColumnCount() int {
	f.lock.RLock()
	defer f.lock.RUnlock()
	return f.columns
}

// Columns iterates over the columns, in the order in which the reports first name them.
func (f *Frame) Columns() iter.Seq[Column] {
	return func(yield func(Column) bool) {
		for _, column := range f.copyColumns() {
			if !yield(column) {
				return
			}
		}
	}
}

func (f *Frame) copyColumns() []Column {
	f.lock.RLock()
	defer f.lock.RUnlock()
	headings := make([]C.libresult_go_heading, f.columns)
	C.libresult_go_headings(f.c, unsafe.SliceData(headings))
	columns := make([]Column, len(headings))
	for i := range headings {
		name := &headings[i].name
		columns[i] = Column{Name: copyBytes(&name.address, name.len), Type: ColumnType(headings[i]._type), Index: i}
	}
	return columns
}

// FindColumn returns the column called name, and whether there is one.
func (f *Frame) FindColumn(name string) (Column, bool) {
	f.lock.RLock()
	defer f.lock.RUnlock()
	cName, err := cString("column", name)
	if err != nil {
		return Column{}, false
	}
	found := C.libresult_go_find_column(f.c, cName)
	if !found.is_there {
		return Column{}, false
	}
	return Column{Name: name, Type: ColumnType(found._type), Index: int(found.index)}, true
}

// Float64s copies the column called name, of numbers or booleans; nulls are NaN, and [Frame.Validity]
// tells them from a NaN that was reported.
//
// Here and below, a column of another type, or none of that name, is an [ErrInvalidArgument].
func (f *Frame) Float64s(name string) ([]float64, error) {
	f.lock.RLock()
	defer f.lock.RUnlock()
	values := make([]float64, f.rows)
	err := f.request(name, "of numbers or booleans", func(cName *C.char) C.libresult_go_column {
		return C.libresult_go_copy_float64(f.c, cName, (*C.double)(unsafe.SliceData(values)))
	})
	if err != nil {
		return nil, err
	}
	return values, nil
}

// Validity tells of each row of the column called name, of whatever type, whether it is not null.
func (f *Frame) Validity(name string) ([]bool, error) {
	f.lock.RLock()
	defer f.lock.RUnlock()
	valid := make([]bool, f.rows)
	err := f.request(name, "", func(cName *C.char) C.libresult_go_column {
		return C.libresult_go_copy_validity(f.c, cName, (*C.bool)(unsafe.SliceData(valid)))
	})
	if err != nil {
		return nil, err
	}
	return valid, nil
}

// Int64s copies the column called name, of type [ColumnInt64], and tells of each row whether it is
// valid: a null is 0, and not.
func (f *Frame) Int64s(name string) (values []int64, valid []bool, err error) {
	f.lock.RLock()
	defer f.lock.RUnlock()
	return copyColumn(f, name, "int64",
		func(cName *C.char, values *int64, valid *C.bool) C.libresult_go_column {
			return C.libresult_go_copy_int64(f.c, cName, (*C.int64_t)(values), valid)
		})
}

// Uint64s copies the column called name, of type [ColumnUint64], as [Frame.Int64s] does.
func (f *Frame) Uint64s(name string) (values []uint64, valid []bool, err error) {
	f.lock.RLock()
	defer f.lock.RUnlock()
	return copyColumn(f, name, "uint64",
		func(cName *C.char, values *uint64, valid *C.bool) C.libresult_go_column {
			return C.libresult_go_copy_uint64(f.c, cName, (*C.uint64_t)(values), valid)
		})
}

// Bools copies the column called name, of type [ColumnBool], as [Frame.Int64s] does; a null is false.
func (f *Frame) Bools(name string) (values, valid []bool, err error) {
	f.lock.RLock()
	defer f.lock.RUnlock()
	return copyColumn(f, name, "bool",
		func(cName *C.char, values *bool, valid *C.bool) C.libresult_go_column {
			return C.libresult_go_copy_bool(f.c, cName, (*C.bool)(values), valid)
		})
}

// Strings copies the column called name, of type [ColumnString] or [ColumnJSON], as [Frame.Int64s]
// does; a null is empty.
func (f *Frame) Strings(name string) (values []string, valid []bool, err error) {
	f.lock.RLock()
	defer f.lock.RUnlock()
	lent, valid, err := copyColumn(f, name, "string or json",
		func(cName *C.char, values *C.libresult_go_string, valid *C.bool) C.libresult_go_column {
			return C.libresult_go_lend_strings(f.c, cName, values, valid)
		})
	if err != nil {
		return nil, nil, err
	}
	values = make([]string, len(lent))
	last := ""
	for i := range lent {
		// What names a machine or a trial is the same in row after row: one copy does.
		if text := unsafe.Slice(*at[*byte](&lent[i].address), lent[i].len); string(text) != last {
			last = string(text)
		}
		values[i] = last
	}
	return values, valid, nil
}

// copyColumn lets call fill a value and its validity for each row of f, whose lock is held.
func copyColumn[T any](
	f *Frame, name, wanted string, call func(cName *C.char, values *T, valid *C.bool) C.libresult_go_column,
) ([]T, []bool, error) {
	values, valid := make([]T, f.rows), make([]bool, f.rows)
	err := f.request(name, wanted, func(cName *C.char) C.libresult_go_column {
		return call(cName, unsafe.SliceData(values), (*C.bool)(unsafe.SliceData(valid)))
	})
	if err != nil {
		return nil, nil, err
	}
	return values, valid, nil
}

// request asks C for a column, and says what is wrong if it gets none.
func (f *Frame) request(name, wanted string, call func(cName *C.char) C.libresult_go_column) error {
	if f.c == nil {
		return errClosed()
	}
	cName, err := cString("column", name)
	if err != nil {
		return err
	}
	column := call(cName)
	if !column.is_there {
		message := fmt.Sprintf("the frame has no column '%s'", name)
		return &Error{Code: ErrInvalidArgument, Message: message}
	}
	if !column.is_copied {
		message := fmt.Sprintf("column '%s' is of type %v, not %s", name, ColumnType(column._type), wanted)
		return &Error{Code: ErrInvalidArgument, Message: message}
	}
	return nil
}

// exportStream writes the frame to out, a struct ArrowArrayStream of C.
func (f *Frame) exportStream(out unsafe.Pointer) error {
	f.lock.RLock()
	defer f.lock.RUnlock()
	if f.c == nil {
		return errClosed()
	}
	return takeError(C.libresult_go_export(f.c, out))
}

func init() {
	export.Stream = func(frame any, out unsafe.Pointer) error { return frame.(*Frame).exportStream(out) }
}

func errClosed() error {
	return &Error{Code: ErrInvalidArgument, Message: "the frame is closed"}
}
