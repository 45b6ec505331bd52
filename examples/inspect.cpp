// inspect RUN [METRIC [min|max]]: one report of a training run. The same as inspect.c, which
// describes it, in C++17.

#include <libresult.hpp>

#include <unistd.h>

#include <algorithm>
#include <array>
#include <cmath>
#include <cstdio>
#include <cstdlib>
#include <iomanip>
#include <iostream>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace {

using namespace libresult;
using std::cout;

std::string_view bold, red, green, plain;

void heading(std::string_view text) { cout << '\n' << bold << text << plain << '\n'; }

// ---- Text --------------------------------------------------------------------------------------

bool is_control(char byte) { return static_cast<unsigned char>(byte) < 0x20 || byte == 0x7f; }

// In code points.
std::size_t width(std::string_view text) {
  const auto starts = [](char byte) { return (static_cast<unsigned char>(byte) & 0xc0) != 0x80; };
  return static_cast<std::size_t>(std::count_if(text.begin(), text.end(), starts));
}

// One line, padded to `columns`; what could steer a terminal becomes `?`.
std::string cell(std::string_view text, std::size_t columns = 0) {
  std::string line(text);
  std::replace_if(line.begin(), line.end(), is_control, '?');
  return line.append(columns > width(text) ? columns - width(text) : 0, ' ');
}

// Lines, all but the first and the empty ones indented, without the newlines at the end, colour codes
// (`ESC [ … letter`) and other control characters but tabs.
std::string block(std::string_view text, std::size_t indent) {
  while (!text.empty() && text.back() == '\n') text.remove_suffix(1);
  std::string lines;
  for (std::size_t i = 0; i < text.size(); i++) {
    if (text[i] == '\n') {
      lines.append("\n").append(text[i + 1] == '\n' ? 0 : indent, ' ');
    } else if (text.substr(i, 2) == "\033[") {
      for (i += 2; i < text.size() && (text[i] < '@' || text[i] > '~');) i++;
    } else if (text[i] == '\t' || !is_control(text[i])) {
      lines += text[i];
    }
  }
  return lines;
}

void put_field(std::string_view name, std::string_view text) {
  cout << "  " << cell(name, 13) << block(text.empty() ? "not recorded" : text, 15) << '\n';
}

// ---- Values, and nested objects as rows --------------------------------------------------------

std::string number(double value) {
  std::array<char, 32> text;
  std::snprintf(text.data(), text.size(), "%.6g", value);
  return std::isnan(value) ? "nan" : text.data();
}

std::string show(ValueRef value) {
  std::string list;
  switch (value.kind()) {
    case Kind::floating: return number(*value.as_double());
    case Kind::array:
      for (ValueRef element : value.elements()) list += (list.empty() ? "" : ", ") + show(element);
      return '[' + list + ']';
    case Kind::object: return value.size() == 0 ? "{}" : "{...}";
    default: return cell(value.to_json());
  }
}

using Rows = std::vector<std::pair<std::string, ValueRef>>;

// Adds what lies below `value`: everything but objects that have members.
void flatten(Rows &rows, const std::string &above, std::string_view key, ValueRef value) {
  std::string name = above + (above.empty() ? "" : "/") + std::string(key);
  if (value.kind() == Kind::object && value.size() > 0) {
    for (auto [member_key, member] : value) flatten(rows, name, member_key, member);
  } else {
    rows.emplace_back(std::move(name), value);
  }
}

void put_rows(const Rows &rows) {
  std::size_t columns = 0;
  for (const auto &[name, value] : rows) columns = std::max(columns, width(name));
  for (const auto &[name, value] : rows) {
    cout << "  " << cell(name, columns + 2) << show(value) << '\n';
  }
}

// ---- The run, its metrics and configuration ----------------------------------------------------

std::string_view layout_words(Layout layout) {
  switch (layout) {
    case Layout::train_v1: return "Ray Train V1 / Tune";
    case Layout::train_v2: return "Ray Train V2";
    default: return "unknown";
  }
}

