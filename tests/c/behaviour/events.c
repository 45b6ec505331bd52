// Ray's export events: which settings name them, and what they tell.

#define _DEFAULT_SOURCE  // chmod

#include "check.h"

#include <stdio.h>
#include <sys/stat.h>

#define LOG "event_EXPORT_TRAIN_STATE.log"

// A fresh directory `name` below `scratch` with the events of a case whose run lay in `storage`.
static struct path place_events(const char *name, const char *of_case, const char *storage) {
  struct path events = at("%s/%s", scratch, name);
  shell("rm -rf '%s' && mkdir '%s'", events.text, events.text);
  shell("sed 's|${STORAGE}|%s|' '%s/%s/events/" LOG "' > '%s/" LOG "'", storage, corpus, of_case,
        events.text);
  return events;
}

// A fresh directory `name` below `scratch` with a log that says this of a run that lay at
// `/old/run`, and of an attempt.
static struct path make_events(const char *name, const char *status, const char *detail) {
  struct path events = at("%s/%s", scratch, name);
  shell("rm -rf '%s' && mkdir '%s'", events.text, events.text);
  write_file(at("%s/" LOG, events.text).text,
             at("{\"source_type\": \"EXPORT_TRAIN_RUN\","
                " \"event_data\": {\"id\": \"a\", \"status\": \"%s\", \"run_settings\":"
                " {\"run_config\": {\"storage_path\": \"/old\", \"name\": \"run\"}}}}\n"
                "{\"source_type\": \"EXPORT_TRAIN_RUN_ATTEMPT\","
                " \"event_data\": {\"run_id\": \"a\", \"attempt_id\": \"b\","
                " \"status\": \"ERRORED\", \"status_detail\": \"%s\"}}\n",
                status, detail)
                 .text);
  return events;
}

static libresult_error *open_events(const char *uri, const char *events, const char *was_at,
                                    libresult_run **run) {
  libresult_setting settings[] = {{"events", events}, {"events_path", was_at}};
  *run = (void *)run;
  return libresult_run_open(uri, settings, was_at ? 2 : 1, NULL, run);
}

static bool is_noted(const libresult_run *run, const char *code) {
  for (size_t i = 0; i < libresult_run_diagnostic_count(run); i++) {
    if (equals(libresult_diagnostic_code(libresult_run_diagnostic_at(run, i)), code)) return true;
  }
  return false;
}

// That nothing is known of how the run went.
static void tells_nothing(const libresult_run *run) {
  int64_t time = 77;
  uint64_t keep = 77;
  libresult_mode mode = LIBRESULT_MODE_MAX;
  CHECK(equals(libresult_run_status(run), "") && equals(libresult_run_status_detail(run), ""));
  CHECK(!libresult_run_start_time(run, &time) && !libresult_run_end_time(run, &time) && time == 77);
  CHECK(equals(libresult_run_configured_metric(run), ""));
  CHECK(!libresult_run_configured_mode(run, &mode) && mode == LIBRESULT_MODE_MAX);
  CHECK(!libresult_run_configured_keep(run, &keep) && keep == 77);
  CHECK(libresult_run_attempt_count(run) == 0 && !libresult_run_attempt_at(run, 0));
  CHECK(libresult_run_failure_presence(run) == LIBRESULT_PRESENCE_UNKNOWN);
}

// ---- Settings ----------------------------------------------------------------------------------

static void settings(void) {
  struct path run_path = copy_case("r260v2-ev_fail0"), none = at("%s/no/events", scratch);
  struct path here = at("%s/no/run", scratch), empty = at("%s/empty-events", scratch);
  libresult_run *run = NULL;
  FAILS(open_events(run_path.text, none.text, NULL, &run), LIBRESULT_CODE_INVALID_ARGUMENT,
        none.text, "setting events");
  CHECK(run == NULL);
  FAILS(open_events(run_path.text, "", NULL, &run), LIBRESULT_CODE_INVALID_ARGUMENT, "events",
        "empty");
  FAILS(open_events(run_path.text, none.text, "", &run), LIBRESULT_CODE_INVALID_ARGUMENT,
        "events_path", "empty");
  FAILS(open_events(run_path.text, "hdfs://host/logs", NULL, &run), LIBRESULT_CODE_INVALID_ARGUMENT,
        "setting events", "hdfs://");
  // What is wrong with the run comes first.
  FAILS(open_events(here.text, none.text, NULL, &run), LIBRESULT_CODE_NOT_FOUND, here.text);
  FAILS(open_events(at("%s/v2-snapshot-torn/run", corpus).text, none.text, NULL, &run),
        LIBRESULT_CODE_CORRUPT, "checkpoint_manager_snapshot.json");

  shell("rm -rf '%s' && mkdir '%s'", empty.text, empty.text);
  WORKS(open_events(run_path.text, empty.text, NULL, &run));
  CHECK(is_noted(run, "no_matching_event"));
  tells_nothing(run);
  libresult_run_free(run);

  // Without the setting, nothing is looked for.
  WORKS(open_with(run_path.text, "events_path", "/old/run", &run));
  CHECK(libresult_run_diagnostic_count(run) == 0);
  tells_nothing(run);
  libresult_run_free(run);
}

