// libresult for C++17: reads what a Ray Train run left behind. Header only; link with libresult.
//
//   auto run = libresult::Run::open("/data/runs/2026-11-24");
//   auto best = run.best_checkpoint("eval/loss", libresult::Mode::min);
//   double loss = best.metrics()["eval"]["loss"].as_double().value();
//   for (auto [key, value] : run.metrics()) std::cout << key << ": " << value << '\n';
//   auto frame = run.read_frame({{"column", "eval/*"}});
//   for (double loss : frame.column<double>("eval/loss")) std::cout << loss << '\n';
//   run.write_parquet("all.parquet", {{"on_exists", "replace"}});
//   libresult::register_store("mine", std::make_shared<Mine>());  // class Mine : libresult::Store
//
// What the rules at the top of libresult.h become here:
//
//   * What can fail throws `Error`. Nothing else does: looking at what was read is `noexcept`, but for
//     asking a frame for a column that it does not have, or not of that type. What a function of the
//     caller's throws passes through the call that was given it, or was given a URI of its store.
//   * What may be missing is `std::optional`. A value that may be missing is a `ValueRef`, which is
//     then empty, and so is everything below it: `run.metrics()["no"]["such"]` is fine, and its
//     `as_double()` is `std::nullopt`. A caller who wants an exception writes `as_double().value()`,
//     one who has a default `as_double().value_or(0)`.
//   * `Run`, `Checkpoint`, `Directory`, `Files`, `Ranking`, `Frame`, `Value` and `Cancel` own what they stand for. All
//     others, and every `std::string_view`, borrow: they live as long as what they were read from.
//     Borrowing from a temporary that owns does not compile: give it a name first.
//   * Objects never change, so `const` members may be called by any thread at any time. One that was
//     moved from answers as if nothing were there.

#ifndef LIBRESULT_HPP
#define LIBRESULT_HPP

#include "libresult.h"

#include <cstddef>
#include <cstdint>
#include <exception>
#include <initializer_list>
#include <iterator>
#include <memory>
#include <optional>
#include <ostream>
#include <stdexcept>
#include <string>
#include <string_view>
#include <system_error>
#include <type_traits>
#include <utility>
#include <vector>

#if __cplusplus >= 202002L
#include <ranges>
#endif

namespace libresult {

// ---- Enums: their values are those of the C API ------------------------------------------------

/// Which end of a metric is best.
enum class Mode : int {
  /// The smallest value, as for a loss.
  min = LIBRESULT_MODE_MIN,
  /// The largest value, as for an accuracy.
  max = LIBRESULT_MODE_MAX,
};

/// The type of a value.
enum class Kind : int {
  /// `null`, or no value at all.
  null = LIBRESULT_KIND_NULL,
  /// `true` or `false`.
  boolean = LIBRESULT_KIND_BOOL,
  /// A whole number that fits 64 bits.
  integer = LIBRESULT_KIND_INT,
  /// Any other number: NaN and the infinities, and integers beyond 64 bits, whose digits
  /// `ValueRef::to_json` has.
  floating = LIBRESULT_KIND_FLOAT,
  /// A string.
  string = LIBRESULT_KIND_STR,
  /// A list of values.
  array = LIBRESULT_KIND_ARRAY,
  /// Values by key, in the order of the file.
  object = LIBRESULT_KIND_OBJECT,
};

/// How the run is laid out in its directory.
enum class Layout : int {
  /// Nothing is known: the run was moved from.
  unknown = LIBRESULT_LAYOUT_UNKNOWN,
  /// Ray Train before V2, and every trial of Ray Tune.
  train_v1 = LIBRESULT_LAYOUT_TRAIN_V1,
  /// Ray Train V2.
  train_v2 = LIBRESULT_LAYOUT_TRAIN_V2,
};

/// Whether a run has something that its directory may or may not tell.
enum class Presence : int {
  /// The directory does not record it, so nobody can tell.
  unknown = LIBRESULT_PRESENCE_UNKNOWN,
  /// It is known not to exist.
  absent = LIBRESULT_PRESENCE_ABSENT,
  /// It exists, and was read.
  present = LIBRESULT_PRESENCE_PRESENT,
};

/// How far Ray had got with a checkpoint.
enum class Status : int {
  /// Nothing is known: it was opened without its run.
  unknown = LIBRESULT_STATUS_UNKNOWN,
  /// A directory that no report names: an upload that never ended, or a leftover.
  uncommitted = LIBRESULT_STATUS_UNCOMMITTED,
  /// Reported.
  committed = LIBRESULT_STATUS_COMMITTED,
  /// Reported, its validation still to come.
  pending_validation = LIBRESULT_STATUS_PENDING_VALIDATION,
  /// Validated.
  validated = LIBRESULT_STATUS_VALIDATED,
  /// Its validation failed.
  validation_failed = LIBRESULT_STATUS_VALIDATION_FAILED,
  /// Its validation took too long.
  validation_timed_out = LIBRESULT_STATUS_VALIDATION_TIMED_OUT,
};

/// Why a checkpoint does not take part in a ranking.
enum class Skipped : int {
  /// Its report lacks the metric, or has `null` there.
  missing = LIBRESULT_SKIPPED_MISSING,
  /// The metric is NaN.
  nan = LIBRESULT_SKIPPED_NAN,
  /// The metric is no number.
  non_numeric = LIBRESULT_SKIPPED_NON_NUMERIC,
  /// Its directory is gone.
  not_on_disk = LIBRESULT_SKIPPED_NOT_ON_DISK,
};

/// How bad a diagnostic is.
enum class Severity : int {
  /// Ordinary, but good to know, such as a checkpoint that retention deleted.
  note = LIBRESULT_SEVERITY_NOTE,
  /// Something is broken or lost; setting `strict` makes it an error.
  damage = LIBRESULT_SEVERITY_DAMAGE,
};

/// The type of a column of a frame.
enum class ColumnType : int {
  /// Every row is null.
  null = LIBRESULT_COLUMN_TYPE_NULL,
  /// `bool`.
  boolean = LIBRESULT_COLUMN_TYPE_BOOL,
  /// `std::int64_t`.
  int64 = LIBRESULT_COLUMN_TYPE_INT64,
  /// `std::uint64_t`: a value is above `INT64_MAX` and none is negative.
  uint64 = LIBRESULT_COLUMN_TYPE_UINT64,
  /// `double`: numbers of which one at least is no integer.
  float64 = LIBRESULT_COLUMN_TYPE_FLOAT64,
  /// UTF-8.
  string = LIBRESULT_COLUMN_TYPE_STRING,
  /// Rows of more than one kind, lists, or integers beyond 64 bits: each as JSON text.
  json = LIBRESULT_COLUMN_TYPE_JSON,
};

/// What kind of failure an `Error` is. Later versions may add codes.
enum class Code : int {
  /// No failure.
  ok = LIBRESULT_CODE_OK,
  /// An argument is not UTF-8, out of range, or names nothing: a bug in the caller.
  invalid_argument = LIBRESULT_CODE_INVALID_ARGUMENT,
  /// There is no run, no checkpoint, or none that the question is about.
  not_found = LIBRESULT_CODE_NOT_FOUND,
  /// Storage could not be read or written.
  io = LIBRESULT_CODE_IO,
  /// A file of the run does not parse.
  corrupt = LIBRESULT_CODE_CORRUPT,
  /// The call was cancelled.
  cancelled = LIBRESULT_CODE_CANCELLED,
  /// A bug in libresult.
  internal = LIBRESULT_CODE_INTERNAL,
  /// The store refused: no credentials, or not the right ones.
  permission = LIBRESULT_CODE_PERMISSION,
  /// The store cannot do this, or this build was made without it.
  unsupported = LIBRESULT_CODE_UNSUPPORTED,
};

// ---- Ownership and errors ----------------------------------------------------------------------

/// Frees what the C API hands out.
struct Free {
  /// Frees a run.
  void operator()(libresult_run *run) const noexcept { libresult_run_free(run); }
  /// Frees a checkpoint.
  void operator()(libresult_checkpoint *checkpoint) const noexcept {
    libresult_checkpoint_free(checkpoint);
  }
  /// Frees a ranking.
  void operator()(libresult_ranking *ranking) const noexcept { libresult_ranking_free(ranking); }
  /// Frees a directory; the last one of a copy removes it.
  void operator()(libresult_directory *directory) const noexcept {
    libresult_directory_free(directory);
  }
  /// Frees a list of files.
  void operator()(libresult_files *files) const noexcept { libresult_files_free(files); }
  /// Frees a frame.
  void operator()(libresult_frame *frame) const noexcept { libresult_frame_free(frame); }
  /// Frees a value.
  void operator()(libresult_value *value) const noexcept { libresult_value_free(value); }
  /// Frees a text.
  void operator()(libresult_text *text) const noexcept { libresult_text_free(text); }
  /// Frees a switch.
  void operator()(libresult_cancel *cancel) const noexcept { libresult_cancel_free(cancel); }
  /// Frees an error.
  void operator()(libresult_error *error) const noexcept { libresult_error_free(error); }
};

/// A pointer of the C API that this program owns.
template <class T>
using Owned = std::unique_ptr<T, Free>;

/// Why a call failed. `what()` is one sentence that names the file or the argument at fault.
class Error : public std::runtime_error {
 public:
  /// An error of this kind.
  Error(Code code, const std::string &message) : std::runtime_error(message), code_(code) {}