void put_run(const Run &run) {
  const std::string_view path = run.path();
  cout << bold << cell(path.substr(path.rfind('/') + 1)) << plain << '\n';
  put_field("path", path);
  put_field("layout", layout_words(run.layout()));
  put_field("Ray version", run.ray_version());
}

// Whether Ray adds it to every report of Train V1 and Tune.
bool is_bookkeeping(std::string_view key) {
  constexpr std::array<std::string_view, 18> names = {
      "checkpoint_dir_name", "config", "date", "done", "experiment_id", "experiment_tag", "hostname",
      "iterations_since_restore", "node_ip", "pid", "should_checkpoint", "time_since_restore",
      "time_this_iter_s", "time_total_s", "timestamp", "timesteps_since_restore", "trial_id",
      "warmup_time"};
  return std::find(names.begin(), names.end(), key) != names.end();
}

// Returns the metrics of the last report.
Rows put_metrics(const Run &run) {
  Rows rows;
  std::size_t left_out = 0;
  for (auto [key, value] : run.metrics()) {
    if (run.layout() == Layout::train_v1 && is_bookkeeping(key)) left_out++;
    else flatten(rows, "", key, value);
  }
  heading("Metrics of the last report");
  put_rows(rows);
  if (rows.empty()) cout << "  none\n";
  if (left_out > 0) cout << "  (and " << left_out << " that Ray adds for itself)\n";
  return rows;
}

void put_config(const Run &run) {
  heading("Configuration");
  if (run.config_presence() == Presence::unknown) {
    cout << "  Unknown: this directory does not record how the run was configured.\n";
  } else if (run.config_presence() == Presence::absent) {
    cout << "  none\n";
  } else {
    Rows rows;
    flatten(rows, "", "", run.config());
    put_rows(rows);
    cout << "  (from " << cell(run.config_source()) << ")\n";
  }
}

// ---- Checkpoints -------------------------------------------------------------------------------

// A metric to judge by, if there is one.
std::optional<std::string> choose_metric(const Run &run, const Rows &rows) {
  if (run.metric("eval/loss")) return "eval/loss";
  if (run.metric("loss")) return "loss";
  for (const auto &[name, value] : rows) {
    if (value.kind() == Kind::floating) return name;
  }
  return std::nullopt;
}

Mode choose_mode(std::string_view metric) {
  const bool is_loss = metric.size() >= 4 && metric.substr(metric.size() - 4) == "loss";
  return is_loss ? Mode::min : Mode::max;
}

std::string_view status_words(Status status) {
  switch (status) {
    case Status::uncommitted: return "uncommitted";
    case Status::committed: return "committed";
    case Status::pending_validation: return "pending validation";
    case Status::validated: return "validated";
    case Status::validation_failed: return "validation failed";
    case Status::validation_timed_out: return "validation timed out";
    default: return "unknown";
  }
}

std::string_view presence_words(Presence presence) {
  switch (presence) {
    case Presence::present: return "present";
    case Presence::absent: return "gone";
    default: return "unknown";
  }
}

void put_table(const Run &run, const std::optional<std::string> &metric,
               const std::optional<Checkpoint> &best) {
  std::size_t names = 4, statuses = 6;
  for (CheckpointRef checkpoint : run.checkpoints()) {
    names = std::max(names, width(checkpoint.name()));
    statuses = std::max(statuses, width(status_words(checkpoint.status())));
  }
  cout << "    report  " << cell("name", names + 2) << cell("status", statuses + 2)
       << "directory  " << cell(metric.value_or("metric")) << '\n';
  for (CheckpointRef checkpoint : run.checkpoints()) {
    const bool is_best = best && best->index() == checkpoint.index();
    const auto report = checkpoint.report();
    const ValueRef value = metric ? checkpoint.metrics().find(*metric) : ValueRef();
    cout << "  " << (is_best ? green : "") << (is_best ? "* " : "  ") << std::setw(6)
         << (report ? std::to_string(*report) : "-") << "  " << cell(checkpoint.name(), names + 2)
         << cell(status_words(checkpoint.status()), statuses + 2)
         << cell(presence_words(checkpoint.presence()), 11) << (value ? show(value) : "-")
         << (is_best ? plain : "") << '\n';
  }
}

