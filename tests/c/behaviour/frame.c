// Frames: what is read, which settings choose what, and whom a frame and its Arrow stream outlive.

#define _DEFAULT_SOURCE  // chmod, usleep

#include "arrow.h"
#include "check.h"

#include <math.h>
#include <pthread.h>
#include <sys/stat.h>
#include <unistd.h>

enum { NESTED_ROWS = 4, NESTED_COLUMNS = 28 };

static libresult_run *open_nested(void) {
  libresult_run *run = NULL;
  WORKS(open_run(at("%s/r260v1-nested/run", corpus).text, &run));
  return run;
}

static libresult_error *read_with(const libresult_run *run, const libresult_setting *settings,
                                  size_t count, libresult_frame **frame) {
  *frame = (void *)frame;
  return libresult_run_read_frame(run, settings, count, NULL, frame);
}

// Reads with these settings: `READ(run, &frame, {"column", "loss"}, {"rows", "1..2"})`.
#define READ(run, frame, ...)                                                                      \
  read_with((run), (const libresult_setting[]){__VA_ARGS__},                                       \
            sizeof((const libresult_setting[]){__VA_ARGS__}) / sizeof(libresult_setting), (frame))

static libresult_frame *read_all(const libresult_run *run) {
  libresult_frame *frame = NULL;
  WORKS(read_with(run, NULL, 0, &frame));
  return frame;
}

// The frame of a run with these rows.
static libresult_frame *frame_of(const char *rows) {
  libresult_run *run = NULL;
  WORKS(open_run(make_run("frame", rows).text, &run));
  libresult_frame *frame = read_all(run);
  libresult_run_free(run);
  return frame;
}

static size_t find(const libresult_frame *frame, const char *name) {
  size_t index = 77;
  CHECK(libresult_frame_find_column(frame, name, &index));
  CHECK(equals(libresult_frame_column_name(frame, index), name));
  return index;
}

static bool is_of(const libresult_frame *frame, const char *name, libresult_column_type type) {
  return libresult_frame_column_type(frame, find(frame, name)) == type;
}

// ---- Values ------------------------------------------------------------------------------------

static void of_a_real_run(void) {
  libresult_run *run = open_nested();
  libresult_frame *frame = read_all(run);
  CHECK(libresult_frame_row_count(frame) == NESTED_ROWS);
  CHECK(libresult_frame_column_count(frame) == NESTED_COLUMNS);
  CHECK(libresult_frame_diagnostic_count(frame) == 0);
  CHECK(equals(libresult_frame_column_name(frame, 0), "eval/loss"));
  CHECK(equals(libresult_frame_column_name(frame, 1), "eval/top/k1"));

  size_t loss = find(frame, "eval/loss"), k5 = find(frame, "eval/top/k5");
  const double *losses = libresult_frame_float64(frame, loss);
  CHECK(losses && losses[0] == 2.0 && losses[1] == 1.0 && losses[2] == 0.0 && losses[3] == -1.0);
  CHECK(!libresult_frame_int64(frame, loss) && !libresult_frame_uint64(frame, loss));
  const int64_t *whole = libresult_frame_int64(frame, k5);
  CHECK(whole && whole[0] == 0 && whole[3] == 3);
  CHECK(!libresult_frame_float64(frame, k5) && !libresult_frame_uint64(frame, k5));
  CHECK(libresult_frame_string(frame, loss, 0).len == 0 && !libresult_frame_bool(frame, loss, 0));

  size_t text = find(frame, "text"), flag = find(frame, "flag"), list = find(frame, "list");
  CHECK(is_of(frame, "text", LIBRESULT_COLUMN_TYPE_STRING));
  CHECK(equals(libresult_frame_string(frame, text, 3), "step 3"));
  CHECK(is_of(frame, "flag", LIBRESULT_COLUMN_TYPE_BOOL));
  CHECK(libresult_frame_bool(frame, flag, 0) && !libresult_frame_bool(frame, flag, 1));
  CHECK(is_of(frame, "list", LIBRESULT_COLUMN_TYPE_JSON));
  CHECK(equals(libresult_frame_string(frame, list, 0), "[0,2.5,\"x\"]"));
  CHECK(is_of(frame, "none", LIBRESULT_COLUMN_TYPE_NULL));
  CHECK(libresult_frame_is_null(frame, find(frame, "none"), 0));
  CHECK(libresult_frame_validity(frame, find(frame, "none")));
  CHECK(!libresult_frame_is_null(frame, loss, 3) && !libresult_frame_validity(frame, loss));

  // Past the end.
  CHECK(libresult_frame_is_null(frame, loss, NESTED_ROWS));
  CHECK(libresult_frame_is_null(frame, loss, SIZE_MAX));
  CHECK(libresult_frame_is_null(frame, NESTED_COLUMNS, 0));
  CHECK(libresult_frame_string(frame, text, NESTED_ROWS).len == 0);
  CHECK(!libresult_frame_bool(frame, flag, NESTED_ROWS));
  CHECK(libresult_frame_column_name(frame, NESTED_COLUMNS).len == 0);
  CHECK(libresult_frame_column_type(frame, NESTED_COLUMNS) == LIBRESULT_COLUMN_TYPE_NULL);
  CHECK(!libresult_frame_float64(frame, NESTED_COLUMNS));
  CHECK(!libresult_frame_validity(frame, NESTED_COLUMNS));
  CHECK(!libresult_frame_diagnostic_at(frame, 0));
  size_t index = 77;
  CHECK(!libresult_frame_find_column(frame, "eval", &index));
  CHECK(!libresult_frame_find_column(frame, "\xff", &index) && index == 77);
  libresult_frame_free(frame);
  libresult_run_free(run);
}

