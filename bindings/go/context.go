package libresult

// #include <libresult.h>
import "C"

import (
	"context"
	"errors"
)

// stoppable makes a call to C that does I/O, and stops it when ctx is done.
func stoppable(ctx context.Context, call func(cancel *C.libresult_cancel) *C.libresult_error) error {
	// A short call could end before a context that is already done stops it.
	if ctx.Err() != nil {
		return canceled(ctx, "not begun: "+context.Cause(ctx).Error())
	}
	if ctx.Done() == nil {
		return takeError(call(nil))
	}

	cancel := C.libresult_cancel_new()
	triggered := make(chan struct{})
	stop := context.AfterFunc(ctx, func() {
		defer close(triggered)
		C.libresult_cancel_trigger(cancel)
	})
	err := takeError(call(cancel))
	if !stop() {
		<-triggered // It may still be using the token.
	}
	C.libresult_cancel_free(cancel)

	if failure := new(Error); errors.As(err, &failure) && failure.Code == ErrCanceled {
		message := failure.Message
		if cause := context.Cause(ctx); cause != nil {
			message += ": " + cause.Error()
		}
		return canceled(ctx, message)
	}
	return err
}

// canceled is the error of a call that ctx stopped.
func canceled(ctx context.Context, message string) error {
	return &Error{Code: ErrCanceled, Message: message, causes: []error{ctx.Err(), context.Cause(ctx)}}
}
