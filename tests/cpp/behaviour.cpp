// Tests what the C++ binding adds to the C API.
//
//   behaviour CORPUS SCRATCH
//
// CORPUS holds the run directories of tests/corpus and is only read; SCRATCH is a directory that the
// tests may write to. Prints each check that failed and `N passed, N failed`.

#include <libresult.hpp>

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <iostream>
#include <iterator>
#include <sstream>
#include <string>
#include <thread>
#include <type_traits>
#include <vector>

#if __cplusplus >= 202002L
#include <ranges>
#endif

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

#if __cplusplus >= 202002L
template <class T>
constexpr bool is_a_range_view = std::ranges::forward_range<T> && std::ranges::sized_range<T> &&
                                 std::ranges::view<T> && std::ranges::borrowed_range<T>;

static_assert(is_a_range_view<Run::Checkpoints> && is_a_range_view<ValueRef::Elements>);
static_assert(is_a_range_view<Run::Attempts>);
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
    lifetimes();
    metadata();
    CHECK(version() == std::to_string(LIBRESULT_VERSION_MAJOR) + '.' +
                           std::to_string(LIBRESULT_VERSION_MINOR) + '.' +
                           std::to_string(LIBRESULT_VERSION_PATCH));
    CHECK(!supports("no such feature"));
  } catch (const std::exception &error) {
    check(false, error.what(), __LINE__);
  }
  std::cout << passed << " passed, " << failed << " failed\n";
  return failed > 0 ? 1 : 0;
}