#define MIXED_ROWS                                                                                 \
  "{\"f\": 1.5, \"i\": -3, \"u\": 18446744073709551615, \"b\": true, \"s\": \"x\", \"j\": [1]}\n"  \
  "{\"f\": null, \"b\": null, \"j\": \"text\", \"n\": null}\n"                                     \
  "{\"f\": NaN, \"i\": 9007199254740993, \"u\": 1, \"b\": false, \"s\": \"\", \"j\": null}\n"

static void types_and_nulls(void) {
  libresult_frame *frame = frame_of(MIXED_ROWS);
  CHECK(is_of(frame, "f", LIBRESULT_COLUMN_TYPE_FLOAT64));
  CHECK(is_of(frame, "i", LIBRESULT_COLUMN_TYPE_INT64));
  CHECK(is_of(frame, "u", LIBRESULT_COLUMN_TYPE_UINT64));
  CHECK(is_of(frame, "b", LIBRESULT_COLUMN_TYPE_BOOL));
  CHECK(is_of(frame, "s", LIBRESULT_COLUMN_TYPE_STRING));
  CHECK(is_of(frame, "j", LIBRESULT_COLUMN_TYPE_JSON));
  CHECK(is_of(frame, "n", LIBRESULT_COLUMN_TYPE_NULL));
  static const struct {
    const char *name;
    uint8_t valid;
  } columns[] = {{"f", 5}, {"i", 5}, {"u", 5}, {"b", 5}, {"s", 5}, {"j", 3}, {"n", 0}};
  for (size_t i = 0; i < sizeof columns / sizeof *columns; i++) {
    const uint8_t *validity = libresult_frame_validity(frame, find(frame, columns[i].name));
    CHECK(validity && (validity[0] & 7) == columns[i].valid);
  }
  CHECK(isnan(libresult_frame_float64(frame, find(frame, "f"))[2]));
  CHECK(libresult_frame_int64(frame, find(frame, "i"))[2] == 9007199254740993);
  CHECK(libresult_frame_uint64(frame, find(frame, "u"))[0] == UINT64_MAX);
  // An empty string is none that is missing, and a text among others is JSON.
  size_t text = find(frame, "s");
  CHECK(!libresult_frame_is_null(frame, text, 2) && libresult_frame_is_null(frame, text, 1));
  CHECK(libresult_frame_string(frame, text, 2).len == 0);
  CHECK(equals(libresult_frame_string(frame, find(frame, "j"), 1), "\"text\""));
  CHECK(libresult_frame_string(frame, find(frame, "j"), 2).len == 0);
  libresult_frame_free(frame);
}

