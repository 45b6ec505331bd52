package libresult

// #include "transfer.h"
import "C"

import (
	"context"
	"runtime"
)

// WriteParquet writes every report of the run to a Parquet file at uri, all at once or not at all. It
// needs little memory, however long the run. [WithProgress] tells how much of the run is read.
//
// The settings are those of the store at uri, which has none of the run's; those of [Run.ReadFrame] but
// "batch_rows" and "max_memory"; and "compression", "row_group_rows" and "on_exists": a file that is
// there already is an [ErrIO] unless that is "replace".
func (r *Run) WriteParquet(ctx context.Context, uri string, settings ...Setting) error {
	return r.write(ctx, uri, settings,
		func(cURI *C.char, array *C.libresult_setting, count C.size_t, handle C.uintptr_t, cancel *C.libresult_cancel) *C.libresult_error {
			return C.libresult_go_write_parquet(r.c, cURI, array, count, handle, cancel)
		})
}

// WriteCSV writes every report of the run to a CSV file at uri, as [Run.WriteParquet] does.
//
// In place of the settings that are Parquet's own there is "null", the text of a missing cell: by
// default a missing cell is empty, and an empty string "".
func (r *Run) WriteCSV(ctx context.Context, uri string, settings ...Setting) error {
	return r.write(ctx, uri, settings,
		func(cURI *C.char, array *C.libresult_setting, count C.size_t, handle C.uintptr_t, cancel *C.libresult_cancel) *C.libresult_error {
			return C.libresult_go_write_csv(r.c, cURI, array, count, handle, cancel)
		})
}

func (r *Run) write(
	ctx context.Context, uri string, settings []Setting,
	call func(uri *C.char, array *C.libresult_setting, count C.size_t, handle C.uintptr_t, cancel *C.libresult_cancel) *C.libresult_error,
) error {
	defer runtime.KeepAlive(r)
	cURI, err := cString("uri", uri)
	if err != nil {
		return err
	}
	var pinner runtime.Pinner
	defer pinner.Unpin()
	array, count, err := cSettings(settings, &pinner)
	if err != nil {
		return err
	}
	return telling(ctx, func(handle C.uintptr_t) error {
		return stoppable(ctx, func(cancel *C.libresult_cancel) *C.libresult_error {
			return call(cURI, array, count, handle, cancel)
		})
	})
}