  /// The kind of failure.
  Code code() const noexcept { return code_; }

 private:
  Code code_;
};

// ---- What goes in ------------------------------------------------------------------------------

/// A string that goes in: a literal or a `std::string`, without a copy. It ends with NUL.
class CString {
 public:
  /// Text that ends with NUL.
  CString(const char *text) noexcept : text_(text) {}
  /// Text, as far as its first NUL.
  CString(const std::string &text) noexcept : text_(text.c_str()) {}

  /// The text.
  const char *get() const noexcept { return text_; }

 private:
  const char *text_;
};

/// A setting, such as `{"read", "latest"}`: a key and a value, both ending with NUL.
using Setting = libresult_setting;

/// The settings of a call, without a copy: `{}`, `{{"read", "latest"}}`, or a vector of them.
class Settings {
 public:
  /// None.
  Settings() noexcept = default;
  /// A list in braces, for the call that it stands in.
  Settings(std::initializer_list<Setting> settings) noexcept : size_(settings.size()) {
    data_ = settings.begin();
  }
  /// Those of a vector.
  Settings(const std::vector<Setting> &settings) noexcept
      : data_(settings.data()), size_(settings.size()) {}

  /// The first one.
  const Setting *data() const noexcept { return data_; }
  /// How many.
  std::size_t size() const noexcept { return size_; }

 private:
  const Setting *data_ = nullptr;
  std::size_t size_ = 0;
};

/// A switch that stops the calls it is given to. Once on, it stays on.
class Cancel {
 public:
  /// A switch, which is off.
  Cancel() : cancel_(libresult_cancel_new()) {}

  /// Makes every call that was given this switch throw `Code::cancelled`. Any thread may do so.
  void trigger() const noexcept { libresult_cancel_trigger(cancel_.get()); }

  /// For the C API.
  const libresult_cancel *get() const noexcept { return cancel_.get(); }

 private:
  Owned<libresult_cancel> cancel_;
};

namespace detail {

inline std::string_view view(libresult_str text) noexcept { return {text.data, text.len}; }

// What a function of a store threw on this thread last, and the words in which C was told.
struct Thrown {
  std::exception_ptr exception;
  std::string words;

  // Whether this is why a call failed: C puts the place before the words.
  bool explains(std::string_view message) const noexcept {
    return exception != nullptr && message.size() >= words.size() &&
           message.substr(message.size() - words.size()) == words;
  }
};

inline thread_local Thrown thrown;

// The only place that throws what the C API says.
inline void check(libresult_error *error) {
  if (error == nullptr) return;
  Owned<libresult_error> owned(error);
  const std::string_view message = view(libresult_error_message(error));
  if (thrown.explains(message)) std::rethrow_exception(std::exchange(thrown, {}).exception);
  throw Error(static_cast<Code>(libresult_error_code(error)), std::string(message));
}

// What a call that can fail puts into its last argument.
template <class T, class Call>
Owned<T> produce(const Call &call) {
  T *out = nullptr;
  check(call(&out));
  return Owned<T>(out);
}

// What a call puts into its last argument if it returns true.
template <class T, class Object>
std::optional<T> ask(bool (*call)(const Object *, T *), const Object *object) noexcept {
  T out{};
  return call(object, &out) ? std::optional<T>(out) : std::nullopt;
}

// A borrowed thing, unless it is not there.
template <class T, class Object>
std::optional<T> there(const Object *object) noexcept {
  return object != nullptr ? std::optional<T>(T(object)) : std::nullopt;
}

inline std::string text(libresult_text *owned) {
  Owned<libresult_text> json(owned);
  return std::string(view(libresult_text_str(owned)));
}

inline const libresult_cancel *get(const Cancel *cancel) noexcept {
  return cancel != nullptr ? cancel->get() : nullptr;
}

// A progress function on its way through the C API, and what it threw there: C knows no exceptions.
template <class Function>
class Told {
 public:
  explicit Told(Function &function) noexcept : function_(function) {}

  libresult_progress_fn callback() const noexcept {
    if constexpr (std::is_null_pointer_v<Function>) {
      return nullptr;
    } else if constexpr (std::is_constructible_v<Function, std::nullptr_t> &&
                         std::is_constructible_v<bool, Function &>) {
      // A function pointer or a `std::function` that may be none.
      return static_cast<bool>(function_) ? &Told::call : nullptr;
    } else {
      return &Told::call;
    }
  }

  // After the call that was given the callback.
  void check(libresult_error *error) const {
    if (thrown_ != nullptr) {
      libresult_error_free(error);
      std::rethrow_exception(thrown_);
    }
    detail::check(error);
  }

 private:
  static bool call(void *told, std::uint64_t done, std::uint64_t total) noexcept {
    auto &self = *static_cast<Told *>(told);
    try {
      if constexpr (!std::is_null_pointer_v<Function>) {
        return static_cast<bool>(self.function_(done, total));
      }
    } catch (...) {
      self.thrown_ = std::current_exception();
    }
    return false;
  }

  Function &function_;
  std::exception_ptr thrown_;
};

// Whether something tells progress: `bool(std::uint64_t done, std::uint64_t total)`, or `nullptr`.
template <class Function>
inline constexpr bool is_progress =
    std::is_null_pointer_v<std::decay_t<Function>> ||
    std::is_invocable_r_v<bool, Function &, std::uint64_t, std::uint64_t>;

}  // namespace detail

// ---- Ranges ------------------------------------------------------------------------------------

/// Things that an object of the C API counts and hands out by index. Borrows from the object.
template <class Object, class Item, auto Count, auto At>
class Range {
 public:
  /// Makes each item when it is asked for.
  class iterator {
   public:
    /// Keeps an item while `->` looks at it.
    struct Arrow {
      /// The item.
      Item item;
      /// Its address.
      const Item *operator->() const noexcept { return &item; }
    };

    /// C++17 knows no forward iterator whose items are values.
    using iterator_category = std::input_iterator_tag;
    /// C++20 does.
    using iterator_concept = std::forward_iterator_tag;
    /// What it yields.
    using value_type = Item;
    /// What it yields.
    using reference = Item;
    /// What `->` yields.
    using pointer = Arrow;
    /// The distance of two.
    using difference_type = std::ptrdiff_t;

    /// An iterator of nothing.
    iterator() noexcept = default;
    /// At item `index` of `object`.
    iterator(const Object *object, std::size_t index) noexcept : object_(object), index_(index) {}

    /// The item.
    Item operator*() const noexcept { return Item(At(object_, index_)); }
    /// A member of the item.
    Arrow operator->() const noexcept { return Arrow{**this}; }
    /// Goes on to the next.
    iterator &operator++() noexcept { return ++index_, *this; }
    /// Goes on to the next.
    iterator operator++(int) noexcept { return iterator(object_, index_++); }
    /// Whether both are at the same item.
    friend bool operator==(const iterator &a, const iterator &b) noexcept {
      return a.object_ == b.object_ && a.index_ == b.index_;
    }
    /// Whether they are not.
    friend bool operator!=(const iterator &a, const iterator &b) noexcept { return !(a == b); }

   private:
    const Object *object_ = nullptr;
    std::size_t index_ = 0;
  };

  /// Those of `object`, which may be null.
  explicit Range(const Object *object) noexcept : object_(object) {}

  /// How many.
  std::size_t size() const noexcept { return Count(object_); }
  /// Whether there are none.
  bool empty() const noexcept { return size() == 0; }
  /// The item at `index`, which must be below `size()`.
  Item operator[](std::size_t index) const noexcept { return Item(At(object_, index)); }
  /// The first.
  iterator begin() const noexcept { return iterator(object_, 0); }
  /// Behind the last.
  iterator end() const noexcept { return iterator(object_, size()); }

