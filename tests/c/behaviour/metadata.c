// Metadata of checkpoints: read, written, updated, and whole whatever happens.

#define _DEFAULT_SOURCE  // chmod, setrlimit

#include "check.h"

#include <math.h>
#include <pthread.h>
#include <signal.h>
#include <sys/resource.h>
#include <sys/stat.h>

// A file as Python writes it, with numbers that would look different if they were written again.
#define OLD "{\"kept\": 1.50E+3, \"big\": 123456789012345678901234567890, \"nan\": NaN, \"step\": 1}"

// A copy of a checkpoint with this metadata, or none if `text` is NULL.
static struct path make_checkpoint(const char *text) {
  struct path path = at("%s/checkpoint_000000", scratch);
  shell("rm -rf '%s' && cp -r '%s/r260v1-fail_chain/run/checkpoint_000000' '%s'", path.text, corpus,
        path.text);
  if (text) write_file(at("%s/.metadata.json", path.text).text, text);
  return path;
}

static libresult_error *read_metadata(const libresult_checkpoint *checkpoint,
                                      libresult_value **metadata) {
  *metadata = (void *)metadata;
  return libresult_checkpoint_read_metadata(checkpoint, NULL, metadata);
}

static libresult_error *write_metadata(const libresult_checkpoint *checkpoint, const char *json) {
  return libresult_checkpoint_write_metadata(checkpoint, json, NULL);
}

static libresult_error *update_metadata(const libresult_checkpoint *checkpoint, const char *json) {
  return libresult_checkpoint_update_metadata(checkpoint, json, NULL);
}

static int64_t whole_number(const libresult_value *value) {
  int64_t number = -1;
  CHECK(libresult_value_as_i64(value, &number));
  return number;
}

static void of_a_real_run(void) {
  libresult_run *run = NULL;
  libresult_value *metadata = NULL;
  WORKS(open_run(at("%s/r260v1-nested/run", corpus).text, &run));
  WORKS(read_metadata(libresult_run_latest_checkpoint(run), &metadata));
  CHECK(libresult_value_len(metadata) == 2);
  CHECK(whole_number(libresult_value_get(metadata, "step")) == 3);
  CHECK(libresult_value_len(libresult_value_get(metadata, "tags")) == 2);
  libresult_run_free(run);
  libresult_value_free(metadata);
}

static void round_trip(void) {
  struct path path = make_checkpoint(NULL), file = at("%s/.metadata.json", path.text);
  libresult_checkpoint *checkpoint = open_checkpoint(scratch, "checkpoint_000000");
  int files = count_entries(path.text);
  libresult_value *metadata = NULL;

  WORKS(read_metadata(checkpoint, &metadata));
  CHECK(libresult_value_kind(metadata) == LIBRESULT_KIND_OBJECT);
  CHECK(libresult_value_len(metadata) == 0);
  libresult_value_free(metadata);
  CHECK(count_entries(path.text) == files);

  WORKS(write_metadata(checkpoint, "{\"a\": {\"b\": [1, {\"c\": \"\\u00fc\xf0\x9f\x8e\x89\"}]}}"));
  WORKS(read_metadata(checkpoint, &metadata));
  libresult_str text = {"", 0};
  CHECK(libresult_value_as_str(libresult_value_find(metadata, "a/b/1/c"), &text));
  CHECK(equals(text, "\xc3\xbc\xf0\x9f\x8e\x89"));
  CHECK(whole_number(libresult_value_find(metadata, "a/b/0")) == 1);
  libresult_value_free(metadata);
  CHECK(count_entries(path.text) == files + 1);

  WORKS(write_metadata(checkpoint, " {} \n"));
  WORKS(read_metadata(checkpoint, &metadata));
  CHECK(libresult_value_kind(metadata) == LIBRESULT_KIND_OBJECT);
  CHECK(libresult_value_len(metadata) == 0);
  libresult_value_free(metadata);

  // Ray reads this file, so it stays as Python writes it.
  WORKS(write_metadata(checkpoint, "{\"nan\": NaN, \"low\": -Infinity}"));
  CHECK(file_has(file.text, "\"nan\": NaN"));
  CHECK(file_has(file.text, "\"low\": -Infinity"));
  WORKS(read_metadata(checkpoint, &metadata));
  double number = 0;
  CHECK(libresult_value_as_f64(libresult_value_get(metadata, "nan"), &number) && isnan(number));
  CHECK(libresult_value_as_f64(libresult_value_get(metadata, "low"), &number) && isinf(number));
  libresult_value_free(metadata);
  libresult_checkpoint_free(checkpoint);
}

