// Files of reports: what stands in them, which settings there are, and that a file is whole or not
// there. Long runs are those of tests/frame.rs.

#define _DEFAULT_SOURCE  // chmod, mkfifo, setrlimit, symlink

#include "check.h"

#include <inttypes.h>
#include <math.h>
#include <signal.h>
#include <stdio.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

typedef libresult_error *writer(const libresult_run *, const char *, const libresult_setting *,
                                size_t, libresult_progress_fn, void *, const libresult_cancel *);

static writer *const writers[] = {libresult_run_write_csv, libresult_run_write_parquet};

// A test for each of them.
#define EACH(write)                                                                                \
  for (writer *const *at_writer = writers, *write = *at_writer; write != NULL;                     \
       write = ++at_writer < writers + 2 ? *at_writer : NULL)

// Writes with these settings: `WRITE(write, run, path, {"null", "-"})`.
#define WRITE(write, run, path, ...)                                                               \
  (write)((run), (path), (const libresult_setting[]){__VA_ARGS__},                                 \
          sizeof((const libresult_setting[]){__VA_ARGS__}) / sizeof(libresult_setting), NULL,      \
          NULL, NULL)

static libresult_error *plainly(writer *write, const libresult_run *run, const char *path) {
  return write(run, path, NULL, 0, NULL, NULL, NULL);
}

static libresult_run *open_at(const char *path) {
  libresult_run *run = NULL;
  WORKS(open_run(path, &run));
  return run;
}

static libresult_run *open_nested(void) { return open_at(at("%s/r260v1-nested/run", corpus).text); }

static libresult_run *open_rows(const char *rows) { return open_at(make_run("rows", rows).text); }

// An empty directory for what is written.
static struct path empty_directory(void) {
  struct path path = at("%s/written", scratch);
  shell("chmod -R u+rwX '%s' 2> /dev/null; rm -rf '%s'", path.text, path.text);
  make_directory(path.text);
  return path;
}

// ---- Values ------------------------------------------------------------------------------------

// A cell of a CSV file, without its quotes.
struct cell {
  char text[1 << 16];
  bool is_quoted;
};

// Reads a cell and what ends it: `,`, or `\n` for the two characters that end a row.
static char read_cell(const char **text, struct cell *cell) {
  const char *next = *text;
  size_t len = 0;
  cell->is_quoted = *next == '"';
  if (cell->is_quoted) {
    for (next++; *next && (*next != '"' || next[1] == '"'); next++) {
      cell->text[len++] = *next;
      if (*next == '"') next++;
    }
    CHECK(*next++ == '"');
  } else {
    while (*next && !strchr(",\"\r\n", *next)) cell->text[len++] = *next++;
  }
  cell->text[len] = '\0';
  char end = *next;
  if (end == '\r') end = *++next;
  *text = end ? next + 1 : next;
  return end;
}

static bool same_number(const char *text, double number) {
  if (isnan(number)) return strcmp(text, "NaN") == 0;
  if (isinf(number)) return strcmp(text, number > 0 ? "Infinity" : "-Infinity") == 0;
  char *end = NULL;
  double read = strtod(text, &end);
  // An integer would be one of another type.
  return *text && !*end && read == number && strpbrk(text, ".e");
}

static bool same_cell(const libresult_frame *frame, size_t column, size_t row,
                      const struct cell *cell) {
  const char *text = cell->text;
  if (libresult_frame_is_null(frame, column, row)) return !*text && !cell->is_quoted;
  switch (libresult_frame_column_type(frame, column)) {
    case LIBRESULT_COLUMN_TYPE_NULL: return false;
    case LIBRESULT_COLUMN_TYPE_BOOL:
      return strcmp(text, libresult_frame_bool(frame, column, row) ? "true" : "false") == 0;
    case LIBRESULT_COLUMN_TYPE_INT64:
      return strcmp(text, at("%" PRId64, libresult_frame_int64(frame, column)[row]).text) == 0;
    case LIBRESULT_COLUMN_TYPE_UINT64:
      return strcmp(text, at("%" PRIu64, libresult_frame_uint64(frame, column)[row]).text) == 0;
    case LIBRESULT_COLUMN_TYPE_FLOAT64:
      return same_number(text, libresult_frame_float64(frame, column)[row]);
    case LIBRESULT_COLUMN_TYPE_STRING:
    case LIBRESULT_COLUMN_TYPE_JSON:
      return equals(libresult_frame_string(frame, column, row), text) && (*text || cell->is_quoted);
  }
  return false;
}