 private:
  const Object *object_;
};

// ---- Values ------------------------------------------------------------------------------------

class Value;
class ValueRef;
struct Member;

namespace detail {
inline Member member_at(const libresult_value *value, std::size_t index) noexcept;
}  // namespace detail

/// A borrowed JSON value, or none at all; as cheap to copy as a pointer.
///
/// Numbers keep what the file says: 3 is an integer, 3.0 is not, and NaN is allowed. Iterating goes
/// over the members of an object, `elements()` over those of an array.
class ValueRef {
 public:
  /// The members of an object.
  using Members = Range<libresult_value, Member, libresult_value_len, detail::member_at>;
  /// The elements of an array, or the values of an object.
  using Elements = Range<libresult_value, ValueRef, libresult_value_len, libresult_value_at>;

  /// No value.
  ValueRef() noexcept = default;
  /// A value of the C API, or none if it is null.
  explicit ValueRef(const libresult_value *value) noexcept : value_(value) {}
  /// A temporary would be gone.
  ValueRef(Value &&) = delete;
  /// A temporary would be gone.
  ValueRef &operator=(Value &&) = delete;

  /// Whether there is a value. A `null` in the file is one.
  explicit operator bool() const noexcept { return value_ != nullptr; }

  /// Its type; `Kind::null` if there is none.
  Kind kind() const noexcept { return static_cast<Kind>(libresult_value_kind(value_)); }

  /// `true` or `false`, if it is either.
  std::optional<bool> as_bool() const noexcept {
    return detail::ask(libresult_value_as_bool, value_);
  }
  /// A whole number, if it is one and fits.
  std::optional<std::int64_t> as_int64() const noexcept {
    return detail::ask(libresult_value_as_i64, value_);
  }
  /// A whole number, if it is one and fits.
  std::optional<std::uint64_t> as_uint64() const noexcept {
    return detail::ask(libresult_value_as_u64, value_);
  }
  /// A number, if it is one: whole ones too.
  std::optional<double> as_double() const noexcept {
    return detail::ask(libresult_value_as_f64, value_);
  }
  /// A string, if it is one.
  std::optional<std::string_view> as_string() const & noexcept {
    libresult_str text{"", 0};
    if (!libresult_value_as_str(value_, &text)) return std::nullopt;
    return detail::view(text);
  }

  /// The member of an object called `key`, exactly; empty if there is none.
  ValueRef operator[](CString key) const & noexcept {
    return ValueRef(libresult_value_get(value_, key.get()));
  }
  /// Element `index` of an array, or member `index` of an object; empty past the end.
  ValueRef operator[](std::size_t index) const & noexcept {
    return ValueRef(libresult_value_at(value_, index));
  }
  /// What lies at `path`, such as `eval/loss` or `layers/0`; empty if nothing does.
  ///
  /// A key that holds `/` itself is found too: the longest key that fits is tried first.
  ValueRef find(CString path) const & noexcept {
    return ValueRef(libresult_value_find(value_, path.get()));
  }

  /// How many members an object has, or elements an array; 0 for every other kind.
  std::size_t size() const noexcept { return libresult_value_len(value_); }
  /// The first member.
  Members::iterator begin() const & noexcept;
  /// Behind the last member.
  Members::iterator end() const & noexcept;
  /// The elements of an array, or the values of an object.
  Elements elements() const & noexcept;

  /// As JSON. NaN and the infinities are strings, as in protobuf's JSON.
  std::string to_json() const { return detail::text(libresult_value_to_json(value_)); }

  /// For the C API; null if there is none.
  const libresult_value *get() const & noexcept { return value_; }

 private:
  const libresult_value *value_ = nullptr;
};

/// A member of an object.
struct Member {
  /// Its key; empty for the element of an array.
  std::string_view key;
  /// Its value.
  ValueRef value;
};

inline Member detail::member_at(const libresult_value *value, std::size_t index) noexcept {
  return Member{view(libresult_value_key_at(value, index)),
                ValueRef(libresult_value_at(value, index))};
}

inline ValueRef::Members::iterator ValueRef::begin() const & noexcept {
  return Members(value_).begin();
}

inline ValueRef::Members::iterator ValueRef::end() const & noexcept { return Members(value_).end(); }

inline ValueRef::Elements ValueRef::elements() const & noexcept { return Elements(value_); }

namespace detail {

// A borrowing class together with what it borrows from.
template <class Ref, class T>
class Keeping : public Ref {
 public:
  explicit Keeping(Owned<T> owned) noexcept : Ref(owned.get()), owned_(std::move(owned)) {}
  Keeping(Keeping &&other) noexcept
      : Ref(std::exchange(static_cast<Ref &>(other), Ref())), owned_(std::move(other.owned_)) {}
  Keeping &operator=(Keeping &&other) noexcept {
    Ref::operator=(std::exchange(static_cast<Ref &>(other), Ref()));
    owned_ = std::move(other.owned_);
    return *this;
  }
  Keeping(const Keeping &) = delete;
  Keeping &operator=(const Keeping &) = delete;
  ~Keeping() = default;

 private:
  Owned<T> owned_;
};

}  // namespace detail

/// A JSON value of its own, such as the metadata of a checkpoint. Can be moved, and read as a
/// `ValueRef`.
class Value : public detail::Keeping<ValueRef, libresult_value> {
 public:
  /// A value of the C API, which this frees.
  explicit Value(Owned<libresult_value> value) noexcept : Keeping(std::move(value)) {}

  using ValueRef::as_string;
  using ValueRef::begin;
  using ValueRef::elements;
  using ValueRef::end;
  using ValueRef::find;
  using ValueRef::get;
  using ValueRef::operator[];
  void as_string() const && = delete;
  void begin() const && = delete;
  void elements() const && = delete;
  void end() const && = delete;
  void find(CString) const && = delete;
  void get() const && = delete;
  void operator[](CString) const && = delete;
  void operator[](std::size_t) const && = delete;
};

/// Writes a value as JSON.
inline std::ostream &operator<<(std::ostream &out, const ValueRef &value) {
  return out << value.to_json();
}

// ---- Checkpoints -------------------------------------------------------------------------------

class Checkpoint;

/// A checkpoint as a local directory, for as long as this lives: the last one of a copy removes it.
/// Others may share it, so nothing is to be written there. Can be moved.
class Directory {
 public:
  /// A directory of the C API, which this frees.
  explicit Directory(Owned<libresult_directory> directory) noexcept
      : directory_(std::move(directory)) {}

  /// Its path. Ends with NUL.
  std::string_view path() const & noexcept {
    return detail::view(libresult_directory_path(directory_.get()));
  }
  void path() const && = delete;

  /// For the C API.
  const libresult_directory *get() const & noexcept { return directory_.get(); }
  void get() const && = delete;

 private:
  Owned<libresult_directory> directory_;
};

/// A file of a checkpoint.
struct CheckpointFile {
  /// Its name below the checkpoint, such as `optim/rank_0.pt`.
  std::string_view name;
  /// In bytes.
  std::uint64_t size;
};

namespace detail {
inline CheckpointFile file_at(const libresult_files *files, std::size_t index) noexcept {
  return {view(libresult_files_name_at(files, index)), libresult_files_size_at(files, index)};
}
}  // namespace detail

/// The files of a checkpoint, by name. Can be moved.
class Files {
 public:
  /// What iterates over them.
  using iterator =
      Range<libresult_files, CheckpointFile, libresult_files_count, detail::file_at>::iterator;

  /// A list of the C API, which this frees.
  explicit Files(Owned<libresult_files> files) noexcept : files_(std::move(files)) {}

  /// How many.
  std::size_t size() const noexcept { return libresult_files_count(files_.get()); }
  /// Whether there are none.
  bool empty() const noexcept { return size() == 0; }
  /// The file at `index`, which must be below `size()`.
  CheckpointFile operator[](std::size_t index) const & noexcept {
    return detail::file_at(get(), index);
  }
  void operator[](std::size_t) const && = delete;
  /// The first.
  iterator begin() const & noexcept { return iterator(get(), 0); }
  void begin() const && = delete;
  /// Behind the last.
  iterator end() const & noexcept { return iterator(get(), size()); }
  void end() const && = delete;

  /// For the C API.
  const libresult_files *get() const & noexcept { return files_.get(); }
  void get() const && = delete;

