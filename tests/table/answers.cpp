// Prints every answer about the runs that standard input names, through the C++ API, value by value.
// README.md beside this file says what it reads and what it prints.

#include <libresult.hpp>

#include <cerrno>
#include <charconv>
#include <cmath>
#include <cstdio>
#include <iostream>
#include <filesystem>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <system_error>
#include <vector>

namespace {

using namespace libresult;

// ---- JSON out ----------------------------------------------------------------------------------

/// Writes JSON to standard output.
class Json {
 public:
  Json &begin(char bracket) {
    separate();
    std::cout << bracket;
    fresh_ = true;
    return *this;
  }

  Json &end(char bracket) {
    std::cout << bracket;
    fresh_ = false;
    return *this;
  }

  Json &key(std::string_view name) {
    text(name);
    std::cout << ": ";
    fresh_ = true;
    return *this;
  }

  /// JSON as it is.
  Json &raw(std::string_view json) {
    separate();
    std::cout << json;
    return *this;
  }

  Json &text(std::string_view text) {
    separate();
    std::cout << '"';
    for (char byte : text) {
      if (byte == '"' || byte == '\\') {
        std::cout << '\\' << byte;
      } else if (static_cast<unsigned char>(byte) < 0x20) {
        char escape[8];
        std::snprintf(escape, sizeof escape, "\\u%04x", static_cast<unsigned>(byte));
        std::cout << escape;
      } else {
        std::cout << byte;
      }
    }
    std::cout << '"';
    return *this;
  }

  Json &boolean(bool value) { return raw(value ? "true" : "false"); }

  template <class Integer>
  Json &integer(Integer value) {
    return raw(std::to_string(value));
  }

  template <class Integer>
  Json &integer(std::optional<Integer> value) {
    return value ? integer(*value) : raw("null");
  }

 private:
  void separate() {
    if (!fresh_) std::cout << ", ";
    fresh_ = false;
  }