// That a file of CSV is the frame of the run, cell by cell.
static void is_the_frame(const char *path, const libresult_run *run) {
  static struct cell cell;
  libresult_frame *frame = NULL;
  WORKS(libresult_run_read_frame(run, NULL, 0, NULL, &frame));
  char *csv = read_file(path);
  const char *next = csv ? csv : "";
  size_t columns = libresult_frame_column_count(frame), rows = libresult_frame_row_count(frame);
  bool same = columns > 0;
  for (size_t row = 0; row <= rows && same; row++) {
    for (size_t column = 0; column < columns && same; column++) {
      char end = read_cell(&next, &cell);
      same = end == (column + 1 < columns ? ',' : '\n') &&
             (row == 0 ? equals(libresult_frame_column_name(frame, column), cell.text)
                       : same_cell(frame, column, row - 1, &cell));
      if (!same) printf("  %s: row %zu, column %zu: '%s'\n", path, row, column, cell.text);
    }
  }
  CHECK(same && !*next);
  free(csv);
  libresult_frame_free(frame);
}

static bool is_parquet(const char *path) {
  FILE *file = fopen(path, "rb");
  char start[4] = "", end[4] = "";
  bool is_one = file && fread(start, 1, 4, file) == 4 && fseek(file, -4, SEEK_END) == 0 &&
                fread(end, 1, 4, file) == 4 && memcmp(start, "PAR1", 4) == 0 &&
                memcmp(end, "PAR1", 4) == 0;
  if (file) fclose(file);
  return is_one;
}

static off_t size_of(const char *path) {
  struct stat status;
  return stat(path, &status) == 0 ? status.st_size : -1;
}

static void runs_of_the_corpus(void) {
  static const char *const names[] = {"r260v1-nested",       "r260v2-nested",     "v1-csv-real",
                                      "r251v2-specials",     "r260v1-fail_chain", "r260v2-val_mixed",
                                      "v1-lines-torn_in_number", "v1-ranking-exact_ints"};
  struct path directory = empty_directory();
  for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
    libresult_run *run = open_at(at("%s/%s/run", corpus, names[i]).text);
    struct path csv = at("%s/%s.csv", directory.text, names[i]);
    struct path parquet = at("%s/%s.parquet", directory.text, names[i]);
    WORKS(plainly(libresult_run_write_csv, run, csv.text));
    is_the_frame(csv.text, run);
    WORKS(plainly(libresult_run_write_parquet, run, parquet.text));
    CHECK(is_parquet(parquet.text));
    libresult_run_free(run);
  }
  CHECK(count_entries(directory.text) == 2 * sizeof names / sizeof *names);
}

#define ROWS                                                                                       \
  "{\"f\": 1e300, \"i\": -3, \"u\": 18446744073709551615, \"b\": true, \"s\": \"a,b\", "           \
  "\"j\": [1, \"x\"]}\n"                                                                           \
  "{\"f\": null, \"b\": null, \"j\": \"text\", \"n\": null, \"a,\\\"b\": 1}\n"                     \
  "{\"f\": NaN, \"i\": 9007199254740993, \"u\": 1, \"b\": false, \"s\": \"\", \"j\": null}\n"      \
  "{\"f\": -Infinity, \"s\": \"two\\nlines \\\"\xc3\xbc\\\"\"}\n"