 private:
  Owned<libresult_files> files_;
};

/// A borrowed checkpoint: a directory that a run saved. As cheap to copy as a pointer; `Checkpoint`
/// makes one that may outlive the run.
class CheckpointRef {
 public:
  /// No checkpoint.
  CheckpointRef() noexcept = default;
  /// A checkpoint of the C API, or none if it is null.
  explicit CheckpointRef(const libresult_checkpoint *checkpoint) noexcept
      : checkpoint_(checkpoint) {}
  /// A temporary would be gone.
  CheckpointRef(Checkpoint &&) = delete;
  /// A temporary would be gone.
  CheckpointRef &operator=(Checkpoint &&) = delete;

  /// Where it is, so that it can be opened again. Ends with NUL.
  std::string_view uri() const & noexcept {
    return detail::view(libresult_checkpoint_uri(checkpoint_));
  }
  /// Where it is, as Ray shows it: without the scheme. Ends with NUL.
  std::string_view path() const & noexcept {
    return detail::view(libresult_checkpoint_path(checkpoint_));
  }
  /// The kind of store it is on, as Ray names it.
  std::string_view filesystem() const & noexcept {
    return detail::view(libresult_checkpoint_filesystem(checkpoint_));
  }
  /// The name of its directory. Ends with NUL.
  std::string_view name() const & noexcept {
    return detail::view(libresult_checkpoint_name(checkpoint_));
  }
  /// Its place among the reported checkpoints of its run, if it has one.
  std::optional<std::size_t> index() const noexcept {
    return detail::ask(libresult_checkpoint_index, checkpoint_);
  }
  /// The number of the report that it came with, from 0, if the run tells.
  std::optional<std::uint64_t> report() const noexcept {
    return detail::ask(libresult_checkpoint_report, checkpoint_);
  }
  /// Whether its directory was there when the run was opened; unknown where a store cannot tell.
  Presence presence() const noexcept {
    return static_cast<Presence>(libresult_checkpoint_presence(checkpoint_));
  }
  /// How far Ray had got with it.
  Status status() const noexcept {
    return static_cast<Status>(libresult_checkpoint_status(checkpoint_));
  }
  /// The metrics that were reported with it, nested as reported; empty if the run tells none.
  ValueRef metrics() const & noexcept {
    return ValueRef(libresult_checkpoint_metrics(checkpoint_));
  }

  /// Reads its metadata: an object, empty if it has none.
  Value read_metadata(const Cancel *cancel = nullptr) const {
    return Value(detail::produce<libresult_value>([&](libresult_value **out) {
      return libresult_checkpoint_read_metadata(checkpoint_, detail::get(cancel), out);
    }));
  }
  /// Replaces its metadata by `json`, an object, all at once or not at all.
  void write_metadata(CString json, const Cancel *cancel = nullptr) const {
    detail::check(
        libresult_checkpoint_write_metadata(checkpoint_, json.get(), detail::get(cancel)));
  }
  /// Adds the members of `json` to its metadata, replacing those of the same key.
  void update_metadata(CString json, const Cancel *cancel = nullptr) const {
    detail::check(
        libresult_checkpoint_update_metadata(checkpoint_, json.get(), detail::get(cancel)));
  }

  /// Copies the checkpoint into the local directory `dest_dir`, which is then whole or untouched, even
  /// if the process is killed meanwhile; the next call goes on with what is there.
  ///
  /// `settings`: `include` and `exclude` (patterns for the names of files: `*` is any text, `/`
  /// included, `?` one character; may come more than once), `on_exists` (`fail`, `replace`, `merge`),
  /// `link` (`copy`, `hard`), `parallel`, `part_bytes`. `progress` is as for `Run::write_parquet`.
  /// Throws `Code::not_found` if the checkpoint is not there, `Code::io` if something is at `dest_dir`
  /// that is not to be replaced or merged with, `Code::invalid_argument` for an `include` that no file
  /// has, `Code::cancelled`.
  template <class Progress = std::nullptr_t,
            std::enable_if_t<detail::is_progress<Progress>, int> = 0>
  void download(CString dest_dir, Settings settings = {}, Progress &&progress = nullptr,
                const Cancel *cancel = nullptr) const {
    detail::Told<Progress> told(progress);
    told.check(libresult_checkpoint_download(checkpoint_, dest_dir.get(), settings.data(),
                                             settings.size(), told.callback(), &told,
                                             detail::get(cancel)));
  }
  /// Makes the checkpoint a local directory: itself if it is local, or else a copy, shared by all who
  /// ask for the same one, in threads and processes. Nobody is to write to it; the last one who has it
  /// removes it.
  ///
  /// `settings`: those of `download` but `on_exists`; `cache_dir`, `keep` (`true`: the copy stays for
  /// whoever asks for it next), `cache_max_bytes`. Throws what `download` throws.
  template <class Progress = std::nullptr_t,
            std::enable_if_t<detail::is_progress<Progress>, int> = 0>
  Directory open_directory(Settings settings = {}, Progress &&progress = nullptr,
                           const Cancel *cancel = nullptr) const {
    detail::Told<Progress> told(progress);
    libresult_directory *out = nullptr;
    told.check(libresult_checkpoint_open_directory(checkpoint_, settings.data(), settings.size(),
                                                   told.callback(), &told, detail::get(cancel),
                                                   &out));
    return Directory(Owned<libresult_directory>(out));
  }
  /// Lists its files, by name.
  Files read_files(const Cancel *cancel = nullptr) const {
    return Files(detail::produce<libresult_files>([&](libresult_files **out) {
      return libresult_checkpoint_read_files(checkpoint_, detail::get(cancel), out);
    }));
  }
  /// Reads up to `size` bytes of the file called `name` into `into`, from `offset` on. Returns how many
  /// there were: fewer only at the end of the file. Throws `Code::not_found` if there is no such file.
  std::size_t read_file(CString name, std::uint64_t offset, void *into, std::size_t size,
                        const Cancel *cancel = nullptr) const {
    std::size_t read = 0;
    detail::check(libresult_checkpoint_read_file(checkpoint_, name.get(), offset, into, size,
                                                 detail::get(cancel), &read));
    return read;
  }

  /// For the C API; null if there is none.
  const libresult_checkpoint *get() const & noexcept { return checkpoint_; }

 private:
  const libresult_checkpoint *checkpoint_ = nullptr;
};

/// A checkpoint of its own, which may outlive its run. A copy is another reference to it; it can be
/// read as a `CheckpointRef`.
class Checkpoint : public detail::Keeping<CheckpointRef, libresult_checkpoint> {
 public:
  /// Opens a checkpoint without its run. One that does not exist can be opened; its presence tells.
  static Checkpoint open(CString uri, Settings settings = {}, const Cancel *cancel = nullptr) {
    return Checkpoint(detail::produce<libresult_checkpoint>([&](libresult_checkpoint **out) {
      return libresult_checkpoint_open(uri.get(), settings.data(), settings.size(),
                                       detail::get(cancel), out);
    }));
  }

  /// A checkpoint of the C API, which this frees.
  explicit Checkpoint(Owned<libresult_checkpoint> checkpoint) noexcept
      : Keeping(std::move(checkpoint)) {}
  /// Another reference to the same checkpoint.
  explicit Checkpoint(const CheckpointRef &other) noexcept
      : Keeping(Owned<libresult_checkpoint>(libresult_checkpoint_clone(other.get()))) {}
  /// Another reference to the same checkpoint.
  Checkpoint(const Checkpoint &other) noexcept
      : Checkpoint(static_cast<const CheckpointRef &>(other)) {}
  /// Another reference to the same checkpoint.
  Checkpoint &operator=(const Checkpoint &other) noexcept { return *this = Checkpoint(other); }
  /// Leaves nothing in the other one.
  Checkpoint(Checkpoint &&) noexcept = default;
  /// Leaves nothing in the other one.
  Checkpoint &operator=(Checkpoint &&) noexcept = default;
  /// Frees this reference.
  ~Checkpoint() = default;

