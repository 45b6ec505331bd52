// Prints the version of the library and the checkpoint of a run with the least loss.
package main

import (
	"context"
	"fmt"
	"log"
	"os"

	libresult "github.com/libresult/libresult/bindings/go"
)

func main() {
	run, err := libresult.Open(context.Background(), os.Args[1])
	if err != nil {
		log.Fatal(err)
	}
	best, err := run.BestCheckpoint("loss", libresult.Min)
	if err != nil {
		log.Fatal(err)
	}
	fmt.Println(libresult.Version(), best.Name())
}