static void every_type(void) {
  struct path directory = empty_directory(), csv = at("%s/csv", directory.text);
  libresult_run *run = open_rows(ROWS);
  WORKS(plainly(libresult_run_write_csv, run, csv.text));
  CHECK(file_is(csv.text, "f,i,u,b,s,j,n,\"a,\"\"b\"\r\n"
                          "1e+300,-3,18446744073709551615,true,\"a,b\",\"[1,\"\"x\"\"]\",,\r\n"
                          ",,,,,\"\"\"text\"\"\",,1\r\n"
                          "NaN,9007199254740993,1,false,\"\",,,\r\n"
                          "-Infinity,,,,\"two\nlines \"\"\xc3\xbc\"\"\",,,\r\n"));
  is_the_frame(csv.text, run);
  libresult_run_free(run);
}

static void what_the_file_says_of_its_run(void) {
  struct path directory = empty_directory(), file = at("%s/parquet", directory.text);
  libresult_run *run = open_nested();
  WORKS(plainly(libresult_run_write_parquet, run, file.text));
  static const char *const texts[] = {"libresult.uri", "r260v1-nested/run", "libresult.layout",
                                      "train_v1", "libresult.config", "\"train_loop_config\""};
  for (size_t i = 0; i < sizeof texts / sizeof *texts; i++) {
    shell("grep -aqF '%s' '%s'", texts[i], file.text);
  }
  // What nothing tells is left out.
  shell("! grep -aqF libresult.ray_version '%s'", file.text);
  libresult_run_free(run);
}

// Which reports were read when the run was opened makes no difference.
static void a_run_opened_for_its_latest_report(void) {
  struct path directory = empty_directory(), file = at("%s/file", directory.text);
  libresult_run *run = NULL, *whole = open_nested();
  WORKS(open_with(at("%s/r260v1-nested/run", corpus).text, "read", "latest", &run));
  WORKS(plainly(libresult_run_write_csv, run, file.text));
  is_the_frame(file.text, whole);
  libresult_run_free(run);
  libresult_run_free(whole);
}

// ---- Settings ----------------------------------------------------------------------------------

// That these settings give this text.
#define GIVES(run, expected, ...)                                                                  \
  do {                                                                                             \
    struct path csv = at("%s/gives", scratch);                                                     \
    WORKS(WRITE(libresult_run_write_csv, run, csv.text, {"on_exists", "replace"}, __VA_ARGS__));   \
    CHECK(file_is(csv.text, expected));                                                            \
  } while (0)

static void choosing(void) {
  libresult_run *run = open_nested();
  GIVES(run, "eval/loss\r\n2.0\r\n1.0\r\n0.0\r\n-1.0\r\n", {"column", "eval/loss"});
  GIVES(run, "eval/loss,text\r\n1.0,step 1\r\n0.0,step 2\r\n", {"column", "text"},
        {"column", "*/loss"}, {"rows", "1..3"}, {"threads", "1"});
  // Without rows nothing is lacking, and there are no columns.
  GIVES(run, "", {"column", "eval/loss"}, {"rows", "4.."});
  libresult_run_free(run);

  run = open_rows("{\"training_iteration\": 1, \"loss\": 4, \"config\": {\"lr\": 1}}\n"
                  "{\"training_iteration\": 2, \"loss\": null}\n"
                  "{\"training_iteration\": 2, \"loss\": 2}\n"
                  "{\"training_iteration\": 3, \"loss\": null}\n");
  GIVES(run, "training_iteration,loss\r\n1,4\r\n2,2\r\n3,\r\n", {"dedupe", "last"},
        {"config", "false"});
  GIVES(run, "training_iteration,loss,config/lr\r\n1,4,1\r\n2,-,-\r\n2,2,-\r\n3,-,-\r\n",
        {"null", "-"});
  GIVES(run, "training_iteration,loss\r\n1,4\r\n", {"null", "x"}, {"null", ""}, {"rows", "..1"},
        {"config", "false"});
  libresult_run_free(run);

  // A text that is what stands for a missing cell is told from it.
  run = open_rows("{\"a\": \"NA\", \"NA\": 1}\n{\"NA\": 2}\n{\"a\": \"\"}\n");
  GIVES(run, "a,\"NA\"\r\n\"NA\",1\r\nNA,2\r\n\"\",NA\r\n", {"null", "NA"});
  libresult_run_free(run);
}

