package libresult

// #include "walk.h"
import "C"

import (
	"math"
	"math/big"
	"slices"
	"unsafe"
)

// copyValue copies value to plain Go; NULL becomes nil. The caller keeps alive what lends it.
func copyValue(value *C.libresult_value) any {
	entries := walk(value)
	values := make([]any, len(entries))
	// The members of a value stand behind it, so from the end they are always there already.
	for i := range slices.Backward(entries) {
		entry := &entries[i]
		switch entry.form {
		case C.LIBRESULT_GO_NULL:
		case C.LIBRESULT_GO_BOOL:
			values[i] = entry.number != 0
		case C.LIBRESULT_GO_INT64:
			values[i] = int64(entry.number)
		case C.LIBRESULT_GO_UINT64:
			values[i] = uint64(entry.number)
		case C.LIBRESULT_GO_FLOAT:
			values[i] = math.Float64frombits(uint64(entry.number))
		case C.LIBRESULT_GO_BIG_INT:
			digits := takeString(*at[*C.libresult_text](&entry.address))
			values[i], _ = new(big.Int).SetString(digits, 10)
		case C.LIBRESULT_GO_STRING:
			values[i] = copyBytes(&entry.address, entry.len)
		case C.LIBRESULT_GO_ARRAY:
			elements := make([]any, entry.len)
			copy(elements, values[entry.number:])
			values[i] = elements
		case C.LIBRESULT_GO_OBJECT:
			members := make(map[string]any, entry.len)
			first := int(entry.number)
			for j := first; j < first+int(entry.len); j++ {
				members[copyBytes(&entries[j].key, entries[j].key_len)] = values[j]
			}
			values[i] = members
		}
	}
	return values[0]
}

// copyObject is copyValue for what is an object or NULL, which becomes nil.
func copyObject(value *C.libresult_value) map[string]any {
	object, _ := copyValue(value).(map[string]any)
	return object
}

// walk takes value apart; walk.h says how the entries lie.
func walk(value *C.libresult_value) []C.libresult_go_entry {
	const few = 16 // A single metric should not take much.
	entries := make([]C.libresult_go_entry, few)
	entries[0].address = C.uintptr_t(uintptr(unsafe.Pointer(value)))
	used, done := C.size_t(1), C.size_t(0)
	for {
		need := int(C.libresult_go_walk(&entries[0], C.size_t(len(entries)), &used, &done))
		if need == 0 {
			return entries[:used]
		}
		grown := make([]C.libresult_go_entry, max(need, 2*len(entries)))
		copy(grown, entries[:used])
		entries = grown
	}
}

// at sees an address that an entry holds as an integer as the pointer that it is.
func at[T any](address *C.uintptr_t) *T {
	return (*T)(unsafe.Pointer(address))
}

// copyBytes copies the len bytes at address.
func copyBytes(address *C.uintptr_t, len C.size_t) string {
	return string(unsafe.Slice(*at[*byte](address), len))
}