void put_checkpoints(const Run &run, const std::optional<std::string> &metric, Mode mode,
                     bool chosen) {
  heading("Checkpoints");
  if (run.checkpoints().empty()) {
    cout << "  none\n";
    return;
  }
  std::optional<Checkpoint> best;
  std::string reason = "there is no metric to judge by";
  try {
    if (metric) best = run.best_checkpoint(*metric, mode);
  } catch (const Error &error) {
    reason = error.what();
  }
  put_table(run, metric, best);
  if (best) {
    cout << "\n  * is the best: it has the " << (mode == Mode::min ? "smallest " : "largest ")
         << cell(*metric) << (chosen ? ", chosen because no metric was named" : "") << ".\n";
  } else {
    cout << "\n  None is the best: " << block(reason, 2) << ".\n";
  }
}

void put_leftovers(const Run &run) {
  if (run.leftovers().empty()) return;
  heading("Leftovers: checkpoint directories that no report names");
  for (CheckpointRef checkpoint : run.leftovers()) cout << "  " << cell(checkpoint.name()) << '\n';
}

// ---- What went wrong ---------------------------------------------------------------------------

void put_failure(const Run &run) {
  heading("Failure");
  if (run.failure_presence() == Presence::unknown) {
    cout << "  Unknown: this directory does not record whether the run failed.\n";
  } else if (const auto failure = run.failure(); !failure) {
    cout << "  none\n";
  } else {
    const auto count = failure->occurrences();
    cout << red;
    put_field("type", failure->type());
    put_field("module", failure->module());
    put_field("message", failure->message());
    cout << plain;
    put_field("happened", count == 1 ? "once" : std::to_string(count) + " times");
    put_field("recovered", failure->recovered() ? "yes, the run went on after it" : "no");
    put_field("source", failure->source());
    if (!failure->traceback().empty()) {
      cout << "\n    " << block(failure->traceback(), 4) << '\n';
    }
  }
}

void put_diagnostics(const Run &run) {
  if (!run.diagnostics().empty()) heading("Diagnostics");
  for (Diagnostic diagnostic : run.diagnostics()) {
    const bool damage = diagnostic.severity() == Severity::damage;
    cout << "  " << (damage ? red : "") << (damage ? "damage" : "note  ") << (damage ? plain : "")
         << "  " << cell(diagnostic.code()) << " in " << cell(diagnostic.file());
    if (diagnostic.line() > 0) cout << ", line " << diagnostic.line();
    cout << "\n          " << block(diagnostic.message(), 10) << '\n';
  }
}

}  // namespace

int main(int argc, char **argv) {
  const std::vector<std::string> arguments(argv + 1, argv + argc);
  const bool has_mode =
      arguments.size() == 3 && (arguments[2] == "min" || arguments[2] == "max");
  if (arguments.empty() || arguments.size() > 3 || (arguments.size() == 3 && !has_mode)) {
    std::cerr << "usage: inspect RUN [METRIC [min|max]]\n";
    return 2;
  }
  if (isatty(STDOUT_FILENO) && !std::getenv("NO_COLOR")) {
    bold = "\033[1m", red = "\033[31m", green = "\033[32m", plain = "\033[0m";
  }
  try {
    const Run run = Run::open(arguments[0]);
    put_run(run);
    const Rows metrics = put_metrics(run);
    put_config(run);
    const bool chosen = arguments.size() == 1;
    const auto metric = chosen ? choose_metric(run, metrics) : std::optional(arguments[1]);
    const Mode mode = has_mode ? (arguments[2] == "min" ? Mode::min : Mode::max)
                               : choose_mode(metric.value_or(""));
    put_checkpoints(run, metric, mode, chosen);
    put_leftovers(run);
    put_failure(run);
    put_diagnostics(run);
  } catch (const Error &error) {
    std::cerr << "inspect: " << error.what() << '\n';
    return 1;
  }
}
