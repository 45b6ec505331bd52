package libresult

// #include <libresult.h>
import "C"

import (
	"strings"
	"unsafe"
)

// goString copies a string that C lends.
func goString(text C.libresult_str) string {
	return string(unsafe.Slice((*byte)(unsafe.Pointer(text.data)), text.len))
}

// takeString copies a text that C gave away, and frees it.
func takeString(text *C.libresult_text) string {
	defer C.libresult_text_free(text)
	return goString(C.libresult_text_str(text))
}

// cString ends text with NUL, as C wants it. The memory is Go's, so nobody frees it. C would take
// a NUL inside for the end, and answer another question than the one asked: that is an error, which
// calls the text by name and does not show it, as it may hold credentials.
func cString(name, text string) (*C.char, error) {
	if strings.IndexByte(text, 0) >= 0 {
		return nil, &Error{Code: ErrInvalidArgument, Message: name + " holds a NUL byte"}
	}
	return (*C.char)(unsafe.Pointer(unsafe.SliceData(append([]byte(text), 0)))), nil
}
