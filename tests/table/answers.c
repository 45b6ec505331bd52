// Prints every answer about the runs that standard input names, through the C API, value by value.
// README.md beside this file says what it reads and what it prints.

#include <libresult.h>

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

// ---- JSON out ----------------------------------------------------------------------------------

// Whether the next thing needs no comma: it comes first in its array or object, or after its key.
static bool fresh = true;

static void separate(void) {
  if (!fresh) fputs(", ", stdout);
  fresh = false;
}

static void begin(char bracket) {
  separate();
  putchar(bracket);
  fresh = true;
}

static void end(char bracket) {
  putchar(bracket);
  fresh = false;
}

static void raw(const char *text) {
  separate();
  fputs(text, stdout);
}

static void str(libresult_str text) {
  separate();
  putchar('"');
  for (size_t i = 0; i < text.len; i++) {
    unsigned char byte = (unsigned char)text.data[i];
    if (byte == '"' || byte == '\\') {
      printf("\\%c", byte);
    } else if (byte < 0x20) {
      printf("\\u%04x", byte);
    } else {
      putchar(byte);
    }
  }
  putchar('"');
}

static void literal(const char *text) {
  str((libresult_str){text, strlen(text)});
}

static void key(const char *name) {
  literal(name);
  fputs(": ", stdout);
  fresh = true;
}

static void boolean(bool value) {
  raw(value ? "true" : "false");
}

static void integer(uint64_t value) {
  separate();
  printf("%llu", (unsigned long long)value);
}

static void signed_integer(int64_t value) {
  separate();
  printf("%lld", (long long)value);
}

// ---- Names of enum values ----------------------------------------------------------------------

static void code(libresult_code value) {
  switch (value) {
    case LIBRESULT_CODE_OK: literal("ok"); return;
    case LIBRESULT_CODE_INVALID_ARGUMENT: literal("invalid_argument"); return;
    case LIBRESULT_CODE_NOT_FOUND: literal("not_found"); return;
    case LIBRESULT_CODE_IO: literal("io"); return;
    case LIBRESULT_CODE_CORRUPT: literal("corrupt"); return;
    case LIBRESULT_CODE_CANCELLED: literal("cancelled"); return;
    case LIBRESULT_CODE_INTERNAL: literal("internal"); return;
    case LIBRESULT_CODE_PERMISSION: literal("permission"); return;
    case LIBRESULT_CODE_UNSUPPORTED: literal("unsupported"); return;
  }
  literal("not a code");
}

static void layout(libresult_layout value) {
  switch (value) {
    case LIBRESULT_LAYOUT_UNKNOWN: literal("unknown"); return;
    case LIBRESULT_LAYOUT_TRAIN_V1: literal("train_v1"); return;
    case LIBRESULT_LAYOUT_TRAIN_V2: literal("train_v2"); return;
  }
  literal("not a layout");
}

static void presence(libresult_presence value) {
  switch (value) {
    case LIBRESULT_PRESENCE_UNKNOWN: literal("unknown"); return;
    case LIBRESULT_PRESENCE_ABSENT: literal("absent"); return;
    case LIBRESULT_PRESENCE_PRESENT: literal("present"); return;
  }
  literal("not a presence");
}

static void status(libresult_status value) {
  switch (value) {
    case LIBRESULT_STATUS_UNKNOWN: literal("unknown"); return;
    case LIBRESULT_STATUS_UNCOMMITTED: literal("uncommitted"); return;
    case LIBRESULT_STATUS_COMMITTED: literal("committed"); return;
    case LIBRESULT_STATUS_PENDING_VALIDATION: literal("pending_validation"); return;
    case LIBRESULT_STATUS_VALIDATED: literal("validated"); return;
    case LIBRESULT_STATUS_VALIDATION_FAILED: literal("validation_failed"); return;
    case LIBRESULT_STATUS_VALIDATION_TIMED_OUT: literal("validation_timed_out"); return;
  }
  literal("not a status");
}

