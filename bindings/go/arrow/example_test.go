package arrow_test

import (
	"context"
	"fmt"
	"log"

	"github.com/apache/arrow-go/v18/arrow/array"

	libresult "github.com/libresult/libresult/bindings/go"
	"github.com/libresult/libresult/bindings/go/arrow"
)

// Goes through the reports of a run in batches that share the memory of the library.
func ExampleRecords() {
	ctx := context.Background()
	run, err := libresult.Open(ctx, "../../../tests/corpus/r260v1-late/run")
	if err != nil {
		log.Fatal(err)
	}
	frame, err := run.ReadFrame(ctx, libresult.Setting{Key: "batch_rows", Value: "5"})
	if err != nil {
		log.Fatal(err)
	}
	defer frame.Close()
	reader, err := arrow.Records(frame)
	if err != nil {
		log.Fatal(err)
	}
	defer reader.Release()
	for reader.Next() {
		loss := reader.RecordBatch().Column(0).(*array.Float64)
		fmt.Printf("%d rows, loss from %v\n", loss.Len(), loss.Value(0))
	}
	// Output:
	// 5 rows, loss from 1
	// 3 rows, loss from 0.16666666666666666
}
