package libresult

// #cgo pkg-config: libresult
// #include <libresult.h>
import "C"

// Version returns the version of the C library in use, such as "0.1.0".
func Version() string {
	return goString(C.libresult_version())
}

// Supports tells whether the C library was built with feature: "s3", "gs", "abfs", "http", "arrow"
// or "parquet".
func Supports(feature string) bool {
	text, err := cString("feature", feature)
	return err == nil && bool(C.libresult_supports(text))
}
