package libresult

// #include <libresult.h>
import "C"

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"runtime/cgo"
	"strings"
	"syscall"
	"unsafe"
)

// What C calls of a store, by way of store.h.

//export libresult_go_store_list
func libresult_go_store_list(store C.uintptr_t, path *C.char, into *C.libresult_listing) *C.libresult_error {
	return giveError(func() error {
		entries, err := cgo.Handle(store).Value().(Store).List(C.GoString(path))
		if err != nil {
			return err
		}
		for _, entry := range entries {
			name, err := cString("", entry.Name)
			if err != nil {
				return fmt.Errorf("the store lists an entry called %q", entry.Name)
			}
			C.libresult_listing_add(into, name, C.uint64_t(max(entry.Size, 0)), C.bool(entry.IsDir))
		}
		return nil
	})
}

//export libresult_go_store_read
func libresult_go_store_read(
	store C.uintptr_t, path *C.char, offset C.uint64_t, into unsafe.Pointer, len C.size_t, out *C.size_t,
) *C.libresult_error {
	return giveError(func() error {
		p := unsafe.Slice((*byte)(into), len)
		n, err := cgo.Handle(store).Value().(Store).ReadAt(C.GoString(path), p, int64(offset))
		if err != nil && !errors.Is(err, io.EOF) {
			return err
		}
		*out = C.size_t(n)
		return nil
	})
}

//export libresult_go_store_write
func libresult_go_store_write(
	store C.uintptr_t, path *C.char, data unsafe.Pointer, len C.size_t,
) *C.libresult_error {
	return giveError(func() error {
		return cgo.Handle(store).Value().(StoreWriter).Write(C.GoString(path), unsafe.Slice((*byte)(data), len))
	})
}

//export libresult_go_store_destroy
func libresult_go_store_destroy(store C.uintptr_t) {
	cgo.Handle(store).Delete()
}

// giveError makes an error for C of what call returns or panics with: nothing may unwind through C.
func giveError(call func() error) (given *C.libresult_error) {
	defer func() {
		if reason := recover(); reason != nil {
			given = newError(fmt.Errorf("the store panicked: %v", reason))
		}
	}()
	return newError(call())
}

func newError(err error) *C.libresult_error {
	if err == nil {
		return nil
	}
	message := err.Error()
	if failure := new(Error); errors.As(err, &failure) && error(failure) == err {
		message = failure.Message
	}
	// C would take a NUL for the end.
	text, _ := cString("", strings.ReplaceAll(message, "\x00", "\uFFFD"))
	return C.libresult_error_new(C.libresult_code(codeOf(err)), text)
}

// codeOf is what an error of Go is called in C.
func codeOf(err error) Code {
	var code Code
	switch {
	case errors.As(err, &code):
		return code
	case errors.Is(err, fs.ErrNotExist), errors.Is(err, syscall.ENOTDIR):
		return ErrNotFound
	case errors.Is(err, fs.ErrPermission):
		return ErrPermission
	case errors.Is(err, errors.ErrUnsupported):
		return ErrUnsupported
	case errors.Is(err, context.Canceled), errors.Is(err, context.DeadlineExceeded):
		return ErrCanceled
	}
	return ErrIO
}