static void not_allowed(const char *run_path) {
  libresult_run *run = NULL;
  struct path events = at("%s/events", run_path), log = at("%s/" LOG, events.text);
  make_directory(events.text);
  write_file(log.text, "");
  CHECK(chmod(log.text, 0) == 0);
  WORKS(open_events(run_path, events.text, NULL, &run));
  CHECK(is_noted(run, "unreadable_file") && is_noted(run, "no_matching_event"));
  libresult_run_free(run);
  FAILS(open_events(run_path, log.text, NULL, &run), LIBRESULT_CODE_PERMISSION, log.text,
        "setting events");
  CHECK(chmod(events.text, 0) == 0);
  FAILS(open_events(run_path, events.text, NULL, &run), LIBRESULT_CODE_PERMISSION, events.text,
        "setting events");
  CHECK(chmod(events.text, 0755) == 0);
}

// ---- Which run it is ---------------------------------------------------------------------------

static void is_the_failed_run(const char *uri, const char *events, const char *was_at) {
  libresult_run *run = NULL;
  WORKS(open_events(uri, events, was_at, &run));
  int64_t start = 0, end = 0;
  const libresult_failure *failure = libresult_run_failure(run);
  CHECK(equals(libresult_run_status(run), "errored"));
  CHECK(libresult_run_start_time(run, &start) && libresult_run_end_time(run, &end) && start < end);
  CHECK(equals(libresult_failure_type(failure), "BoomError"));
  CHECK(equals(libresult_failure_message(failure), "boom at step 3"));
  CHECK(equals(libresult_failure_source(failure), "events"));
  CHECK(libresult_failure_occurrences(failure) == 1 && !libresult_failure_recovered(failure));
  CHECK(libresult_run_config_presence(run) == LIBRESULT_PRESENCE_PRESENT);
  CHECK(equals(libresult_run_config_source(run), "events"));
  CHECK(libresult_run_attempt_count(run) == 1 && !libresult_run_attempt_at(run, 1));
  const libresult_attempt *attempt = libresult_run_attempt_at(run, 0);
  CHECK(libresult_attempt_worker_count(attempt) == 1);
  CHECK(equals(libresult_failure_message(libresult_attempt_failure(attempt)), "boom at step 3"));
  CHECK(!is_noted(run, "no_matching_event"));
  libresult_run_free(run);
}

static void joined_by_path(void) {
  struct path path = copy_case("r260v2-ev_fail0"), link = at("%s/link-to-run", scratch);
  struct path events = place_events("events", "r260v2-ev_fail0", scratch);
  is_the_failed_run(path.text, events.text, NULL);
  is_the_failed_run(at("%s/./events/..//r260v2-ev_fail0/", scratch).text, events.text, NULL);
  shell("rm -f '%s' && ln -s '%s' '%s'", link.text, path.text, link.text);
  is_the_failed_run(link.text, events.text, NULL);
  // One file, whatever its name.
  struct path file = at("%s/renamed.txt", events.text);
  shell("mv '%s/" LOG "' '%s'", events.text, file.text);
  is_the_failed_run(path.text, file.text, NULL);
  is_the_failed_run(path.text, at("file://%s", file.text).text, NULL);
}

static void a_run_that_was_moved(void) {
  struct path path = copy_case("r260v2-ev_fail0");
  struct path events = place_events("moved-events", "r260v2-ev_fail0", "/old/place");
  libresult_run *run = NULL;
  is_the_failed_run(path.text, events.text, "/old/place/r260v2-ev_fail0");
  is_the_failed_run(path.text, events.text, "file:///old/place/x/../r260v2-ev_fail0/");
  WORKS(open_events(path.text, events.text, NULL, &run));
  CHECK(is_noted(run, "no_matching_event"));
  tells_nothing(run);
  libresult_run_free(run);
  // The path replaces the place where the run lies now.
  events = place_events("events", "r260v2-ev_fail0", scratch);
  WORKS(open_events(path.text, events.text, "/old/place/r260v2-ev_fail0", &run));
  tells_nothing(run);
  libresult_run_free(run);
}

// ---- What they tell ----------------------------------------------------------------------------

