// The Arrow C stream interface, and its callbacks as functions, for Go calls no pointers of C.

#ifndef LIBRESULT_GO_ARROW_STREAM_H
#define LIBRESULT_GO_ARROW_STREAM_H

#include <stdbool.h>
#include <stdint.h>

struct ArrowSchema;

struct ArrowArray {
  int64_t length;
  int64_t null_count;
  int64_t offset;
  int64_t n_buffers;
  int64_t n_children;
  const void **buffers;
  struct ArrowArray **children;
  struct ArrowArray *dictionary;
  void (*release)(struct ArrowArray *);
  void *private_data;
};

struct ArrowArrayStream {
  int (*get_schema)(struct ArrowArrayStream *, struct ArrowSchema *out);
  int (*get_next)(struct ArrowArrayStream *, struct ArrowArray *out);
  const char *(*get_last_error)(struct ArrowArrayStream *);
  void (*release)(struct ArrowArrayStream *);
  void *private_data;
};

// `out` is memory of Go, in which package cdata has types of its own for the same.
static int libresult_go_stream_schema(struct ArrowArrayStream *stream, void *out) {
  return stream->get_schema(stream, (struct ArrowSchema *)out);
}

static int libresult_go_stream_next(struct ArrowArrayStream *stream, void *out, bool *is_end) {
  struct ArrowArray *batch = (struct ArrowArray *)out;
  int code = stream->get_next(stream, batch);
  *is_end = code == 0 && !batch->release;
  return code;
}

static const char *libresult_go_stream_error(struct ArrowArrayStream *stream) {
  const char *message = stream->get_last_error(stream);
  return message ? message : "no reason given";
}

static void libresult_go_stream_release(struct ArrowArrayStream *stream) {
  if (stream->release) stream->release(stream);
}

#endif
