package libresult

// #include "transfer.h"
import "C"

import (
	"context"
	"runtime/cgo"
)

type progressKey struct{}

// WithProgress returns a context for calls that take long: [Checkpoint.Download], [Checkpoint.OpenDirectory],
// [Run.WriteParquet] and [Run.WriteCSV]. tell is called with the bytes that are done, and of how many (0
// while that is unknown), on the goroutine of the call.
// To stop the call, cancel the context. A panic of tell passes through the call.
func WithProgress(ctx context.Context, tell func(done, total uint64)) context.Context {
	return context.WithValue(ctx, progressKey{}, tell)
}

// told is a progress function on its way through C, and what it panicked with there.
type told struct {
	tell     func(done, total uint64)
	panicked bool
	value    any
}

// telling makes a call to C with a handle for the progress function of ctx; 0 if there is none.
func telling(ctx context.Context, call func(handle C.uintptr_t) error) error {
	tell, _ := ctx.Value(progressKey{}).(func(done, total uint64))
	if tell == nil {
		return call(0)
	}
	told := &told{tell: tell}
	handle := cgo.NewHandle(told)
	defer handle.Delete()
	err := call(C.uintptr_t(handle))
	if told.panicked {
		panic(told.value)
	}
	return err
}

//export libresult_go_tell
func libresult_go_tell(handle C.uintptr_t, done, total C.uint64_t) (goesOn C.bool) {
	told := cgo.Handle(handle).Value().(*told)
	// C could not be unwound.
	defer func() {
		if !goesOn {
			told.panicked, told.value = true, recover()
		}
	}()
	told.tell(uint64(done), uint64(total))
	return true
}
