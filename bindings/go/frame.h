// Copies whole columns of a frame into memory of Go, each in one call from Go, where asking for each
// value would cross the boundary once for each.

#ifndef LIBRESULT_GO_FRAME_H
#define LIBRESULT_GO_FRAME_H

#include <libresult.h>
#include <string.h>

// What became of a request for a column.
typedef struct {
  bool is_there;
  bool is_copied;  // It is there, and of a type that was asked for.
  size_t index;
  libresult_column_type type;
} libresult_go_column;

// A string that the frame lends. Addresses are integers here, as in walk.h.
typedef struct {
  uintptr_t address;
  size_t len;
} libresult_go_string;

// The name and the type of a column.
typedef struct {
  libresult_go_string name;
  libresult_column_type type;
} libresult_go_heading;

static libresult_go_string libresult_go_string_of(libresult_str text) {
  libresult_go_string string = {.address = (uintptr_t)text.data, .len = text.len};
  return string;
}

// Fills `headings`, one for each of the columns of `frame`.
static void libresult_go_headings(const libresult_frame *frame, libresult_go_heading *headings) {
  size_t count = libresult_frame_column_count(frame);
  for (size_t i = 0; i < count; ++i) {
    headings[i].name = libresult_go_string_of(libresult_frame_column_name(frame, i));
    headings[i].type = libresult_frame_column_type(frame, i);
  }
}

static libresult_go_column libresult_go_find_column(const libresult_frame *frame,
                                                    const char *name) {
  libresult_go_column column = {0};
  column.is_there = libresult_frame_find_column(frame, name, &column.index);
  if (column.is_there) column.type = libresult_frame_column_type(frame, column.index);
  return column;
}

// The functions below fill arrays with an element for each row: the values, 0 or empty where they are
// null, and whether they are not.

static void libresult_go_validity(const libresult_frame *frame, size_t index, bool *valid) {
  size_t rows = libresult_frame_row_count(frame);
  const uint8_t *bits = libresult_frame_validity(frame, index);
  for (size_t row = 0; row < rows; ++row) {
    valid[row] = !bits || (bits[row / 8] >> row % 8 & 1);
  }
}

static libresult_go_column libresult_go_copy_validity(const libresult_frame *frame,
                                                      const char *name, bool *valid) {
  libresult_go_column column = libresult_go_find_column(frame, name);
  column.is_copied = column.is_there;
  if (column.is_there) libresult_go_validity(frame, column.index, valid);
  return column;
}

static libresult_go_column libresult_go_copy_float64(const libresult_frame *frame,
                                                     const char *name, double *values) {
  libresult_go_column column = libresult_go_find_column(frame, name);
  size_t rows = libresult_frame_row_count(frame);
  column.is_copied =
      column.is_there && libresult_frame_copy_float64(frame, column.index, values, rows);
  return column;
}

static libresult_go_column libresult_go_copy_int64(const libresult_frame *frame, const char *name,
                                                   int64_t *values, bool *valid) {
  libresult_go_column column = libresult_go_find_column(frame, name);
  column.is_copied = column.is_there && column.type == LIBRESULT_COLUMN_TYPE_INT64;
  if (!column.is_copied) return column;
  size_t rows = libresult_frame_row_count(frame);
  const int64_t *lent = libresult_frame_int64(frame, column.index);
  libresult_go_validity(frame, column.index, valid);
  for (size_t row = 0; row < rows; ++row) values[row] = valid[row] ? lent[row] : 0;
  return column;
}

static libresult_go_column libresult_go_copy_uint64(const libresult_frame *frame, const char *name,
                                                    uint64_t *values, bool *valid) {
  libresult_go_column column = libresult_go_find_column(frame, name);
  column.is_copied = column.is_there && column.type == LIBRESULT_COLUMN_TYPE_UINT64;
  if (!column.is_copied) return column;
  size_t rows = libresult_frame_row_count(frame);
  const uint64_t *lent = libresult_frame_uint64(frame, column.index);
  libresult_go_validity(frame, column.index, valid);
  for (size_t row = 0; row < rows; ++row) values[row] = valid[row] ? lent[row] : 0;
  return column;
}

static libresult_go_column libresult_go_copy_bool(const libresult_frame *frame, const char *name,
                                                  bool *values, bool *valid) {
  libresult_go_column column = libresult_go_find_column(frame, name);
  column.is_copied = column.is_there && column.type == LIBRESULT_COLUMN_TYPE_BOOL;
  if (!column.is_copied) return column;
  size_t rows = libresult_frame_row_count(frame);
  libresult_go_validity(frame, column.index, valid);
  for (size_t row = 0; row < rows; ++row) {
    values[row] = libresult_frame_bool(frame, column.index, row);
  }
  return column;
}

// Lends the strings, or the texts of JSON, for Go to copy.
static libresult_go_column libresult_go_lend_strings(const libresult_frame *frame,
                                                     const char *name,
                                                     libresult_go_string *strings, bool *valid) {
  libresult_go_column column = libresult_go_find_column(frame, name);
  column.is_copied = column.is_there && (column.type == LIBRESULT_COLUMN_TYPE_STRING ||
                                         column.type == LIBRESULT_COLUMN_TYPE_JSON);
  if (!column.is_copied) return column;
  size_t rows = libresult_frame_row_count(frame);
  libresult_go_validity(frame, column.index, valid);
  for (size_t row = 0; row < rows; ++row) {
    strings[row] = libresult_go_string_of(libresult_frame_string(frame, column.index, row));
  }
  return column;
}

// Takes the stream as what Go can point to: to Go, the struct that the header only names is no memory.
static libresult_error *libresult_go_export(const libresult_frame *frame, void *out) {
  return libresult_frame_export(frame, (struct ArrowArrayStream *)out);
}

#endif
