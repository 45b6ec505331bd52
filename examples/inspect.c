// inspect RUN [METRIC [min|max]]: one report of a training run.
//
// Sections, an empty line between them: the name of the run with its path, layout and version of
// Ray; metrics; configuration; checkpoints as a table; leftovers and diagnostics if there are any,
// the failure between them. Lines are indented by two blanks; names are padded to the longest, in
// code points. Floats have six significant digits, as `%.6g`; strings are as in JSON. Without METRIC
// the best checkpoint is by `eval/loss`, `loss`, or else the first float; without `min` or `max`,
// what ends in `loss` is best when small, all else when large. Colours only on a terminal, and not
// if NO_COLOR is set. Exits with 1 if the run cannot be opened, with 2 if asked wrongly.

#define _POSIX_C_SOURCE 200809L  // isatty

#include <libresult.h>

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static const char *bold = "", *red = "", *green = "", *plain = "";

static void heading(const char *text) { printf("\n%s%s%s\n", bold, text, plain); }

// ---- Text --------------------------------------------------------------------------------------

static libresult_str str(const char *text) { return (libresult_str){text, strlen(text)}; }

static bool is_control(char byte) { return (unsigned char)byte < 0x20 || byte == 0x7f; }

static int width(libresult_str text) {
  int code_points = 0;
  for (size_t i = 0; i < text.len; i++) code_points += ((unsigned char)text.data[i] & 0xc0) != 0x80;
  return code_points;
}

static int wider(int least, libresult_str text) { return width(text) > least ? width(text) : least; }

// One line, padded to `columns`; what could steer a terminal becomes `?`.
static void put_cell(libresult_str text, int columns) {
  for (size_t i = 0; i < text.len; i++) putchar(is_control(text.data[i]) ? '?' : text.data[i]);
  printf("%*s", columns > width(text) ? columns - width(text) : 0, "");
}

// Lines, all but the first and the empty ones indented, without the newlines at the end, colour codes
// (`ESC [ … letter`) and other control characters but tabs.
static void put_block(libresult_str text, int indent) {
  while (text.len > 0 && text.data[text.len - 1] == '\n') text.len--;
  for (size_t i = 0; i < text.len; i++) {
    char byte = text.data[i];
    if (byte == '\n') {
      printf("\n%*s", text.data[i + 1] == '\n' ? 0 : indent, "");
    } else if (byte == '\033' && i + 1 < text.len && text.data[i + 1] == '[') {
      for (i += 2; i < text.len && (text.data[i] < '@' || text.data[i] > '~');) i++;
    } else if (byte == '\t' || !is_control(byte)) {
      putchar(byte);
    }
  }
}

static void put_field(const char *name, libresult_str text) {
  printf("  %-11s  ", name);
  put_block(text.len > 0 ? text : str("not recorded"), 15);
  putchar('\n');
}

// ---- Values, and nested objects as rows --------------------------------------------------------

static void put_json(const libresult_value *value) {
  libresult_text *json = libresult_value_to_json(value);
  put_cell(libresult_text_str(json), 0);
  libresult_text_free(json);
}

static void put_value(const libresult_value *value) {
  double number = 0;
  switch (libresult_value_kind(value)) {
    case LIBRESULT_KIND_FLOAT:
      libresult_value_as_f64(value, &number);
      if (isnan(number)) printf("nan");
      else printf("%.6g", number);
      break;
    case LIBRESULT_KIND_ARRAY:
      for (size_t i = 0; i < libresult_value_len(value); i++) {
        printf("%s", i == 0 ? "[" : ", ");
        put_value(libresult_value_at(value, i));
      }
      printf("%s", libresult_value_len(value) == 0 ? "[]" : "]");
      break;
    case LIBRESULT_KIND_OBJECT: printf(libresult_value_len(value) == 0 ? "{}" : "{...}"); break;
    default: put_json(value); break;
  }
}

struct row {
  char *name;  // keys joined by `/`
  const libresult_value *value;
};

struct rows {
  struct row *at;
  size_t count;
};

static void *must(void *memory) {
  if (!memory) fputs("inspect: out of memory\n", stderr), exit(1);
  return memory;
}