  using CheckpointRef::filesystem;
  using CheckpointRef::get;
  using CheckpointRef::metrics;
  using CheckpointRef::name;
  using CheckpointRef::path;
  using CheckpointRef::uri;
  void filesystem() const && = delete;
  void get() const && = delete;
  void metrics() const && = delete;
  void name() const && = delete;
  void path() const && = delete;
  void uri() const && = delete;
};

/// A checkpoint that takes part in a ranking.
struct Ranked {
  /// The checkpoint.
  CheckpointRef checkpoint;
  /// Its metric.
  ValueRef value;
};

/// A checkpoint that does not take part in a ranking.
struct LeftOut {
  /// The checkpoint.
  CheckpointRef checkpoint;
  /// Why it does not.
  Skipped reason;
};

namespace detail {

inline Ranked ranked_at(const libresult_ranking *ranking, std::size_t index) noexcept {
  return Ranked{CheckpointRef(libresult_ranking_checkpoint_at(ranking, index)),
                ValueRef(libresult_ranking_value_at(ranking, index))};
}

inline LeftOut skipped_at(const libresult_ranking *ranking, std::size_t index) noexcept {
  libresult_skipped reason = LIBRESULT_SKIPPED_MISSING;
  CheckpointRef checkpoint(libresult_ranking_skipped_at(ranking, index, &reason));
  return LeftOut{checkpoint, static_cast<Skipped>(reason)};
}

}  // namespace detail

/// Checkpoints in order of a metric, best first. Iterating goes over those that take part. May
/// outlive its run.
class Ranking {
 public:
  /// Those that take part, best first.
  using Entries = Range<libresult_ranking, Ranked, libresult_ranking_count, detail::ranked_at>;
  /// Those that do not.
  using LeftOuts =
      Range<libresult_ranking, LeftOut, libresult_ranking_skipped_count, detail::skipped_at>;

  /// A ranking of the C API, which this frees.
  explicit Ranking(Owned<libresult_ranking> ranking) noexcept : ranking_(std::move(ranking)) {}

  /// How many take part.
  std::size_t size() const noexcept { return libresult_ranking_count(ranking_.get()); }
  /// Whether none takes part.
  bool empty() const noexcept { return size() == 0; }
  /// The one at `index`, which must be below `size()`; 0 is the best.
  Ranked operator[](std::size_t index) const & noexcept {
    return detail::ranked_at(ranking_.get(), index);
  }
  void operator[](std::size_t) const && = delete;
  /// The best.
  Entries::iterator begin() const & noexcept { return Entries(ranking_.get()).begin(); }
  void begin() const && = delete;
  /// Behind the last.
  Entries::iterator end() const & noexcept { return Entries(ranking_.get()).end(); }
  void end() const && = delete;
  /// Those that do not take part, and why.
  LeftOuts skipped() const & noexcept { return LeftOuts(ranking_.get()); }
  void skipped() const && = delete;

  /// For the C API.
  const libresult_ranking *get() const & noexcept { return ranking_.get(); }
  void get() const && = delete;

 private:
  Owned<libresult_ranking> ranking_;
};

// ---- What runs tell ----------------------------------------------------------------------------

/// What made a run fail. Borrowed from the run.
class Failure {
 public:
  /// The failures of the workers.
  using Workers = Range<libresult_failure, Failure, libresult_failure_worker_count,
                        libresult_failure_worker_at>;

  /// A failure of the C API.
  explicit Failure(const libresult_failure *failure) noexcept : failure_(failure) {}

  /// The class of the exception, such as `ValueError`; empty if the run left no name.
  std::string_view type() const noexcept { return detail::view(libresult_failure_type(failure_)); }
  /// The module of the class, such as `builtins`; empty if the run left no name.
  std::string_view module() const noexcept {
    return detail::view(libresult_failure_module(failure_));
  }
  /// The sentence that the exception carried.
  std::string_view message() const noexcept {
    return detail::view(libresult_failure_message(failure_));
  }
  /// The Python traceback; empty if the run left none.
  std::string_view traceback() const noexcept {
    return detail::view(libresult_failure_traceback(failure_));
  }
  /// The file that told, relative to the run, such as `error.pkl`; `events` for export events.
  std::string_view source() const noexcept {
    return detail::view(libresult_failure_source(failure_));
  }
  /// How many times the run failed, restarts included.
  std::uint64_t occurrences() const noexcept { return libresult_failure_occurrences(failure_); }
  /// Whether the run went on after it: Ray keeps the record of a failure that a retry overcame.
  bool recovered() const noexcept { return libresult_failure_recovered(failure_); }
  /// The failures of the workers.
  Workers workers() const noexcept { return Workers(failure_); }
  /// The rank of the worker that failed, if it is known.
  std::optional<std::uint64_t> rank() const noexcept {
    return detail::ask(libresult_failure_rank, failure_);
  }

  /// For the C API.
  const libresult_failure *get() const noexcept { return failure_; }

 private:
  const libresult_failure *failure_;
};

/// One try of Ray to carry the run through: a run that fails may be tried again. Borrowed from the
/// run.
class Attempt {
 public:
  /// An attempt of the C API.
  explicit Attempt(const libresult_attempt *attempt) noexcept : attempt_(attempt) {}

  /// How far the attempt is; as `Run::status`.
  std::string_view status() const noexcept {
    return detail::view(libresult_attempt_status(attempt_));
  }
  /// What made the attempt fail; nothing if it did not, or nothing tells.
  std::optional<Failure> failure() const noexcept {
    return detail::there<Failure>(libresult_attempt_failure(attempt_));
  }
  /// When the attempt started; as `Run::start_time`.
  std::optional<std::int64_t> start_time() const noexcept {
    return detail::ask(libresult_attempt_start_time, attempt_);
  }
  /// When the attempt ended; as `Run::start_time`.
  std::optional<std::int64_t> end_time() const noexcept {
    return detail::ask(libresult_attempt_end_time, attempt_);
  }
  /// How many workers the attempt had.
  std::size_t worker_count() const noexcept { return libresult_attempt_worker_count(attempt_); }

  /// For the C API.
  const libresult_attempt *get() const noexcept { return attempt_; }

 private:
  const libresult_attempt *attempt_;
};

/// Something in the directory that was damaged, skipped or guessed. Borrowed from the run or frame.
class Diagnostic {
 public:
  /// A diagnostic of the C API.
  explicit Diagnostic(const libresult_diagnostic *diagnostic) noexcept : diagnostic_(diagnostic) {}

  /// Whether it is damage, or a note about what is ordinary.
  Severity severity() const noexcept {
    return static_cast<Severity>(libresult_diagnostic_severity(diagnostic_));
  }
  /// A stable word for what was found, such as `torn_last_line`.
  std::string_view code() const noexcept {
    return detail::view(libresult_diagnostic_code(diagnostic_));
  }
  /// One sentence for people.
  std::string_view message() const noexcept {
    return detail::view(libresult_diagnostic_message(diagnostic_));
  }
  /// The file, relative to the run, or the whole path of one elsewhere.
  std::string_view file() const noexcept {
    return detail::view(libresult_diagnostic_file(diagnostic_));
  }
  /// The line in the file, from 1; 0 if it is about the file as a whole.
  std::uint64_t line() const noexcept { return libresult_diagnostic_line(diagnostic_); }

  /// For the C API.
  const libresult_diagnostic *get() const noexcept { return diagnostic_; }

 private:
  const libresult_diagnostic *diagnostic_;
};

// ---- Frames ------------------------------------------------------------------------------------

namespace detail {

inline std::string name_of(ColumnType type) {
  switch (type) {
    case ColumnType::null: return "null";
    case ColumnType::boolean: return "bool";
    case ColumnType::int64: return "int64";
    case ColumnType::uint64: return "uint64";
    case ColumnType::float64: return "float64";
    case ColumnType::string: return "string";
    case ColumnType::json: return "json";
  }
  return "of a type that this header does not know";
}

// What the C API has for columns of each type of number.
template <class T>
struct Numbers {
  static_assert(!sizeof(T), "columns are of double, std::int64_t or std::uint64_t");
};
template <>
struct Numbers<double> {
  static constexpr ColumnType type = ColumnType::float64;
  static constexpr auto get = libresult_frame_float64;
};
template <>
struct Numbers<std::int64_t> {
  static constexpr ColumnType type = ColumnType::int64;
  static constexpr auto get = libresult_frame_int64;
};
template <>
struct Numbers<std::uint64_t> {
  static constexpr ColumnType type = ColumnType::uint64;
  static constexpr auto get = libresult_frame_uint64;
};

}  // namespace detail

/// The numbers of a column, one a row, where a null may be any number. Borrowed from the frame; in
/// C++20 a `std::span<const T>` can be made of it.
template <class T>
class ColumnView {
 public:
  /// What it has.
  using value_type = T;

  /// No numbers.
  ColumnView() noexcept = default;
  /// `size` numbers at `data`; `validity` as `Frame::validity` has it.
  ColumnView(const T *data, std::size_t size, const std::uint8_t *validity) noexcept
      : data_(data), size_(size), validity_(validity) {}

  /// The first one.
  const T *data() const noexcept { return data_; }
  /// How many rows.
  std::size_t size() const noexcept { return size_; }
  /// Whether there are none.
  bool empty() const noexcept { return size_ == 0; }
  /// The number at `row`, which must be below `size()`.
  const T &operator[](std::size_t row) const noexcept { return data_[row]; }
  /// The first one.
  const T *begin() const noexcept { return data_; }
  /// Behind the last one.
  const T *end() const noexcept { return data_ + size_; }

