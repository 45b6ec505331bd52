// Bad input: one clear error that names what is wrong.

#define _DEFAULT_SOURCE  // chmod

#include "check.h"

#include <sys/stat.h>

static void fails_to_open(const char *uri, libresult_code code, const char *const *parts,
                          const char *file, int line) {
  libresult_run *run = NULL;
  fails(open_run(uri, &run), code, parts, uri, file, line);
  check(run == NULL, "out is NULL after a failure", file, line);
}

#define FAILS_TO_OPEN(uri, code, ...)                                                              \
  fails_to_open((uri), (code), (const char *const[]){__VA_ARGS__, NULL}, __FILE__, __LINE__)

// ---- What is at the path -----------------------------------------------------------------------

static void no_run_there(void) {
  struct path path = at("%s/no/such/run", scratch);
  FAILS_TO_OPEN(path.text, LIBRESULT_CODE_NOT_FOUND, path.text);

  path = at("%s/r260v1-nested/run/result.json", corpus);
  FAILS_TO_OPEN(path.text, LIBRESULT_CODE_NOT_FOUND, path.text, "file", "directory");

  path = at("%s/experiments/r251t-grid/run", corpus);
  FAILS_TO_OPEN(path.text, LIBRESULT_CODE_NOT_FOUND, path.text, "experiment",
                "grid_6bf99_00000_0_kind=plain_2026-11-24_10-33-00");

  path = at("%s/r260v1-nested/run/checkpoint_000002", corpus);
  FAILS_TO_OPEN(path.text, LIBRESULT_CODE_NOT_FOUND, path.text, "checkpoint");

  path = at("%s/other/neither", scratch);
  shell("rm -rf '%s' && mkdir -p '%s/logs' && touch '%s/notes.txt'", path.text, path.text, path.text);
  FAILS_TO_OPEN(path.text, LIBRESULT_CODE_NOT_FOUND, path.text, "checkpoint_manager_snapshot.json",
                "result.json");
}

static void a_torn_snapshot(void) {
  struct path run = at("%s/v2-snapshot-torn/run", corpus);
  FAILS_TO_OPEN(run.text, LIBRESULT_CODE_CORRUPT, "checkpoint_manager_snapshot.json");
}

static void not_allowed(const char *run) {
  libresult_run *opened = NULL;
  WORKS(open_run(run, &opened));
  libresult_run_free(opened);

  struct path snapshot = at("%s/checkpoint_manager_snapshot.json", run);
  CHECK(chmod(snapshot.text, 0) == 0);
  FAILS_TO_OPEN(run, LIBRESULT_CODE_PERMISSION, "checkpoint_manager_snapshot.json");
  CHECK(chmod(snapshot.text, 0644) == 0);

  CHECK(chmod(run, 0) == 0);
  FAILS_TO_OPEN(run, LIBRESULT_CODE_PERMISSION, run);
  CHECK(chmod(run, 0755) == 0);
}

// ---- Arguments ---------------------------------------------------------------------------------

static void bad_settings(void) {
  struct path path = at("%s/r260v1-nested/run", corpus);
  const char *uri = path.text;
  static const struct {
    const char *key, *value, *names;
  } cases[] = {
      {"raed", "latest", "'read'"},   {"no such thing", "1", "no such thing"},
      {"ties", "latest", "ties"},     {"read", "newest", "newest"},
      {"max_depth", "0", "max_depth"}, {"max_checkpoints", "many", "max_checkpoints"},
      {"max_line_bytes", "-1", "max_line_bytes"}, {"", "", "setting"},
  };
  for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
    libresult_run *run = NULL;
    FAILS(open_with(uri, cases[i].key, cases[i].value, &run), LIBRESULT_CODE_INVALID_ARGUMENT,
          cases[i].names);
    CHECK(run == NULL);
  }
  libresult_run *run = NULL;
  FAILS(open_with(uri, NULL, "latest", &run), LIBRESULT_CODE_INVALID_ARGUMENT, "key");
  FAILS(open_with(uri, "read", NULL, &run), LIBRESULT_CODE_INVALID_ARGUMENT, "value");
  FAILS(open_with(uri, "read", "\xff", &run), LIBRESULT_CODE_INVALID_ARGUMENT, "UTF-8");
  FAILS(open_with(uri, "\xff", "latest", &run), LIBRESULT_CODE_INVALID_ARGUMENT, "UTF-8");
  WORKS(open_with(uri, "read", "latest", &run));

  libresult_setting ties = {"ties", "both"};
  libresult_checkpoint *best = (void *)&ties;
  FAILS(libresult_run_best_checkpoint(run, "eval/loss", LIBRESULT_MODE_MIN, &ties, 1, &best),
        LIBRESULT_CODE_INVALID_ARGUMENT, "ties", "both");
  CHECK(best == NULL);
  // What `read=latest` does not know, it does not guess.
  FAILS(libresult_run_best_checkpoint(run, "eval/loss", LIBRESULT_MODE_MIN, NULL, 0, &best),
        LIBRESULT_CODE_INVALID_ARGUMENT, "read");
  libresult_run_free(run);
}