static void mode(libresult_mode value) {
  switch (value) {
    case LIBRESULT_MODE_MIN: literal("min"); return;
    case LIBRESULT_MODE_MAX: literal("max"); return;
  }
  literal("not a mode");
}

static void skipped(libresult_skipped value) {
  switch (value) {
    case LIBRESULT_SKIPPED_MISSING: literal("missing"); return;
    case LIBRESULT_SKIPPED_NAN: literal("nan"); return;
    case LIBRESULT_SKIPPED_NON_NUMERIC: literal("non_numeric"); return;
    case LIBRESULT_SKIPPED_NOT_ON_DISK: literal("not_on_disk"); return;
  }
  literal("not a reason");
}

static void severity(libresult_severity value) {
  switch (value) {
    case LIBRESULT_SEVERITY_NOTE: literal("note"); return;
    case LIBRESULT_SEVERITY_DAMAGE: literal("damage"); return;
  }
  literal("not a severity");
}

static void column_type(libresult_column_type value) {
  switch (value) {
    case LIBRESULT_COLUMN_TYPE_NULL: literal("null"); return;
    case LIBRESULT_COLUMN_TYPE_BOOL: literal("bool"); return;
    case LIBRESULT_COLUMN_TYPE_INT64: literal("int64"); return;
    case LIBRESULT_COLUMN_TYPE_UINT64: literal("uint64"); return;
    case LIBRESULT_COLUMN_TYPE_FLOAT64: literal("float64"); return;
    case LIBRESULT_COLUMN_TYPE_STRING: literal("string"); return;
    case LIBRESULT_COLUMN_TYPE_JSON: literal("json"); return;
  }
  literal("not a type");
}

// ---- Values ------------------------------------------------------------------------------------

static void floating(double number) {
  char text[32];
  if (isnan(number)) {
    raw("{\"$f\": \"nan\"}");
  } else if (isinf(number)) {
    raw(number > 0 ? "{\"$f\": \"inf\"}" : "{\"$f\": \"-inf\"}");
  } else {
    snprintf(text, sizeof text, "%.17g", number);
    raw(text);
    if (!strpbrk(text, ".e")) fputs(".0", stdout);
  }
}

static void whole_number(const libresult_value *value) {
  int64_t small = 0;
  uint64_t large = 0;
  separate();
  if (libresult_value_as_i64(value, &small)) {
    printf("%lld", (long long)small);
  } else if (libresult_value_as_u64(value, &large)) {
    printf("%llu", (unsigned long long)large);
  } else {
    fputs("\"an integer of neither kind\"", stdout);
  }
}

// An integer beyond 64 bits is a FLOAT whose digits only its JSON has.
static void number(const libresult_value *value) {
  libresult_text *json = libresult_value_to_json(value);
  libresult_str digits = libresult_text_str(json);
  bool is_integer = digits.len > 0;
  for (size_t i = 0; i < digits.len; i++) {
    is_integer = is_integer && strchr("-0123456789", digits.data[i]);
  }
  double number = 0;
  if (!libresult_value_as_f64(value, &number)) {
    literal("a float that is no number");
  } else if (is_integer) {
    separate();
    fwrite(digits.data, 1, digits.len, stdout);
  } else {
    floating(number);
  }
  libresult_text_free(json);
}

static void any(const libresult_value *value);

static void array(const libresult_value *value) {
  begin('[');
  for (size_t i = 0; i < libresult_value_len(value); i++) any(libresult_value_at(value, i));
  end(']');
}

