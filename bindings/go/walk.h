// The walker takes a value apart in one call from Go, where asking for each of its members would
// cross the boundary several times for each. It goes through the value breadth first, and the
// entries that it fills are also its list of what is still to do: an entry is appended with the
// value that it stands for, and when its turn comes, replaced by what that value is; the members
// of a list or an object go to the end, side by side. So it takes no recursion, no stack and no
// memory of its own, and its time grows with the number of values. The entries lie in memory of Go,
// which hands in the room it has: when the members of the next value do not fit, the walker returns
// how much room it needs, and goes on from there when it is called again.

#ifndef LIBRESULT_GO_WALK_H
#define LIBRESULT_GO_WALK_H

#include <libresult.h>
#include <string.h>

// What an entry is, and so which of its fields count.
typedef enum {
  LIBRESULT_GO_NULL,
  LIBRESULT_GO_BOOL,     // number: 0 or 1
  LIBRESULT_GO_INT64,    // number
  LIBRESULT_GO_UINT64,   // number
  LIBRESULT_GO_FLOAT,    // number: the bits of the double
  LIBRESULT_GO_BIG_INT,  // address: of a libresult_text with the digits, which Go frees
  LIBRESULT_GO_STRING,   // address: of the first byte, borrowed; len: the number of bytes
  LIBRESULT_GO_ARRAY,    // number: the place of the first element; len: the number of elements
  LIBRESULT_GO_OBJECT,   // number: the place of the first member; len: the number of members
} libresult_go_form;

// Addresses are integers here, so that Go's garbage collector need not look at them.
typedef struct {
  libresult_go_form form;
  uint64_t number;
  uintptr_t address;  // Until its turn comes: of the libresult_value that it stands for.
  size_t len;
  uintptr_t key;  // The first byte of the key that it has in its object, borrowed.
  size_t key_len;
} libresult_go_entry;

// Whether `text` is an integer, written as JSON does.
static bool libresult_go_is_integer(libresult_str text) {
  size_t sign = text.len > 0 && text.data[0] == '-';
  for (size_t i = sign; i < text.len; ++i) {
    if (text.data[i] < '0' || text.data[i] > '9') return false;
  }
  return text.len > sign;
}

// Fills in a number that is no 64-bit integer: a double, or an integer that no double holds.
static void libresult_go_walk_float(libresult_go_entry *entry, const libresult_value *value) {
  double number = 0;
  libresult_value_as_f64(value, &number);
  if (number >= 0x1p63 || number <= -0x1p63) {
    libresult_text *text = libresult_value_to_json(value);
    if (libresult_go_is_integer(libresult_text_str(text))) {
      entry->form = LIBRESULT_GO_BIG_INT;
      entry->address = (uintptr_t)text;
      return;
    }
    libresult_text_free(text);
  }
  entry->form = LIBRESULT_GO_FLOAT;
  memcpy(&entry->number, &number, sizeof number);
}

// Takes apart the entries from `*done` to `*used`, and those that it appends meanwhile. Returns 0
// if that is all of them, else how many entries it needs room for.
static size_t libresult_go_walk(libresult_go_entry *entries, size_t room, size_t *used,
                                size_t *done) {
  for (; *done < *used; ++*done) {
    libresult_go_entry *entry = &entries[*done];
    const libresult_value *value = (const libresult_value *)entry->address;
    libresult_kind kind = libresult_value_kind(value);
    switch (kind) {
      case LIBRESULT_KIND_NULL:
        entry->form = LIBRESULT_GO_NULL;
        break;
      case LIBRESULT_KIND_BOOL: {
        bool truth = false;
        libresult_value_as_bool(value, &truth);
        entry->form = LIBRESULT_GO_BOOL;
        entry->number = truth;
        break;
      }
      case LIBRESULT_KIND_INT: {
        int64_t number = 0;
        if (libresult_value_as_i64(value, &number)) {
          entry->form = LIBRESULT_GO_INT64;
          entry->number = (uint64_t)number;
        } else {
          entry->form = LIBRESULT_GO_UINT64;
          libresult_value_as_u64(value, &entry->number);
        }
        break;
      }
      case LIBRESULT_KIND_FLOAT:
        libresult_go_walk_float(entry, value);
        break;
      case LIBRESULT_KIND_STR: {
        libresult_str text = {"", 0};
        libresult_value_as_str(value, &text);
        entry->form = LIBRESULT_GO_STRING;
        entry->address = (uintptr_t)text.data;
        entry->len = text.len;
        break;
      }
      case LIBRESULT_KIND_ARRAY:
      case LIBRESULT_KIND_OBJECT: {
        size_t len = libresult_value_len(value);
        if (len > room - *used) return *used + len;
        entry->form = kind == LIBRESULT_KIND_OBJECT ? LIBRESULT_GO_OBJECT : LIBRESULT_GO_ARRAY;
        entry->number = *used;
        entry->len = len;
        for (size_t i = 0; i < len; ++i) {
          libresult_str key = libresult_value_key_at(value, i);
          libresult_go_entry member = {
              .address = (uintptr_t)libresult_value_at(value, i),
              .key = (uintptr_t)key.data,
              .key_len = key.len,
          };
          entries[(*used)++] = member;
        }
        break;
      }
    }
  }
  return 0;
}

#endif
