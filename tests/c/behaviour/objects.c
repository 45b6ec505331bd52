// Objects: strings, lifetimes, threads, small stacks, cancelling.

#define _DEFAULT_SOURCE  // pthread attributes

#include "check.h"

#include <pthread.h>
#include <stdio.h>

// ---- Strings and lifetimes ---------------------------------------------------------------------

static bool ends_with_nul(libresult_str text) {
  return text.len > 0 && text.data[text.len] == '\0' && strlen(text.data) == text.len;
}

static void names_end_with_nul(void) {
  static const char *const cases[] = {"r260v1-nested", "r260v2-nested", "r251v2-named",
                                      "v1-checkpoints-unreported"};
  for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
    struct path path = at("%s/%s/run", corpus, cases[i]);
    libresult_run *run = NULL;
    WORKS(open_run(path.text, &run));
    CHECK(ends_with_nul(libresult_run_uri(run)));
    CHECK(ends_with_nul(libresult_run_path(run)));
    size_t count = libresult_run_checkpoint_count(run), leftovers = libresult_run_leftover_count(run);
    CHECK(count > 0);
    for (size_t j = 0; j < count + leftovers; j++) {
      const libresult_checkpoint *checkpoint = j < count
                                                   ? libresult_run_checkpoint_at(run, j)
                                                   : libresult_run_leftover_at(run, j - count);
      CHECK(ends_with_nul(libresult_checkpoint_uri(checkpoint)));
      CHECK(ends_with_nul(libresult_checkpoint_path(checkpoint)));
      CHECK(ends_with_nul(libresult_checkpoint_name(checkpoint)));
    }
    CHECK(!libresult_run_checkpoint_at(run, count));
    CHECK(!libresult_run_leftover_at(run, leftovers));
    CHECK(!libresult_run_checkpoint_at(run, SIZE_MAX));
    libresult_run_free(run);
  }
}

static void opened_again_by_uri(void) {
  libresult_run *run = NULL, *again = NULL;
  libresult_checkpoint *checkpoint = NULL;
  WORKS(open_run(at("%s/r260v1-nested/run", corpus).text, &run));
  WORKS(open_run(libresult_run_uri(run).data, &again));
  CHECK(equals(libresult_run_uri(again), libresult_run_uri(run).data));
  const libresult_checkpoint *latest = libresult_run_latest_checkpoint(run);
  WORKS(libresult_checkpoint_open(libresult_checkpoint_uri(latest).data, NULL, 0, NULL, &checkpoint));
  CHECK(equals(libresult_checkpoint_name(checkpoint), "checkpoint_000003"));
  CHECK(equals(libresult_checkpoint_path(checkpoint), libresult_checkpoint_path(latest).data));
  // Without its run, nothing but the directory is known.
  size_t index = 77;
  uint64_t report = 77;
  CHECK(libresult_checkpoint_presence(checkpoint) == LIBRESULT_PRESENCE_PRESENT);
  CHECK(libresult_checkpoint_status(checkpoint) == LIBRESULT_STATUS_UNKNOWN);
  CHECK(!libresult_checkpoint_index(checkpoint, &index) && index == 77);
  CHECK(!libresult_checkpoint_report(checkpoint, &report) && report == 77);
  CHECK(!libresult_checkpoint_metrics(checkpoint));
  libresult_run_free(run);
  libresult_run_free(again);
  libresult_checkpoint_free(checkpoint);
}

static void is_the_best(const libresult_checkpoint *checkpoint) {
  double loss = 0;
  CHECK(equals(libresult_checkpoint_name(checkpoint), "checkpoint_000003"));
  CHECK(libresult_value_as_f64(
      libresult_value_find(libresult_checkpoint_metrics(checkpoint), "eval/loss"), &loss));
  CHECK(loss == -1.0);
}