static void copies_as_doubles(void) {
  enum { ROWS = 3 };
  libresult_frame *frame = frame_of(MIXED_ROWS);
  static const struct {
    const char *name;
    double first, last;
  } columns[] = {{"i", -3, 9007199254740992.0}, {"u", 18446744073709551616.0, 1}, {"b", 1, 0}};
  double out[ROWS + 1] = {0};
  for (size_t i = 0; i < sizeof columns / sizeof *columns; i++) {
    out[ROWS] = 77;
    CHECK(libresult_frame_copy_float64(frame, find(frame, columns[i].name), out, ROWS));
    CHECK(out[0] == columns[i].first && isnan(out[1]) && out[2] == columns[i].last);
    CHECK(out[ROWS] == 77);
  }
  size_t floats = find(frame, "f");
  CHECK(libresult_frame_copy_float64(frame, floats, out, ROWS));
  CHECK(out[0] == 1.5 && isnan(out[1]) && isnan(out[2]));

  out[0] = 77;
  CHECK(!libresult_frame_copy_float64(frame, floats, out, ROWS + 1));
  CHECK(!libresult_frame_copy_float64(frame, floats, out, ROWS - 1));
  CHECK(!libresult_frame_copy_float64(frame, floats, out, 0));
  CHECK(!libresult_frame_copy_float64(frame, floats, out, SIZE_MAX));
  static const char *const others[] = {"s", "j", "n"};
  for (size_t i = 0; i < sizeof others / sizeof *others; i++) {
    CHECK(!libresult_frame_copy_float64(frame, find(frame, others[i]), out, ROWS));
    CHECK(!libresult_frame_copy_float64(frame, find(frame, others[i]), NULL, ROWS));
  }
  CHECK(!libresult_frame_copy_float64(frame, libresult_frame_column_count(frame), out, ROWS));
  CHECK(out[0] == 77);
  // Without a place for them it just asks.
  CHECK(libresult_frame_copy_float64(frame, floats, NULL, ROWS));
  CHECK(!libresult_frame_copy_float64(frame, floats, NULL, ROWS + 1));
  libresult_frame_free(frame);
}

// More rows than one byte, or one word, has bits.
static void bitmap_of_many_rows(void) {
  enum { ROWS = 150 };
  char rows[ROWS * 32] = "";
  for (int row = 0; row < ROWS; row++) {
    const char *cell = row % 3 == 0 || (row >= 40 && row < 70) ? "null" : "1.5";
    strcat(rows, at("{\"step\": %d, \"loss\": %s}\n", row, cell).text);
  }
  libresult_frame *frame = frame_of(rows);
  size_t loss = find(frame, "loss");
  CHECK(libresult_frame_row_count(frame) == ROWS);
  CHECK(!libresult_frame_validity(frame, find(frame, "step")));
  const uint8_t *validity = libresult_frame_validity(frame, loss);
  CHECK(validity != NULL);
  bool agree = validity != NULL;
  for (size_t row = 0; row < ROWS && agree; row++) {
    bool is_null = row % 3 == 0 || (row >= 40 && row < 70);
    bool valid = validity[row / 8] >> (row % 8) & 1;
    agree = valid == !is_null && libresult_frame_is_null(frame, loss, row) == is_null;
  }
  CHECK(agree);
  libresult_frame_free(frame);
}

static void damage_is_told(void) {
  libresult_frame *frame = frame_of("{\"loss\": 1}\nno JSON\n{\"loss\": 2}\n{\"loss\"");
  CHECK(libresult_frame_row_count(frame) == 2);
  CHECK(libresult_frame_diagnostic_count(frame) == 2);
  const libresult_diagnostic *first = libresult_frame_diagnostic_at(frame, 0);
  CHECK(libresult_diagnostic_severity(first) == LIBRESULT_SEVERITY_DAMAGE);
  CHECK(libresult_diagnostic_line(first) == 2);
  CHECK(equals(libresult_diagnostic_file(first), "result.json"));
  const libresult_diagnostic *last = libresult_frame_diagnostic_at(frame, 1);
  CHECK(equals(libresult_diagnostic_code(last), "torn_last_line"));
  CHECK(libresult_diagnostic_line(last) == 4);
  CHECK(!libresult_frame_diagnostic_at(frame, 2));
  libresult_frame_free(frame);
}

// ---- Settings ----------------------------------------------------------------------------------