static void compressing(void) {
  struct path directory = empty_directory();
  static char rows[1 << 19];
  size_t len = 0;
  for (int row = 0; row < 5000; row++) {
    len += (size_t)sprintf(rows + len, "{\"step\": %d, \"name\": \"worker %d\", \"loss\": %d.25}\n", row,
                           row % 7, row % 1000);
  }
  libresult_run *run = open_rows(rows);
  static const char *const words[] = {"zstd", "snappy", "none"};
  off_t sizes[3];
  for (int i = 0; i < 3; i++) {
    struct path file = at("%s/%s", directory.text, words[i]);
    WORKS(WRITE(libresult_run_write_parquet, run, file.text, {"compression", words[i]}));
    CHECK(is_parquet(file.text));
    sizes[i] = size_of(file.text);
  }
  CHECK(sizes[0] < sizes[1] && sizes[1] < sizes[2]);
  // zstd, if nothing is said. More groups have more to say.
  struct path plain = at("%s/plain", directory.text), groups = at("%s/groups", directory.text);
  WORKS(plainly(libresult_run_write_parquet, run, plain.text));
  CHECK(size_of(plain.text) == sizes[0]);
  WORKS(WRITE(libresult_run_write_parquet, run, groups.text, {"row_group_rows", "100"}));
  CHECK(size_of(groups.text) > 3 * sizes[0]);
  WORKS(WRITE(libresult_run_write_parquet, run, plain.text, {"on_exists", "replace"},
              {"row_group_rows", "18446744073709551615"}));
  CHECK(size_of(plain.text) == sizes[0]);
  WORKS(WRITE(libresult_run_write_parquet, run, plain.text, {"on_exists", "replace"},
              {"row_group_rows", "1"}, {"rows", "..50"}));
  CHECK(is_parquet(plain.text));
  libresult_run_free(run);
}

static void bad_settings(void) {
  static const struct {
    const char *key, *value, *names;
  } both[] =
      {
          {"column", "eval/los", "'eval/loss'"}, {"column", "nowhere/*", "nowhere/*"},
          {"rows", "2", "FROM..TO"},             {"config", "maybe", "maybe"},
          {"dedupe", "first", "first"},          {"threads", "0", "threads"},
          {"on_exists", "merge", "merge"},       {"on_exist", "replace", "'on_exists'"},
          {"batch_rows", "10", "batch_rows"},    {"max_memory", "10", "max_memory"},
          {"read", "all", "read"},               {"no such thing", "1", "no such thing"},
      },
    csv[] = {{"compression", "none", "compression"}, {"row_group_rows", "5", "row_group_rows"},
             {"null", "a,b", "null"},                {"null", "\"", "null"},
             {"null", "\r", "null"},                 {"null", "\n", "null"}},
    parquet[] = {{"null", "-", "null"},
                 {"compression", "gzip", "gzip"},
                 {"compression", "", "compression"},
                 {"row_group_rows", "0", "row_group_rows"},
                 {"row_group_rows", "many", "many"}};
  struct path directory = empty_directory(), file = at("%s/file", directory.text);
  libresult_run *run = open_nested();
  EACH(write) {
    for (size_t i = 0; i < sizeof both / sizeof *both; i++) {
      FAILS(WRITE(write, run, file.text, {both[i].key, both[i].value}),
            LIBRESULT_CODE_INVALID_ARGUMENT, both[i].names);
    }
    FAILS(WRITE(write, run, file.text, {"column", "\xff"}), LIBRESULT_CODE_INVALID_ARGUMENT,
          "UTF-8");
    FAILS(plainly(write, NULL, file.text), LIBRESULT_CODE_INVALID_ARGUMENT, "run");
    FAILS(plainly(write, run, NULL), LIBRESULT_CODE_INVALID_ARGUMENT, "uri");
    FAILS(plainly(write, run, ""), LIBRESULT_CODE_INVALID_ARGUMENT, "empty");
    FAILS(plainly(write, run, "\xff"), LIBRESULT_CODE_INVALID_ARGUMENT, "uri", "UTF-8");
    FAILS(plainly(write, run, "hdfs://host/file"), LIBRESULT_CODE_INVALID_ARGUMENT, "hdfs://");
    FAILS(write(run, file.text, NULL, 1, NULL, NULL, NULL), LIBRESULT_CODE_INVALID_ARGUMENT,
          "settings");
  }
  for (size_t i = 0; i < sizeof csv / sizeof *csv; i++) {
    FAILS(WRITE(libresult_run_write_csv, run, file.text, {csv[i].key, csv[i].value}),
          LIBRESULT_CODE_INVALID_ARGUMENT, csv[i].names);
  }
  for (size_t i = 0; i < sizeof parquet / sizeof *parquet; i++) {
    FAILS(WRITE(libresult_run_write_parquet, run, file.text, {parquet[i].key, parquet[i].value}),
          LIBRESULT_CODE_INVALID_ARGUMENT, parquet[i].names);
  }
  libresult_run_free(run);
  CHECK(count_entries(directory.text) == 0);
}

