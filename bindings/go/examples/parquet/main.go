// Command parquet writes every report of a run into a Parquet file: parquet RUN FILE
package main

import (
	"context"
	"log"
	"os"

	libresult "github.com/libresult/libresult/bindings/go"
)

func main() {
	ctx := context.Background()
	run, err := libresult.Open(ctx, os.Args[1])
	if err != nil {
		log.Fatal(err)
	}
	if err := run.WriteParquet(ctx, os.Args[2]); err != nil {
		log.Fatal(err)
	}
}