// That these settings give so many columns and rows.
#define GIVES(run, columns, rows, ...)                                                             \
  do {                                                                                             \
    libresult_frame *frame = NULL;                                                                 \
    WORKS(READ(run, &frame, __VA_ARGS__));                                                         \
    CHECK(libresult_frame_column_count(frame) == (columns));                                       \
    CHECK(libresult_frame_row_count(frame) == (rows));                                             \
    libresult_frame_free(frame);                                                                   \
  } while (0)

static void choosing_columns(void) {
  libresult_run *run = open_nested();
  GIVES(run, 1, NESTED_ROWS, {"column", "eval/loss"});
  GIVES(run, 3, NESTED_ROWS, {"column", "eval/*"});
  GIVES(run, 2, NESTED_ROWS, {"column", "eval/top/k?"});
  GIVES(run, 3, NESTED_ROWS, {"column", "eval/*"}, {"column", "eval/loss"});
  GIVES(run, NESTED_COLUMNS, NESTED_ROWS, {"column", "*"});
  GIVES(run, NESTED_COLUMNS, NESTED_ROWS, {"config", "true"});
  GIVES(run, NESTED_COLUMNS - 1, NESTED_ROWS, {"config", "false"});
  GIVES(run, NESTED_COLUMNS - 1, NESTED_ROWS, {"config", "true"}, {"config", "false"});

  // They stand as they are reported, not as they are asked for.
  libresult_frame *frame = NULL;
  WORKS(READ(run, &frame, {"column", "text"}, {"column", "eval/loss"}));
  CHECK(libresult_frame_column_count(frame) == 2);
  CHECK(equals(libresult_frame_column_name(frame, 0), "eval/loss"));
  CHECK(equals(libresult_frame_column_name(frame, 1), "text"));
  libresult_frame_free(frame);
  libresult_run_free(run);
}

static void choosing_rows(void) {
  libresult_run *run = open_nested();
  GIVES(run, NESTED_COLUMNS, 1, {"rows", "..1"});
  GIVES(run, NESTED_COLUMNS, 1, {"rows", "3.."});
  GIVES(run, NESTED_COLUMNS, NESTED_ROWS, {"rows", ".."});
  GIVES(run, NESTED_COLUMNS, 2, {"rows", "2..18446744073709551615"});
  // Rows that are still to come lack no column.
  GIVES(run, 0, 0, {"rows", "4.."});
  GIVES(run, 0, 0, {"rows", "2..2"});
  GIVES(run, 0, 0, {"rows", "4.."}, {"column", "eval/loss"});

  libresult_frame *frame = NULL;
  WORKS(READ(run, &frame, {"rows", "1..3"}, {"column", "eval/loss"}));
  const double *losses = libresult_frame_float64(frame, 0);
  CHECK(libresult_frame_row_count(frame) == 2 && losses && losses[0] == 1.0 && losses[1] == 0.0);
  libresult_frame_free(frame);
  libresult_run_free(run);

  // A restored run reports some iterations again.
  WORKS(open_run(make_run("restored", "{\"training_iteration\": 1, \"loss\": 4}\n"
                                      "{\"training_iteration\": 2, \"loss\": 3}\n"
                                      "{\"training_iteration\": 2, \"loss\": 2}\n"
                                      "{\"training_iteration\": 3, \"loss\": 1}\n")
                     .text,
                 &run));
  GIVES(run, 2, 4, {"dedupe", "none"});
  GIVES(run, 2, 1, {"dedupe", "last"}, {"rows", "0..2"});
  WORKS(READ(run, &frame, {"dedupe", "last"}, {"column", "loss"}));
  const int64_t *last = libresult_frame_int64(frame, 0);
  CHECK(libresult_frame_row_count(frame) == 3);
  CHECK(last && last[0] == 4 && last[1] == 2 && last[2] == 1);
  libresult_frame_free(frame);
  libresult_run_free(run);
}