static void limits(void) {
  struct path v1 = at("%s/r260v1-nested/run", corpus), v2 = at("%s/r260v2-nested/run", corpus);
  libresult_run *run = NULL;
  FAILS(open_with(v2.text, "max_checkpoints", "1", &run), LIBRESULT_CODE_CORRUPT, "max_checkpoints");
  FAILS(open_with(v1.text, "max_checkpoints", "1", &run), LIBRESULT_CODE_CORRUPT, "max_checkpoints");
  FAILS(open_with(v2.text, "max_file_bytes", "16", &run), LIBRESULT_CODE_CORRUPT, "max_file_bytes");
  FAILS(open_with(v1.text, "max_line_bytes", "16", &run), LIBRESULT_CODE_CORRUPT, "max_line_bytes");
  CHECK(run == NULL);
}

static void text_that_is_no_utf8(void) {
  libresult_run *run = NULL;
  libresult_checkpoint *checkpoint = (void *)&run;
  libresult_ranking *ranking = (void *)&run;
  FAILS_TO_OPEN("/tmp/\xff", LIBRESULT_CODE_INVALID_ARGUMENT, "uri", "UTF-8");
  FAILS(libresult_checkpoint_open("\xc3", NULL, 0, NULL, &checkpoint),
        LIBRESULT_CODE_INVALID_ARGUMENT, "uri", "UTF-8");
  CHECK(checkpoint == NULL);

  WORKS(open_run(at("%s/r260v1-nested/run", corpus).text, &run));
  FAILS(libresult_run_best_checkpoint(run, "\xff", LIBRESULT_MODE_MIN, NULL, 0, &checkpoint),
        LIBRESULT_CODE_INVALID_ARGUMENT, "path", "UTF-8");
  FAILS(libresult_run_rank_checkpoints(run, "\xff", LIBRESULT_MODE_MIN, NULL, 0, &ranking),
        LIBRESULT_CODE_INVALID_ARGUMENT, "path", "UTF-8");
  CHECK(ranking == NULL);
  CHECK(!libresult_run_metric(run, "\xff"));
  CHECK(!libresult_value_get(libresult_run_metrics(run), "\xff"));
  CHECK(!libresult_value_find(libresult_run_metrics(run), "\xff"));
  CHECK(!libresult_supports("\xff"));
  libresult_run_free(run);
}

static void modes_that_are_none(void) {
  static const int numbers[] = {0, 3, 7, -1, 1 << 30};
  libresult_run *run = NULL;
  WORKS(open_run(at("%s/r260v1-nested/run", corpus).text, &run));
  for (size_t i = 0; i < sizeof numbers / sizeof *numbers; i++) {
    libresult_mode mode = (libresult_mode)numbers[i];
    libresult_checkpoint *best = (void *)&run;
    libresult_ranking *ranking = (void *)&run;
    FAILS(libresult_run_best_checkpoint(run, "eval/loss", mode, NULL, 0, &best),
          LIBRESULT_CODE_INVALID_ARGUMENT, "mode");
    FAILS(libresult_run_rank_checkpoints(run, "eval/loss", mode, NULL, 0, &ranking),
          LIBRESULT_CODE_INVALID_ARGUMENT, "mode");
    CHECK(best == NULL);
    CHECK(ranking == NULL);
  }
  libresult_run_free(run);
}

