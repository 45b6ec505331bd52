package libresult

// #include <libresult.h>
import "C"

import (
	"runtime"
	"unsafe"
)

// Setting is an option of a call, such as {Key: "ties", Value: "latest"}. The README of libresult
// lists them, and docs/storage.md those of stores. A key that the call does not know is an [ErrInvalidArgument] that names the nearest.
type Setting struct {
	Key   string
	Value string
}

// cSettings lays settings out for C, in memory of Go that pinner holds in place.
func cSettings(settings []Setting, pinner *runtime.Pinner) (*C.libresult_setting, C.size_t, error) {
	laid := make([]C.libresult_setting, len(settings))
	for i, setting := range settings {
		key, err := cString("the key of a setting", setting.Key)
		if err != nil {
			return nil, 0, err
		}
		value, err := cString("setting "+setting.Key, setting.Value)
		if err != nil {
			return nil, 0, err
		}
		pinner.Pin(key)
		pinner.Pin(value)
		laid[i] = C.libresult_setting{key: key, value: value}
	}
	return unsafe.SliceData(laid), C.size_t(len(laid)), nil
}