static void threads_and_memory(void) {
  libresult_run *run = open_nested();
  GIVES(run, NESTED_COLUMNS, NESTED_ROWS, {"threads", "1"});
  GIVES(run, NESTED_COLUMNS, NESTED_ROWS, {"threads", "3"});
  GIVES(run, NESTED_COLUMNS, NESTED_ROWS, {"threads", "1000"});
  GIVES(run, NESTED_COLUMNS, NESTED_ROWS, {"max_memory", "100000000"});
  GIVES(run, NESTED_COLUMNS, NESTED_ROWS, {"max_memory", "18446744073709551615"});
  libresult_frame *frame = NULL;
  FAILS(READ(run, &frame, {"max_memory", "1"}), LIBRESULT_CODE_CORRUPT, "max_memory", "1 bytes");
  CHECK(frame == NULL);
  FAILS(READ(run, &frame, {"max_memory", "1"}, {"threads", "2"}), LIBRESULT_CODE_CORRUPT,
        "max_memory");
  CHECK(frame == NULL);
  libresult_run_free(run);
}

static void bad_settings(void) {
  static const struct {
    const char *key, *value, *names;
  } cases[] = {
      {"column", "eval/los", "'eval/loss'"}, {"column", "nowhere/*", "nowhere/*"},
      {"column", "", "column"},              {"rows", "3..1", "rows"},
      {"rows", "2", "FROM..TO"},             {"rows", "a..b", "a..b"},
      {"rows", "", "rows"},                  {"rows", "-1..2", "rows"},
      {"colum", "loss", "'column'"},         {"read", "all", "read"},
      {"config", "maybe", "maybe"},          {"dedupe", "first", "first"},
      {"threads", "0", "threads"},           {"batch_rows", "0", "batch_rows"},
      {"max_memory", "lots", "max_memory"},  {"no such thing", "1", "no such thing"},
  };
  libresult_run *run = open_nested();
  libresult_frame *frame = NULL;
  for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
    FAILS(READ(run, &frame, {cases[i].key, cases[i].value}), LIBRESULT_CODE_INVALID_ARGUMENT,
          cases[i].names);
    CHECK(frame == NULL);
  }
  FAILS(READ(run, &frame, {"column", "eval/loss"}, {"column", "txet"}),
        LIBRESULT_CODE_INVALID_ARGUMENT, "txet", "'text'");
  FAILS(READ(run, &frame, {"config", "false"}, {"column", "config/*"}),
        LIBRESULT_CODE_INVALID_ARGUMENT, "config/*");
  FAILS(READ(run, &frame, {"column", "\xff"}), LIBRESULT_CODE_INVALID_ARGUMENT, "UTF-8");
  libresult_run_free(run);

  WORKS(open_with(at("%s/r260v1-nested/run", corpus).text, "read", "latest", &run));
  WORKS(read_with(run, NULL, 0, &frame));
  CHECK(libresult_frame_row_count(frame) == 4);
  libresult_frame_free(frame);
  libresult_run_free(run);
  WORKS(open_with(at("%s/r260v2-nested/run", corpus).text, "read", "latest", &run));
  WORKS(read_with(run, NULL, 0, &frame));
  CHECK(libresult_frame_row_count(frame) > 1 && libresult_run_checkpoint_count(run) == 0);
  libresult_frame_free(frame);
  libresult_run_free(run);
}

static void cancelled(void) {
  libresult_run *run = open_nested();
  libresult_cancel *cancel = libresult_cancel_new();
  libresult_frame *frame = NULL;
  WORKS(libresult_run_read_frame(run, NULL, 0, cancel, &frame));
  libresult_frame_free(frame);
  libresult_cancel_trigger(cancel);
  frame = (void *)&run;
  FAILS(libresult_run_read_frame(run, NULL, 0, cancel, &frame), LIBRESULT_CODE_CANCELLED,
        "cancelled");
  CHECK(frame == NULL);
  libresult_cancel_free(cancel);
  libresult_run_free(run);
}

// ---- What happens to the file after the run was opened -----------------------------------------

// Opens a copy of a run, runs `command` in its directory, and reads.
static libresult_error *read_after(const char *name, const char *command, libresult_frame **frame) {
  libresult_run *run = NULL;
  struct path path = copy_case(name);
  WORKS(open_run(path.text, &run));
  usleep(20000);  // A file that is made now is younger than the clock of files can hide.
  shell("cd '%s' && %s", path.text, command);
  libresult_error *error = read_with(run, NULL, 0, frame);
  libresult_run_free(run);
  return error;
}

