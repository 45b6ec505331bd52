// Package export lets the module for Arrow have what the public package does not offer, as package
// unsafe would show there.
package export

import "unsafe"

// Stream writes frame, a *libresult.Frame, to out, a struct ArrowArrayStream of C. Package libresult
// sets it.
var Stream func(frame any, out unsafe.Pointer) error