// Adds what lies below `value`: everything but objects that have members.
static void flatten(struct rows *rows, const char *above, libresult_str key,
                    const libresult_value *value) {
  size_t size = strlen(above) + key.len + 2, len = libresult_value_len(value);
  char *name = must(malloc(size));
  snprintf(name, size, "%s%s%.*s", above, *above ? "/" : "", (int)key.len, key.data);
  if (libresult_value_kind(value) == LIBRESULT_KIND_OBJECT && len > 0) {
    for (size_t i = 0; i < len; i++) {
      flatten(rows, name, libresult_value_key_at(value, i), libresult_value_at(value, i));
    }
    free(name);
  } else {
    rows->at = must(realloc(rows->at, (rows->count + 1) * sizeof *rows->at));
    rows->at[rows->count++] = (struct row){name, value};
  }
}

static void put_rows(const struct rows *rows) {
  int columns = 0;
  for (size_t i = 0; i < rows->count; i++) columns = wider(columns, str(rows->at[i].name));
  for (size_t i = 0; i < rows->count; i++) {
    printf("  ");
    put_cell(str(rows->at[i].name), columns + 2);
    put_value(rows->at[i].value);
    putchar('\n');
  }
}

static void free_rows(struct rows *rows) {
  for (size_t i = 0; i < rows->count; i++) free(rows->at[i].name);
  free(rows->at);
}

// ---- The run, its metrics and configuration ----------------------------------------------------

static const char *layout_words(libresult_layout layout) {
  switch (layout) {
    case LIBRESULT_LAYOUT_TRAIN_V1: return "Ray Train V1 / Tune";
    case LIBRESULT_LAYOUT_TRAIN_V2: return "Ray Train V2";
    default: return "unknown";
  }
}

static void put_run(const libresult_run *run) {
  const char *path = libresult_run_path(run).data, *slash = strrchr(path, '/');
  fputs(bold, stdout);
  put_cell(str(slash ? slash + 1 : path), 0);
  printf("%s\n", plain);
  put_field("path", str(path));
  put_field("layout", str(layout_words(libresult_run_layout(run))));
  put_field("Ray version", libresult_run_ray_version(run));
}

// Whether Ray adds it to every report of Train V1 and Tune.
static bool is_bookkeeping(libresult_str key) {
  static const char *const names[] = {
      "checkpoint_dir_name", "config", "date", "done", "experiment_id", "experiment_tag", "hostname",
      "iterations_since_restore", "node_ip", "pid", "should_checkpoint", "time_since_restore",
      "time_this_iter_s", "time_total_s", "timestamp", "timesteps_since_restore", "trial_id",
      "warmup_time"};
  for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
    if (key.len == strlen(names[i]) && memcmp(key.data, names[i], key.len) == 0) return true;
  }
  return false;
}

// Fills `rows` with the metrics of the last report.
static void put_metrics(const libresult_run *run, struct rows *rows) {
  const libresult_value *metrics = libresult_run_metrics(run);
  bool is_v1 = libresult_run_layout(run) == LIBRESULT_LAYOUT_TRAIN_V1;
  size_t left_out = 0;
  for (size_t i = 0; i < libresult_value_len(metrics); i++) {
    libresult_str key = libresult_value_key_at(metrics, i);
    if (is_v1 && is_bookkeeping(key)) left_out++;
    else flatten(rows, "", key, libresult_value_at(metrics, i));
  }
  heading("Metrics of the last report");
  put_rows(rows);
  if (rows->count == 0) printf("  none\n");
  if (left_out > 0) printf("  (and %zu that Ray adds for itself)\n", left_out);
}

static void put_config(const libresult_run *run) {
  struct rows rows = {NULL, 0};
  heading("Configuration");
  if (libresult_run_config_presence(run) == LIBRESULT_PRESENCE_UNKNOWN) {
    printf("  Unknown: this directory does not record how the run was configured.\n");
  } else if (libresult_run_config_presence(run) == LIBRESULT_PRESENCE_ABSENT) {
    printf("  none\n");
  } else {
    flatten(&rows, "", str(""), libresult_run_config(run));
    put_rows(&rows);
    printf("  (from ");
    put_cell(libresult_run_config_source(run), 0);
    printf(")\n");
  }
  free_rows(&rows);
}

// ---- Checkpoints -------------------------------------------------------------------------------