  /// Whether the number at `row`, which must be below `size()`, is null.
  bool is_null(std::size_t row) const noexcept {
    return validity_ != nullptr && (validity_[row / 8] >> (row % 8) & 1) == 0;
  }
  /// Which rows are not null: Arrow's bitmap; null if all are.
  const std::uint8_t *validity() const noexcept { return validity_; }

 private:
  const T *data_ = nullptr;
  std::size_t size_ = 0;
  const std::uint8_t *validity_ = nullptr;
};

/// A column of a frame.
struct Column {
  /// Its place in the frame.
  std::size_t index;
  /// Its name, such as `eval/loss`.
  std::string_view name;
  /// Its type.
  ColumnType type;
};

namespace detail {

inline Column column_at(const libresult_frame *frame, std::size_t index) noexcept {
  return Column{index, view(libresult_frame_column_name(frame, index)),
                static_cast<ColumnType>(libresult_frame_column_type(frame, index))};
}

}  // namespace detail

/// Every report of a run as typed columns: one row a report, nested metrics as `eval/loss`. May
/// outlive its run. Can be moved.
class Frame {
 public:
  /// The columns, in the order in which the reports first name them.
  using Columns =
      Range<libresult_frame, Column, libresult_frame_column_count, detail::column_at>;
  /// What was damaged, skipped or guessed.
  using Diagnostics = Range<libresult_frame, Diagnostic, libresult_frame_diagnostic_count,
                            libresult_frame_diagnostic_at>;

  /// A frame of the C API, which this frees.
  explicit Frame(Owned<libresult_frame> frame) noexcept : frame_(std::move(frame)) {}

  /// How many reports.
  std::size_t row_count() const noexcept { return libresult_frame_row_count(frame_.get()); }
  /// How many columns.
  std::size_t column_count() const noexcept { return libresult_frame_column_count(frame_.get()); }
  /// The columns, in the order in which the reports first name them.
  Columns columns() const & noexcept { return Columns(get()); }
  void columns() const && = delete;
  /// The place of the column called `name`, if there is one.
  std::optional<std::size_t> find_column(CString name) const noexcept {
    std::size_t index = 0;
    const bool found = libresult_frame_find_column(frame_.get(), name.get(), &index);
    return found ? std::optional(index) : std::nullopt;
  }

  /// The numbers of the column called `name`: `column<double>("eval/loss")`, without a copy.
  ///
  /// `T` is `double`, `std::int64_t` or `std::uint64_t`. Throws `Code::invalid_argument` if there is
  /// no such column or its type is another.
  template <class T>
  ColumnView<T> column(CString name) const & {
    return column<T>(place_of(name));
  }
  template <class T>
  void column(CString) const && = delete;
  /// The numbers of column `index`; as above.
  template <class T>
  ColumnView<T> column(std::size_t index) const & {
    const T *data = detail::Numbers<T>::get(get(), index);
    if (data == nullptr) refuse(index, "not " + detail::name_of(detail::Numbers<T>::type));
    return ColumnView<T>(data, row_count(), validity(index));
  }
  template <class T>
  void column(std::size_t) const && = delete;

  /// A copy of the column called `name` as doubles, nulls as NaN.
  ///
  /// Throws `Code::invalid_argument` if there is no such column or it has neither numbers nor booleans.
  std::vector<double> to_doubles(CString name) const { return to_doubles(place_of(name)); }
  /// A copy of column `index`; as above.
  std::vector<double> to_doubles(std::size_t index) const {
    std::vector<double> out(row_count());
    if (!libresult_frame_copy_float64(frame_.get(), index, out.data(), out.size())) {
      refuse(index, "neither numbers nor booleans");
    }
    return out;
  }

  /// The boolean at `row` of a column of booleans; false if it is null or of another type.
  bool boolean(std::size_t column, std::size_t row) const noexcept {
    return libresult_frame_bool(frame_.get(), column, row);
  }
  /// The text at `row` of a column of strings or JSON; empty if it is null or of another type.
  std::string_view string(std::size_t column, std::size_t row) const & noexcept {
    return detail::view(libresult_frame_string(get(), column, row));
  }
  void string(std::size_t, std::size_t) const && = delete;
  /// Whether the value at `row` of a column is null: not reported, or reported as `null`. So is
  /// whatever is past the end.
  bool is_null(std::size_t column, std::size_t row) const noexcept {
    return libresult_frame_is_null(frame_.get(), column, row);
  }
  /// Which rows of a column are not null: Arrow's bitmap, bit `row % 8` of byte `row / 8`; null if all
  /// are.
  const std::uint8_t *validity(std::size_t column) const & noexcept {
    return libresult_frame_validity(get(), column);
  }
  void validity(std::size_t) const && = delete;

  /// What in the reports was damaged, skipped or guessed.
  Diagnostics diagnostics() const & noexcept { return Diagnostics(get()); }
  void diagnostics() const && = delete;

  /// Exports the frame as a stream of Arrow record batches, without a copy. Columns of JSON are
  /// text, whose field has the metadata `libresult.type`: `json`.
  ///
  /// The caller releases `*out` as Arrow says, which most readers do; it may outlive the frame.
  void export_to(ArrowArrayStream *out) const {
    detail::check(libresult_frame_export(frame_.get(), out));
  }

  /// For the C API.
  const libresult_frame *get() const & noexcept { return frame_.get(); }
  void get() const && = delete;

 private:
  std::size_t place_of(CString name) const {
    if (const auto index = find_column(name)) return *index;
    const std::string quoted = name.get() != nullptr ? name.get() : "";
    throw Error(Code::invalid_argument, "the frame has no column '" + quoted + '\'');
  }

  [[noreturn]] void refuse(std::size_t index, const std::string &why) const {
    if (index >= column_count()) {
      throw Error(Code::invalid_argument, "the frame has no column " + std::to_string(index));
    }
    const Column column = columns()[index];
    throw Error(Code::invalid_argument, "column '" + std::string(column.name) + "' is " +
                                            detail::name_of(column.type) + ", " + why);
  }

  Owned<libresult_frame> frame_;
};

// ---- Runs --------------------------------------------------------------------------------------

/// The output directory of a training run, as it was when it was opened. Can be moved.
class Run {
 public:
  /// The reported checkpoints, in the order of the reports.
  using Checkpoints = Range<libresult_run, CheckpointRef, libresult_run_checkpoint_count,
                            libresult_run_checkpoint_at>;
  /// Checkpoint directories that no report names.
  using Leftovers = Range<libresult_run, CheckpointRef, libresult_run_leftover_count,
                          libresult_run_leftover_at>;
  /// The attempts that Ray's export events tell of.
  using Attempts =
      Range<libresult_run, Attempt, libresult_run_attempt_count, libresult_run_attempt_at>;
  /// What was damaged, skipped or guessed.
  using Diagnostics = Range<libresult_run, Diagnostic, libresult_run_diagnostic_count,
                            libresult_run_diagnostic_at>;

  /// Opens the run at `uri`: a local path, or `file://`, `s3://`, `gs://`, `abfs://`, `http://` and the
  /// like. docs/storage.md lists all forms, and the `settings` of each.
  ///
  /// Throws `Code::not_found` if there is no run at `uri`, and for nothing else.
  static Run open(CString uri, Settings settings = {}, const Cancel *cancel = nullptr) {
    return Run(detail::produce<libresult_run>([&](libresult_run **out) {
      return libresult_run_open(uri.get(), settings.data(), settings.size(), detail::get(cancel),
                                out);
    }));
  }

  /// A run of the C API, which this frees.
  explicit Run(Owned<libresult_run> run) noexcept : run_(std::move(run)) {}

  /// Where the run is, so that it can be opened again. Ends with NUL.
  std::string_view uri() const & noexcept { return detail::view(libresult_run_uri(get())); }
  void uri() const && = delete;
  /// Where the run is, as Ray shows it: without the scheme. Ends with NUL.
  std::string_view path() const & noexcept { return detail::view(libresult_run_path(get())); }
  void path() const && = delete;
  /// The kind of store it is on, as Ray names it: `local`, `s3`, `gcs`, `abfs`; `http` for a web server,
  /// and the scheme of a store that was registered.
  std::string_view filesystem() const & noexcept {
    return detail::view(libresult_run_filesystem(get()));
  }
  void filesystem() const && = delete;
  /// How it is laid out.
  Layout layout() const noexcept { return static_cast<Layout>(libresult_run_layout(run_.get())); }
  /// The version of Ray that wrote it; empty if nothing tells.
  std::string_view ray_version() const & noexcept {
    return detail::view(libresult_run_ray_version(get()));
  }
  void ray_version() const && = delete;