static void words_that_are_not_known(void) {
  struct path path = copy_case("r260v2-ev_fail0");
  struct path events = make_events("odd-events", "Paused_By_MOON", "no traceback\\n");
  libresult_run *run = NULL;
  WORKS(open_events(path.text, events.text, "/old/run", &run));
  CHECK(equals(libresult_run_status(run), "paused_by_moon"));
  const libresult_failure *failure = libresult_run_failure(run);
  CHECK(equals(libresult_failure_type(failure), ""));
  CHECK(equals(libresult_failure_message(failure), "no traceback"));
  CHECK(equals(libresult_failure_traceback(failure), ""));
  CHECK(libresult_failure_worker_count(failure) == 0);
  libresult_run_free(run);
}

static void damaged_logs(void) {
  struct path path = copy_case("r260v2-ev_fail0");
  struct path events = make_events("torn-events", "FINISHED", "");
  struct path log = at("%s/" LOG, events.text);
  libresult_run *run = NULL;
  shell("printf '{\"event_' >> '%s'", log.text);
  WORKS(open_events(path.text, events.text, "/old/run", &run));
  CHECK(equals(libresult_run_status(run), "finished") && is_noted(run, "torn_last_event"));
  libresult_run_free(run);
  libresult_setting settings[] = {
      {"events", events.text}, {"events_path", "/old/run"}, {"strict", "true"}, {"read", "latest"}};
  FAILS(libresult_run_open(path.text, settings, 3, NULL, &run), LIBRESULT_CODE_CORRUPT, log.text,
        "line 3", "byte");
  // Reading the latest report alone, events tell all the same.
  settings[2] = settings[3];
  WORKS(libresult_run_open(path.text, settings, 3, NULL, &run));
  CHECK(equals(libresult_run_status(run), "finished") && libresult_run_attempt_count(run) == 1);
  libresult_run_free(run);
}

static void is_worker(const libresult_failure *worker, uint64_t rank, const char *type,
                      const char *message) {
  uint64_t found = 77;
  CHECK(libresult_failure_rank(worker, &found) && found == rank);
  CHECK(equals(libresult_failure_type(worker), type));
  CHECK(equals(libresult_failure_message(worker), message));
  CHECK(equals(libresult_failure_source(worker), "events"));
  CHECK(libresult_failure_occurrences(worker) == 1);
}

static void workers_that_fail_in_different_ways(void) {
  struct path path = copy_case("r260v2-ev_fail0");
  struct path events = make_events(
      "worker-events", "RUNNING",
      "[Rank 2,0 Error Snippet]:\\nTraceback (most recent call last):\\n"
      "  File \\\"a.py\\\", line 1, in f\\n"
      "my.OddError: first\\n\\n[Rank 1 Error Snippet]:\\nA worker health check failed.\\n");
  libresult_run *run = NULL;
  WORKS(open_events(path.text, events.text, "/old/run", &run));
  const libresult_failure *failure = libresult_run_failure(run);
  uint64_t rank = 77;
  CHECK(equals(libresult_failure_type(failure), "OddError"));
  CHECK(equals(libresult_failure_module(failure), "my"));
  CHECK(!libresult_failure_rank(failure, &rank) && rank == 77);
  CHECK(libresult_failure_worker_count(failure) == 3 && !libresult_failure_worker_at(failure, 3));
  is_worker(libresult_failure_worker_at(failure, 0), 2, "OddError", "first");
  is_worker(libresult_failure_worker_at(failure, 1), 0, "OddError", "first");
  is_worker(libresult_failure_worker_at(failure, 2), 1, "", "A worker health check failed.");
  libresult_run_free(run);
}

static void what_was_configured(void) {
  struct path path = copy_case("r255v2-ev_scored");
  struct path events = place_events("events", "r255v2-ev_scored", scratch);
  libresult_run *run = NULL;
  libresult_mode mode = LIBRESULT_MODE_MAX;
  uint64_t keep = 0;
  WORKS(open_events(path.text, events.text, NULL, &run));
  CHECK(equals(libresult_run_configured_metric(run), "score"));
  CHECK(libresult_run_configured_mode(run, &mode) && mode == LIBRESULT_MODE_MIN);
  CHECK(libresult_run_configured_keep(run, &keep) && keep == 2);
  CHECK(libresult_run_failure_presence(run) == LIBRESULT_PRESENCE_ABSENT);
  CHECK(!libresult_attempt_failure(libresult_run_attempt_at(run, 0)));
  libresult_run_free(run);
}

void test_events(void) {
  settings();
  as_another_user("r260v2-ev_fail0", not_allowed);
  joined_by_path();
  a_run_that_was_moved();
  words_that_are_not_known();
  damaged_logs();
  workers_that_fail_in_different_ways();
  what_was_configured();
}