static void freed_in_any_order(void) {
  libresult_run *run = NULL;
  libresult_checkpoint *best = NULL;
  libresult_ranking *ranking = NULL;
  WORKS(open_run(at("%s/r260v1-nested/run", corpus).text, &run));
  WORKS(libresult_run_best_checkpoint(run, "eval/loss", LIBRESULT_MODE_MIN, NULL, 0, &best));
  WORKS(libresult_run_rank_checkpoints(run, "eval/loss", LIBRESULT_MODE_MIN, NULL, 0, &ranking));
  libresult_checkpoint *clone = libresult_checkpoint_clone(libresult_run_latest_checkpoint(run));
  libresult_checkpoint *second = libresult_checkpoint_clone(clone);
  libresult_run_free(run);
  is_the_best(best);
  is_the_best(clone);
  libresult_checkpoint_free(clone);
  is_the_best(second);
  CHECK(libresult_ranking_count(ranking) == 4);
  is_the_best(libresult_ranking_checkpoint_at(ranking, 0));
  CHECK(!libresult_ranking_checkpoint_at(ranking, 4));
  CHECK(!libresult_ranking_value_at(ranking, 4));
  libresult_checkpoint *ranked =
      libresult_checkpoint_clone(libresult_ranking_checkpoint_at(ranking, 0));
  libresult_checkpoint_free(best);
  libresult_ranking_free(ranking);
  is_the_best(ranked);
  libresult_checkpoint_free(second);
  libresult_checkpoint_free(ranked);
}

// An answer is as of the moment of opening.
static void a_run_is_a_snapshot(void) {
  struct path run_path = copy_case("r260v1-nested");
  libresult_run *run = NULL;
  WORKS(open_run(run_path.text, &run));
  shell("rm -rf '%s'", run_path.text);
  CHECK(libresult_run_checkpoint_count(run) == 4);
  CHECK(libresult_checkpoint_presence(libresult_run_latest_checkpoint(run)) ==
        LIBRESULT_PRESENCE_PRESENT);
  is_the_best(libresult_run_resume_checkpoint(run));
  libresult_run_free(run);
}

// ---- Cancelling --------------------------------------------------------------------------------

static void cancelled_before(void) {
  struct path path = at("%s/r260v1-nested/run", corpus);
  libresult_cancel *cancel = libresult_cancel_new();
  libresult_run *run = NULL;
  libresult_checkpoint *checkpoint = (void *)&run;
  WORKS(libresult_run_open(path.text, NULL, 0, cancel, &run));
  libresult_run_free(run);
  libresult_cancel_trigger(cancel);
  run = (void *)&run;
  FAILS(libresult_run_open(path.text, NULL, 0, cancel, &run), LIBRESULT_CODE_CANCELLED, "cancelled");
  CHECK(run == NULL);
  FAILS(libresult_checkpoint_open(path.text, NULL, 0, cancel, &checkpoint), LIBRESULT_CODE_CANCELLED,
        "cancelled");
  CHECK(checkpoint == NULL);
  libresult_cancel_free(cancel);
}

// ---- Threads -----------------------------------------------------------------------------------

enum { THREADS = 8, ROUNDS = 50 };

struct reader {
  const libresult_run *run;
  const char *json;
  bool right;
};

// Reads all there is; CHECK is not for threads.
static void *read_everything(void *argument) {
  struct reader *reader = argument;
  reader->right = true;
  for (int i = 0; i < ROUNDS; i++) {
    libresult_text *json = libresult_run_to_json(reader->run);
    libresult_checkpoint *best = NULL;
    libresult_ranking *ranking = NULL;
    libresult_error *error = libresult_run_best_checkpoint(reader->run, "eval/loss",
                                                           LIBRESULT_MODE_MIN, NULL, 0, &best);
    libresult_error *ranking_error = libresult_run_rank_checkpoints(
        reader->run, "eval/loss", LIBRESULT_MODE_MIN, NULL, 0, &ranking);
    libresult_checkpoint *clone =
        libresult_checkpoint_clone(libresult_run_checkpoint_at(reader->run, (size_t)i % 4));
    reader->right = reader->right && equals(libresult_text_str(json), reader->json) && !error &&
                    equals(libresult_checkpoint_name(best), "checkpoint_000003") &&
                    !ranking_error && libresult_ranking_count(ranking) == 4 &&
                    libresult_run_metric(reader->run, "eval/top/k1") &&
                    libresult_checkpoint_metrics(clone);
    libresult_text_free(json);
    libresult_error_free(error);
    libresult_error_free(ranking_error);
    libresult_checkpoint_free(best);
    libresult_checkpoint_free(clone);
    libresult_ranking_free(ranking);
  }
  return NULL;
}

static void many_threads(void) {
  libresult_run *run = NULL;
  WORKS(open_run(at("%s/r260v1-nested/run", corpus).text, &run));
  libresult_text *text = libresult_run_to_json(run);
  char *json = calloc(1, libresult_text_str(text).len + 1);
  memcpy(json, libresult_text_str(text).data, libresult_text_str(text).len);
  libresult_text_free(text);
  pthread_t threads[THREADS];
  struct reader readers[THREADS];
  for (int i = 0; i < THREADS; i++) {
    readers[i] = (struct reader){run, json, false};
    CHECK(pthread_create(&threads[i], NULL, read_everything, &readers[i]) == 0);
  }
  for (int i = 0; i < THREADS; i++) {
    CHECK(pthread_join(threads[i], NULL) == 0);
    CHECK(readers[i].right);
  }
  free(json);
  libresult_run_free(run);
}