  /// The last report: an object, nested as reported; empty if there was none.
  ValueRef metrics() const & noexcept { return ValueRef(libresult_run_metrics(get())); }
  void metrics() const && = delete;
  /// The metric at `path`, such as `eval/loss`, in the last report; empty if it is not there.
  ValueRef metric(CString path) const & noexcept {
    return ValueRef(libresult_run_metric(get(), path.get()));
  }
  void metric(CString) const && = delete;

  /// The checkpoint reported last, even if its directory is gone, if one was reported.
  std::optional<CheckpointRef> latest_checkpoint() const & noexcept {
    return detail::there<CheckpointRef>(libresult_run_latest_checkpoint(get()));
  }
  void latest_checkpoint() const && = delete;
  /// The checkpoint to resume from: the latest reported one whose directory is there and whose
  /// validation did not fail, if there is one.
  std::optional<CheckpointRef> resume_checkpoint() const & noexcept {
    return detail::there<CheckpointRef>(libresult_run_resume_checkpoint(get()));
  }
  void resume_checkpoint() const && = delete;
  /// The reported checkpoints that the run kept, in the order of the reports.
  Checkpoints checkpoints() const & noexcept { return Checkpoints(get()); }
  void checkpoints() const && = delete;
  /// The checkpoint directories that no report names.
  Leftovers leftovers() const & noexcept { return Leftovers(get()); }
  void leftovers() const && = delete;

  /// Finds the checkpoint with the best metric at `path`, such as `eval/loss`.
  ///
  /// `settings`: `ties` is `earliest` or `latest`. Throws `Code::not_found` if no checkpoint has the
  /// metric, telling how many were skipped, and why; `Code::invalid_argument` if neither a checkpoint
  /// nor the last report names it.
  Checkpoint best_checkpoint(CString path, Mode mode, Settings settings = {}) const {
    return Checkpoint(detail::produce<libresult_checkpoint>([&](libresult_checkpoint **out) {
      return libresult_run_best_checkpoint(run_.get(), path.get(),
                                           static_cast<libresult_mode>(mode), settings.data(),
                                           settings.size(), out);
    }));
  }
  /// Ranks the checkpoints by the metric at `path`, best first; of equals, the earliest first.
  ///
  /// As `best_checkpoint`, but if there is no checkpoint, or none can be ranked, the ranking is
  /// empty; that is no error. A metric that neither a checkpoint nor the last report names still is,
  /// so of many runs one that failed early may throw `Code::invalid_argument`.
  Ranking rank_checkpoints(CString path, Mode mode, Settings settings = {}) const {
    return Ranking(detail::produce<libresult_ranking>([&](libresult_ranking **out) {
      return libresult_run_rank_checkpoints(run_.get(), path.get(),
                                            static_cast<libresult_mode>(mode), settings.data(),
                                            settings.size(), out);
    }));
  }

  /// Reads every report of the run into columns.
  ///
  /// Of V1, column `checkpoint_dir_name` names the checkpoint of a row; of V2, rows and checkpoints are
  /// the same. `settings`: `column` (a name, or a pattern with `*` and `?`; may come more than once),
  /// `config`, `dedupe`, `rows`, `threads`, `batch_rows`, `max_memory`. Throws
  /// `Code::invalid_argument` for a `column` that no row has, unless there are no rows;
  /// `Code::corrupt` if the file was replaced or became shorter since the run was opened, or a limit is
  /// exceeded.
  Frame read_frame(Settings settings = {}, const Cancel *cancel = nullptr) const {
    return Frame(detail::produce<libresult_frame>([&](libresult_frame **out) {
      return libresult_run_read_frame(run_.get(), settings.data(), settings.size(),
                                      detail::get(cancel), out);
    }));
  }

  /// Writes every report of the run to a Parquet file at `uri`, all at once or not at all: the columns
  /// of `read_frame`, those of JSON as text.
  ///
  /// Needs little memory, however long the run. `settings`: those of the store at `uri`, which has none
  /// of the run's; those of `read_frame` without `batch_rows` and `max_memory`; `compression` (`zstd`, `snappy`, `none`), `row_group_rows`, `on_exists` (`fail`,
  /// `replace`). `progress` is anything that can be called as `bool(std::uint64_t done, std::uint64_t
  /// total)` with the bytes read and all there are (0 if that is unknown), on this thread, and says
  /// whether to go on; what it throws, this throws. Throws `Code::io` if there is a file at `uri`
  /// already, unless `on_exists` is `replace`; `Code::cancelled` if `progress` returns false; and
  /// whatever `read_frame` throws.
  template <class Progress = std::nullptr_t,
            std::enable_if_t<detail::is_progress<Progress>, int> = 0>
  void write_parquet(CString uri, Settings settings = {}, Progress &&progress = nullptr,
                     const Cancel *cancel = nullptr) const {
    write_with(libresult_run_write_parquet, uri, settings, progress, cancel);
  }
  /// Writes every report of the run to a CSV file (RFC 4180) at `uri`; as `write_parquet`.
  ///
  /// `settings`: `null`, the text of a missing cell, and `on_exists`, but nothing of Parquet's own. By
  /// default a missing cell is empty, and an empty string `""`.
  template <class Progress = std::nullptr_t,
            std::enable_if_t<detail::is_progress<Progress>, int> = 0>
  void write_csv(CString uri, Settings settings = {}, Progress &&progress = nullptr,
                 const Cancel *cancel = nullptr) const {
    write_with(libresult_run_write_csv, uri, settings, progress, cancel);
  }

  /// What made the run fail, if its presence is `Presence::present`.
  std::optional<Failure> failure() const & noexcept {
    return detail::there<Failure>(libresult_run_failure(get()));
  }
  void failure() const && = delete;
  /// Whether the run failed.
  Presence failure_presence() const noexcept {
    return static_cast<Presence>(libresult_run_failure_presence(run_.get()));
  }

  /// The configuration that the run was started with; empty unless it is present.
  ValueRef config() const & noexcept { return ValueRef(libresult_run_config(get())); }
  void config() const && = delete;
  /// Whether the run had a configuration.
  Presence config_presence() const noexcept {
    return static_cast<Presence>(libresult_run_config_presence(run_.get()));
  }
  /// The file that it came from, relative to the run, or `events` for Ray's export events; empty if
  /// there is none.
  std::string_view config_source() const & noexcept {
    return detail::view(libresult_run_config_source(get()));
  }
  void config_source() const && = delete;

  /// What the training function returned; empty unless it is present.
  ValueRef return_value() const & noexcept { return ValueRef(libresult_run_return_value(get())); }
  void return_value() const && = delete;
  /// Whether the training function returned a value.
  Presence return_value_presence() const noexcept {
    return static_cast<Presence>(libresult_run_return_value_presence(run_.get()));
  }
  /// The file that it came from, relative to the run; empty if there is none.
  std::string_view return_value_source() const & noexcept {
    return detail::view(libresult_run_return_value_source(get()));
  }
  void return_value_source() const && = delete;

  /// How far the run is, in Ray's word in lower case, such as `running`, `finished`, `errored`,
  /// `aborted`; empty if nothing tells. Ray's export events tell: setting `events` of `open`.
  std::string_view status() const & noexcept { return detail::view(libresult_run_status(get())); }
  void status() const && = delete;
  /// What Ray said about the status; empty if it said nothing.
  std::string_view status_detail() const & noexcept {
    return detail::view(libresult_run_status_detail(get()));
  }
  void status_detail() const && = delete;
  /// When the run started, in nanoseconds since 1970 UTC, if anything tells.
  std::optional<std::int64_t> start_time() const noexcept {
    return detail::ask(libresult_run_start_time, run_.get());
  }
  /// When the run ended; as `start_time`.
  std::optional<std::int64_t> end_time() const noexcept {
    return detail::ask(libresult_run_end_time, run_.get());
  }
  /// The metric that the run was told to keep checkpoints by; empty if none or nothing tells.
  std::string_view configured_metric() const & noexcept {
    return detail::view(libresult_run_configured_metric(get()));
  }
  void configured_metric() const && = delete;
  /// Which end of it is best, if there is one.
  std::optional<Mode> configured_mode() const noexcept {
    const auto mode = detail::ask(libresult_run_configured_mode, run_.get());
    return mode ? std::optional(static_cast<Mode>(*mode)) : std::nullopt;
  }
  /// How many checkpoints the run was told to keep; nothing if all or nothing tells.
  std::optional<std::uint64_t> configured_keep() const noexcept {
    return detail::ask(libresult_run_configured_keep, run_.get());
  }
  /// The attempts that Ray's export events tell of, oldest first.
  Attempts attempts() const & noexcept { return Attempts(get()); }
  void attempts() const && = delete;

