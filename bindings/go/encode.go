package libresult

import (
	"bytes"
	"encoding/json"
	"fmt"
	"maps"
	"math"
	"slices"
	"strconv"
	"strings"
)

// encodeMetadata writes value as the JSON of a metadata file. Numbers stay what they are, so that
// metadata that was read is written back unchanged: encoding/json would make 3.0 an integer, and
// refuses NaN, which Python writes and reads. Whatever is none of the types that libresult returns
// is left to encoding/json.
func encodeMetadata(value any) (string, error) {
	text, err := appendJSON(nil, value)
	if err != nil {
		message := fmt.Sprintf("the metadata cannot be written as JSON: %v", err)
		return "", &Error{Code: ErrInvalidArgument, Message: message, causes: []error{err}}
	}
	return string(text), nil
}

func appendJSON(text []byte, value any) (_ []byte, err error) {
	switch value := value.(type) {
	case float64:
		return appendFloat(text, value), nil
	case []any:
		text = append(text, '[')
		for i, element := range value {
			if i > 0 {
				text = append(text, ", "...)
			}
			if text, err = appendJSON(text, element); err != nil {
				return nil, err
			}
		}
		return append(text, ']'), nil
	case map[string]any:
		text = append(text, '{')
		for i, key := range slices.Sorted(maps.Keys(value)) {
			if i > 0 {
				text = append(text, ", "...)
			}
			if text, err = appendOther(text, key); err != nil {
				return nil, err
			}
			text = append(text, ": "...)
			if text, err = appendJSON(text, value[key]); err != nil {
				return nil, err
			}
		}
		return append(text, '}'), nil
	}
	return appendOther(text, value)
}

// appendFloat appends a number that reads back as the same float, as Python would write it.
func appendFloat(text []byte, number float64) []byte {
	switch {
	case math.IsNaN(number):
		return append(text, "NaN"...)
	case math.IsInf(number, 1):
		return append(text, "Infinity"...)
	case math.IsInf(number, -1):
		return append(text, "-Infinity"...)
	}
	digits := strconv.FormatFloat(number, 'g', -1, 64)
	if !strings.ContainsAny(digits, ".e") {
		digits += ".0"
	}
	return append(text, digits...)
}

// appendOther appends what encoding/json makes of value, without the escapes that only HTML needs.
func appendOther(text []byte, value any) ([]byte, error) {
	var encoded bytes.Buffer
	encoder := json.NewEncoder(&encoded)
	encoder.SetEscapeHTML(false)
	if err := encoder.Encode(value); err != nil {
		return nil, err
	}
	return append(text, bytes.TrimRight(encoded.Bytes(), "\n")...), nil
}