// ---- A small stack -----------------------------------------------------------------------------

enum { DEPTH = 990, SMALL_STACK = 128 * 1024 };

struct deep {
  char uri[4096], checkpoint[4096];
  size_t depth, json_depth;
  bool opened, updated;
};

// Opens, walks, prints, updates and frees what is nested deeply.
static void *go_deep(void *argument) {
  struct deep *deep = argument;
  libresult_run *run = NULL;
  libresult_checkpoint *checkpoint = NULL;
  libresult_error *error = libresult_run_open(deep->uri, NULL, 0, NULL, &run);
  deep->opened = !error;
  libresult_error_free(error);
  const libresult_value *value = libresult_run_metric(run, "deep");
  for (; libresult_value_kind(value) == LIBRESULT_KIND_ARRAY; deep->depth++) {
    value = libresult_value_at(value, 0);
  }
  libresult_text *json = libresult_run_to_json(run);
  libresult_text *metrics = libresult_value_to_json(libresult_run_metrics(run));
  libresult_str text = libresult_text_str(metrics);
  for (size_t i = 0; i < text.len; i++) deep->json_depth += text.data[i] == '[';
  error = libresult_checkpoint_open(deep->checkpoint, NULL, 0, NULL, &checkpoint);
  if (!error) error = libresult_checkpoint_update_metadata(checkpoint, "{\"b\": 2}", NULL);
  deep->updated = !error;
  libresult_error_free(error);
  libresult_text_free(json);
  libresult_text_free(metrics);
  libresult_checkpoint_free(checkpoint);
  libresult_run_free(run);
  return NULL;
}

static void small_stack(void) {
  static char nested[2 * DEPTH + 2], rows[2 * DEPTH + 128];
  memset(nested, '[', DEPTH);
  nested[DEPTH] = '1';
  memset(nested + DEPTH + 1, ']', DEPTH);
  snprintf(rows, sizeof rows, "{\"deep\": %s, \"checkpoint_dir_name\": \"checkpoint_000000\"}\n",
           nested);
  struct path run = make_run("deep", rows), checkpoint = at("%s/checkpoint_000000", run.text);
  make_directory(checkpoint.text);
  snprintf(rows, sizeof rows, "{\"a\": %s, \"b\": 1}", nested);
  write_file(at("%s/.metadata.json", checkpoint.text).text, rows);

  static struct deep deep;
  memcpy(deep.uri, run.text, sizeof deep.uri);
  memcpy(deep.checkpoint, checkpoint.text, sizeof deep.checkpoint);
  pthread_t thread;
  pthread_attr_t attributes;
  CHECK(pthread_attr_init(&attributes) == 0);
  CHECK(pthread_attr_setstacksize(&attributes, SMALL_STACK) == 0);
  CHECK(pthread_create(&thread, &attributes, go_deep, &deep) == 0);
  CHECK(pthread_join(thread, NULL) == 0);
  pthread_attr_destroy(&attributes);
  CHECK(deep.opened);
  CHECK(deep.depth == DEPTH);
  CHECK(deep.json_depth == DEPTH);
  CHECK(deep.updated);
}

// ---- The library -------------------------------------------------------------------------------

static void version(void) {
  struct path expected = at("%d.%d.%d", LIBRESULT_VERSION_MAJOR, LIBRESULT_VERSION_MINOR,
                            LIBRESULT_VERSION_PATCH);
  CHECK(equals(libresult_version(), expected.text));
  CHECK(LIBRESULT_VERSION_AT_LEAST(0, 1, 0));
  CHECK(!LIBRESULT_VERSION_AT_LEAST(LIBRESULT_VERSION_MAJOR, LIBRESULT_VERSION_MINOR,
                                    LIBRESULT_VERSION_PATCH + 1));
  CHECK(!libresult_supports("no such feature"));
  CHECK(!libresult_supports(""));
}

void test_objects(void) {
  names_end_with_nul();
  opened_again_by_uri();
  freed_in_any_order();
  a_run_is_a_snapshot();
  cancelled_before();
  many_threads();
  small_stack();
  version();
}