  // Whether the next thing needs no comma: it comes first in its array or object, or after its key.
  bool fresh_ = true;
};

// ---- Names of enum values ----------------------------------------------------------------------

std::string_view name(Code code) {
  switch (code) {
    case Code::ok: return "ok";
    case Code::invalid_argument: return "invalid_argument";
    case Code::not_found: return "not_found";
    case Code::io: return "io";
    case Code::corrupt: return "corrupt";
    case Code::cancelled: return "cancelled";
    case Code::internal: return "internal";
    case Code::permission: return "permission";
    case Code::unsupported: return "unsupported";
  }
  return "not a code";
}

std::string_view name(Layout layout) {
  switch (layout) {
    case Layout::unknown: return "unknown";
    case Layout::train_v1: return "train_v1";
    case Layout::train_v2: return "train_v2";
  }
  return "not a layout";
}

std::string_view name(Presence presence) {
  switch (presence) {
    case Presence::unknown: return "unknown";
    case Presence::absent: return "absent";
    case Presence::present: return "present";
  }
  return "not a presence";
}

std::string_view name(Mode mode) {
  switch (mode) {
    case Mode::min: return "min";
    case Mode::max: return "max";
  }
  return "not a mode";
}

std::string_view name(Status status) {
  switch (status) {
    case Status::unknown: return "unknown";
    case Status::uncommitted: return "uncommitted";
    case Status::committed: return "committed";
    case Status::pending_validation: return "pending_validation";
    case Status::validated: return "validated";
    case Status::validation_failed: return "validation_failed";
    case Status::validation_timed_out: return "validation_timed_out";
  }
  return "not a status";
}

std::string_view name(Skipped reason) {
  switch (reason) {
    case Skipped::missing: return "missing";
    case Skipped::nan: return "nan";
    case Skipped::non_numeric: return "non_numeric";
    case Skipped::not_on_disk: return "not_on_disk";
  }
  return "not a reason";
}

std::string_view name(Severity severity) {
  switch (severity) {
    case Severity::note: return "note";
    case Severity::damage: return "damage";
  }
  return "not a severity";
}

std::string_view name(ColumnType type) {
  switch (type) {
    case ColumnType::null: return "null";
    case ColumnType::boolean: return "bool";
    case ColumnType::int64: return "int64";
    case ColumnType::uint64: return "uint64";
    case ColumnType::float64: return "float64";
    case ColumnType::string: return "string";
    case ColumnType::json: return "json";
  }
  return "not a type";
}

// ---- Values ------------------------------------------------------------------------------------

void put(Json &json, ValueRef value);

void put_float(Json &json, double number) {
  if (std::isnan(number)) {
    json.raw(R"({"$f": "nan"})");
  } else if (std::isinf(number)) {
    json.raw(number > 0 ? R"({"$f": "inf"})" : R"({"$f": "-inf"})");
  } else {
    char text[32];
    const auto end = std::to_chars(text, text + sizeof text, number).ptr;
    std::string shortest(text, end);
    if (shortest.find_first_of(".e") == std::string::npos) shortest += ".0";
    json.raw(shortest);
  }
}

// An integer beyond 64 bits is a float whose digits only its JSON has.
void put_float(Json &json, ValueRef value) {
  const std::string digits = value.to_json();
  if (digits.find_first_not_of("-0123456789") == std::string::npos) json.raw(digits);
  else put_float(json, value.as_double().value());
}

void put_array(Json &json, ValueRef value) {
  json.begin('[');
  for (ValueRef element : value.elements()) put(json, element);
  json.end(']');
}

// Keys that start with `$` would look like the marks of this protocol, so their object is a list.
void put_object(Json &json, ValueRef value) {
  bool marked = false;
  for (auto [key, member] : value) marked = marked || key.substr(0, 1) == "$";
  json.begin('{');
  if (marked) {
    json.key("$pairs").begin('[');
    for (auto [key, member] : value) {
      json.begin('[').text(key);
      put(json, member);
      json.end(']');
    }
    json.end(']');
  } else {
    for (auto [key, member] : value) {
      json.key(key);
      put(json, member);
    }
  }
  json.end('}');
}

void put(Json &json, ValueRef value) {
  switch (value.kind()) {
    case Kind::null: json.raw("null"); return;
    case Kind::boolean: json.boolean(value.as_bool().value()); return;
    case Kind::integer:
      if (const auto small = value.as_int64()) json.integer(*small);
      else json.integer(value.as_uint64().value());
      return;
    case Kind::floating: put_float(json, value); return;
    case Kind::string: json.text(value.as_string().value()); return;
    case Kind::array: put_array(json, value); return;
    case Kind::object: put_object(json, value); return;
  }
  json.text("not a kind");
}

// ---- Fields in ---------------------------------------------------------------------------------

using Fields = std::vector<std::string>;

std::size_t read_count() {
  std::string count = "0";
  std::getline(std::cin, count, '\0');
  return std::stoul(count);
}

/// A number, and so many fields, or a multiple of that.
Fields read_fields(std::size_t fields_each) {
  Fields fields(read_count() * fields_each);
  for (std::string &field : fields) std::getline(std::cin, field, '\0');
  return fields;
}

std::vector<Setting> as_settings(const Fields &fields) {
  std::vector<Setting> settings;
  for (std::size_t i = 0; i + 1 < fields.size(); i += 2) {
    settings.push_back({fields[i].c_str(), fields[i + 1].c_str()});
  }
  return settings;
}

// ---- Answers -----------------------------------------------------------------------------------

void put(Json &json, const Error &error) {
  json.begin('{');
  json.key("code").text(name(error.code()));
  json.key("message").text(error.what());
  json.end('}');
}

void put(Json &json, CheckpointRef checkpoint) {
  json.begin('{');
  json.key("name").text(checkpoint.name());
  json.key("uri").text(checkpoint.uri());
  json.key("path").text(checkpoint.path());
  json.key("filesystem").text(checkpoint.filesystem());
  json.key("index").integer(checkpoint.index());
  json.key("report_index").integer(checkpoint.report());
  json.key("presence").text(name(checkpoint.presence()));
  json.key("status").text(name(checkpoint.status()));
  put(json.key("metrics"), checkpoint.metrics());
  json.end('}');
}

void put(Json &json, std::optional<CheckpointRef> checkpoint) {
  if (checkpoint) put(json, *checkpoint);
  else json.raw("null");
}

template <class Checkpoints>
void put_all(Json &json, Checkpoints checkpoints) {
  json.begin('[');
  for (CheckpointRef checkpoint : checkpoints) put(json, checkpoint);
  json.end(']');
}

void put_best(Json &json, const Run &run, const std::string &metric, Mode mode) try {
  const Checkpoint best = run.best_checkpoint(metric, mode);
  json.begin('{').key("name").text(best.name()).key("path").text(best.path()).end('}');
} catch (const Error &error) {
  put(json, error);
}

void put_rank(Json &json, const Run &run, const std::string &metric, Mode mode) try {
  const Ranking ranking = run.rank_checkpoints(metric, mode);
  json.begin('{');
  json.key("ranked").begin('[');
  for (auto [checkpoint, value] : ranking) {
    json.begin('{').key("name").text(checkpoint.name());
    put(json.key("value"), value);
    json.end('}');
  }
  json.end(']');
  json.key("skipped").begin('[');
  for (auto [checkpoint, reason] : ranking.skipped()) {
    json.begin('{').key("name").text(checkpoint.name()).key("reason").text(name(reason)).end('}');
  }
  json.end(']');
  json.end('}');
} catch (const Error &error) {
  put(json, error);
}

void put_named(Json &json, const Run &run, const std::string &metric) {
  json.begin('{');
  json.key("metric").text(metric);
  put(json.key("value"), run.metric(metric));
  json.key("best").begin('{');
  put_best(json.key("min"), run, metric, Mode::min);
  put_best(json.key("max"), run, metric, Mode::max);
  json.end('}');
  json.key("rank").begin('{');
  put_rank(json.key("min"), run, metric, Mode::min);
  put_rank(json.key("max"), run, metric, Mode::max);
  json.end('}');
  json.end('}');
}

void put_details(Json &json, std::optional<Failure> failure) {
  const auto text = [&](std::string_view key, std::string_view (Failure::*get)() const noexcept) {
    json.key(key).text(failure ? ((*failure).*get)() : std::string_view());
  };
  text("type", &Failure::type);
  text("module", &Failure::module);
  text("message", &Failure::message);
  text("traceback", &Failure::traceback);
  text("source", &Failure::source);
  json.key("count").integer(failure ? std::optional(failure->occurrences()) : std::nullopt);
  json.key("recovered").boolean(failure && failure->recovered());
}

void put_failure(Json &json, std::optional<Failure> failure) {
  put_details(json, failure);
  json.key("workers").begin('[');
  if (failure) {
    for (Failure worker : failure->workers()) {
      json.begin('{').key("rank").integer(worker.rank());
      put_details(json, worker);
      json.end('}');
    }
  }
  json.end(']');
}

void put_run_failure(Json &json, const Run &run) {
  json.begin('{').key("presence").text(name(run.failure_presence()));
  put_failure(json, run.failure());
  json.end('}');
}

void put_attempt(Json &json, Attempt attempt) {
  json.begin('{');
  json.key("status").text(attempt.status());
  json.key("start_time_ns").integer(attempt.start_time());
  json.key("end_time_ns").integer(attempt.end_time());
  json.key("workers").integer(attempt.worker_count());
  json.key("failure");
  if (const auto failure = attempt.failure()) {
    json.begin('{');
    put_failure(json, failure);
    json.end('}');
  } else {
    json.raw("null");
  }
  json.end('}');
}

// What only export events tell.
void put_course(Json &json, const Run &run) {
  json.key("status").text(run.status());
  json.key("status_detail").text(run.status_detail());
  json.key("start_time_ns").integer(run.start_time());
  json.key("end_time_ns").integer(run.end_time());
  json.key("configured").begin('{').key("metric").text(run.configured_metric());
  const auto mode = run.configured_mode();
  if (mode) json.key("mode").text(name(*mode));
  else json.key("mode").raw("null");
  json.key("keep").integer(run.configured_keep()).end('}');
  json.key("attempts").begin('[');
  for (Attempt attempt : run.attempts()) put_attempt(json, attempt);
  json.end(']');
}

void put_sourced(Json &json, Presence presence, ValueRef value, std::string_view source) {
  json.begin('{');
  json.key("presence").text(name(presence));
  put(json.key("value"), value);
  json.key("source").text(source);
  json.end('}');
}

template <class Diagnostics>
void put_diagnostics(Json &json, Diagnostics diagnostics) {
  json.begin('[');
  for (Diagnostic diagnostic : diagnostics) {
    json.begin('{');
    json.key("code").text(diagnostic.code());
    json.key("severity").text(name(diagnostic.severity()));
    json.key("file").text(diagnostic.file());
    json.key("line").integer(diagnostic.line());
    json.key("message").text(diagnostic.message());
    json.end('}');
  }
  json.end(']');
}

// ---- Frames ------------------------------------------------------------------------------------

// What is shown of a frame.
constexpr std::size_t first_rows = 5, last_rows = 5, shown_columns = 200;

void put_cell(Json &json, const Frame &frame, Column column, std::size_t row) {
  if (frame.is_null(column.index, row)) {
    json.raw("null");
    return;
  }
  switch (column.type) {
    case ColumnType::null: json.text("a null that is none"); return;
    case ColumnType::boolean: json.boolean(frame.boolean(column.index, row)); return;
    case ColumnType::int64: json.integer(frame.column<std::int64_t>(column.index)[row]); return;
    case ColumnType::uint64: json.integer(frame.column<std::uint64_t>(column.index)[row]); return;
    case ColumnType::float64: put_float(json, frame.column<double>(column.index)[row]); return;
    case ColumnType::string:
    case ColumnType::json: json.text(frame.string(column.index, row)); return;
  }
  json.text("not a type");
}

void put_cells(Json &json, const Frame &frame) {
  json.begin('[');
  for (std::size_t row = 0; row < frame.row_count(); row++) {
    if (row >= first_rows && row + last_rows < frame.row_count()) continue;
    json.begin('[');
    for (Column column : frame.columns()) {
      if (column.index < shown_columns) put_cell(json, frame, column, row);
    }
    json.end(']');
  }
  json.end(']');
}

void put_frame(Json &json, const Run &run, const Fields &settings) try {
  const Frame frame = run.read_frame(as_settings(settings));
  json.begin('{');
  json.key("rows").integer(frame.row_count());
  json.key("columns").begin('[');
  for (Column column : frame.columns()) {
    json.begin('[').text(column.name).text(name(column.type)).end(']');
  }
  json.end(']');
  put_cells(json.key("cells"), frame);
  put_diagnostics(json.key("diagnostics"), frame.diagnostics());
  json.end('}');
} catch (const Error &error) {
  put(json, error);
}

// ---- A store -----------------------------------------------------------------------------------

/// The files of this machine.
class Disk : public Store {
 public:
  bool concurrent() const noexcept override { return true; }