static void files_that_changed(void) {
  static const char *const cases[][2] = {{"r260v1-nested", "result.json"},
                                         {"v1-csv-real", "progress.csv"}};
  libresult_frame *frame = NULL;
  for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
    const char *name = cases[i][0], *file = cases[i][1];
    struct path path = at("%s/%s/%s", scratch, name, file);
    FAILS(read_after(name, at("truncate -s -1 %s", file).text, &frame), LIBRESULT_CODE_CORRUPT,
          path.text, "shorter");
    CHECK(frame == NULL);
    FAILS(read_after(name, at("cp %s new && mv new %s", file, file).text, &frame),
          LIBRESULT_CODE_CORRUPT, path.text, "replaced");
    // The file system may give the new file the number of the old one.
    FAILS(read_after(name, at("cp %s old && rm %s && cp old %s", file, file, file).text, &frame),
          LIBRESULT_CODE_CORRUPT, path.text, "replaced");
    FAILS(read_after(name, at("rm %s", file).text, &frame), LIBRESULT_CODE_NOT_FOUND, path.text);
    FAILS(read_after(name, at("rm -r ../%s", name).text, &frame), LIBRESULT_CODE_NOT_FOUND,
          path.text);
    CHECK(frame == NULL);
    WORKS(read_after(name, at("head -n 1 %s > a && cat a a a >> %s", file, file).text, &frame));
    CHECK(libresult_frame_row_count(frame) == NESTED_ROWS);
    CHECK(libresult_frame_diagnostic_count(frame) == 0);
    libresult_frame_free(frame);
  }
}

static void a_file_that_may_not_be_read(const char *path) {
  libresult_run *run = NULL;
  libresult_frame *frame = NULL;
  struct path file = at("%s/result.json", path);
  WORKS(open_run(path, &run));
  CHECK(chmod(file.text, 0) == 0);
  FAILS(read_with(run, NULL, 0, &frame), LIBRESULT_CODE_PERMISSION, file.text);
  CHECK(frame == NULL);
  libresult_run_free(run);
}

static void a_line_that_was_torn_when_the_run_was_opened(void) {
  libresult_run *run = NULL;
  struct path path = make_run("torn", "{\"loss\": 1}\n{\"lo");
  WORKS(open_run(path.text, &run));
  shell("cd '%s' && printf 'ss\": 2}\\n{\"loss\": 3}\\n' >> result.json", path.text);
  libresult_frame *frame = read_all(run);
  CHECK(libresult_frame_row_count(frame) == 1);
  CHECK(libresult_frame_diagnostic_count(frame) == 1);
  libresult_frame_free(frame);
  libresult_run_free(run);
}

// What V2 keeps was read when the run was opened.
static void v2_reads_no_file(void) {
  libresult_frame *frame = NULL;
  WORKS(read_after("r260v2-nested", "rm -r ../r260v2-nested", &frame));
  CHECK(libresult_frame_row_count(frame) == 4);
  const double *losses = libresult_frame_float64(frame, find(frame, "eval/loss"));
  CHECK(losses && losses[0] == 2.0 && losses[3] == -1.0);
  libresult_frame_free(frame);
}

static void runs_without_reports(void) {
  libresult_frame *frame = frame_of("");
  CHECK(frame && libresult_frame_row_count(frame) == 0 && libresult_frame_column_count(frame) == 0);
  struct ArrowArrayStream stream;
  struct ArrowArray batch;
  WORKS(libresult_frame_export(frame, &stream));
  CHECK(stream.get_next(&stream, &batch) == 0 && !batch.release);
  stream.release(&stream);
  libresult_frame_free(frame);
}

// ---- Lifetimes ---------------------------------------------------------------------------------

static void outlives_the_run(void) {
  libresult_run *run = open_nested();
  libresult_frame *frame = read_all(run);
  libresult_run_free(run);
  CHECK(libresult_frame_float64(frame, find(frame, "eval/loss"))[3] == -1.0);
  CHECK(equals(libresult_frame_string(frame, find(frame, "text"), 0), "step 0"));
  libresult_frame_free(frame);
}

static const struct ArrowSchema *child(const struct ArrowSchema *schema, const char *name) {
  for (int64_t i = 0; i < schema->n_children; i++) {
    if (strcmp(schema->children[i]->name, name) == 0) return schema->children[i];
  }
  CHECK(!"the schema has the column");
  return schema;
}