// A metric to judge by; NULL if there is none.
static const char *choose_metric(const libresult_run *run, const struct rows *rows) {
  if (libresult_run_metric(run, "eval/loss")) return "eval/loss";
  if (libresult_run_metric(run, "loss")) return "loss";
  for (size_t i = 0; i < rows->count; i++) {
    if (libresult_value_kind(rows->at[i].value) == LIBRESULT_KIND_FLOAT) return rows->at[i].name;
  }
  return NULL;
}

static libresult_mode choose_mode(const char *metric) {
  size_t len = strlen(metric);
  bool is_loss = len >= 4 && strcmp(metric + len - 4, "loss") == 0;
  return is_loss ? LIBRESULT_MODE_MIN : LIBRESULT_MODE_MAX;
}

static const char *status_words(const libresult_checkpoint *checkpoint) {
  switch (libresult_checkpoint_status(checkpoint)) {
    case LIBRESULT_STATUS_UNCOMMITTED: return "uncommitted";
    case LIBRESULT_STATUS_COMMITTED: return "committed";
    case LIBRESULT_STATUS_PENDING_VALIDATION: return "pending validation";
    case LIBRESULT_STATUS_VALIDATED: return "validated";
    case LIBRESULT_STATUS_VALIDATION_FAILED: return "validation failed";
    case LIBRESULT_STATUS_VALIDATION_TIMED_OUT: return "validation timed out";
    default: return "unknown";
  }
}

static const char *presence_words(const libresult_checkpoint *checkpoint) {
  switch (libresult_checkpoint_presence(checkpoint)) {
    case LIBRESULT_PRESENCE_PRESENT: return "present";
    case LIBRESULT_PRESENCE_ABSENT: return "gone";
    default: return "unknown";
  }
}

// `metric` may be NULL.
static void put_table(const libresult_run *run, const char *metric, size_t best) {
  size_t count = libresult_run_checkpoint_count(run);
  int names = 4, statuses = 6;
  for (size_t i = 0; i < count; i++) {
    const libresult_checkpoint *checkpoint = libresult_run_checkpoint_at(run, i);
    names = wider(names, libresult_checkpoint_name(checkpoint));
    statuses = wider(statuses, str(status_words(checkpoint)));
  }
  printf("    report  %-*s  %-*s  directory  ", names, "name", statuses, "status");
  put_cell(str(metric ? metric : "metric"), 0);
  putchar('\n');
  for (size_t i = 0; i < count; i++) {
    const libresult_checkpoint *checkpoint = libresult_run_checkpoint_at(run, i);
    const libresult_value *value =
        libresult_value_find(libresult_checkpoint_metrics(checkpoint), metric);
    uint64_t report = 0;
    bool has_report = libresult_checkpoint_report(checkpoint, &report);
    printf("  %s%c ", i == best ? green : "", i == best ? '*' : ' ');
    if (has_report) printf("%6llu  ", (unsigned long long)report);
    else printf("     -  ");
    put_cell(libresult_checkpoint_name(checkpoint), names + 2);
    printf("%-*s  %-9s  ", statuses, status_words(checkpoint), presence_words(checkpoint));
    if (value) put_value(value);
    else putchar('-');
    printf("%s\n", i == best ? plain : "");
  }
}

// `metric` may be NULL: then none is best.
static void put_checkpoints(const libresult_run *run, const char *metric, libresult_mode mode,
                            bool chosen) {
  heading("Checkpoints");
  if (libresult_run_checkpoint_count(run) == 0) {
    printf("  none\n");
    return;
  }
  libresult_checkpoint *best = NULL;
  libresult_error *error = NULL;
  size_t index = SIZE_MAX;
  if (metric) error = libresult_run_best_checkpoint(run, metric, mode, NULL, 0, &best);
  libresult_checkpoint_index(best, &index);
  put_table(run, metric, index);
  putchar('\n');
  if (best) {
    printf("  * is the best: it has the %s ", mode == LIBRESULT_MODE_MIN ? "smallest" : "largest");
    put_cell(str(metric), 0);
    printf("%s.\n", chosen ? ", chosen because no metric was named" : "");
  } else {
    printf("  None is the best: ");
    put_block(error ? libresult_error_message(error) : str("there is no metric to judge by"), 2);
    printf(".\n");
  }
  libresult_checkpoint_free(best);
  libresult_error_free(error);
}