  /// What in the directory was damaged, skipped or guessed.
  Diagnostics diagnostics() const & noexcept { return Diagnostics(get()); }
  void diagnostics() const && = delete;

  /// Everything above as one JSON object, whose members docs/json.md lists.
  std::string to_json() const { return detail::text(libresult_run_to_json(run_.get())); }

  /// For the C API.
  const libresult_run *get() const & noexcept { return run_.get(); }
  void get() const && = delete;

 private:
  template <class Write, class Progress>
  void write_with(Write write, CString uri, Settings settings, Progress &progress,
                  const Cancel *cancel) const {
    detail::Told<Progress> told(progress);
    told.check(write(run_.get(), uri.get(), settings.data(), settings.size(), told.callback(), &told,
                     detail::get(cancel)));
  }

  Owned<libresult_run> run_;
};

/// Writes a run as JSON.
inline std::ostream &operator<<(std::ostream &out, const Run &run) { return out << run.to_json(); }

// ---- Stores of one's own -----------------------------------------------------------------------

/// What a directory of a store holds: its functions fill it.
class Listing {
 public:
  /// For the C API.
  explicit Listing(libresult_listing *listing) noexcept : listing_(listing) {}

  /// Adds a file of so many bytes.
  void add_file(CString name, std::uint64_t size) noexcept {
    libresult_listing_add(listing_, name.get(), size, false);
  }
  /// Adds a directory.
  void add_directory(CString name) noexcept {
    libresult_listing_add(listing_, name.get(), 0, true);
  }

 private:
  libresult_listing *listing_;
};

class WritableStore;

/// A store of the program's own, which can be read. Derive from it, or from `WritableStore`, and give it
/// to `register_store`.
///
/// The path that a function is given is what stands behind `scheme://`, and ends with NUL. Functions may
/// throw: an `Error` comes back from the call with its code, its words and the URI; what is not there is
/// `Code::not_found`, and a `std::system_error` that says so becomes one, as it does for
/// `Code::permission`. Any other exception passes through the call as it is; from another thread than the
/// call's, it becomes an `Error` of `Code::io` with its words.
class Store {
 public:
  Store() = default;
  Store(const Store &) = delete;
  Store &operator=(const Store &) = delete;
  virtual ~Store() = default;

  /// Whether several threads may call at once, of which some are the library's own. If not, functions
  /// are called one at a time, on the threads of the calls.
  virtual bool concurrent() const noexcept { return false; }

  /// Adds each entry right below the directory `path` to `into`.
  virtual void list(std::string_view path, Listing &into) = 0;

  /// Reads up to `len` bytes at `offset`. Returns how many: fewer only at the end of the file.
  virtual std::size_t read(std::string_view path, std::uint64_t offset, void *into,
                           std::size_t len) = 0;

  /// This, if it can be written to.
  virtual WritableStore *writable() noexcept { return nullptr; }
};

/// A store of the program's own, which can be written to as well.
class WritableStore : public Store {
 public:
  /// Writes the whole file, all at once or not at all.
  virtual void write(std::string_view path, std::string_view data) = 0;

  WritableStore *writable() noexcept final { return this; }
};

namespace detail {

// The functions of a store as C calls them, with a `std::shared_ptr<Store>`.
struct StoreFunctions {
  static libresult_error *list(void *store, const char *path, libresult_listing *into) noexcept {
    return carry([&] {
      Listing listing(into);
      get(store).list(path, listing);
    });
  }

  static libresult_error *read(void *store, const char *path, std::uint64_t offset, void *into,
                               std::size_t len, std::size_t *out) noexcept {
    return carry([&] { *out = get(store).read(path, offset, into, len); });
  }

  static libresult_error *write(void *store, const char *path, const void *data,
                                std::size_t len) noexcept {
    return carry([&] {
      get(store).writable()->write(path, {static_cast<const char *>(data), len});
    });
  }

  static void destroy(void *store) noexcept { delete static_cast<std::shared_ptr<Store> *>(store); }

 private:
  static Store &get(void *store) noexcept { return **static_cast<std::shared_ptr<Store> *>(store); }

  // Turns what is thrown into an error of C, which knows no exceptions.
  template <class Body>
  static libresult_error *carry(const Body &body) noexcept {
    try {
      body();
      return nullptr;
    } catch (const Error &error) {
      return libresult_error_new(static_cast<libresult_code>(error.code()), error.what());
    } catch (const std::system_error &error) {
      const libresult_code code = code_of(error.code());
      return code == LIBRESULT_CODE_IO ? remember(error.what())
                                       : libresult_error_new(code, error.what());
    } catch (const std::exception &error) {
      return remember(error.what());
    } catch (...) {
      return remember("");
    }
  }

  static libresult_error *remember(const char *words) noexcept {
    if (*words == '\0') words = "a store threw something without words";
    libresult_error *error = libresult_error_new(LIBRESULT_CODE_IO, words);
    try {
      // As C has them: what is no UTF-8 was replaced.
      thrown = {std::current_exception(), std::string(view(libresult_error_message(error)))};
    } catch (...) {
      thrown = {};
    }
    return error;
  }

  static libresult_code code_of(const std::error_code &code) noexcept {
    if (code == std::errc::no_such_file_or_directory || code == std::errc::not_a_directory)
      return LIBRESULT_CODE_NOT_FOUND;
    if (code == std::errc::permission_denied || code == std::errc::operation_not_permitted)
      return LIBRESULT_CODE_PERMISSION;
    return LIBRESULT_CODE_IO;
  }
};

}  // namespace detail

/// Makes `scheme://…` mean a store, wherever a URI goes in: `register_store("mine",
/// std::make_shared<Mine>())`.
///
/// The store lives until it is unregistered and the last object on it is gone. Throws
/// `Code::invalid_argument` if the scheme is taken, or none: a letter, then letters, digits, `+`, `-` and
/// `.`, all in lower case. Two writers who update metadata at the same time may lose what one of them
/// wrote: a store of one's own cannot tell.
inline void register_store(CString scheme, std::shared_ptr<Store> store) {
  if (store == nullptr) throw Error(Code::invalid_argument, "argument store is null");
  using Functions = detail::StoreFunctions;
  libresult_store_functions functions{};
  functions.size = sizeof functions;
  functions.concurrent = store->concurrent();
  functions.list = Functions::list;
  functions.read = Functions::read;
  functions.write = store->writable() != nullptr ? Functions::write : nullptr;
  auto owned = std::make_unique<std::shared_ptr<Store>>(std::move(store));
  detail::check(
      libresult_store_register(scheme.get(), &functions, owned.get(), Functions::destroy));
  // C has it now.
  static_cast<void>(owned.release());
}

/// Takes the scheme back: no URI can be opened with it any more; what is open goes on. Throws
/// `Code::invalid_argument` if no store is registered for it.
inline void unregister_store(CString scheme) {
  detail::check(libresult_store_unregister(scheme.get()));
}

// ---- The library -------------------------------------------------------------------------------

/// Whether this build has `feature`: `s3`, `gs`, `abfs`, `http`, `arrow`, `parquet`.
inline bool supports(CString feature) noexcept { return libresult_supports(feature.get()); }

/// The version of the library in use, such as `0.1.0`.
inline std::string_view version() noexcept { return detail::view(libresult_version()); }

}  // namespace libresult

#if __cplusplus >= 202002L
// What borrows is a view, and its iterators outlive it: `std::ranges::find_if(run.checkpoints(), …)`.
template <class Object, class Item, auto Count, auto At>
inline constexpr bool std::ranges::enable_view<libresult::Range<Object, Item, Count, At>> = true;
template <class Object, class Item, auto Count, auto At>
inline constexpr bool
    std::ranges::enable_borrowed_range<libresult::Range<Object, Item, Count, At>> = true;
template <class T>
inline constexpr bool std::ranges::enable_view<libresult::ColumnView<T>> = true;
template <class T>
inline constexpr bool std::ranges::enable_borrowed_range<libresult::ColumnView<T>> = true;
template <>
inline constexpr bool std::ranges::enable_view<libresult::ValueRef> = true;
template <>
inline constexpr bool std::ranges::enable_borrowed_range<libresult::ValueRef> = true;
#endif

#endif  // LIBRESULT_HPP
