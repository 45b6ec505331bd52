// Package libresult opens what a Ray Train run left in its directory and answers, without Python
// and without Ray: which metrics, which checkpoint is best, what went wrong.
//
//	run, err := libresult.Open(ctx, "/results/llama-7b")
//	if errors.Is(err, libresult.ErrNotFound) {
//		return startFresh()
//	}
//	best, err := run.BestCheckpoint("eval/loss", libresult.Min)
//
// It is a thin layer over the C library of the same name, which pkg-config must find.
//
// # Values
//
// Metrics, configurations and metadata are copied to plain Go values. Numbers keep what the file
// says: 3 is an integer, 3.0 is not.
//
//	null                              nil
//	true, false                       bool
//	an integer that fits int64        int64
//	else one that fits uint64         uint64
//	any larger or smaller integer     *big.Int
//	any other number, NaN, ±infinity  float64
//	a string                          string
//	a list                            []any
//	an object                         map[string]any
//
// The reports of a run come as columns, of types that [Frame] tells. Module
// github.com/libresult/libresult/bindings/go/arrow hands them to Apache Arrow for Go without a copy.
//
// Each call copies anew, so what it returns is the caller's to keep and to change. [Run.Metric] and
// [Checkpoint.Metric] copy one metric and no more.
//
// # Errors
//
// Every error that comes from the library is an [*Error]. Use [errors.Is] with a [Code], such as
// [ErrNotFound]. What is absent from a run is no error: it is nil, or false as a second result, and
// where the directory may not record it, a [Presence] tells absent from unknown.
//
// # Contexts
//
// What does I/O takes a context. When it is done, the call stops and returns an error that is
// [ErrCanceled], the context's own error, and the cause of its cancellation, all at once.
//
// # Concurrency and memory
//
// All types may be used by any number of goroutines at a time. Nothing needs to be closed: a run
// holds no open files, and its memory goes when the garbage collector finds it unused. A [Checkpoint]
// and a [Frame] may outlive their run. A frame may be large, and a [Directory] takes room on the disk,
// so they can be closed at once: [Frame.Close], [Directory.Close].
package libresult
