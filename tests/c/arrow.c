// Reads frames as a C program does that has nanoarrow: checks each batch of the Arrow stream in full, and prints it.
//
// Standard input holds fields that each end with a NUL byte: the path of a run, and how many rows a batch has. For each run it
// prints one line of JSON: {"rows", "columns": [[name, format]], "cells"}, with the first and last five rows and 200
// columns. A double that is not finite is {"$f": "nan"}, "inf" or "-inf".

#include <nanoarrow/nanoarrow.h>

#include <libresult.h>

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { SHOWN_ROWS = 5, SHOWN_COLUMNS = 200, LONGEST_FIELD = 65536 };

static struct ArrowError error;

static void check(bool is_good, const char *what) {
  if (is_good) return;
  fprintf(stderr, "%s: %s\n", what, error.message);
  exit(1);
}

static void must(libresult_error *failure) {
  if (!failure) return;
  libresult_str message = libresult_error_message(failure);
  fprintf(stderr, "%.*s\n", (int)message.len, message.data);
  exit(1);
}

static void print_text(const char *data, int64_t size) {
  putchar('"');
  for (int64_t i = 0; i < size; i++) {
    unsigned char byte = (unsigned char)data[i];
    if (byte < 0x20 || byte == '"' || byte == '\\') {
      printf("\\u%04x", byte);
    } else {
      putchar(byte);
    }
  }
  putchar('"');
}

static void print_string(const char *text) {
  print_text(text, (int64_t)strlen(text));
}

static void print_double(double number) {
  if (!isfinite(number)) {
    printf("{\"$f\": \"%s\"}", isnan(number) ? "nan" : number > 0 ? "inf" : "-inf");
    return;
  }
  char digits[40];
  snprintf(digits, sizeof digits, "%.17g", number);
  printf("%s%s", digits, strpbrk(digits, ".e") ? "" : ".0");
}

static void print_cell(const struct ArrowArrayView *column, int64_t row) {
  if (ArrowArrayViewIsNull(column, row)) {
    fputs("null", stdout);
    return;
  }
  if (column->storage_type == NANOARROW_TYPE_BOOL) {
    fputs(ArrowArrayViewGetIntUnsafe(column, row) ? "true" : "false", stdout);
  } else if (column->storage_type == NANOARROW_TYPE_INT64) {
    printf("%lld", (long long)ArrowArrayViewGetIntUnsafe(column, row));
  } else if (column->storage_type == NANOARROW_TYPE_UINT64) {
    printf("%llu", (unsigned long long)ArrowArrayViewGetUIntUnsafe(column, row));
  } else if (column->storage_type == NANOARROW_TYPE_DOUBLE) {
    print_double(ArrowArrayViewGetDoubleUnsafe(column, row));
  } else {
    struct ArrowStringView text = ArrowArrayViewGetStringUnsafe(column, row);
    print_text(text.data, text.size_bytes);
  }
}

static void print_columns(const struct ArrowSchema *schema) {
  fputs("\"columns\": [", stdout);
  for (int64_t i = 0; i < schema->n_children; i++) {
    fputs(i > 0 ? ", [" : "[", stdout);
    print_string(schema->children[i]->name);
    fputs(", ", stdout);
    print_string(schema->children[i]->format);
    putchar(']');
  }
  fputs("], \"cells\": [", stdout);
}

// Prints the rows of a batch that are to be shown; `first` is the number of its first row.
static void print_rows(const struct ArrowArrayView *batch, int64_t first, int64_t rows) {
  for (int64_t row = 0; row < batch->length; row++) {
    int64_t number = first + row;
    if (number >= SHOWN_ROWS && number + SHOWN_ROWS < rows) continue;
    fputs(number > 0 ? ", [" : "[", stdout);
    for (int64_t i = 0; i < batch->n_children && i < SHOWN_COLUMNS; i++) {
      if (i > 0) fputs(", ", stdout);
      print_cell(batch->children[i], row);
    }
    putchar(']');
  }
}

static void print_frame(const libresult_frame *frame) {
  int64_t rows = (int64_t)libresult_frame_row_count(frame);
  struct ArrowArrayStream stream;
  must(libresult_frame_export(frame, &stream));
  struct ArrowSchema schema;
  check(ArrowArrayStreamGetSchema(&stream, &schema, &error) == NANOARROW_OK, "the schema");
  printf("{\"rows\": %lld, ", (long long)rows);
  print_columns(&schema);
  struct ArrowArrayView view;
  check(ArrowArrayViewInitFromSchema(&view, &schema, &error) == NANOARROW_OK, "a view");
  int64_t seen = 0;
  for (;;) {
    struct ArrowArray batch;
    check(ArrowArrayStreamGetNext(&stream, &batch, &error) == NANOARROW_OK, "the next batch");
    if (!batch.release) break;
    check(ArrowArrayViewSetArray(&view, &batch, &error) == NANOARROW_OK, "a batch");
    check(ArrowArrayViewValidate(&view, NANOARROW_VALIDATION_LEVEL_FULL, &error) == NANOARROW_OK, "a batch");
    print_rows(&view, seen, rows);
    seen += batch.length;
    ArrowArrayRelease(&batch);
  }
  puts("]}");
  snprintf(error.message, sizeof error.message, "%lld of %lld", (long long)seen, (long long)rows);
  check(seen == rows, "rows in batches");
  ArrowArrayViewReset(&view);
  ArrowSchemaRelease(&schema);
  ArrowArrayStreamRelease(&stream);
}

// The next field, until the next call of it with the same buffer.
static bool next_field(char field[LONGEST_FIELD]) {
  int byte, length = 0;
  while ((byte = getchar()) != EOF && length < LONGEST_FIELD) {
    field[length++] = (char)byte;
    if (byte == 0) return true;
  }
  return false;
}

int main(void) {
  static char path[LONGEST_FIELD], batch_rows[LONGEST_FIELD];
  while (next_field(path) && next_field(batch_rows)) {
    libresult_run *run = NULL;
    must(libresult_run_open(path, NULL, 0, NULL, &run));
    libresult_setting settings[] = {{"batch_rows", batch_rows}};
    libresult_frame *frame = NULL;
    must(libresult_run_read_frame(run, settings, 1, NULL, &frame));
    // A frame needs no run, and a stream no frame; this one is exported before.
    libresult_run_free(run);
    print_frame(frame);
    libresult_frame_free(frame);
  }
  return 0;
}