static void update_keeps_the_others(void) {
  struct path path = make_checkpoint(OLD), file = at("%s/.metadata.json", path.text);
  libresult_checkpoint *checkpoint = open_checkpoint(scratch, "checkpoint_000000");
  libresult_value *metadata = NULL;

  WORKS(update_metadata(checkpoint, "{}"));
  WORKS(update_metadata(checkpoint, "{\"step\": 2, \"new\": {\"deep\": []}}"));
  CHECK(file_has(file.text, "\"kept\": 1.50E+3"));
  CHECK(file_has(file.text, "\"big\": 123456789012345678901234567890"));
  CHECK(file_has(file.text, "\"nan\": NaN"));
  WORKS(read_metadata(checkpoint, &metadata));
  CHECK(libresult_value_len(metadata) == 5);
  CHECK(equals(libresult_value_key_at(metadata, 0), "kept"));
  CHECK(whole_number(libresult_value_get(metadata, "step")) == 2);
  CHECK(libresult_value_kind(libresult_value_find(metadata, "new/deep")) == LIBRESULT_KIND_ARRAY);
  libresult_value_free(metadata);

  // A member is replaced as a whole, as in Python's `dict.update`.
  WORKS(update_metadata(checkpoint, "{\"new\": {\"other\": 1}}"));
  WORKS(read_metadata(checkpoint, &metadata));
  CHECK(libresult_value_len(libresult_value_get(metadata, "new")) == 1);
  libresult_value_free(metadata);
  libresult_checkpoint_free(checkpoint);
}

static void json_that_is_no_object(void) {
  static const char *const texts[] = {"[1]", "3",        "null",      "\"text\"",     "",
                                      "{",   "{\"a\":}", "{} {}",     "{\"a\": 1,}", "{'a': 1}",
                                      "{1: 2}", "{\"a\": 01}", "{\"a\": \"\n\"}"};
  struct path path = make_checkpoint(OLD), file = at("%s/.metadata.json", path.text);
  libresult_checkpoint *checkpoint = open_checkpoint(scratch, "checkpoint_000000");
  int files = count_entries(path.text);
  for (size_t i = 0; i < sizeof texts / sizeof *texts; i++) {
    FAILS(write_metadata(checkpoint, texts[i]), LIBRESULT_CODE_INVALID_ARGUMENT, "json");
    FAILS(update_metadata(checkpoint, texts[i]), LIBRESULT_CODE_INVALID_ARGUMENT, "json");
  }
  FAILS(write_metadata(checkpoint, "{\"a\": \"\xff\"}"), LIBRESULT_CODE_INVALID_ARGUMENT, "UTF-8");
  FAILS(update_metadata(checkpoint, "\xff"), LIBRESULT_CODE_INVALID_ARGUMENT, "UTF-8");
  CHECK(file_is(file.text, OLD));
  CHECK(count_entries(path.text) == files);
  libresult_checkpoint_free(checkpoint);
}

static void files_that_are_damaged(void) {
  static const char *const texts[] = {"[1]", "", "{\"torn", "null"};
  for (size_t i = 0; i < sizeof texts / sizeof *texts; i++) {
    struct path path = make_checkpoint(texts[i]), file = at("%s/.metadata.json", path.text);
    libresult_checkpoint *checkpoint = open_checkpoint(scratch, "checkpoint_000000");
    libresult_value *metadata = NULL;
    FAILS(read_metadata(checkpoint, &metadata), LIBRESULT_CODE_CORRUPT, ".metadata.json");
    CHECK(metadata == NULL);
    FAILS(update_metadata(checkpoint, "{\"a\": 1}"), LIBRESULT_CODE_CORRUPT, ".metadata.json");
    CHECK(file_is(file.text, texts[i]));
    WORKS(write_metadata(checkpoint, "{\"a\": 1}"));
    WORKS(read_metadata(checkpoint, &metadata));
    CHECK(whole_number(libresult_value_get(metadata, "a")) == 1);
    libresult_value_free(metadata);
    libresult_checkpoint_free(checkpoint);
  }
}

static void directory_that_is_gone(void) {
  struct path path = at("%s/checkpoint_000009", scratch);
  libresult_checkpoint *checkpoint = open_checkpoint(scratch, "checkpoint_000009");
  CHECK(libresult_checkpoint_presence(checkpoint) == LIBRESULT_PRESENCE_ABSENT);
  FAILS(write_metadata(checkpoint, "{}"), LIBRESULT_CODE_NOT_FOUND, path.text);
  FAILS(update_metadata(checkpoint, "{}"), LIBRESULT_CODE_NOT_FOUND, path.text);
  struct stat status;
  CHECK(stat(path.text, &status) != 0);
  libresult_checkpoint_free(checkpoint);
}

static void read_only_directory(const char *run) {
  struct path path = at("%s/checkpoint_000003", run), file = at("%s/.metadata.json", path.text);
  libresult_checkpoint *checkpoint = open_checkpoint(run, "checkpoint_000003");
  int files = count_entries(path.text);
  char *old = read_file(file.text);
  CHECK(chmod(path.text, 0555) == 0);
  FAILS(write_metadata(checkpoint, "{}"), LIBRESULT_CODE_PERMISSION, ".metadata.json");
  FAILS(update_metadata(checkpoint, "{\"a\": 1}"), LIBRESULT_CODE_PERMISSION, ".metadata.json");
  CHECK(file_is(file.text, old));
  CHECK(count_entries(path.text) == files);
  CHECK(chmod(path.text, 0755) == 0);
  WORKS(update_metadata(checkpoint, "{\"a\": 1}"));
  CHECK(file_has(file.text, "\"a\": 1"));

  CHECK(chmod(file.text, 0) == 0);
  libresult_value *metadata = NULL;
  FAILS(read_metadata(checkpoint, &metadata), LIBRESULT_CODE_PERMISSION, ".metadata.json");
  free(old);
  libresult_checkpoint_free(checkpoint);
}

