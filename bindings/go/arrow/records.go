// Package arrow hands the frames of libresult to Apache Arrow for Go.
//
//	frame, err := run.ReadFrame(ctx)
//	reader, err := arrow.Records(frame)
//	defer reader.Release()
//	for reader.Next() {
//		use(reader.RecordBatch())
//	}
//
// It is a module of its own, so that whoever needs no Arrow does not download it.
package arrow

// #include "stream.h"
import "C"

import (
	"fmt"
	"syscall"
	"unsafe"

	"github.com/apache/arrow-go/v18/arrow"
	"github.com/apache/arrow-go/v18/arrow/array"
	"github.com/apache/arrow-go/v18/arrow/cdata"

	libresult "github.com/libresult/libresult/bindings/go"
	"github.com/libresult/libresult/bindings/go/internal/export"
)

// Records returns the reports of frame as record batches of as many rows as setting "batch_rows" of
// [libresult.Run.ReadFrame] said. They share the memory of the frame, and may outlive it: it goes
// when the frame is closed and all are released, as always in Arrow for Go.
//
// A column of JSON is one of strings, whose field has the metadata "libresult.type": "json".
func Records(frame *libresult.Frame) (array.RecordReader, error) {
	stream := new(C.struct_ArrowArrayStream)
	if err := export.Stream(frame, unsafe.Pointer(stream)); err != nil {
		return nil, err
	}
	defer C.libresult_go_stream_release(stream)

	schema, err := readSchema(stream)
	if err != nil {
		return nil, err
	}
	// As they lie in memory already, the batches cost little, and the stream need not wait for the
	// garbage collector, as that of cdata.ImportCRecordReader would.
	batches, err := readBatches(stream, schema)
	defer func() {
		for _, batch := range batches {
			batch.Release()
		}
	}()
	if err != nil {
		return nil, err
	}
	return array.NewRecordReader(schema, batches)
}

func readSchema(stream *C.struct_ArrowArrayStream) (*arrow.Schema, error) {
	schema := new(cdata.CArrowSchema)
	if code := C.libresult_go_stream_schema(stream, unsafe.Pointer(schema)); code != 0 {
		return nil, streamError(stream, code)
	}
	return cdata.ImportCArrowSchema(schema)
}

// readBatches reads to the end of stream. On failure too, the caller releases what it returns.
func readBatches(stream *C.struct_ArrowArrayStream, schema *arrow.Schema) (batches []arrow.RecordBatch, err error) {
	for {
		read, isEnd := new(cdata.CArrowArray), C.bool(false)
		if code := C.libresult_go_stream_next(stream, unsafe.Pointer(read), &isEnd); code != 0 {
			return batches, streamError(stream, code)
		}
		if isEnd {
			return batches, nil
		}
		batch, err := cdata.ImportCRecordBatchWithSchema(read, schema)
		if err != nil {
			cdata.ReleaseCArrowArray(read)
			return batches, err
		}
		batches = append(batches, batch)
	}
}

func streamError(stream *C.struct_ArrowArrayStream, code C.int) error {
	return fmt.Errorf("libresult: %w: %s", syscall.Errno(code), C.GoString(C.libresult_go_stream_error(stream)))
}
