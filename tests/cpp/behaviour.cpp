// Tests what the C++ binding adds to the C API.
//
//   behaviour CORPUS SCRATCH
//
// CORPUS holds the run directories of tests/corpus and is only read; SCRATCH is a directory that the
// tests may write to. Prints each check that failed and `N passed, N failed`.

#include "../c/behaviour/arrow.h"

#include <libresult.hpp>

#include <algorithm>
#include <atomic>
#include <cmath>
#include <filesystem>
#include <fstream>
#include <functional>
#include <iostream>
#include <iterator>
#include <sstream>
#include <string>
#include <thread>
#include <type_traits>
#include <vector>

#if __cplusplus >= 202002L
#include <ranges>
#include <span>
#endif

// examples/loss.cpp.
double lowest_loss(const char *run, ArrowArrayStream *curve);

namespace {

using namespace libresult;

std::string corpus, scratch;
int passed = 0, failed = 0;

#define CHECK(...) check((__VA_ARGS__), #__VA_ARGS__, __LINE__)

void check(bool condition, const char *text, int line) {
  condition ? passed++ : failed++;
  if (!condition) std::cout << __FILE__ << ':' << line << ": FAILED: " << text << '\n';
}

bool has(const std::string &text, const std::string &part) {
  return text.find(part) != std::string::npos;
}

/// That `call` throws an `Error` of this code, whose message has `part`.
template <class Call>
void throws(const Call &call, Code code, const std::string &part, int line) {
  try {
    call();
    check(false, "it throws", line);
  } catch (const Error &error) {
    check(error.code() == code, error.what(), line);
    check(has(error.what(), part), error.what(), line);
  }
}

#define THROWS(call, code, part) throws([&] { (void)(call); }, (code), (part), __LINE__)

std::string at(const std::string &name) { return corpus + '/' + name + "/run"; }

// ---- Types -------------------------------------------------------------------------------------

template <class T>
constexpr bool only_moves = !std::is_copy_constructible_v<T> && !std::is_copy_assignable_v<T> &&
                            std::is_nothrow_move_constructible_v<T> &&
                            std::is_nothrow_move_assignable_v<T>;

template <class T>
constexpr bool is_a_view = std::is_trivially_copyable_v<T> && sizeof(T) == sizeof(void *);

static_assert(only_moves<Run> && only_moves<Ranking> && only_moves<Value> && only_moves<Cancel>);
static_assert(only_moves<Frame> && sizeof(Frame) == sizeof(void *));
static_assert(std::is_copy_constructible_v<Checkpoint> && std::is_copy_assignable_v<Checkpoint>);
static_assert(std::is_nothrow_move_constructible_v<Checkpoint>);
static_assert(std::is_nothrow_move_assignable_v<Checkpoint>);
static_assert(is_a_view<ValueRef> && is_a_view<CheckpointRef>);
static_assert(is_a_view<Failure> && is_a_view<Attempt> && is_a_view<Diagnostic>);
static_assert(sizeof(Run) == sizeof(void *));
static_assert(std::is_base_of_v<std::runtime_error, Error>);
// What owns can be read as what borrows, but not while it is a temporary.
static_assert(std::is_convertible_v<Value &, ValueRef> && !std::is_convertible_v<Value, ValueRef>);
static_assert(std::is_convertible_v<const Checkpoint &, CheckpointRef>);
static_assert(!std::is_convertible_v<Checkpoint, CheckpointRef>);
static_assert(!std::is_assignable_v<ValueRef &, Value>);
static_assert(!std::is_assignable_v<CheckpointRef &, Checkpoint>);
// Looking at what was read does not throw.
static_assert(noexcept(std::declval<const Run &>().metrics()["eval"][0].as_double()));
static_assert(noexcept(std::declval<const Run &>().checkpoints()[0].name()));
static_assert(noexcept(std::declval<const Frame &>().columns()[0].name));
static_assert(noexcept(std::declval<const Frame &>().string(0, 0)));
static_assert(std::is_trivially_copyable_v<ColumnView<double>>);

// What tells progress says whether to go on.
template <class Progress, class = void>
constexpr bool tells_progress = false;
template <class Progress>
constexpr bool tells_progress<Progress, std::void_t<decltype(std::declval<const Run &>().write_csv(
                                            "", {}, std::declval<Progress>()))>> = true;

static_assert(tells_progress<std::function<bool(std::uint64_t, std::uint64_t)>>);
static_assert(tells_progress<bool (&)(std::uint64_t, std::uint64_t)>);
static_assert(tells_progress<std::nullptr_t>);
static_assert(!tells_progress<void (*)(std::uint64_t, std::uint64_t)>);
static_assert(!tells_progress<bool (*)(std::uint64_t)>);
static_assert(!tells_progress<const Cancel *>);

#if __cplusplus >= 202002L
template <class T>
constexpr bool is_a_range_view = std::ranges::forward_range<T> && std::ranges::sized_range<T> &&
                                 std::ranges::view<T> && std::ranges::borrowed_range<T>;

static_assert(is_a_range_view<Run::Checkpoints> && is_a_range_view<ValueRef::Elements>);
static_assert(is_a_range_view<Run::Attempts>);
static_assert(is_a_range_view<Frame::Columns> && is_a_range_view<Frame::Diagnostics>);
static_assert(is_a_range_view<ColumnView<double>>);
static_assert(std::ranges::contiguous_range<ColumnView<double>>);
static_assert(std::is_convertible_v<ColumnView<double>, std::span<const double>>);
static_assert(!std::is_convertible_v<ColumnView<double>, std::span<double>>);
static_assert(is_a_range_view<ValueRef> && is_a_range_view<Ranking::LeftOuts>);
static_assert(std::ranges::forward_range<const Ranking> && std::ranges::forward_range<Value>);
static_assert(!std::ranges::view<Ranking> && !std::ranges::view<Value>);
#endif

// ---- Errors and settings -----------------------------------------------------------------------

void errors() {
  const std::string missing = scratch + "/no/such/run";
  THROWS(Run::open(missing), Code::not_found, missing);
  THROWS(Run::open(static_cast<const char *>(nullptr)), Code::invalid_argument, "uri");
  THROWS(Run::open("\xff"), Code::invalid_argument, "UTF-8");
  THROWS(Run::open(at("v2-snapshot-torn")), Code::corrupt, "checkpoint_manager_snapshot.json");

  const Run run = Run::open(at("r260v1-nested"));
  THROWS(run.best_checkpoint("eval/los", Mode::min), Code::invalid_argument, "eval/loss");
  THROWS(run.best_checkpoint("text", Mode::min), Code::not_found, "text");
  THROWS(run.best_checkpoint("eval/loss", static_cast<Mode>(7)), Code::invalid_argument, "mode");
  THROWS(run.rank_checkpoints("no_such", Mode::max), Code::invalid_argument, "no_such");
  try {
    Run::open(missing);
  } catch (const std::exception &error) {
    CHECK(has(error.what(), missing));
  }
}

void settings() {
  const std::string uri = at("r260v1-nested");
  THROWS(Run::open(uri, {{"raed", "latest"}}), Code::invalid_argument, "'read'");
  THROWS(Run::open(uri, {{"read", "all"}, {"max_depth", "0"}}), Code::invalid_argument, "max_depth");
  CHECK(Run::open(uri, {}).layout() == Layout::train_v1);
  const Run latest = Run::open(uri, {{"read", "latest"}});
  CHECK(latest.checkpoints().empty());
  CHECK(latest.metric("eval/loss").as_double() == -1.0);

  const std::vector<Setting> ties{{"ties", "latest"}};
  const Run run = Run::open(uri);
  CHECK(run.best_checkpoint("list/1", Mode::min).index() == 0u);
  CHECK(run.best_checkpoint("list/1", Mode::min, ties).index() == 3u);
  CHECK(run.best_checkpoint("list/1", Mode::min, {{"ties", "latest"}}).index() == 3u);
  CHECK(run.rank_checkpoints("list/1", Mode::min, ties).size() == 4);
}

void cancelling() {
  Cancel cancel;
  const std::string uri = at("r260v1-nested");
  const Run run = Run::open(uri, {}, &cancel);
  const Checkpoint best = run.best_checkpoint("eval/loss", Mode::min);
  std::thread([&] { cancel.trigger(); }).join();
  THROWS(Run::open(uri, {}, &cancel), Code::cancelled, "cancelled");
  THROWS(Checkpoint::open(uri, {}, &cancel), Code::cancelled, "cancelled");
  THROWS(best.read_metadata(&cancel), Code::cancelled, "cancelled");
  const Value metadata = best.read_metadata();
  CHECK(metadata["step"].as_int64() == 3);
  const Cancel moved = std::move(cancel);
  THROWS(Run::open(uri, {}, &moved), Code::cancelled, "cancelled");
}

// ---- Values ------------------------------------------------------------------------------------

void values() {
  const Run run = Run::open(at("r260v1-nested"));
  const ValueRef metrics = run.metrics();
  CHECK(metrics["eval"]["loss"].as_double() == -1.0);
  CHECK(metrics["eval"]["top"]["k5"].as_int64() == 3);
  CHECK(metrics["eval"]["top"]["k5"].as_uint64() == 3u);
  CHECK(metrics["eval"]["top"]["k5"].as_double() == 3.0);
  CHECK(metrics["list"][0].as_int64() == 3);
  CHECK(metrics["list"][2].as_string() == "x");
  CHECK(metrics["flag"].as_bool() == false);
  CHECK(metrics[std::string("a/b")].as_int64() == 3);
  CHECK(metrics.find("dicts/1/y/z/0").as_int64() == 3);
  CHECK(run.metric("eval/top/k1").kind() == Kind::floating);
  CHECK(metrics["eval"].kind() == Kind::object);
  CHECK(metrics["list"].kind() == Kind::array && metrics["list"].size() == 3);

  // A null is there; what is missing is not, and neither is anything below it.
  CHECK(metrics["none"] && metrics["none"].kind() == Kind::null);
  CHECK(!metrics["no"] && !metrics["no"]["such"][7].find("thing"));
  CHECK(metrics["no"]["such"].kind() == Kind::null);
  CHECK(!metrics["no"]["such"].as_double());
  CHECK(!metrics["text"].as_double() && !metrics["eval"].as_string());
  CHECK(metrics["no"].as_double().value_or(7) == 7);
  CHECK(!ValueRef() && ValueRef().size() == 0 && ValueRef().begin() == ValueRef().end());

  std::ostringstream out;
  out << metrics["matrix"] << ' ' << metrics["text"] << ' ' << metrics["no"]["such"];
  CHECK(out.str() == metrics["matrix"].to_json() + " \"step 3\" " + ValueRef().to_json());
}

void members_and_elements() {
  const Run run = Run::open(at("r260v1-nested"));
  std::string keys;
  for (auto [key, value] : run.metrics()) {
    if (value.kind() == Kind::object) keys += std::string(key) + ' ';
  }
  CHECK(keys == "eval empty config ");
  double sum = 0;
  for (ValueRef element : run.metrics()["matrix"].elements()) {
    for (ValueRef number : element.elements()) sum += number.as_double().value();
  }
  CHECK(sum == 9);
  const ValueRef metrics = run.metrics();
  const auto flag = std::find_if(metrics.begin(), metrics.end(),
                                 [](const Member &member) { return member.key == "flag"; });
  CHECK(flag != metrics.end() && flag->value.as_bool() == false);
  CHECK(metrics.size() == static_cast<std::size_t>(std::distance(metrics.begin(), metrics.end())));
}

// ---- Runs and checkpoints ----------------------------------------------------------------------

void runs() {
  const Run run = Run::open(at("r260v1-nested"));
  CHECK(run.layout() == Layout::train_v1);
  CHECK(run.path() == run.uri() && has(std::string(run.path()), "r260v1-nested"));
  CHECK(run.filesystem() == "local");
  CHECK(run.latest_checkpoint()->name() == "checkpoint_000003");
  CHECK(run.resume_checkpoint()->name() == "checkpoint_000003");
  CHECK(run.config_presence() == Presence::present && run.config_source() == "result.json");
  CHECK(run.config()["train_loop_config"].kind() == Kind::object);
  CHECK(run.failure_presence() == Presence::absent && !run.failure());
  CHECK(run.return_value_presence() == Presence::unknown && !run.return_value());
  CHECK(run.return_value_source().empty());
  std::ostringstream out;
  out << run;
  CHECK(out.str() == run.to_json() && out.str().substr(0, 1) == "{");

  const Run v2 = Run::open(at("r260v2-nockpt"));
  CHECK(v2.layout() == Layout::train_v2 && v2.failure_presence() == Presence::unknown);
  CHECK(!v2.latest_checkpoint() && !v2.resume_checkpoint() && v2.checkpoints().empty());
  CHECK(v2.rank_checkpoints("loss", Mode::min).empty());
  CHECK(v2.ray_version().empty());
}

void checkpoints() {
  const Run run = Run::open(at("r260v1-nested"));
  const Run::Checkpoints all = run.checkpoints();
  CHECK(all.size() == 4 && all[1].name() == "checkpoint_000001");
  std::vector<std::string_view> names;
  for (const auto &checkpoint : run.checkpoints()) names.push_back(checkpoint.name());
  CHECK(names.size() == 4 && names[3] == "checkpoint_000003");
  const auto third = std::find_if(all.begin(), all.end(),
                                  [](CheckpointRef checkpoint) { return checkpoint.index() == 2u; });
  CHECK(third->metrics()["eval"]["loss"].as_double() == 0.0);
  CHECK(third->presence() == Presence::present && third->status() == Status::committed);
  CHECK(third->report() == 2u && third->filesystem() == "local");
  CHECK(third->uri() == third->path() && has(std::string(third->path()), "/checkpoint_000002"));
  CHECK(std::string(third->path().data()) == third->path());

  const Checkpoint alone = Checkpoint::open(third->uri().data());
  CHECK(!alone.index() && !alone.report() && !alone.metrics());
  CHECK(alone.status() == Status::unknown && alone.presence() == Presence::present);

  const Run leftover = Run::open(at("v1-checkpoints-unreported"));
  CHECK(!leftover.leftovers().empty());
  for (CheckpointRef checkpoint : leftover.leftovers()) {
    CHECK(checkpoint.status() == Status::uncommitted && !checkpoint.index());
  }
}

#if __cplusplus >= 202002L
void views() {
  const Run run = Run::open(at("r260v1-nested"));
  const auto losses = run.checkpoints() | std::views::transform([](CheckpointRef checkpoint) {
                        return checkpoint.metrics().find("eval/loss").as_double().value();
                      });
  CHECK(std::ranges::equal(losses, std::vector{2.0, 1.0, 0.0, -1.0}));
  CHECK(std::ranges::count_if(run.metrics(), [](Member member) {
          return member.value.kind() == Kind::array;
        }) == 4);
  const auto second = std::ranges::find(run.checkpoints(), 1u, &CheckpointRef::index);
  CHECK(second->name() == "checkpoint_000001");
}
#endif

void rankings() {
  const Run run = Run::open(at("r260v1-nested"));
  const Ranking ranking = run.rank_checkpoints("eval/loss", Mode::min);
  CHECK(ranking.size() == 4 && ranking.skipped().empty());
  CHECK(ranking[0].checkpoint.name() == "checkpoint_000003" && ranking[0].value.as_double() == -1.0);
  std::vector<double> losses;
  for (const auto &[checkpoint, value] : run.rank_checkpoints("eval/loss", Mode::max)) {
    losses.push_back(value.as_double().value());
  }
  CHECK(losses == std::vector{2.0, 1.0, 0.0, -1.0});
  const Ranking none = run.rank_checkpoints("text", Mode::max);
  CHECK(none.empty() && none.skipped().size() == 4);
  for (auto [checkpoint, reason] : none.skipped()) {
    CHECK(!checkpoint.name().empty() && reason == Skipped::non_numeric);
  }
}

void failures_and_diagnostics() {
  const Run run = Run::open(at("v1-failure-only_txt_many"));
  CHECK(run.failure_presence() == Presence::present);
  CHECK(run.failure()->type() == "RuntimeError" && run.failure()->module() == "builtins");
  CHECK(run.failure()->message() == "third" && run.failure()->source() == "error.txt");
  CHECK(run.failure()->occurrences() == 3 && run.failure()->recovered());
  CHECK(has(std::string(run.failure()->traceback()), "File \""));
  CHECK(run.failure()->workers().empty() && !run.failure()->rank());

  const Run torn = Run::open(at("v1-lines-torn_in_number"));
  const Run::Diagnostics diagnostics = torn.diagnostics();
  const auto line = std::find_if(diagnostics.begin(), diagnostics.end(), [](Diagnostic diagnostic) {
    return diagnostic.code() == "torn_last_line";
  });
  CHECK(line != diagnostics.end() && line->severity() == Severity::damage);
  CHECK(line->file() == "result.json" && line->line() > 1 && !line->message().empty());
}

/// The run of a case with its export events, in which the path of the run still has its placeholder.
Run open_with_events(const std::string &name) {
  const std::string events = corpus + '/' + name + "/events", was_at = "${STORAGE}/" + name;
  return Run::open(at(name), {{"events", events.c_str()}, {"events_path", was_at.c_str()}});
}

void export_events() {
  const Run run = open_with_events("r260v2-ev_fail_two");
  CHECK(run.status() == "errored" && has(std::string(run.status_detail()), "Rank 0,1"));
  CHECK(run.start_time() > 0 && run.end_time() > run.start_time());
  CHECK(run.config_presence() == Presence::absent && run.config_source().empty());
  CHECK(run.failure()->type() == "BoomError" && run.failure()->source() == "events");
  CHECK(run.failure()->workers().size() == 2 && run.failure()->workers()[1].rank() == 1u);
  CHECK(run.failure()->workers()[1].message() == run.failure()->message());
  CHECK(run.attempts().size() == 1);
  for (Attempt attempt : run.attempts()) {
    CHECK(attempt.status() == "errored" && attempt.worker_count() == 2);
    CHECK(attempt.start_time() > run.start_time() && attempt.end_time() < run.end_time());
    CHECK(attempt.failure()->message() == "boom at step 2");
  }

  const Run scored = open_with_events("r255v2-ev_scored");
  CHECK(scored.status() == "finished" && !scored.attempts()[0].failure());
  CHECK(scored.configured_metric() == "score" && scored.configured_mode() == Mode::min);
  CHECK(scored.configured_keep() == 2u);

  const Run alone = Run::open(at("r255v2-ev_scored"));
  CHECK(alone.status().empty() && alone.status_detail().empty() && alone.attempts().empty());
  CHECK(!alone.start_time() && !alone.end_time());
  CHECK(alone.configured_metric().empty() && !alone.configured_mode() && !alone.configured_keep());
  THROWS(Run::open(at("r255v2-ev_scored"), {{"events", "/no/such/logs"}}), Code::invalid_argument, "events");
}

// ---- Frames ------------------------------------------------------------------------------------

/// A run with these reports.
std::string make_run(const std::string &name, const std::string &rows) {
  const std::string directory = scratch + '/' + name;
  std::filesystem::remove_all(directory);
  std::filesystem::create_directories(directory);
  std::ofstream(directory + "/result.json") << rows;
  return directory;
}

const char *const mixed_rows =
    R"({"f": 1.5, "i": -3, "u": 18446744073709551615, "b": true, "s": "x", "j": [1]})"
    "\n"
    R"({"f": null, "b": null, "n": null})"
    "\n"
    R"({"f": NaN, "i": 2, "u": 1, "b": false, "s": "", "j": "y"})"
    "\n";

void columns() {
  const Frame frame = Run::open(make_run("columns", mixed_rows)).read_frame();
  CHECK(frame.row_count() == 3 && frame.column_count() == 7 && frame.diagnostics().empty());
  std::string names;
  for (auto [index, name, type] : frame.columns()) {
    CHECK(frame.find_column(std::string(name)) == index);
    names += name;
  }
  CHECK(names == "fiubsjn" && frame.columns().size() == 7);
  const Frame::Columns all = frame.columns();
  CHECK(all[0].type == ColumnType::float64 && all[1].type == ColumnType::int64);
  CHECK(all[2].type == ColumnType::uint64 && all[3].type == ColumnType::boolean);
  CHECK(all[4].type == ColumnType::string && all[5].type == ColumnType::json);
  CHECK(all[6].type == ColumnType::null && frame.is_null(6, 0));
  CHECK(!frame.find_column("no such") && !frame.find_column(static_cast<const char *>(nullptr)));

  const std::size_t flag = frame.find_column("b").value(), text = frame.find_column("s").value();
  CHECK(frame.boolean(flag, 0) && !frame.boolean(flag, 1) && !frame.boolean(flag, 2));
  CHECK(frame.is_null(flag, 1) && !frame.is_null(flag, 2) && frame.is_null(flag, 3));
  CHECK(frame.string(text, 0) == "x" && frame.string(text, 2).empty() && !frame.is_null(text, 2));
  CHECK(frame.string(5, 0) == "[1]" && frame.string(5, 2) == "\"y\"");
  CHECK(frame.string(7, 0).empty() && frame.string(text, 3).empty());
  CHECK((frame.validity(text)[0] & 7) == 5);
}

void numbers() {
  const Frame frame = Run::open(make_run("numbers", mixed_rows)).read_frame();
  const ColumnView<double> floats = frame.column<double>("f");
  CHECK(floats.size() == 3 && !floats.empty() && floats[0] == 1.5 && std::isnan(floats[2]));
  CHECK(!floats.is_null(0) && floats.is_null(1) && !floats.is_null(2));
  CHECK(floats.validity() == frame.validity(0));
  CHECK(floats.data() == libresult_frame_float64(frame.get(), 0) && floats.begin() == floats.data());
  CHECK(floats.end() - floats.begin() == 3);
  CHECK(frame.column<std::int64_t>("i")[0] == -3 && frame.column<std::int64_t>(1)[2] == 2);
  CHECK(frame.column<std::uint64_t>(std::string("u"))[0] == UINT64_MAX);
  CHECK(ColumnView<double>().empty() && ColumnView<double>().begin() == ColumnView<double>().end());

  const std::vector<double> whole = frame.to_doubles("i"), flags = frame.to_doubles(3);
  CHECK(whole.size() == 3 && whole[0] == -3 && std::isnan(whole[1]) && whole[2] == 2);
  CHECK(flags[0] == 1 && std::isnan(flags[1]) && flags[2] == 0);

  const Frame nested = Run::open(at("r260v1-nested")).read_frame({{"column", "eval/*"}});
  const auto losses = nested.column<double>("eval/loss");
  CHECK(std::vector<double>(losses.begin(), losses.end()) == std::vector{2.0, 1.0, 0.0, -1.0});
  CHECK(losses.validity() == nullptr && !losses.is_null(3));
#if __cplusplus >= 202002L
  const std::span<const double> span = losses;
  CHECK(span.data() == losses.data() && span.size() == 4);
  CHECK(std::ranges::min(losses) == -1.0);
#endif
}

void columns_that_are_not_there() {
  const Frame frame = Run::open(make_run("numbers", mixed_rows)).read_frame();
  const Code code = Code::invalid_argument;
  THROWS(frame.column<double>("loss"), code, "no column 'loss'");
  THROWS(frame.column<double>(static_cast<const char *>(nullptr)), code, "no column ''");
  THROWS(frame.column<double>(7), code, "no column 7");
  THROWS(frame.column<double>("i"), code, "column 'i' is int64, not float64");
  THROWS(frame.column<std::int64_t>("u"), code, "column 'u' is uint64, not int64");
  THROWS(frame.column<std::uint64_t>("b"), code, "column 'b' is bool, not uint64");
  THROWS(frame.column<double>(4), code, "column 's' is string, not float64");
  THROWS(frame.column<double>("n"), code, "column 'n' is null");
  THROWS(frame.to_doubles("loss"), code, "no column 'loss'");
  THROWS(frame.to_doubles(7), code, "no column 7");
  THROWS(frame.to_doubles("j"), code, "column 'j' is json, neither");
}

void reading_frames() {
  const Run run = Run::open(at("r260v1-nested"));
  const Code invalid = Code::invalid_argument;
  CHECK(run.read_frame({{"column", "eval/top/k?"}, {"column", "text"}}).column_count() == 3);
  CHECK(run.read_frame({{"rows", "1..3"}}).row_count() == 2);
  const std::vector<Setting> settings{{"config", "false"}, {"threads", "2"}};
  CHECK(run.read_frame(settings).column_count() + 1 == run.read_frame().column_count());
  THROWS(run.read_frame({{"column", "eval/los"}}), invalid, "'eval/loss'");
  THROWS(run.read_frame({{"rows", "x"}}), invalid, "FROM..TO");
  THROWS(run.read_frame({{"row", "1..2"}}), invalid, "'rows'");
  THROWS(run.read_frame({{"max_memory", "1"}}), Code::corrupt, "max_memory");
  CHECK(Run::open(at("r260v1-nested"), {{"read", "latest"}}).read_frame().row_count() == 4);
  const Cancel cancel;
  CHECK(run.read_frame({}, &cancel).row_count() == 4);
  cancel.trigger();
  THROWS(run.read_frame({}, &cancel), Code::cancelled, "cancelled");

  const std::string directory = make_run("changing", mixed_rows);
  const Run changing = Run::open(directory);
  std::ofstream(directory + "/result.json", std::ios::app) << mixed_rows;
  CHECK(changing.read_frame().row_count() == 3);
  std::filesystem::resize_file(directory + "/result.json", 20);
  THROWS(changing.read_frame(), Code::corrupt, directory + "/result.json");
  std::filesystem::remove_all(directory);
  THROWS(changing.read_frame(), Code::not_found, directory + "/result.json");

  const Frame torn = Run::open(at("v1-lines-torn_in_number")).read_frame();
  CHECK(torn.diagnostics().size() == 1 && torn.diagnostics()[0].code() == "torn_last_line");
}

/// The rows of a stream, which this releases.
std::vector<std::int64_t> batches_of(ArrowArrayStream &stream) {
  std::vector<std::int64_t> lengths;
  for (ArrowArray batch; stream.get_next(&stream, &batch) == 0 && batch.release != nullptr;) {
    lengths.push_back(batch.length);
    batch.release(&batch);
  }
  stream.release(&stream);
  return lengths;
}

void arrow() {
  ArrowArrayStream stream;
  Run::open(at("r260v1-nested")).read_frame({{"batch_rows", "3"}}).export_to(&stream);
  CHECK(batches_of(stream) == std::vector<std::int64_t>{3, 1} && stream.release == nullptr);

  CHECK(lowest_loss(make_run("curve", "{\"loss\": 2.5}\n{\"loss\": 0.5}\n").c_str(), &stream) == 0.5);
  CHECK(batches_of(stream) == std::vector<std::int64_t>{2});

  Frame frame = Run::open(at("r260v1-nested")).read_frame();
  THROWS(frame.export_to(nullptr), Code::invalid_argument, "out");
  const auto losses = frame.column<double>("eval/loss");
  const Frame moved = std::move(frame);
  CHECK(moved.column<double>("eval/loss").data() == losses.data() && losses[3] == -1.0);
  // One that was moved from answers as if nothing were there.
  CHECK(frame.row_count() == 0 && frame.columns().empty() && !frame.find_column("text"));  // NOLINT
  THROWS(frame.column<double>("eval/loss"), Code::invalid_argument, "eval/loss");
  THROWS(frame.export_to(&stream), Code::invalid_argument, "frame");
  CHECK(stream.release == nullptr);
}

// ---- Files that are written ---------------------------------------------------------------------

std::string content(const std::string &path) {
  std::ifstream file(path, std::ios::binary);
  return {std::istreambuf_iterator<char>(file), {}};
}

/// An empty directory for what is written.
std::string make_directory(const std::string &name) {
  const std::string directory = scratch + '/' + name;
  std::filesystem::remove_all(directory);
  std::filesystem::create_directories(directory);
  return directory + '/';
}

void writing() {
  const Run run = Run::open(make_run("written", mixed_rows));
  const std::string directory = make_directory("files");
  const std::string csv = directory + "all.csv", parquet = directory + "all.parquet";
  run.write_csv(csv);
  CHECK(content(csv) == "f,i,u,b,s,j,n\r\n"
                        "1.5,-3,18446744073709551615,true,x,[1],\r\n"
                        ",,,,,,\r\n"
                        "NaN,2,1,false,\"\",\"\"\"y\"\"\",\r\n");
  run.write_parquet(parquet);
  const std::string bytes = content(parquet);
  CHECK(bytes.substr(0, 4) == "PAR1" && bytes.substr(bytes.size() - 4) == "PAR1");

  THROWS(run.write_csv(csv), Code::io, csv);
  THROWS(run.write_parquet(parquet, {{"on_exists", "fail"}}), Code::io, "on_exists");
  const std::vector<Setting> settings{{"on_exists", "replace"}, {"column", "[is]"}, {"column", "i"}};
  THROWS(run.write_csv(csv, settings), Code::invalid_argument, "'[is]'");
  CHECK(content(parquet) == bytes && has(content(csv), "f,i,u"));
  run.write_csv(csv, {{"on_exists", "replace"}, {"column", "i"}, {"null", "-"}, {"rows", "..2"}});
  CHECK(content(csv) == "i\r\n-3\r\n-\r\n");
  run.write_parquet(parquet, {{"on_exists", "replace"}, {"compression", "none"}});
  CHECK(content(parquet) != bytes);
  THROWS(run.write_csv(csv, {{"compression", "none"}}), Code::invalid_argument, "compression");
  THROWS(run.write_parquet(directory + "no/such"), Code::io, "no/such");
  THROWS(run.write_parquet(static_cast<const char *>(nullptr)), Code::invalid_argument, "uri");
  CHECK(std::distance(std::filesystem::directory_iterator(directory), {}) == 2);
}

bool go_on(std::uint64_t, std::uint64_t) { return true; }

void progress() {
  const Run run = Run::open(at("r260v1-nested"));
  const std::string directory = make_directory("told");
  const auto size = std::filesystem::file_size(at("r260v1-nested") + "/result.json");
  std::uint64_t last = 0, calls = 0;
  const auto tell = [&](std::uint64_t done, std::uint64_t total) {
    CHECK(done >= last && done <= total && total == size);
    last = done;
    return ++calls > 0;
  };
  run.write_csv(directory + "1", {}, tell);
  CHECK(last == size && calls > 0);
  last = 0;
  run.write_parquet(directory + "2", {}, tell);
  CHECK(last == size);

  run.write_csv(directory + "3", {}, go_on);
  run.write_csv(directory + "4", {}, &go_on);
  run.write_csv(directory + "5", {}, nullptr);
  run.write_csv(directory + "6", {}, std::function<bool(std::uint64_t, std::uint64_t)>());
  bool (*none)(std::uint64_t, std::uint64_t) = nullptr;
  run.write_csv(directory + "7", {}, none);
  run.write_csv(directory + "8", {}, {});
  run.write_csv(directory + "9", {}, [calls = 0](auto, auto) mutable { return ++calls; });

  const auto stop = [](std::uint64_t, std::uint64_t) { return false; };
  THROWS(run.write_csv(directory + "stopped", {}, stop), Code::cancelled, "progress");
  THROWS(run.write_parquet(directory + "stopped", {}, stop), Code::cancelled, "progress");
  // An exception arrives as it was thrown, of whatever type.
  for (const char *threads : {"1", "2"}) {
    try {
      run.write_parquet(directory + "thrown", {{"threads", threads}},
                        [](std::uint64_t, std::uint64_t) -> bool { throw std::string("mine"); });
      CHECK(!"it throws");
    } catch (const std::string &thrown) {
      CHECK(thrown == "mine");
    }
  }
  const auto bad = [](std::uint64_t, std::uint64_t) -> bool { throw std::out_of_range("also mine"); };
  try {
    run.write_csv(directory + "thrown", {}, bad);
    CHECK(!"it throws");
  } catch (const std::out_of_range &thrown) {
    CHECK(has(thrown.what(), "also mine"));
  }
  const Cancel cancel;
  run.write_parquet(directory + "10", {}, nullptr, &cancel);
  cancel.trigger();
  THROWS(run.write_csv(directory + "stopped", {}, {}, &cancel), Code::cancelled, "cancelled");
  THROWS(run.write_parquet(directory + "stopped", {}, tell, &cancel), Code::cancelled, "cancelled");
  CHECK(std::distance(std::filesystem::directory_iterator(directory), {}) == 10);
}

// ---- Ownership ---------------------------------------------------------------------------------

Checkpoint best_of(const std::string &name) {
  return Run::open(at(name)).best_checkpoint("eval/loss", Mode::min);
}

void lifetimes() {
  Checkpoint best = best_of("r260v1-nested");
  CHECK(best.name() == "checkpoint_000003" && best.metrics()["eval"]["loss"].as_double() == -1.0);
  Checkpoint copy = best;
  const CheckpointRef view = copy;
  CHECK(view.get() == copy.get() && copy.get() != best.get());
  best = Checkpoint(view);
  best = *&best;
  CHECK(best.name() == copy.name());
  Checkpoint moved = std::move(copy);
  CHECK(moved.name() == best.name() && moved.get() == view.get());
  // One that was moved from answers as if nothing were there.
  CHECK(copy.name().empty() && copy.get() == nullptr && !copy.index());  // NOLINT
  copy = best;
  CHECK(copy.name() == best.name());

  const Ranking ranking = Run::open(at("r260v1-nested")).rank_checkpoints("eval/loss", Mode::min);
  CHECK(ranking[0].checkpoint.name() == "checkpoint_000003");
  std::vector<Checkpoint> kept;
  for (auto [checkpoint, value] : ranking) kept.emplace_back(checkpoint);
  CHECK(kept.size() == 4 && kept.back().name() == "checkpoint_000000");

  Run run = Run::open(at("r260v1-nested"));
  const ValueRef metrics = run.metrics();
  Run other = std::move(run);
  CHECK(other.metrics().get() == metrics.get());
  CHECK(run.path().empty() && !run.metrics() && run.checkpoints().empty());  // NOLINT
  THROWS(run.best_checkpoint("eval/loss", Mode::min), Code::invalid_argument, "run");
  run = std::move(other);
  CHECK(run.metrics().get() == metrics.get());
}

void metadata() {
  const std::string directory = scratch + "/checkpoint_cpp";
  std::filesystem::remove_all(directory);
  std::filesystem::create_directories(directory);
  const Checkpoint checkpoint = Checkpoint::open(directory);
  CHECK(checkpoint.read_metadata().size() == 0);
  checkpoint.write_metadata(R"({"step": 1, "tags": ["a", "b"]})");
  checkpoint.update_metadata(std::string(R"({"step": 2})"));
  Value read = checkpoint.read_metadata();
  CHECK(read["step"].as_int64() == 2 && read.find("tags/1").as_string() == "b");
  std::string keys;
  for (auto [key, value] : read) keys += key;
  CHECK(keys == "steptags");
  std::ostringstream out;
  out << checkpoint.read_metadata();
  CHECK(out.str() == read.to_json());

  const ValueRef view = read;
  Value moved = std::move(read);
  CHECK(moved.get() == view.get() && !read && read.size() == 0);  // NOLINT
  read = checkpoint.read_metadata();
  moved = std::move(read);
  CHECK(moved["step"].as_int64() == 2 && !read);  // NOLINT
  THROWS(checkpoint.write_metadata("[]"), Code::invalid_argument, "json");
  THROWS(checkpoint.update_metadata("{"), Code::invalid_argument, "json");
  read = checkpoint.read_metadata();
  CHECK(read["step"].as_int64() == 2);
}

// ---- Stores ------------------------------------------------------------------------------------

/// The directories below `root`, and what its functions throw.
class Directories : public WritableStore {
 public:
  Directories(std::string root, bool concurrent) : root_(std::move(root)), concurrent_(concurrent) {
    alive++;
  }
  ~Directories() override { alive--; }

