// Command resume says where a training run goes on: it prints the URI of the checkpoint to resume
// from, or that the run starts fresh.
package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"time"

	libresult "github.com/libresult/libresult/bindings/go"
)

func main() {
	if len(os.Args) != 2 {
		fmt.Fprintln(os.Stderr, "usage: resume RUN")
		os.Exit(2)
	}
	ctx, cancel := context.WithTimeout(context.Background(), 30*time.Second)
	defer cancel()
	if err := resume(ctx, os.Args[1]); err != nil {
		fmt.Fprintln(os.Stderr, "resume:", err)
		os.Exit(1)
	}
}

func resume(ctx context.Context, uri string) error {
	run, err := libresult.Open(ctx, uri)
	if errors.Is(err, libresult.ErrNotFound) {
		fmt.Println("starts fresh: there is no run yet")
		return nil
	}
	if err != nil {
		// Anything else may hide checkpoints, and to start fresh would throw them away.
		return err
	}
	checkpoint := run.ResumeCheckpoint()
	if checkpoint == nil {
		fmt.Println("starts fresh: the run has no checkpoint that can be used")
		return nil
	}
	fmt.Println("resumes from", checkpoint.URI())
	return nil
}