static void schema_of(struct ArrowArrayStream *stream) {
  struct ArrowSchema schema;
  CHECK(stream->get_schema(stream, &schema) == 0);
  CHECK(strcmp(schema.format, "+s") == 0 && schema.n_children == NESTED_COLUMNS);
  static const char *const formats[][2] = {{"eval/loss", "g"}, {"eval/top/k5", "l"}, {"text", "u"},
                                           {"flag", "b"},      {"none", "n"},        {"list", "u"}};
  for (size_t i = 0; i < sizeof formats / sizeof *formats; i++) {
    const struct ArrowSchema *column = child(&schema, formats[i][0]);
    CHECK(strcmp(column->format, formats[i][1]) == 0 && column->flags & 2);
  }
  // Pairs, each part after its length: the number of pairs and the first length take 8 bytes.
  const char *metadata = child(&schema, "list")->metadata;
  CHECK(metadata && memcmp(metadata + 8, "libresult.type", 14) == 0);
  CHECK(!child(&schema, "text")->metadata);
  schema.release(&schema);
}

static void stream_outlives_the_frame(void) {
  libresult_run *run = open_nested();
  libresult_frame *frame = NULL;
  WORKS(READ(run, &frame, {"batch_rows", "3"}));
  libresult_run_free(run);
  size_t loss = find(frame, "eval/loss"), text = find(frame, "text");
  const double *losses = libresult_frame_float64(frame, loss);
  struct ArrowArrayStream stream, other;
  WORKS(libresult_frame_export(frame, &stream));
  WORKS(libresult_frame_export(frame, &other));
  libresult_frame_free(frame);
  other.release(&other);
  CHECK(!other.release);

  schema_of(&stream);
  struct ArrowArray batches[3];
  for (int i = 0; i < 3; i++) CHECK(stream.get_next(&stream, &batches[i]) == 0);
  CHECK(!batches[2].release);
  stream.release(&stream);
  CHECK(!stream.release);
  // What was read from the stream outlives it.
  CHECK(batches[0].length == 3 && batches[1].length == 1);
  CHECK(batches[0].n_children == NESTED_COLUMNS);
  for (int i = 0; i < 2; i++) {
    const struct ArrowArray *column = batches[i].children[loss];
    const double *numbers = column->buffers[1];
    numbers += column->offset;
    CHECK(column->length == batches[i].length && column->null_count == 0);
    // Nothing was copied.
    CHECK(numbers == losses + 3 * i && numbers[0] == (i == 0 ? 2.0 : -1.0));
  }
  const struct ArrowArray *texts = batches[1].children[text];
  const int32_t *ends = texts->buffers[1];
  const char *bytes = texts->buffers[2];
  CHECK(memcmp(bytes + ends[texts->offset], "step 3", 6) == 0);
  batches[0].release(&batches[0]);
  batches[1].release(&batches[1]);
}

// ---- Threads -----------------------------------------------------------------------------------

static void *read_often(void *run) {
  uintptr_t good = 0;
  for (int i = 0; i < 20; i++) {
    libresult_frame *frame = NULL;
    libresult_error *error = libresult_run_read_frame(run, NULL, 0, NULL, &frame);
    good += !error && libresult_frame_row_count(frame) == NESTED_ROWS;
    libresult_error_free(error);
    libresult_frame_free(frame);
  }
  return (void *)good;
}

static void readers_beside_each_other(void) {
  enum { READERS = 4 };
  libresult_run *run = open_nested();
  pthread_t readers[READERS];
  for (int i = 0; i < READERS; i++) CHECK(pthread_create(&readers[i], NULL, read_often, run) == 0);
  for (int i = 0; i < READERS; i++) {
    void *good = NULL;
    CHECK(pthread_join(readers[i], &good) == 0 && (uintptr_t)good == 20);
  }
  libresult_run_free(run);
}

void test_frame(void) {
  of_a_real_run();
  types_and_nulls();
  copies_as_doubles();
  bitmap_of_many_rows();
  damage_is_told();
  choosing_columns();
  choosing_rows();
  threads_and_memory();
  bad_settings();
  cancelled();
  files_that_changed();
  as_another_user("r260v1-nested", a_file_that_may_not_be_read);
  a_line_that_was_torn_when_the_run_was_opened();
  v2_reads_no_file();
  runs_without_reports();
  outlives_the_run();
  stream_outlives_the_frame();
  readers_beside_each_other();
}