// Keys that start with `$` would look like the marks of this protocol, so their object is a list.
static void object(const libresult_value *value) {
  size_t len = libresult_value_len(value);
  bool pairs = false;
  for (size_t i = 0; i < len; i++) {
    libresult_str name = libresult_value_key_at(value, i);
    pairs = pairs || (name.len > 0 && name.data[0] == '$');
  }
  begin('{');
  if (pairs) {
    key("$pairs");
    begin('[');
  }
  for (size_t i = 0; i < len; i++) {
    if (pairs) begin('[');
    str(libresult_value_key_at(value, i));
    if (!pairs) {
      fputs(": ", stdout);
      fresh = true;
    }
    any(libresult_value_at(value, i));
    if (pairs) end(']');
  }
  if (pairs) end(']');
  end('}');
}

static void any(const libresult_value *value) {
  bool truth = false;
  libresult_str text = {"", 0};
  switch (libresult_value_kind(value)) {
    case LIBRESULT_KIND_NULL: raw("null"); return;
    case LIBRESULT_KIND_BOOL:
      if (libresult_value_as_bool(value, &truth)) boolean(truth);
      else literal("a bool that is none");
      return;
    case LIBRESULT_KIND_INT: whole_number(value); return;
    case LIBRESULT_KIND_FLOAT: number(value); return;
    case LIBRESULT_KIND_STR:
      if (libresult_value_as_str(value, &text)) str(text);
      else literal("a string that is none");
      return;
    case LIBRESULT_KIND_ARRAY: array(value); return;
    case LIBRESULT_KIND_OBJECT: object(value); return;
  }
  literal("not a kind");
}

// ---- Fields in ---------------------------------------------------------------------------------

// Fields that each end with NUL, one after the other, up to `end`.
struct fields {
  const char *at, *end;
};

static const char *next(struct fields *fields) {
  const char *field = fields->at;
  if (fields->at < fields->end) fields->at += strlen(field) + 1;
  return field;
}

static size_t next_count(struct fields *fields) {
  return strtoul(next(fields), NULL, 10);
}

struct settings {
  libresult_setting data[8];
  size_t count;
};

static struct settings next_settings(struct fields *fields) {
  struct settings settings = {.count = next_count(fields)};
  if (settings.count > sizeof settings.data / sizeof *settings.data) {
    fputs("answers: too many settings\n", stderr);
    exit(1);
  }
  for (size_t i = 0; i < settings.count; i++) {
    settings.data[i].key = next(fields);
    settings.data[i].value = next(fields);
  }
  return settings;
}

// ---- Answers -----------------------------------------------------------------------------------

static void failed_call(libresult_error *error) {
  begin('{');
  key("code"), code(libresult_error_code(error));
  key("message"), str(libresult_error_message(error));
  end('}');
  libresult_error_free(error);
}

static void checkpoint(const libresult_checkpoint *checkpoint) {
  if (!checkpoint) {
    raw("null");
    return;
  }
  size_t index = 0;
  uint64_t report = 0;
  begin('{');
  key("name"), str(libresult_checkpoint_name(checkpoint));
  key("uri"), str(libresult_checkpoint_uri(checkpoint));
  key("path"), str(libresult_checkpoint_path(checkpoint));
  key("filesystem"), str(libresult_checkpoint_filesystem(checkpoint));
  key("index");
  if (libresult_checkpoint_index(checkpoint, &index)) integer(index);
  else raw("null");
  key("report_index");
  if (libresult_checkpoint_report(checkpoint, &report)) integer(report);
  else raw("null");
  key("presence"), presence(libresult_checkpoint_presence(checkpoint));
  key("status"), status(libresult_checkpoint_status(checkpoint));
  key("metrics"), any(libresult_checkpoint_metrics(checkpoint));
  end('}');
}

static void best(const libresult_run *run, const char *metric, libresult_mode mode) {
  libresult_checkpoint *found = NULL;
  libresult_error *error = libresult_run_best_checkpoint(run, metric, mode, NULL, 0, &found);
  if (error) {
    failed_call(error);
    return;
  }
  begin('{');
  key("name"), str(libresult_checkpoint_name(found));
  key("path"), str(libresult_checkpoint_path(found));
  end('}');
  libresult_checkpoint_free(found);
}