// ---- Metrics -----------------------------------------------------------------------------------

static void best_fails(const char *name, const char *metric, libresult_code code,
                       const char *const *parts, int line) {
  libresult_run *run = NULL;
  WORKS(open_run(at("%s/%s/run", corpus, name).text, &run));
  libresult_checkpoint *best = (void *)&run;
  fails(libresult_run_best_checkpoint(run, metric, LIBRESULT_MODE_MAX, NULL, 0, &best), code, parts,
        metric, __FILE__, line);
  check(best == NULL, "best is NULL after a failure", __FILE__, line);
  libresult_run_free(run);
}

#define BEST_FAILS(name, metric, code, ...)                                                        \
  best_fails((name), (metric), (code), (const char *const[]){__VA_ARGS__, NULL}, __LINE__)

static void metrics_that_no_checkpoint_has(void) {
  // Named nowhere: a mistake of the caller.
  BEST_FAILS("r260v1-nested", "eval/los", LIBRESULT_CODE_INVALID_ARGUMENT, "eval/los", "eval/loss'");
  BEST_FAILS("r260v1-nested", "", LIBRESULT_CODE_INVALID_ARGUMENT, "metric");
  // Named by the last report alone: all are skipped.
  BEST_FAILS("r260v1-late", "eval_loss", LIBRESULT_CODE_NOT_FOUND, "eval_loss", "4 without");
  BEST_FAILS("r251v2-specials", "inner/list/0", LIBRESULT_CODE_NOT_FOUND, "inner/list/0", "7",
             "NaN");
  BEST_FAILS("r260v1-nested", "text", LIBRESULT_CODE_NOT_FOUND, "text", "4", "number");
  BEST_FAILS("v1-checkpoints-deleted_all", "loss", LIBRESULT_CODE_NOT_FOUND, "loss", "1");
  // There is no checkpoint at all.
  BEST_FAILS("r260v2-nockpt", "loss", LIBRESULT_CODE_NOT_FOUND, "checkpoint");
}

static void rankings_that_are_empty(void) {
  libresult_run *run = NULL;
  libresult_ranking *ranking = NULL;
  WORKS(open_run(at("%s/r260v1-late/run", corpus).text, &run));
  WORKS(libresult_run_rank_checkpoints(run, "eval_loss", LIBRESULT_MODE_MIN, NULL, 0, &ranking));
  CHECK(libresult_ranking_count(ranking) == 0);
  CHECK(libresult_ranking_skipped_count(ranking) == 4);
  libresult_skipped reason = LIBRESULT_SKIPPED_NAN;
  CHECK(libresult_ranking_skipped_at(ranking, 3, &reason));
  CHECK(reason == LIBRESULT_SKIPPED_MISSING);
  reason = LIBRESULT_SKIPPED_NAN;
  CHECK(!libresult_ranking_skipped_at(ranking, 4, &reason));
  CHECK(reason == LIBRESULT_SKIPPED_NAN);
  libresult_ranking_free(ranking);
  FAILS(libresult_run_rank_checkpoints(run, "no_such", LIBRESULT_MODE_MIN, NULL, 0, &ranking),
        LIBRESULT_CODE_INVALID_ARGUMENT, "no_such");
  libresult_run_free(run);

  WORKS(open_run(at("%s/r260v2-nockpt/run", corpus).text, &run));
  WORKS(libresult_run_rank_checkpoints(run, "no_such", LIBRESULT_MODE_MIN, NULL, 0, &ranking));
  CHECK(libresult_ranking_count(ranking) + libresult_ranking_skipped_count(ranking) == 0);
  libresult_ranking_free(ranking);
  libresult_run_free(run);
}

void test_bad_input(void) {
  no_run_there();
  a_torn_snapshot();
  as_another_user("r260v2-nested", not_allowed);
  bad_settings();
  limits();
  text_that_is_no_utf8();
  modes_that_are_none();
  metrics_that_no_checkpoint_has();
  rankings_that_are_empty();
}