// ---- Destinations ------------------------------------------------------------------------------

static void files_that_are_there(void) {
  struct path directory = empty_directory(), file = at("%s/file", directory.text);
  libresult_run *run = open_nested();
  EACH(write) {
    write_file(file.text, "old");
    CHECK(chmod(file.text, 0640) == 0);
    FAILS(plainly(write, run, file.text), LIBRESULT_CODE_IO, file.text, "on_exists=replace");
    FAILS(WRITE(write, run, file.text, {"on_exists", "fail"}), LIBRESULT_CODE_IO, file.text);
    // It stays until the new one is whole.
    FAILS(WRITE(write, run, file.text, {"on_exists", "replace"}, {"column", "no such"}),
          LIBRESULT_CODE_INVALID_ARGUMENT, "no such");
    CHECK(file_is(file.text, "old") && count_entries(directory.text) == 1);
    WORKS(WRITE(write, run, file.text, {"on_exists", "replace"}));
    CHECK(size_of(file.text) > 100);
    struct stat status;
    CHECK(stat(file.text, &status) == 0 && (status.st_mode & 0777) == 0640);
    WORKS(WRITE(write, run, at("file://%s", file.text).text, {"on_exists", "replace"}));
    CHECK(count_entries(directory.text) == 1);
    // A link stays one.
    write_file(file.text, "old");
    struct path link = at("%s/link", directory.text);
    CHECK(symlink("file", link.text) == 0);
    FAILS(plainly(write, run, link.text), LIBRESULT_CODE_IO, link.text);
    WORKS(WRITE(write, run, link.text, {"on_exists", "replace"}));
    CHECK(lstat(link.text, &status) == 0 && S_ISLNK(status.st_mode) && size_of(file.text) > 100);
    CHECK(unlink(link.text) == 0 && unlink(file.text) == 0);
    // One that may not be read is there, too.
    write_file(file.text, "old");
    CHECK(chmod(file.text, 0) == 0);
    FAILS(plainly(write, run, file.text), LIBRESULT_CODE_IO, file.text);
    CHECK(count_entries(directory.text) == 1);
  }
  libresult_run_free(run);
}

static void places_that_are_none(void) {
  struct path directory = empty_directory();
  struct path missing = at("%s/no/such", directory.text), pipe = at("%s/pipe", directory.text);
  struct path file = at("%s/file", directory.text), below = at("%s/file/below", directory.text);
  CHECK(mkfifo(pipe.text, 0600) == 0);
  write_file(file.text, "old");
  libresult_run *run = open_nested();
  EACH(write) {
    FAILS(plainly(write, run, directory.text), LIBRESULT_CODE_IO, directory.text);
    FAILS(WRITE(write, run, directory.text, {"on_exists", "replace"}), LIBRESULT_CODE_IO,
          directory.text);
    FAILS(WRITE(write, run, "/", {"on_exists", "replace"}), LIBRESULT_CODE_IO, "/");
    FAILS(WRITE(write, run, pipe.text, {"on_exists", "replace"}), LIBRESULT_CODE_IO, pipe.text);
    FAILS(plainly(write, run, missing.text), LIBRESULT_CODE_IO, missing.text, "directory");
    FAILS(plainly(write, run, below.text), LIBRESULT_CODE_IO, below.text, "directory");
  }
  CHECK(file_is(file.text, "old") && count_entries(directory.text) == 2);
  libresult_run_free(run);
}