static void rank(const libresult_run *run, const char *metric, libresult_mode mode) {
  libresult_ranking *ranking = NULL;
  libresult_error *error = libresult_run_rank_checkpoints(run, metric, mode, NULL, 0, &ranking);
  if (error) {
    failed_call(error);
    return;
  }
  begin('{');
  key("ranked"), begin('[');
  for (size_t i = 0; i < libresult_ranking_count(ranking); i++) {
    begin('{');
    key("name"), str(libresult_checkpoint_name(libresult_ranking_checkpoint_at(ranking, i)));
    key("value"), any(libresult_ranking_value_at(ranking, i));
    end('}');
  }
  end(']');
  key("skipped"), begin('[');
  for (size_t i = 0; i < libresult_ranking_skipped_count(ranking); i++) {
    libresult_skipped reason = LIBRESULT_SKIPPED_MISSING;
    begin('{');
    key("name");
    str(libresult_checkpoint_name(libresult_ranking_skipped_at(ranking, i, &reason)));
    key("reason"), skipped(reason);
    end('}');
  }
  end(']');
  end('}');
  libresult_ranking_free(ranking);
}

static void named(const libresult_run *run, const char *metric) {
  begin('{');
  key("metric"), literal(metric);
  key("value"), any(libresult_run_metric(run, metric));
  key("best"), begin('{');
  key("min"), best(run, metric, LIBRESULT_MODE_MIN);
  key("max"), best(run, metric, LIBRESULT_MODE_MAX);
  end('}');
  key("rank"), begin('{');
  key("min"), rank(run, metric, LIBRESULT_MODE_MIN);
  key("max"), rank(run, metric, LIBRESULT_MODE_MAX);
  end('}');
  end('}');
}

static void details(const libresult_failure *failure) {
  key("type"), str(libresult_failure_type(failure));
  key("module"), str(libresult_failure_module(failure));
  key("message"), str(libresult_failure_message(failure));
  key("traceback"), str(libresult_failure_traceback(failure));
  key("source"), str(libresult_failure_source(failure));
  key("count");
  if (failure) integer(libresult_failure_occurrences(failure));
  else raw("null");
  key("recovered"), boolean(libresult_failure_recovered(failure));
}

static void failure(const libresult_failure *failure) {
  details(failure);
  key("workers"), begin('[');
  for (size_t i = 0; i < libresult_failure_worker_count(failure); i++) {
    const libresult_failure *worker = libresult_failure_worker_at(failure, i);
    uint64_t rank = 0;
    begin('{');
    key("rank");
    if (libresult_failure_rank(worker, &rank)) integer(rank);
    else raw("null");
    details(worker);
    end('}');
  }
  end(']');
}

static void run_failure(const libresult_run *run) {
  begin('{');
  key("presence"), presence(libresult_run_failure_presence(run));
  failure(libresult_run_failure(run));
  end('}');
}

static void configured(const libresult_run *run) {
  libresult_mode best = LIBRESULT_MODE_MIN;
  uint64_t keep = 0;
  begin('{');
  key("metric"), str(libresult_run_configured_metric(run));
  key("mode");
  if (libresult_run_configured_mode(run, &best)) mode(best);
  else raw("null");
  key("keep");
  if (libresult_run_configured_keep(run, &keep)) integer(keep);
  else raw("null");
  end('}');
}

static void attempt(const libresult_attempt *attempt) {
  int64_t time = 0;
  begin('{');
  key("status"), str(libresult_attempt_status(attempt));
  key("start_time_ns");
  if (libresult_attempt_start_time(attempt, &time)) signed_integer(time);
  else raw("null");
  key("end_time_ns");
  if (libresult_attempt_end_time(attempt, &time)) signed_integer(time);
  else raw("null");
  key("workers"), integer(libresult_attempt_worker_count(attempt));
  key("failure");
  if (libresult_attempt_failure(attempt)) {
    begin('{');
    failure(libresult_attempt_failure(attempt));
    end('}');
  } else {
    raw("null");
  }
  end('}');
}