  bool concurrent() const noexcept override { return concurrent_; }

  void list(std::string_view path, Listing &into) override {
    if (in_list) in_list();
    for (const auto &entry : std::filesystem::directory_iterator(at(path))) {
      if (entry.is_directory()) {
        into.add_directory(entry.path().filename().string());
      } else {
        into.add_file(entry.path().filename().c_str(), entry.file_size());
      }
    }
  }

  std::size_t read(std::string_view path, std::uint64_t offset, void *into,
                   std::size_t len) override {
    if (in_read) in_read(path);
    // It ends with NUL.
    CHECK(path.data()[path.size()] == 0);
    std::ifstream file(at(path), std::ios::binary);
    file.seekg(static_cast<std::streamoff>(offset));
    file.read(static_cast<char *>(into), static_cast<std::streamsize>(len));
    return static_cast<std::size_t>(file.gcount());
  }

  void write(std::string_view path, std::string_view data) override {
    if (in_write) in_write();
    std::ofstream file(at(path), std::ios::binary);
    file << data;
  }

  std::function<void()> in_list, in_write;
  std::function<void(std::string_view)> in_read;
  static inline std::atomic<int> alive = 0;

 private:
  std::string at(std::string_view path) const { return root_ + '/' + std::string(path); }

  std::string root_;
  bool concurrent_;
};

/// One that cannot be written to.
class Nothing : public Store {
 public:
  void list(std::string_view, Listing &into) override { into.add_file("result.json", 0); }
  std::size_t read(std::string_view, std::uint64_t, void *, std::size_t) override { return 0; }
};

void stores() {
  for (const bool concurrent : {false, true}) {
    const std::string directory = make_directory("of_a_store");
    register_store("own", std::make_shared<Directories>(corpus, concurrent));
    register_store(std::string("out"), std::make_unique<Directories>(directory, concurrent));
    CHECK(Directories::alive == 2);
    {
      const Run run = Run::open("own://r260v1-nested/run"), here = Run::open(at("r260v1-nested"));
      CHECK(run.uri() == "own://r260v1-nested/run" && run.path() == "r260v1-nested/run");
      CHECK(run.filesystem() == "own" && run.metrics().to_json() == here.metrics().to_json());
      const Frame frame = run.read_frame({{"threads", "4"}});
      CHECK(frame.row_count() == here.read_frame().row_count());
      run.write_csv("out://all.csv");
      here.write_csv(directory + "here.csv");
      std::ifstream there_file(directory + "all.csv"), here_file(directory + "here.csv");
      CHECK(std::string(std::istreambuf_iterator<char>(there_file), {}) ==
            std::string(std::istreambuf_iterator<char>(here_file), {}));
      THROWS(run.write_csv("out://all.csv"), Code::io, "out://all.csv");
      THROWS(Run::open("own://no/such"), Code::not_found, "own://no/such");

      unregister_store("own");
      THROWS(Run::open("own://r260v1-nested/run"), Code::invalid_argument, "own://");
      CHECK(run.latest_checkpoint()->read_metadata().size() == 2);
      CHECK(Directories::alive == 2);
    }
    CHECK(Directories::alive == 1);
    unregister_store("out");
    CHECK(Directories::alive == 0);
  }
  THROWS(unregister_store("own"), Code::invalid_argument, "own://");
  THROWS(register_store("own", nullptr), Code::invalid_argument, "store");
  THROWS(register_store("s3", std::make_shared<Directories>("", true)), Code::invalid_argument,
         "s3://");
  CHECK(Directories::alive == 0);

  register_store("nothing", std::make_shared<Nothing>());
  const Run run = Run::open("nothing://x");
  THROWS(run.write_parquet("nothing://y"), Code::unsupported, "read-only");
  unregister_store("nothing");
}

void store_exceptions() {
  const auto store = std::make_shared<Directories>(corpus, false);
  register_store("own", store);
  const auto open = [] { return Run::open("own://r260v1-nested/run"); };

  store->in_list = [] { throw Error(Code::permission, "the token is too old"); };
  THROWS(open(), Code::permission, "own://r260v1-nested/run: the token is too old");
  store->in_list = [] {
    throw std::system_error(std::make_error_code(std::errc::permission_denied), "mine");
  };
  THROWS(open(), Code::permission, "mine");
  store->in_list = nullptr;

  // Any other exception arrives as it was thrown, of whatever type.
  store->in_read = [](std::string_view) { throw std::out_of_range("mine"); };
  try {
    open();
    CHECK(!"it throws");
  } catch (const std::out_of_range &thrown) {
    CHECK(std::string(thrown.what()) == "mine");
  }
  store->in_read = [](std::string_view) { throw 7; };
  try {
    open();
    CHECK(!"it throws");
  } catch (int thrown) {
    CHECK(thrown == 7);
  }
  // One that a call got over is not thrown by the next.
  store->in_read = [](std::string_view path) {
    if (has(std::string(path), "/error.")) throw std::logic_error("not that");
  };
  const Run damaged = Run::open("own://r240v1-fail0/run");
  CHECK(std::any_of(
      damaged.diagnostics().begin(), damaged.diagnostics().end(),
      [](const Diagnostic &found) { return has(std::string(found.message()), "not that"); }));
  store->in_read = nullptr;
  THROWS(Run::open("own://no/such"), Code::not_found, "own://no/such");
  THROWS(Run::open("/no/such"), Code::not_found, "/no/such");

  const Run run = open();
  store->in_write = [] { throw std::bad_alloc(); };
  try {
    run.write_csv("own://file");
    CHECK(!"it throws");
  } catch (const std::bad_alloc &) {
    CHECK(!std::filesystem::exists(corpus + "/file"));
  }
  unregister_store("own");

  // From a thread of the library's own there is no way but the words.
  const auto shared = std::make_shared<Directories>(corpus, true);
  register_store("shared", shared);
  const Run there = Run::open("shared://r260v1-nested/run");
  const std::thread::id here = std::this_thread::get_id();
  shared->in_read = [here](std::string_view) {
    if (std::this_thread::get_id() != here) throw std::out_of_range("elsewhere");
  };
  THROWS(there.read_frame({{"threads", "4"}}), Code::io, "elsewhere");
  unregister_store("shared");
}

// ---- Checkpoints that come home ----------------------------------------------------------------

std::string text_of(const std::filesystem::path &path) {
  std::ostringstream text;
  text << std::ifstream(path).rdbuf();
  return text.str();
}

void transfers() {
  const std::filesystem::path home = make_directory("transfer"), source = home / "checkpoint_000007";
  std::filesystem::create_directories(source / "optim");
  std::ofstream(source / "model.bin") << std::string(300000, 'm');
  std::ofstream(source / "optim" / "rank_0.pt") << "0123456789";
  const Checkpoint checkpoint = Checkpoint::open(source.string());
  const std::string dest = (home / "copy").string();

  std::uint64_t last = 0;
  const auto tell = [&](std::uint64_t done, std::uint64_t total) {
    CHECK(done >= last && total == 300010);
    last = done;
    return true;
  };
  checkpoint.download(dest, {{"part_bytes", "65536"}}, tell);
  CHECK(last == 300010 && text_of(home / "copy/model.bin") == text_of(source / "model.bin"));
  THROWS(checkpoint.download(dest), Code::io, "on_exists");
  checkpoint.download(dest, {{"on_exists", "replace"}, {"include", "optim/*"}});
  CHECK(!std::filesystem::exists(home / "copy/model.bin"));
  CHECK(text_of(home / "copy/optim/rank_0.pt") == "0123456789");
  const std::string other = (home / "other").string();
  THROWS(checkpoint.download(other, {{"include", "modle.bin"}}), Code::invalid_argument, "'model.bin'?");
  THROWS(checkpoint.download(other, {}, [](auto, auto) { return false; }), Code::cancelled, "progress");
  try {
    checkpoint.download(other, {}, [](auto, auto) -> bool { throw std::string("mine"); });
    CHECK(!"it throws");
  } catch (const std::string &thrown) {
    CHECK(thrown == "mine");
  }
  const Cancel cancel;
  cancel.trigger();
  THROWS(checkpoint.download(other, {}, nullptr, &cancel), Code::cancelled, "cancelled");
  CHECK(std::distance(std::filesystem::directory_iterator(home), {}) == 2);

  // A local checkpoint is itself, and stays.
  {
    Directory directory = checkpoint.open_directory({{"keep", "true"}}, tell);
    CHECK(directory.path() == source.string());
    const Directory moved = std::move(directory);
    CHECK(moved.path() == source.string() && directory.path().empty());  // NOLINT
  }
  CHECK(std::filesystem::exists(source / "model.bin"));
  const Checkpoint gone = Checkpoint::open((home / "gone").string());
  THROWS(gone.open_directory(), Code::not_found, "gone");
  THROWS(gone.download(other), Code::not_found, "gone");

  const Files files = checkpoint.read_files();
  CHECK(files.size() == 2 && !files.empty() && files[1].name == "optim/rank_0.pt");
  std::string names;
  for (auto [name, size] : files) names += std::string(name) + ' ' + std::to_string(size) + ' ';
  CHECK(names == "model.bin 300000 optim/rank_0.pt 10 ");
  CHECK(std::find_if(files.begin(), files.end(), [](auto file) { return file.size == 10; })->name ==
        files[1].name);
  THROWS(gone.read_files(), Code::not_found, "gone");

  std::string into(4, '.');
  CHECK(checkpoint.read_file("optim/rank_0.pt", 3, into.data(), into.size()) == 4 && into == "3456");
  CHECK(checkpoint.read_file(std::string("optim/rank_0.pt"), 9, into.data(), into.size()) == 1);
  CHECK(checkpoint.read_file("optim/rank_0.pt", 10, nullptr, 0) == 0);
  THROWS(checkpoint.read_file("../x", 0, into.data(), 1), Code::invalid_argument, "'../x'");
  THROWS(checkpoint.read_file("no", 0, into.data(), 1), Code::not_found, "no");
}

}  // namespace

int main(int argc, char **argv) {
  if (argc != 3) {
    std::cerr << "usage: behaviour CORPUS SCRATCH\n";
    return 2;
  }
  corpus = argv[1];
  scratch = argv[2];
  try {
    errors();
    settings();
    cancelling();
    values();
    members_and_elements();
    runs();
    checkpoints();
#if __cplusplus >= 202002L
    views();
#endif
    rankings();
    failures_and_diagnostics();
    export_events();
    columns();
    numbers();
    columns_that_are_not_there();
    reading_frames();
    arrow();
    writing();
    progress();
    lifetimes();
    metadata();
    stores();
    store_exceptions();
    transfers();
    CHECK(version() == std::to_string(LIBRESULT_VERSION_MAJOR) + '.' +
                           std::to_string(LIBRESULT_VERSION_MINOR) + '.' +
                           std::to_string(LIBRESULT_VERSION_PATCH));
    CHECK(supports("arrow") && supports(std::string("parquet")) && !supports("no such feature"));
  } catch (const std::exception &error) {
    check(false, error.what(), __LINE__);
  }
  std::cout << passed << " passed, " << failed << " failed\n";
  return failed > 0 ? 1 : 0;
}