static void relative_paths(void) {
  struct path directory = empty_directory();
  libresult_run *run = open_nested();
  char here[4096];
  CHECK(getcwd(here, sizeof here) && chdir(directory.text) == 0);
  EACH(write) {
    WORKS(plainly(write, run, "plain"));
    FAILS(plainly(write, run, "plain"), LIBRESULT_CODE_IO, "plain");
    CHECK(unlink("plain") == 0);
  }
  CHECK(chdir(here) == 0 && count_entries(directory.text) == 0);
  libresult_run_free(run);
}

static void a_read_only_directory(const char *path) {
  libresult_run *run = open_at(path);
  struct path directory = at("%s/out", path), file = at("%s/file", directory.text);
  make_directory(directory.text);
  write_file(file.text, "old");
  CHECK(chmod(directory.text, 0555) == 0);
  EACH(write) {
    FAILS(plainly(write, run, at("%s/new", directory.text).text), LIBRESULT_CODE_PERMISSION,
          directory.text);
    FAILS(WRITE(write, run, file.text, {"on_exists", "replace"}), LIBRESULT_CODE_PERMISSION,
          file.text);
    CHECK(file_is(file.text, "old") && count_entries(directory.text) == 1);
  }
  CHECK(chmod(directory.text, 0) == 0);
  EACH(write) FAILS(plainly(write, run, file.text), LIBRESULT_CODE_PERMISSION, file.text);
  CHECK(chmod(directory.text, 0755) == 0);
  libresult_run_free(run);
}

// No file may grow beyond some bytes: to the writer, the disk is full.
static void full_disk(void) {
  struct path directory = empty_directory(), file = at("%s/file", directory.text);
  write_file(file.text, "old");
  libresult_run *run = open_nested();
  struct rlimit usual;
  CHECK(getrlimit(RLIMIT_FSIZE, &usual) == 0);
  void (*handler)(int) = signal(SIGXFSZ, SIG_IGN);
  static const char *const threads[] = {"1", "2"};
  static const rlim_t limits[] = {0, 2, 200};
  EACH(write) {
    for (int i = 0; i < 6; i++) {
      struct rlimit small = {limits[i / 2], usual.rlim_max};
      CHECK(setrlimit(RLIMIT_FSIZE, &small) == 0);
      libresult_error *error =
          WRITE(write, run, file.text, {"on_exists", "replace"}, {"threads", threads[i % 2]});
      CHECK(setrlimit(RLIMIT_FSIZE, &usual) == 0);
      FAILS(error, LIBRESULT_CODE_IO, file.text, "File too large");
      CHECK(file_is(file.text, "old") && count_entries(directory.text) == 1);
    }
  }
  signal(SIGXFSZ, handler);
  libresult_run_free(run);
}

// ---- Progress ----------------------------------------------------------------------------------

struct told {
  uint64_t calls, done, total, stop_at;
  bool grows;
};

static bool tell(void *user_data, uint64_t done, uint64_t total) {
  struct told *told = user_data;
  told->grows = told->grows && done >= told->done && (done <= total || total == 0);
  *told = (struct told){told->calls + 1, done, total, told->stop_at, told->grows};
  return told->calls != told->stop_at;
}

static void progress_is_told(void) {
  struct path directory = empty_directory();
  static const char *const names[][2] = {{"r260v1-nested", "result.json"},
                                         {"v1-csv-real", "progress.csv"},
                                         {"r260v2-nested", NULL}};
  for (int i = 0; i < 3; i++) {
    struct path path = at("%s/%s/run", corpus, names[i][0]);
    uint64_t size = 0;
    if (names[i][1]) size = (uint64_t)size_of(at("%s/%s", path.text, names[i][1]).text);
    libresult_run *run = open_at(path.text);
    EACH(write) {
      struct path file = at("%s/file", directory.text);
      struct told told = {.grows = true};
      WORKS(write(run, file.text, NULL, 0, tell, &told, NULL));
      CHECK(told.calls > 0 && told.grows && told.done == size && told.total == size);
      CHECK(unlink(file.text) == 0);

      struct told stopped = {.grows = true, .stop_at = 1};
      FAILS(write(run, file.text, NULL, 0, tell, &stopped, NULL), LIBRESULT_CODE_CANCELLED,
            "cancelled", "progress");
      CHECK(stopped.calls == 1 && count_entries(directory.text) == 0);
    }
    libresult_run_free(run);
  }
}