// What only export events tell.
static void course(const libresult_run *run) {
  int64_t time = 0;
  key("status"), str(libresult_run_status(run));
  key("status_detail"), str(libresult_run_status_detail(run));
  key("start_time_ns");
  if (libresult_run_start_time(run, &time)) signed_integer(time);
  else raw("null");
  key("end_time_ns");
  if (libresult_run_end_time(run, &time)) signed_integer(time);
  else raw("null");
  key("configured"), configured(run);
  key("attempts"), begin('[');
  for (size_t i = 0; i < libresult_run_attempt_count(run); i++) {
    attempt(libresult_run_attempt_at(run, i));
  }
  end(']');
}

static void sourced(libresult_presence present, const libresult_value *value,
                    libresult_str source) {
  begin('{');
  key("presence"), presence(present);
  key("value"), any(value);
  key("source"), str(source);
  end('}');
}

static void diagnostic(const libresult_diagnostic *diagnostic) {
  begin('{');
  key("code"), str(libresult_diagnostic_code(diagnostic));
  key("severity"), severity(libresult_diagnostic_severity(diagnostic));
  key("file"), str(libresult_diagnostic_file(diagnostic));
  key("line"), integer(libresult_diagnostic_line(diagnostic));
  key("message"), str(libresult_diagnostic_message(diagnostic));
  end('}');
}

// ---- Frames ------------------------------------------------------------------------------------

// What is shown of a frame.
enum { FIRST_ROWS = 5, LAST_ROWS = 5, SHOWN_COLUMNS = 200 };

static void cell(const libresult_frame *frame, size_t column, size_t row) {
  if (libresult_frame_is_null(frame, column, row)) {
    raw("null");
    return;
  }
  switch (libresult_frame_column_type(frame, column)) {
    case LIBRESULT_COLUMN_TYPE_NULL: literal("a null that is none"); return;
    case LIBRESULT_COLUMN_TYPE_BOOL: boolean(libresult_frame_bool(frame, column, row)); return;
    case LIBRESULT_COLUMN_TYPE_INT64: signed_integer(libresult_frame_int64(frame, column)[row]); return;
    case LIBRESULT_COLUMN_TYPE_UINT64: integer(libresult_frame_uint64(frame, column)[row]); return;
    case LIBRESULT_COLUMN_TYPE_FLOAT64: floating(libresult_frame_float64(frame, column)[row]); return;
    case LIBRESULT_COLUMN_TYPE_STRING:
    case LIBRESULT_COLUMN_TYPE_JSON: str(libresult_frame_string(frame, column, row)); return;
  }
  literal("not a type");
}

static void cells(const libresult_frame *frame) {
  size_t rows = libresult_frame_row_count(frame), columns = libresult_frame_column_count(frame);
  begin('[');
  for (size_t row = 0; row < rows; row++) {
    if (row >= FIRST_ROWS && row + LAST_ROWS < rows) continue;
    begin('[');
    for (size_t i = 0; i < columns && i < SHOWN_COLUMNS; i++) cell(frame, i, row);
    end(']');
  }
  end(']');
}

static void frame(const libresult_run *run, const libresult_setting *settings, size_t count) {
  libresult_frame *frame = NULL;
  libresult_error *error = libresult_run_read_frame(run, settings, count, NULL, &frame);
  if (error) {
    failed_call(error);
    return;
  }
  begin('{');
  key("rows"), integer(libresult_frame_row_count(frame));
  key("columns"), begin('[');
  for (size_t i = 0; i < libresult_frame_column_count(frame); i++) {
    begin('[');
    str(libresult_frame_column_name(frame, i));
    column_type(libresult_frame_column_type(frame, i));
    end(']');
  }
  end(']');
  key("cells"), cells(frame);
  key("diagnostics"), begin('[');
  for (size_t i = 0; i < libresult_frame_diagnostic_count(frame); i++) {
    diagnostic(libresult_frame_diagnostic_at(frame, i));
  }
  end(']');
  end('}');
  libresult_frame_free(frame);
}

