package libresult

// #include <libresult.h>
import "C"

import (
	"fmt"
	"strings"
)

// Code is the kind of failure of an [Error]. It is an error itself, for [errors.Is].
type Code C.libresult_code

const (
	// ErrInvalidArgument means that an argument is out of range or names nothing: a bug in the
	// caller.
	ErrInvalidArgument Code = C.LIBRESULT_CODE_INVALID_ARGUMENT
	// ErrNotFound means that there is no run, no checkpoint, or none that the question is about.
	ErrNotFound Code = C.LIBRESULT_CODE_NOT_FOUND
	// ErrIO means that storage could not be read or written.
	ErrIO Code = C.LIBRESULT_CODE_IO
	// ErrCorrupt means that a file of the run does not parse.
	ErrCorrupt Code = C.LIBRESULT_CODE_CORRUPT
	// ErrCanceled means that the context was done before the call was.
	ErrCanceled Code = C.LIBRESULT_CODE_CANCELLED
	// ErrInternal means a bug in libresult.
	ErrInternal Code = C.LIBRESULT_CODE_INTERNAL
	// ErrPermission means that the store refused: no credentials, or not the right ones.
	ErrPermission Code = C.LIBRESULT_CODE_PERMISSION
	// ErrUnsupported means that the store cannot do this, or the C library was built without it.
	ErrUnsupported Code = C.LIBRESULT_CODE_UNSUPPORTED
)

// String returns the name of the code in C, such as "not_found" or "cancelled".
func (c Code) String() string {
	switch c {
	case ErrInvalidArgument:
		return "invalid_argument"
	case ErrNotFound:
		return "not_found"
	case ErrIO:
		return "io"
	case ErrCorrupt:
		return "corrupt"
	case ErrCanceled:
		return "cancelled"
	case ErrInternal:
		return "internal"
	case ErrPermission:
		return "permission"
	case ErrUnsupported:
		return "unsupported"
	}
	return fmt.Sprintf("Code(%d)", uint32(c))
}

// Error returns the name in words, such as "libresult: not found". The errors that calls return say
// more: they are of type [*Error].
func (c Code) Error() string {
	return "libresult: " + strings.ReplaceAll(c.String(), "_", " ")
}

// Error is why a call failed.
type Error struct {
	// Code is the kind of failure, which [errors.Is] finds.
	Code Code
	// Message is one sentence that names the file or the argument at fault.
	Message string

	causes []error
}

// Error returns the message, after "libresult: ".
func (e *Error) Error() string {
	return "libresult: " + e.Message
}

// Unwrap returns the code, and if there are any, the errors of Go that made the call fail.
func (e *Error) Unwrap() []error {
	return append([]error{e.Code}, e.causes...)
}

// takeError copies an error that C gave away, and frees it. NULL is success.
func takeError(failure *C.libresult_error) error {
	if failure == nil {
		return nil
	}
	defer C.libresult_error_free(failure)
	return &Error{
		Code:    Code(C.libresult_error_code(failure)),
		Message: goString(C.libresult_error_message(failure)),
	}
}