static void put_leftovers(const libresult_run *run) {
  size_t count = libresult_run_leftover_count(run);
  if (count > 0) heading("Leftovers: checkpoint directories that no report names");
  for (size_t i = 0; i < count; i++) {
    printf("  ");
    put_cell(libresult_checkpoint_name(libresult_run_leftover_at(run, i)), 0);
    putchar('\n');
  }
}

// ---- What went wrong ---------------------------------------------------------------------------

static void put_failure(const libresult_run *run) {
  const libresult_failure *failure = libresult_run_failure(run);
  heading("Failure");
  if (libresult_run_failure_presence(run) == LIBRESULT_PRESENCE_UNKNOWN) {
    printf("  Unknown: this directory does not record whether the run failed.\n");
  } else if (!failure) {
    printf("  none\n");
  } else {
    char times[32] = "once";
    unsigned long long count = libresult_failure_occurrences(failure);
    if (count != 1) snprintf(times, sizeof times, "%llu times", count);
    bool recovered = libresult_failure_recovered(failure);
    fputs(red, stdout);
    put_field("type", libresult_failure_type(failure));
    put_field("module", libresult_failure_module(failure));
    put_field("message", libresult_failure_message(failure));
    fputs(plain, stdout);
    put_field("happened", str(times));
    put_field("recovered", str(recovered ? "yes, the run went on after it" : "no"));
    put_field("source", libresult_failure_source(failure));
    if (libresult_failure_traceback(failure).len > 0) {
      printf("\n    ");
      put_block(libresult_failure_traceback(failure), 4);
      putchar('\n');
    }
  }
}

static void put_diagnostics(const libresult_run *run) {
  size_t count = libresult_run_diagnostic_count(run);
  if (count > 0) heading("Diagnostics");
  for (size_t i = 0; i < count; i++) {
    const libresult_diagnostic *diagnostic = libresult_run_diagnostic_at(run, i);
    bool damage = libresult_diagnostic_severity(diagnostic) == LIBRESULT_SEVERITY_DAMAGE;
    unsigned long long line = libresult_diagnostic_line(diagnostic);
    printf("  %s%-6s%s  ", damage ? red : "", damage ? "damage" : "note", damage ? plain : "");
    put_cell(libresult_diagnostic_code(diagnostic), 0);
    printf(" in ");
    put_cell(libresult_diagnostic_file(diagnostic), 0);
    if (line > 0) printf(", line %llu", line);
    printf("\n          ");
    put_block(libresult_diagnostic_message(diagnostic), 10);
    putchar('\n');
  }
}

int main(int argc, char **argv) {
  bool has_mode = argc == 4 && (strcmp(argv[3], "min") == 0 || strcmp(argv[3], "max") == 0);
  if (argc < 2 || argc > 4 || (argc == 4 && !has_mode)) {
    fputs("usage: inspect RUN [METRIC [min|max]]\n", stderr);
    return 2;
  }
  if (isatty(STDOUT_FILENO) && !getenv("NO_COLOR")) {
    bold = "\033[1m", red = "\033[31m", green = "\033[32m", plain = "\033[0m";
  }
  libresult_run *run = NULL;
  libresult_error *error = libresult_run_open(argv[1], NULL, 0, NULL, &run);
  if (error) {
    libresult_str message = libresult_error_message(error);
    fprintf(stderr, "inspect: %.*s\n", (int)message.len, message.data);
    libresult_error_free(error);
    return 1;
  }
  struct rows metrics = {NULL, 0};
  put_run(run);
  put_metrics(run, &metrics);
  put_config(run);
  const char *metric = argc > 2 ? argv[2] : choose_metric(run, &metrics);
  libresult_mode mode = metric ? choose_mode(metric) : LIBRESULT_MODE_MIN;
  if (has_mode) mode = strcmp(argv[3], "min") == 0 ? LIBRESULT_MODE_MIN : LIBRESULT_MODE_MAX;
  put_checkpoints(run, metric, mode, argc == 2);
  put_leftovers(run);
  put_failure(run);
  put_diagnostics(run);
  free_rows(&metrics);
  libresult_run_free(run);
  return 0;
}