// ---- Cases -------------------------------------------------------------------------------------

// Takes the metrics and the frames that are asked for off `fields`.
static void answers(const libresult_run *run, struct fields *fields) {
  begin('{');
  key("layout"), layout(libresult_run_layout(run));
  key("ray_version"), str(libresult_run_ray_version(run));
  key("uri"), str(libresult_run_uri(run));
  key("path"), str(libresult_run_path(run));
  key("filesystem"), str(libresult_run_filesystem(run));
  key("metrics"), any(libresult_run_metrics(run));
  key("checkpoint"), checkpoint(libresult_run_latest_checkpoint(run));
  key("resume"), checkpoint(libresult_run_resume_checkpoint(run));
  key("checkpoints"), begin('[');
  for (size_t i = 0; i < libresult_run_checkpoint_count(run); i++) {
    checkpoint(libresult_run_checkpoint_at(run, i));
  }
  end(']');
  key("leftovers"), begin('[');
  for (size_t i = 0; i < libresult_run_leftover_count(run); i++) {
    checkpoint(libresult_run_leftover_at(run, i));
  }
  end(']');
  key("named"), begin('[');
  for (size_t i = next_count(fields); i > 0; i--) named(run, next(fields));
  end(']');
  key("failure"), run_failure(run);
  key("config");
  sourced(libresult_run_config_presence(run), libresult_run_config(run),
          libresult_run_config_source(run));
  key("return_value");
  sourced(libresult_run_return_value_presence(run), libresult_run_return_value(run),
          libresult_run_return_value_source(run));
  course(run);
  key("diagnostics"), begin('[');
  for (size_t i = 0; i < libresult_run_diagnostic_count(run); i++) {
    diagnostic(libresult_run_diagnostic_at(run, i));
  }
  end(']');
  libresult_text *json = libresult_run_to_json(run);
  key("json"), str(libresult_text_str(json));
  libresult_text_free(json);
  key("frames"), begin('[');
  for (size_t i = next_count(fields); i > 0; i--) {
    struct settings settings = next_settings(fields);
    frame(run, settings.data, settings.count);
  }
  end(']');
  end('}');
}

// Takes what was asked of a run that does not open off `fields`.
static void skip(struct fields *fields) {
  for (size_t i = next_count(fields); i > 0; i--) next(fields);
  for (size_t i = next_count(fields); i > 0; i--) next_settings(fields);
}

static void answer(struct fields *fields) {
  const char *uri = next(fields);
  struct settings settings = next_settings(fields);
  libresult_run *run = NULL;
  libresult_error *error = libresult_run_open(uri, settings.data, settings.count, NULL, &run);
  fresh = true;
  if (error) {
    begin('{');
    key("error"), failed_call(error);
    end('}');
    skip(fields);
  } else {
    answers(run, fields);
  }
  libresult_run_free(run);
  putchar('\n');
  fflush(stdout);
}

// All of standard input, `*len` bytes, and a NUL; the caller frees it.
static char *read_input(size_t *len) {
  size_t capacity = 1 << 16;
  char *data = malloc(capacity);
  *len = 0;
  while (data) {
    *len += fread(data + *len, 1, capacity - *len - 1, stdin);
    if (*len < capacity - 1) break;
    char *larger = realloc(data, capacity *= 2);
    if (!larger) free(data);
    data = larger;
  }
  if (data) data[*len] = '\0';
  return data;
}

int main(void) {
  size_t len = 0;
  char *input = read_input(&len);
  if (!input) {
    fputs("answers: out of memory\n", stderr);
    return 1;
  }
  struct fields fields = {input, input + len};
  while (fields.at < fields.end) answer(&fields);
  free(input);
  return 0;
}