  void list(std::string_view path, Listing &into) override {
    for (const auto &entry : std::filesystem::directory_iterator(path)) {
      // Links that lead nowhere are left out.
      if (entry.is_directory()) {
        into.add_directory(entry.path().filename().c_str());
      } else if (entry.is_regular_file()) {
        into.add_file(entry.path().filename().c_str(), entry.file_size());
      }
    }
  }

  std::size_t read(std::string_view path, std::uint64_t offset, void *into,
                   std::size_t len) override {
    const std::unique_ptr<std::FILE, int (*)(std::FILE *)> file(std::fopen(path.data(), "rb"),
                                                                std::fclose);
    if (file == nullptr || std::fseek(file.get(), static_cast<long>(offset), SEEK_SET) != 0)
      throw std::system_error(errno, std::generic_category(), std::string(path));
    const std::size_t count = std::fread(into, 1, len, file.get());
    if (std::ferror(file.get()) != 0)
      throw std::system_error(errno, std::generic_category(), std::string(path));
    return count;
  }
};

// ---- Cases -------------------------------------------------------------------------------------

void put_answers(Json &json, const Run &run, const Fields &metrics,
                 const std::vector<Fields> &frames) {
  json.begin('{');
  json.key("layout").text(name(run.layout()));
  json.key("ray_version").text(run.ray_version());
  json.key("uri").text(run.uri());
  json.key("path").text(run.path());
  json.key("filesystem").text(run.filesystem());
  put(json.key("metrics"), run.metrics());
  put(json.key("checkpoint"), run.latest_checkpoint());
  put(json.key("resume"), run.resume_checkpoint());
  put_all(json.key("checkpoints"), run.checkpoints());
  put_all(json.key("leftovers"), run.leftovers());
  json.key("named").begin('[');
  for (const std::string &metric : metrics) put_named(json, run, metric);
  json.end(']');
  put_run_failure(json.key("failure"), run);
  put_sourced(json.key("config"), run.config_presence(), run.config(), run.config_source());
  put_sourced(json.key("return_value"), run.return_value_presence(), run.return_value(),
              run.return_value_source());
  put_course(json, run);
  put_diagnostics(json.key("diagnostics"), run.diagnostics());
  json.key("json").text(run.to_json());
  json.key("frames").begin('[');
  for (const Fields &settings : frames) put_frame(json, run, settings);
  json.end(']');
  json.end('}');
}

void answer(const std::string &uri, const Fields &settings, const Fields &metrics,
            const std::vector<Fields> &frames) {
  Json json;
  try {
    const Run run = Run::open(uri, as_settings(settings));
    put_answers(json, run, metrics, frames);
  } catch (const Error &error) {
    json.begin('{');
    put(json.key("error"), error);
    json.end('}');
  }
  std::cout << std::endl;
}

}  // namespace

int main() {
  register_store("own", std::make_shared<Disk>());
  std::string uri;
  while (std::getline(std::cin, uri, '\0')) {
    const Fields settings = read_fields(2), metrics = read_fields(1);
    std::vector<Fields> frames(read_count());
    for (Fields &frame : frames) frame = read_fields(2);
    answer(uri, settings, metrics, frames);
  }
}