static bool trigger(void *cancel, uint64_t done, uint64_t total) {
  libresult_cancel_trigger(cancel);
  return done <= total;
}

static void cancelled(void) {
  struct path directory = empty_directory(), file = at("%s/file", directory.text);
  libresult_run *run = open_nested();
  EACH(write) {
    libresult_cancel *cancel = libresult_cancel_new();
    WORKS(write(run, file.text, NULL, 0, NULL, NULL, cancel));
    CHECK(unlink(file.text) == 0);
    // On the way, before the file is put in its place.
    FAILS(write(run, file.text, NULL, 0, trigger, cancel, cancel), LIBRESULT_CODE_CANCELLED,
          "cancelled");
    FAILS(write(run, file.text, NULL, 0, NULL, NULL, cancel), LIBRESULT_CODE_CANCELLED, "cancelled");
    CHECK(count_entries(directory.text) == 0);
    libresult_cancel_free(cancel);
  }
  libresult_run_free(run);
}

// ---- Runs --------------------------------------------------------------------------------------

static void runs_without_reports(void) {
  struct path directory = empty_directory();
  struct path csv = at("%s/csv", directory.text), parquet = at("%s/parquet", directory.text);
  libresult_run *run = open_rows("");
  struct told told = {.grows = true};
  WORKS(libresult_run_write_csv(run, csv.text, NULL, 0, tell, &told, NULL));
  CHECK(file_is(csv.text, "") && told.calls > 0 && told.done == 0);
  WORKS(WRITE(libresult_run_write_parquet, run, parquet.text, {"column", "loss"}));
  CHECK(is_parquet(parquet.text));
  libresult_run_free(run);
}

// Rows, but none of their columns.
static void rows_without_columns(void) {
  struct path directory = empty_directory();
  struct path csv = at("%s/csv", directory.text), parquet = at("%s/parquet", directory.text);
  libresult_run *run = open_rows("{\"config\": {\"lr\": 1}}\n{\"config\": {\"lr\": 1}}\n");
  WORKS(WRITE(libresult_run_write_csv, run, csv.text, {"config", "false"}));
  CHECK(file_is(csv.text, ""));
  WORKS(WRITE(libresult_run_write_parquet, run, parquet.text, {"config", "false"}));
  CHECK(is_parquet(parquet.text));
  libresult_run_free(run);
}

static void files_that_changed(void) {
  struct path directory = empty_directory(), file = at("%s/file", directory.text);
  struct path path = copy_case("r260v1-nested"), source = at("%s/result.json", path.text);
  libresult_run *run = open_at(path.text);
  shell("truncate -s -1 '%s'", source.text);
  EACH(write) FAILS(plainly(write, run, file.text), LIBRESULT_CODE_CORRUPT, source.text, "shorter");
  shell("rm '%s'", source.text);
  EACH(write) FAILS(plainly(write, run, file.text), LIBRESULT_CODE_NOT_FOUND, source.text);
  CHECK(count_entries(directory.text) == 0);
  libresult_run_free(run);
}

void test_write(void) {
  runs_of_the_corpus();
  every_type();
  what_the_file_says_of_its_run();
  a_run_opened_for_its_latest_report();
  choosing();
  compressing();
  bad_settings();
  files_that_are_there();
  places_that_are_none();
  relative_paths();
  as_another_user("r260v1-nested", a_read_only_directory);
  full_disk();
  progress_is_told();
  cancelled();
  runs_without_reports();
  rows_without_columns();
  files_that_changed();
}