// No file may grow beyond 16 bytes: to the writer, the disk is full.
static void full_disk(void) {
  struct path path = make_checkpoint(OLD), file = at("%s/.metadata.json", path.text);
  libresult_checkpoint *checkpoint = open_checkpoint(scratch, "checkpoint_000000");
  int files = count_entries(path.text);
  struct rlimit usual, small;
  CHECK(getrlimit(RLIMIT_FSIZE, &usual) == 0);
  small = (struct rlimit){16, usual.rlim_max};
  void (*handler)(int) = signal(SIGXFSZ, SIG_IGN);
  CHECK(setrlimit(RLIMIT_FSIZE, &small) == 0);
  libresult_error *write = write_metadata(checkpoint, "{\"more\": \"than sixteen bytes\"}");
  libresult_error *update = update_metadata(checkpoint, "{\"a\": 1}");
  CHECK(setrlimit(RLIMIT_FSIZE, &usual) == 0);
  signal(SIGXFSZ, handler);
  FAILS(write, LIBRESULT_CODE_IO, ".metadata.json");
  FAILS(update, LIBRESULT_CODE_IO, ".metadata.json");
  CHECK(file_is(file.text, OLD));
  CHECK(count_entries(path.text) == files);
  libresult_checkpoint_free(checkpoint);
}

static void cancelled(void) {
  struct path path = make_checkpoint(OLD), file = at("%s/.metadata.json", path.text);
  libresult_checkpoint *checkpoint = open_checkpoint(scratch, "checkpoint_000000");
  libresult_cancel *cancel = libresult_cancel_new();
  libresult_value *metadata = NULL;
  WORKS(libresult_checkpoint_read_metadata(checkpoint, cancel, &metadata));
  libresult_value_free(metadata);

  libresult_cancel_trigger(cancel);
  libresult_cancel_trigger(cancel);
  metadata = (void *)&path;
  FAILS(libresult_checkpoint_read_metadata(checkpoint, cancel, &metadata), LIBRESULT_CODE_CANCELLED,
        "cancelled");
  CHECK(metadata == NULL);
  FAILS(libresult_checkpoint_write_metadata(checkpoint, "{}", cancel), LIBRESULT_CODE_CANCELLED,
        "cancelled");
  FAILS(libresult_checkpoint_update_metadata(checkpoint, "{}", cancel), LIBRESULT_CODE_CANCELLED,
        "cancelled");
  CHECK(file_is(file.text, OLD));
  libresult_cancel_free(cancel);
  libresult_checkpoint_free(checkpoint);
}

enum { WRITERS = 4, UPDATES = 10 };

struct writer {
  int number;
  bool worked;
};

// Adds members that no other writer adds. Each writer opens the checkpoint for itself.
static void *add_members(void *argument) {
  struct writer *writer = argument;
  struct path path = at("%s/checkpoint_000000", scratch);
  libresult_checkpoint *checkpoint = NULL;
  libresult_error *error = libresult_checkpoint_open(path.text, NULL, 0, NULL, &checkpoint);
  for (int i = 0; i < UPDATES && !error; i++) {
    error = update_metadata(checkpoint, at("{\"%d of %d\": 1}", i, writer->number).text);
  }
  writer->worked = !error;
  libresult_error_free(error);
  libresult_checkpoint_free(checkpoint);
  return NULL;
}

static void writers_beside_each_other(void) {
  make_checkpoint("{}");
  pthread_t threads[WRITERS];
  struct writer writers[WRITERS];
  for (int i = 0; i < WRITERS; i++) {
    writers[i] = (struct writer){i, false};
    CHECK(pthread_create(&threads[i], NULL, add_members, &writers[i]) == 0);
  }
  for (int i = 0; i < WRITERS; i++) {
    CHECK(pthread_join(threads[i], NULL) == 0);
    CHECK(writers[i].worked);
  }
  libresult_checkpoint *checkpoint = open_checkpoint(scratch, "checkpoint_000000");
  libresult_value *metadata = NULL;
  WORKS(read_metadata(checkpoint, &metadata));
  CHECK(libresult_value_len(metadata) == WRITERS * UPDATES);
  libresult_value_free(metadata);
  libresult_checkpoint_free(checkpoint);
}

void test_metadata(void) {
  of_a_real_run();
  round_trip();
  update_keeps_the_others();
  json_that_is_no_object();
  files_that_are_damaged();
  directory_that_is_gone();
  as_another_user("r260v1-nested", read_only_directory);
  full_disk();
  cancelled();
  writers_beside_each_other();
}
