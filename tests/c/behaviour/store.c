// Stores of the caller's own: what they are asked, on which threads, and what becomes of what they answer.

#define _DEFAULT_SOURCE  // setenv, usleep

#include "check.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

// ---- A store -----------------------------------------------------------------------------------

enum function { LIST, READ, WRITE, FUNCTIONS };

// The directories below `root`, and what goes wrong there.
struct store {
  struct path root;
  // How often each function was called, how many calls ran at once at most, and how many ran on
  // another thread than `owner`.
  atomic_int calls[FUNCTIONS], running, most_running, elsewhere;
  pthread_t owner;
  atomic_int destroyed;
  // Paths that hold this text fail with the code, in this function.
  const char *fails_at;
  enum function fails_in;
  libresult_code code;
  const char *message;
  // Files with this name are said to have so many bytes more than they have.
  const char *lies_about;
  int more;
  // At most so many bytes are read at once; 0 is no limit. So many more are said to have been read.
  size_t reads_at_most, says_more;
  // A name in every listing, NULL as well if that is said.
  const char *extra_name;
  bool has_null_name;
  // Called by every list.
  void (*meanwhile)(struct store *);
  void *argument;
};

// Of the directories below `root`, used by this thread.
static struct store *open_store(struct store *store, const char *root) {
  memset(store, 0, sizeof *store);
  store->root = at("%s", root);
  store->owner = pthread_self();
  return store;
}

static void enter(struct store *store, enum function function) {
  store->calls[function]++;
  int running = ++store->running, most = store->most_running;
  while (running > most && !atomic_compare_exchange_weak(&store->most_running, &most, running)) {
  }
  if (!pthread_equal(pthread_self(), store->owner)) store->elsewhere++;
}

static libresult_error *leave(struct store *store, libresult_error *error) {
  store->running--;
  return error;
}

static libresult_error *system_error(const char *path) {
  int number = errno;
  libresult_code code = number == ENOENT || number == ENOTDIR ? LIBRESULT_CODE_NOT_FOUND
                        : number == EACCES                    ? LIBRESULT_CODE_PERMISSION
                                                              : LIBRESULT_CODE_IO;
  return libresult_error_new(code, at("%s: %s", path, strerror(number)).text);
}

static bool must_fail(const struct store *store, enum function function, const char *path) {
  return store->fails_at && store->fails_in == function && strstr(path, store->fails_at);
}

static libresult_error *list_directory(struct store *store, const char *path,
                                       libresult_listing *into) {
  if (store->meanwhile) store->meanwhile(store);
  if (must_fail(store, LIST, path)) return libresult_error_new(store->code, store->message);
  struct path name = at("%s/%s", store->root.text, path);
  DIR *directory = opendir(name.text);
  if (!directory) return system_error(name.text);
  for (struct dirent *entry; (entry = readdir(directory));) {
    struct stat status;
    if (strcmp(entry->d_name, ".") == 0 || strcmp(entry->d_name, "..") == 0) continue;
    if (stat(at("%s/%s", name.text, entry->d_name).text, &status) != 0) continue;
    int64_t size = status.st_size;
    if (store->lies_about && strcmp(entry->d_name, store->lies_about) == 0) size += store->more;
    libresult_listing_add(into, entry->d_name, (uint64_t)size, S_ISDIR(status.st_mode));
  }
  closedir(directory);
  if (store->extra_name || store->has_null_name)
    libresult_listing_add(into, store->extra_name, 1, false);
  return NULL;
}

static libresult_error *list(void *user_data, const char *path, libresult_listing *into) {
  struct store *store = user_data;
  enter(store, LIST);
  return leave(store, list_directory(store, path, into));
}

static libresult_error *read_part(struct store *store, const char *path, uint64_t offset,
                                  void *into, size_t len, size_t *out) {
  if (must_fail(store, READ, path)) return libresult_error_new(store->code, store->message);
  struct path name = at("%s/%s", store->root.text, path);
  int file = open(name.text, O_RDONLY | O_CLOEXEC);
  if (file < 0) return system_error(name.text);
  if (store->reads_at_most && len > store->reads_at_most) len = store->reads_at_most;
  ssize_t count = pread(file, into, len, (off_t)offset);
  libresult_error *error = count < 0 ? system_error(name.text) : NULL;
  close(file);
  if (!error) *out = (size_t)count + store->says_more;
  return error;
}

static libresult_error *read_file_of(void *user_data, const char *path, uint64_t offset, void *into,
                                     size_t len, size_t *out) {
  struct store *store = user_data;
  enter(store, READ);
  return leave(store, read_part(store, path, offset, into, len, out));
}

static libresult_error *write_whole(struct store *store, const char *path, const void *data,
                                    size_t len) {
  if (must_fail(store, WRITE, path)) return libresult_error_new(store->code, store->message);
  struct path name = at("%s/%s", store->root.text, path), part = at("%s.part", name.text);
  FILE *file = fopen(part.text, "w");
  if (!file) return system_error(name.text);
  bool written = fwrite(data, 1, len, file) == len;
  if (fclose(file) != 0 || !written || rename(part.text, name.text) != 0)
    return system_error(name.text);
  return NULL;
}

static libresult_error *write_file_of(void *user_data, const char *path, const void *data,
                                      size_t len) {
  struct store *store = user_data;
  enter(store, WRITE);
  return leave(store, write_whole(store, path, data, len));
}

static void destroy(void *user_data) { ((struct store *)user_data)->destroyed++; }

static const libresult_store_functions one_at_a_time = {sizeof one_at_a_time, false, list,
                                                        read_file_of, write_file_of},
                                       concurrent = {sizeof concurrent, true, list, read_file_of,
                                                     write_file_of},
                                       read_only = {sizeof read_only, false, list, read_file_of,
                                                    NULL};

static void add(struct store *store, const libresult_store_functions *functions) {
  WORKS(libresult_store_register("own", functions, store, destroy));
}

static void take_back(struct store *store) {
  WORKS(libresult_store_unregister("own"));
  CHECK(store->destroyed == 1 && store->running == 0);
}

static libresult_run *open_uri(const char *uri) {
  libresult_run *run = NULL;
  WORKS(open_run(uri, &run));
  return run;
}

// ---- Reading -----------------------------------------------------------------------------------

static bool same_text(libresult_text *a, libresult_text *b) {
  libresult_str left = libresult_text_str(a), right = libresult_text_str(b);
  bool same = left.len == right.len && memcmp(left.data, right.data, left.len) == 0;
  libresult_text_free(a);
  libresult_text_free(b);
  return same;
}

static bool same_values(const libresult_value *a, const libresult_value *b) {
  return same_text(libresult_value_to_json(a), libresult_value_to_json(b));
}

// The runs of the corpus as a whole are what the table of tests/table is for.
static void answers_are_those_of_a_directory(void) {
  static const char *const names[] = {"r260v2-val_mixed", "r260v1-nested", "v1-csv-real"};
  static const libresult_store_functions *const both[] = {&one_at_a_time, &concurrent};
  for (int i = 0; i < 6; i++) {
    struct store store;
    add(open_store(&store, corpus), both[i % 2]);
    struct path path = at("%s/run", names[i / 2]), uri = at("own://%s", path.text);
    libresult_run *here = open_uri(at("%s/%s", corpus, path.text).text);
    libresult_run *there = open_uri(at("%s//", uri.text).text);
    CHECK(equals(libresult_run_uri(there), uri.text));
    CHECK(equals(libresult_run_path(there), path.text));
    CHECK(equals(libresult_run_filesystem(there), "own"));
    CHECK(libresult_run_layout(here) == libresult_run_layout(there));
    CHECK(same_values(libresult_run_metrics(here), libresult_run_metrics(there)));
    CHECK(libresult_run_diagnostic_count(here) == libresult_run_diagnostic_count(there));
    size_t count = libresult_run_checkpoint_count(there);
    CHECK(count == libresult_run_checkpoint_count(here));
    for (size_t k = 0; k < count; k++) {
      const libresult_checkpoint *checkpoint = libresult_run_checkpoint_at(there, k);
      CHECK(libresult_checkpoint_presence(checkpoint) ==
            libresult_checkpoint_presence(libresult_run_checkpoint_at(here, k)));
      CHECK(equals(libresult_checkpoint_filesystem(checkpoint), "own"));
      libresult_checkpoint *again = NULL;
      WORKS(libresult_checkpoint_open(libresult_checkpoint_uri(checkpoint).data, NULL, 0, NULL,
                                      &again));
      CHECK(equals(libresult_checkpoint_path(again), libresult_checkpoint_path(checkpoint).data));
      libresult_checkpoint_free(again);
    }
    libresult_frame *frames[2] = {NULL, NULL};
    WORKS(libresult_run_read_frame(here, NULL, 0, NULL, &frames[0]));
    WORKS(libresult_run_read_frame(there, NULL, 0, NULL, &frames[1]));
    CHECK(libresult_frame_row_count(frames[0]) == libresult_frame_row_count(frames[1]));
    CHECK(libresult_frame_column_count(frames[0]) == libresult_frame_column_count(frames[1]));
    for (int k = 0; k < 2; k++) libresult_frame_free(frames[k]);
    CHECK(store.calls[LIST] > 0 && store.calls[READ] > 0 && store.calls[WRITE] == 0);
    libresult_run_free(here);
    libresult_run_free(there);
    take_back(&store);
  }
}

// The size of a file that a listing shows is not asked for again.
static void few_calls(void) {
  struct store store;
  add(open_store(&store, corpus), &one_at_a_time);
  libresult_run *run = open_uri("own://r260v2-val_mixed/run");
  CHECK(store.calls[LIST] == 1 && store.calls[READ] == 1);
  libresult_run_free(run);
  take_back(&store);
}

static void the_root_of_a_store(void) {
  struct store store;
  struct path path = copy_case("r260v1-nested");
  add(open_store(&store, path.text), &one_at_a_time);
  static const char *const roots[][2] = {{"own://", ""}, {"own:///", "/"}};
  for (int i = 0; i < 2; i++) {
    libresult_run *run = open_uri(roots[i][0]);
    CHECK(equals(libresult_run_path(run), roots[i][1]));
    CHECK(equals(libresult_run_uri(run), roots[i][0]));
    const libresult_checkpoint *latest = libresult_run_latest_checkpoint(run);
    libresult_value *metadata = NULL;
    WORKS(libresult_checkpoint_read_metadata(latest, NULL, &metadata));
    CHECK(libresult_value_len(metadata) == 2);
    const char *path_of_latest = i ? "/checkpoint_" : "checkpoint_";
    CHECK(strstr(libresult_checkpoint_path(latest).data, path_of_latest) ==
          libresult_checkpoint_path(latest).data);
    libresult_value_free(metadata);
    libresult_run_free(run);
  }
  take_back(&store);
}

static void settings_of_stores_mean_nothing(void) {
  struct store store;
  add(open_store(&store, corpus), &one_at_a_time);
  libresult_run *run = NULL;
  WORKS(open_with("own://r260v1-nested/run", "region", "eu-1", &run));
  libresult_run_free(run);
  FAILS(open_with("own://r260v1-nested/run", "regoin", "eu-1", &run),
        LIBRESULT_CODE_INVALID_ARGUMENT, "regoin", "region");
  // There is no query: a question mark is one.
  FAILS(open_run("own://r260v1-nested/run?region=eu-1", &run), LIBRESULT_CODE_NOT_FOUND,
        "own://r260v1-nested/run?region=eu-1");
  take_back(&store);
}

static void events_of_a_store(void) {
  struct store store;
  struct path log = at("%s/own-events", scratch);
  shell("rm -rf '%s' && mkdir '%s' && sed 's|${STORAGE}|/old|' "
        "'%s/r260v2-ev_fail0/events/event_EXPORT_TRAIN_STATE.log' > "
        "'%s/event_EXPORT_TRAIN_STATE.log'",
        log.text, log.text, corpus, log.text);
  copy_case("r260v2-ev_fail0");
  add(open_store(&store, scratch), &concurrent);
  libresult_run *run = NULL;
  WORKS(open_with("own://r260v2-ev_fail0", "events", "own://own-events", &run));
  libresult_run_free(run);
  FAILS(open_with("own://r260v2-ev_fail0", "events", "own://nowhere", &run),
        LIBRESULT_CODE_INVALID_ARGUMENT, "own://nowhere", "events");
  take_back(&store);
}

// ---- Writing -----------------------------------------------------------------------------------

static bool same_files(const char *a, const char *b) {
  return system(at("cmp -s '%s' '%s'", a, b).text) == 0;
}

typedef libresult_error *writer(const libresult_run *, const char *, const libresult_setting *,
                                size_t, libresult_progress_fn, void *, const libresult_cancel *);

static writer *const writers[] = {libresult_run_write_csv, libresult_run_write_parquet};

static libresult_error *write_to(int which, const libresult_run *run, const char *uri,
                                 const char *on_exists) {
  libresult_setting setting = {"on_exists", on_exists};
  return writers[which](run, uri, &setting, on_exists ? 1 : 0, NULL, NULL, NULL);
}

static struct path fresh_directory(const char *name) {
  struct path path = at("%s/%s", scratch, name);
  shell("rm -rf '%s' && mkdir '%s'", path.text, path.text);
  return path;
}

static void reports_are_written(void) {
  struct path out = fresh_directory("out"), spool = fresh_directory("spool");
  struct path there = at("%s/there", out.text), here = at("%s/here", out.text);
  libresult_run *run = open_uri(at("%s/r260v1-nested/run", corpus).text);
  libresult_run *empty = open_uri(make_run("empty", "").text);
  setenv("TMPDIR", spool.text, 1);
  for (int i = 0; i < 4; i++) {
    struct store store;
    add(open_store(&store, out.text), i < 2 ? &one_at_a_time : &concurrent);
    WORKS(write_to(i % 2, run, here.text, "replace"));
    WORKS(write_to(i % 2, run, "own://there", NULL));
    CHECK(same_files(here.text, there.text) && store.calls[WRITE] == 1);
    FAILS(write_to(i % 2, run, "own://there", NULL), LIBRESULT_CODE_IO, "own://there",
          "on_exists=replace");
    WORKS(write_to(i % 2, empty, "own://there", "replace"));
    WORKS(write_to(i % 2, empty, here.text, "replace"));
    CHECK(same_files(here.text, there.text) && store.calls[WRITE] == 2);
    CHECK(store.elsewhere == 0);

    store.fails_at = "there";
    store.fails_in = WRITE;
    store.code = LIBRESULT_CODE_PERMISSION;
    store.message = "the bucket is locked";
    FAILS(write_to(i % 2, run, "own://there", "replace"), LIBRESULT_CODE_PERMISSION, "own://there",
          "the bucket is locked");
    CHECK(same_files(here.text, there.text) && unlink(there.text) == 0);
    FAILS(write_to(i % 2, run, "own://no/such/directory", NULL), LIBRESULT_CODE_NOT_FOUND,
          "own://no/such/directory");
    CHECK(count_entries(spool.text) == 0 && count_entries(out.text) == 1);
    take_back(&store);
  }
  libresult_run_free(empty);
  libresult_run_free(run);
  unsetenv("TMPDIR");
}

static void no_room_for_what_is_written(void) {
  struct store store;
  struct path out = fresh_directory("out");
  libresult_run *run = open_uri(at("%s/r260v1-nested/run", corpus).text);
  add(open_store(&store, out.text), &one_at_a_time);
  setenv("TMPDIR", "/no/such/spool", 1);
  for (int i = 0; i < 2; i++) {
    FAILS(write_to(i, run, "own://file", NULL), LIBRESULT_CODE_IO, "own://file", "/no/such/spool");
  }
  unsetenv("TMPDIR");
  CHECK(store.calls[WRITE] == 0);
  take_back(&store);
  libresult_run_free(run);
}

static void read_only_stores(void) {
  struct store store;
  copy_case("r260v1-nested");
  add(open_store(&store, scratch), &read_only);
  libresult_run *run = open_uri("own://r260v1-nested");
  for (int i = 0; i < 2; i++) {
    FAILS(write_to(i, run, "own://file", NULL), LIBRESULT_CODE_UNSUPPORTED, "own://file",
          "read-only");
  }
  const libresult_checkpoint *checkpoint = libresult_run_latest_checkpoint(run);
  FAILS(libresult_checkpoint_write_metadata(checkpoint, "{}", NULL), LIBRESULT_CODE_UNSUPPORTED,
        "own://r260v1-nested/checkpoint_", "read-only");
  FAILS(libresult_checkpoint_update_metadata(checkpoint, "{}", NULL), LIBRESULT_CODE_UNSUPPORTED,
        "own://r260v1-nested/checkpoint_", "read-only");
  libresult_run_free(run);
  take_back(&store);
}

static void metadata_is_written(void) {
  struct store store;
  struct path path = fresh_directory("checkpoint_000000");
  struct path file = at("%s/.metadata.json", path.text);
  add(open_store(&store, scratch), &one_at_a_time);
  libresult_checkpoint *checkpoint = open_checkpoint("own:/", "checkpoint_000000");
  libresult_value *metadata = NULL;
  WORKS(libresult_checkpoint_read_metadata(checkpoint, NULL, &metadata));
  CHECK(libresult_value_kind(metadata) == LIBRESULT_KIND_OBJECT && libresult_value_len(metadata) == 0);
  libresult_value_free(metadata);
  WORKS(libresult_checkpoint_update_metadata(checkpoint, "{\"a\": 1.50}", NULL));
  CHECK(file_is(file.text, "{\"a\": 1.50}"));
  WORKS(libresult_checkpoint_update_metadata(checkpoint, "{\"b\": 2}", NULL));
  CHECK(file_is(file.text, "{\"a\": 1.50, \"b\": 2}"));
  WORKS(libresult_checkpoint_write_metadata(checkpoint, "{}", NULL));
  CHECK(file_is(file.text, "{}"));

  store.fails_at = ".metadata.json";
  store.fails_in = WRITE;
  store.code = LIBRESULT_CODE_IO;
  store.message = "no power";
  FAILS(libresult_checkpoint_update_metadata(checkpoint, "{\"c\": 3}", NULL), LIBRESULT_CODE_IO,
        "own://checkpoint_000000/.metadata.json", "no power");
  CHECK(file_is(file.text, "{}"));
  store.fails_at = NULL;
  shell("rm -r '%s'", path.text);
  FAILS(libresult_checkpoint_read_metadata(checkpoint, NULL, &metadata), LIBRESULT_CODE_NOT_FOUND,
        "own://checkpoint_000000", "not there");
  libresult_checkpoint_free(checkpoint);
  take_back(&store);
}

// The second writer comes between the reading and the writing of the first one's.
static void write_beside(struct store *store) {
  if (store->calls[READ] == 1 && store->calls[LIST] == store->calls[READ] + 1)
    write_file(store->argument, "{\"theirs\": 1}");
}

static void a_writer_who_is_seen_loses_nothing(void) {
  struct store store;
  struct path path = fresh_directory("checkpoint_000000");
  struct path file = at("%s/.metadata.json", path.text);
  write_file(file.text, "{}");
  libresult_checkpoint *checkpoint = NULL;
  add(open_store(&store, scratch), &one_at_a_time);
  checkpoint = open_checkpoint("own:/", "checkpoint_000000");
  store.calls[LIST] = store.calls[READ] = 0;
  store.meanwhile = write_beside;
  store.argument = file.text;
  WORKS(libresult_checkpoint_update_metadata(checkpoint, "{\"ours\": 2}", NULL));
  CHECK(file_is(file.text, "{\"theirs\": 1, \"ours\": 2}"));
  libresult_checkpoint_free(checkpoint);
  take_back(&store);
}

// ---- Checkpoints brought home ------------------------------------------------------------------

static void checkpoints_are_downloaded(void) {
  struct path source = fresh_directory("checkpoint_000000"), dest = fresh_directory("home");
  shell("mkdir -p '%s/optim/deep' && for i in 1 2 3 4 5 6 7 8; do head -c 300000 /dev/urandom > "
        "'%s/optim/rank_'$i; done && echo weights > '%s/optim/deep/weights' && : > '%s/empty'",
        source.text, source.text, source.text, source.text);
  libresult_setting settings[] = {{"parallel", "8"}, {"part_bytes", "100000"}};
  for (int i = 0; i < 2; i++) {
    struct store store;
    add(open_store(&store, scratch), i ? &concurrent : &one_at_a_time);
    libresult_checkpoint *checkpoint = open_checkpoint("own:/", "checkpoint_000000");
    struct path copy = at("%s/%d", dest.text, i);
    WORKS(libresult_checkpoint_download(checkpoint, copy.text, settings, 2, NULL, NULL, NULL));
    shell("diff -r '%s' '%s'", source.text, copy.text);
    CHECK(i ? store.elsewhere > 0 : store.elsewhere == 0 && store.most_running == 1);

    libresult_files *files = NULL;
    WORKS(libresult_checkpoint_read_files(checkpoint, NULL, &files));
    CHECK(libresult_files_count(files) == 10 && libresult_files_size_at(files, 0) == 0);
    CHECK(equals(libresult_files_name_at(files, 1), "optim/deep/weights"));
    CHECK(libresult_files_size_at(files, 1) == 8);
    libresult_files_free(files);
    char text[20];
    size_t count = 0;
    WORKS(libresult_checkpoint_read_file(checkpoint, "optim/deep/weights", 2, text, sizeof text, NULL,
                                         &count));
    CHECK(count == 6 && memcmp(text, "ights\n", 6) == 0);

    store.elsewhere = 0;
    libresult_directory *directory = NULL;
    struct path cache_dir = at("%s/cache%d", dest.text, i);
    libresult_setting cache = {"cache_dir", cache_dir.text};
    WORKS(libresult_checkpoint_open_directory(checkpoint, &cache, 1, NULL, NULL, NULL, &directory));
    shell("diff -r '%s' '%s'", source.text, libresult_directory_path(directory).data);
    libresult_directory_free(directory);
    CHECK(i || store.elsewhere == 0);

    store.fails_at = "rank_5";
    store.fails_in = READ;
    store.code = LIBRESULT_CODE_PERMISSION;
    store.message = "no luck today";
    struct path none = at("%s/none", dest.text);
    FAILS(libresult_checkpoint_download(checkpoint, none.text, settings, 2, NULL, NULL, NULL),
          LIBRESULT_CODE_PERMISSION, "own://checkpoint_000000/optim/rank_5", "no luck today");
    CHECK(access(none.text, F_OK) != 0);
    store.fails_at = NULL;
    store.lies_about = "rank_3";
    store.more = 5;
    FAILS(libresult_checkpoint_download(checkpoint, none.text, settings, 2, NULL, NULL, NULL),
          LIBRESULT_CODE_IO, "own://checkpoint_000000/optim/rank_3", "changed");
    CHECK(access(none.text, F_OK) != 0);
    libresult_checkpoint_free(checkpoint);
    take_back(&store);
  }
}

// A child of a fork has inherited the directory and its lock, but holds neither.
static void a_directory_and_a_fork(void) {
  struct path home = at("%s/forked", scratch), cache = at("%s/cache", home.text);
  shell("rm -rf '%s' && mkdir -p '%s/checkpoint_000000' && echo weights > '%s/checkpoint_000000/model.bin'",
        home.text, home.text, home.text);
  struct store store;
  add(open_store(&store, home.text), &one_at_a_time);
  libresult_checkpoint *checkpoint = open_checkpoint("own:/", "checkpoint_000000");
  libresult_directory *directory = NULL;
  libresult_setting settings = {"cache_dir", cache.text};
  WORKS(libresult_checkpoint_open_directory(checkpoint, &settings, 1, NULL, NULL, NULL, &directory));
  struct path model = at("%s/model.bin", libresult_directory_path(directory).data);
  fflush(stdout);
  int ends[2], status = 0;
  CHECK(pipe(ends) == 0);
  pid_t child = fork();
  if (child == 0) {
    // It frees its own, and then lives until the parent is done.
    char byte;
    libresult_directory_free(directory);
    close(ends[1]);
    _exit(read(ends[0], &byte, 1) == 0 ? 0 : 1);
  }
  close(ends[0]);
  usleep(50000);
  CHECK(file_is(model.text, "weights\n"));
  // With the child alive, the parent's is the last one.
  libresult_directory_free(directory);
  CHECK(count_entries(cache.text) == 0);
  close(ends[1]);
  CHECK(waitpid(child, &status, 0) == child && WIFEXITED(status) && WEXITSTATUS(status) == 0);
  libresult_checkpoint_free(checkpoint);
  take_back(&store);
}

// ---- Errors ------------------------------------------------------------------------------------

static void errors_of_each_code(void) {
  struct store store;
  add(open_store(&store, corpus), &one_at_a_time);
  store.message = "no luck today";
  libresult_run *run = NULL;
  static const struct {
    int given;
    libresult_code got;
  } codes[] = {{LIBRESULT_CODE_INVALID_ARGUMENT, LIBRESULT_CODE_INVALID_ARGUMENT},
               {LIBRESULT_CODE_IO, LIBRESULT_CODE_IO},
               {LIBRESULT_CODE_CORRUPT, LIBRESULT_CODE_CORRUPT},
               {LIBRESULT_CODE_CANCELLED, LIBRESULT_CODE_CANCELLED},
               {LIBRESULT_CODE_INTERNAL, LIBRESULT_CODE_INTERNAL},
               {LIBRESULT_CODE_PERMISSION, LIBRESULT_CODE_PERMISSION},
               {LIBRESULT_CODE_UNSUPPORTED, LIBRESULT_CODE_UNSUPPORTED},
               {LIBRESULT_CODE_OK, LIBRESULT_CODE_IO},
               {99, LIBRESULT_CODE_IO},
               {-1, LIBRESULT_CODE_IO}};
  for (size_t i = 0; i < sizeof codes / sizeof *codes; i++) {
    store.code = (libresult_code)codes[i].given;
    store.fails_in = LIST;
    store.fails_at = "r260v2-val_mixed/run";
    FAILS(open_run("own://r260v2-val_mixed/run", &run), codes[i].got, "own://r260v2-val_mixed/run",
          "no luck today");
    store.fails_in = READ;
    store.fails_at = "snapshot";
    FAILS(open_run("own://r260v2-val_mixed/run", &run), codes[i].got,
          "own://r260v2-val_mixed/run/checkpoint_manager_snapshot.json", "no luck today");
    CHECK(run == NULL);
  }
  store.fails_in = LIST;
  store.fails_at = "run";
  store.code = LIBRESULT_CODE_NOT_FOUND;
  FAILS(open_run("own://r260v2-val_mixed/run", &run), LIBRESULT_CODE_NOT_FOUND,
        "own://r260v2-val_mixed/run");
  store.code = LIBRESULT_CODE_IO;
  store.message = "";
  FAILS(open_run("own://r260v2-val_mixed/run", &run), LIBRESULT_CODE_IO,
        "own://r260v2-val_mixed/run");
  // A message that names the file is left as it is, and bytes that are no text are replaced.
  store.message = "cannot read own://r260v2-val_mixed/run: \xff";
  libresult_error *error = open_run("own://r260v2-val_mixed/run", &run);
  CHECK(equals(libresult_error_message(error),
               "cannot read own://r260v2-val_mixed/run: \xef\xbf\xbd"));
  libresult_error_free(error);
  store.message = NULL;
  FAILS(open_run("own://r260v2-val_mixed/run", &run), LIBRESULT_CODE_INVALID_ARGUMENT,
        "own://r260v2-val_mixed/run", "message");
  take_back(&store);
}

static void a_file_that_only_adds(void) {
  struct store store;
  add(open_store(&store, corpus), &one_at_a_time);
  store.fails_in = READ;
  store.fails_at = "error.";
  store.code = LIBRESULT_CODE_PERMISSION;
  store.message = "no luck today";
  libresult_run *run = open_uri("own://r240v1-fail0/run");
  bool is_told = false;
  for (size_t i = 0; i < libresult_run_diagnostic_count(run); i++) {
    libresult_str message = libresult_diagnostic_message(libresult_run_diagnostic_at(run, i));
    struct path text = at("%.*s", (int)message.len, message.data);
    is_told = is_told || strstr(text.text, "no luck today");
  }
  CHECK(is_told);
  libresult_run_free(run);
  take_back(&store);
}

static void stores_that_lie(void) {
  struct store store;
  libresult_run *run = NULL;
  add(open_store(&store, corpus), &one_at_a_time);
  // Short reads are no lie that matters.
  store.reads_at_most = 7;
  libresult_run_free(open_uri("own://r260v2-val_mixed/run"));
  libresult_run_free(open_uri("own://r260v1-nested/run"));
  store.reads_at_most = 0;

  store.lies_about = "checkpoint_manager_snapshot.json";
  store.more = 1;
  FAILS(open_run("own://r260v2-val_mixed/run", &run), LIBRESULT_CODE_IO,
        "checkpoint_manager_snapshot.json", "became shorter");
  store.more = -10;
  FAILS(open_run("own://r260v2-val_mixed/run", &run), LIBRESULT_CODE_CORRUPT,
        "checkpoint_manager_snapshot.json");
  store.lies_about = "result.json";
  store.more = 1 << 30;
  FAILS(open_run("own://r260v1-nested/run", &run), LIBRESULT_CODE_IO, "result.json",
        "became shorter");
  store.more = -10;
  libresult_run_free(open_uri("own://r260v1-nested/run"));
  store.lies_about = NULL;

  static const size_t counts[] = {1, SIZE_MAX / 2};
  for (int i = 0; i < 2; i++) {
    store.says_more = counts[i];
    FAILS(open_run("own://r260v2-val_mixed/run", &run), LIBRESULT_CODE_IO,
          "own://r260v2-val_mixed/run", "bytes where");
  }
  take_back(&store);
}

static void names_that_are_none(void) {
  static const char *const names[] = {"", ".", "..", "a/b", "/", "\xff", NULL};
  for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
    struct store store;
    libresult_run *run = NULL;
    add(open_store(&store, corpus), &one_at_a_time);
    store.extra_name = names[i];
    store.has_null_name = true;
    FAILS(open_run("own://r260v2-val_mixed/run", &run), LIBRESULT_CODE_IO,
          "own://r260v2-val_mixed/run", "entry",
          names[i] && (unsigned char)names[i][0] != 0xff ? names[i] : "called");
    store.extra_name = "\xf0\x9f\x92\xbe a\nb";
    libresult_run_free(open_uri("own://r260v2-val_mixed/run"));
    take_back(&store);
  }
}

// ---- Registering -------------------------------------------------------------------------------

static void what_cannot_be_registered(void) {
  struct store store;
  open_store(&store, corpus);
  static const char *const schemes[] = {"",   "Own",   "1own", "o wn", "own:", "own://", "\xff",
                                        "s3", "https", "file", "local", "gs",  "gcs",    "abfs",
                                        "az", "http",  "memory", "abfss"};
  for (size_t i = 0; i < sizeof schemes / sizeof *schemes; i++) {
    FAILS(libresult_store_register(schemes[i], &concurrent, &store, destroy),
          LIBRESULT_CODE_INVALID_ARGUMENT, i == 6 ? "UTF-8" : schemes[i]);
    FAILS(libresult_store_unregister(schemes[i]), LIBRESULT_CODE_INVALID_ARGUMENT,
          i == 6 ? "UTF-8" : schemes[i]);
  }
  libresult_store_functions functions = concurrent;
  functions.list = NULL;
  FAILS(libresult_store_register("own", &functions, &store, destroy),
        LIBRESULT_CODE_INVALID_ARGUMENT, "list");
  functions = concurrent;
  functions.read = NULL;
  FAILS(libresult_store_register("own", &functions, &store, destroy),
        LIBRESULT_CODE_INVALID_ARGUMENT, "read");
  functions = concurrent;
  static const size_t small[] = {0, 1, 16, offsetof(libresult_store_functions, write) - 1};
  for (int i = 0; i < 4; i++) {
    functions.size = small[i];
    FAILS(libresult_store_register("own", &functions, &store, destroy),
          LIBRESULT_CODE_INVALID_ARGUMENT, "size");
  }
  // None of them was destroyed: none was registered.
  CHECK(store.destroyed == 0);
  struct store other;
  add(&store, &concurrent);
  FAILS(libresult_store_register("own", &concurrent, open_store(&other, corpus), destroy),
        LIBRESULT_CODE_INVALID_ARGUMENT, "own://", "already");
  CHECK(other.destroyed == 0);
  take_back(&store);
  FAILS(libresult_store_unregister("own"), LIBRESULT_CODE_INVALID_ARGUMENT, "own://");
  libresult_run *run = NULL;
  FAILS(open_run("own://r260v2-val_mixed/run", &run), LIBRESULT_CODE_INVALID_ARGUMENT, "own://");
}

// Structs of other versions of the header.
static void other_sizes(void) {
  struct {
    libresult_store_functions functions;
    void (*later)(void);
  } larger = {concurrent, NULL};
  larger.functions.size = sizeof larger;
  struct store store;
  add(open_store(&store, corpus), &larger.functions);
  libresult_run_free(open_uri("own://r260v2-val_mixed/run"));
  take_back(&store);

  // What lies behind the size is not read: it is not there.
  size_t size = offsetof(libresult_store_functions, write);
  libresult_store_functions *smaller = malloc(size);
  memcpy(smaller, &concurrent, size);
  smaller->size = size;
  add(open_store(&store, corpus), smaller);
  free(smaller);
  libresult_run *run = open_uri("own://r260v2-val_mixed/run");
  FAILS(write_to(0, run, "own://file", NULL), LIBRESULT_CODE_UNSUPPORTED, "read-only");
  libresult_run_free(run);
  take_back(&store);
}

static void what_is_open_goes_on(void) {
  struct store old, new;
  add(open_store(&old, corpus), &one_at_a_time);
  libresult_run *run = open_uri("own://r260v1-nested/run");
  libresult_checkpoint *checkpoint =
      libresult_checkpoint_clone(libresult_run_latest_checkpoint(run));
  WORKS(libresult_store_unregister("own"));
  add(open_store(&new, scratch), &concurrent);
  libresult_frame *frame = NULL;
  WORKS(libresult_run_read_frame(run, NULL, 0, NULL, &frame));
  libresult_frame_free(frame);
  libresult_run_free(run);
  CHECK(old.destroyed == 0);
  libresult_value *metadata = NULL;
  WORKS(libresult_checkpoint_read_metadata(checkpoint, NULL, &metadata));
  libresult_value_free(metadata);
  CHECK(new.calls[LIST] == 0);
  libresult_checkpoint_free(checkpoint);
  CHECK(old.destroyed == 1);
  take_back(&new);
}

// ---- Threads -----------------------------------------------------------------------------------

static void which_threads_call(void) {
  struct store store;
  static char rows[64 * 1024];
  size_t len = 0;
  for (int i = 0; i < 2000; i++) {
    len += (size_t)snprintf(rows + len, sizeof rows - len, "{\"step\": %d}\n", i);
  }
  make_run("rows", rows);
  struct path here = fresh_directory("out"), there = at("%s/own", here.text);
  for (int i = 0; i < 2; i++) {
    add(open_store(&store, scratch), i ? &concurrent : &one_at_a_time);
    libresult_run *run = open_uri("own://rows");
    libresult_setting threads = {"threads", "8"};
    libresult_frame *frame = NULL;
    WORKS(libresult_run_read_frame(run, &threads, 1, NULL, &frame));
    CHECK(libresult_frame_row_count(frame) == 2000);
    libresult_frame_free(frame);
    CHECK(i ? store.elsewhere > 0 : store.elsewhere == 0 && store.most_running == 1);
    for (int k = 0; k < 2; k++) {
      libresult_setting settings[] = {threads, {"on_exists", "replace"}};
      store.elsewhere = 0;
      WORKS(writers[k](run, "own://out/own", settings, 2, NULL, NULL, NULL));
      CHECK(i || store.elsewhere == 0);
    }
    CHECK(unlink(there.text) == 0);
    libresult_run_free(run);
    take_back(&store);
  }
}

static void *open_often(void *argument) {
  uintptr_t good = 0;
  for (int i = 0; i < 10; i++) {
    libresult_run *run = NULL;
    libresult_frame *frame = NULL;
    libresult_setting threads = {"threads", "2"};
    libresult_error *error = libresult_run_open(argument, NULL, 0, NULL, &run);
    if (!error) error = libresult_run_read_frame(run, &threads, 1, NULL, &frame);
    good += !error && libresult_frame_row_count(frame) > 0;
    libresult_error_free(error);
    libresult_frame_free(frame);
    libresult_run_free(run);
  }
  return (void *)good;
}

static void linger(struct store *store) {
  (void)store;
  usleep(1000);
}

static void many_threads(void) {
  enum { THREADS = 6 };
  for (int i = 0; i < 2; i++) {
    struct store store;
    pthread_t threads[THREADS];
    add(open_store(&store, corpus), i ? &concurrent : &one_at_a_time);
    store.meanwhile = linger;
    for (int k = 0; k < THREADS; k++) {
      CHECK(pthread_create(&threads[k], NULL, open_often, "own://r260v1-nested/run") == 0);
    }
    for (int k = 0; k < THREADS; k++) {
      void *good = NULL;
      CHECK(pthread_join(threads[k], &good) == 0 && (uintptr_t)good == 10);
    }
    CHECK(i ? store.most_running > 1 : store.most_running == 1);
    take_back(&store);
  }
}

// A function may use the library, and the store that it belongs to.
static void use_the_library(struct store *store) {
  if (store->running > 1) return;
  libresult_run *run = NULL;
  WORKS(libresult_run_open(at("%s/r260v2-val_mixed/run", corpus).text, NULL, 0, NULL, &run));
  libresult_run_free(run);
  WORKS(libresult_run_open("own://r260v2-val_mixed/run", NULL, 0, NULL, &run));
  libresult_run_free(run);
  WORKS(libresult_store_register("inner", &read_only, store->argument, destroy));
  WORKS(libresult_run_open("inner://r260v1-nested/run", NULL, 0, NULL, &run));
  libresult_run_free(run);
  WORKS(libresult_store_unregister("inner"));
}

static void functions_that_use_the_library(void) {
  for (int i = 0; i < 2; i++) {
    struct store store, inner;
    open_store(&store, corpus);
    store.argument = open_store(&inner, corpus);
    store.meanwhile = use_the_library;
    add(&store, i ? &concurrent : &one_at_a_time);
    libresult_run_free(open_uri("own://r260v1-nested/run"));
    CHECK(inner.destroyed == store.calls[LIST] - 1);
    take_back(&store);
  }
}

static void trigger(struct store *store) { libresult_cancel_trigger(store->argument); }

static void cancelled_by_a_function(void) {
  struct store store;
  libresult_run *run = NULL;
  add(open_store(&store, corpus), &one_at_a_time);
  libresult_cancel *cancel = libresult_cancel_new();
  store.argument = cancel;
  store.meanwhile = trigger;
  FAILS(libresult_run_open("own://r260v1-nested/run", NULL, 0, cancel, &run),
        LIBRESULT_CODE_CANCELLED, "cancelled");
  CHECK(store.calls[LIST] == 1 && store.calls[READ] == 0);
  libresult_cancel_free(cancel);
  take_back(&store);
}

// Another thread waits for its turn, and is cancelled there.
static void *wait_in_vain(void *cancel) {
  libresult_run *run = NULL;
  libresult_error *error =
      libresult_run_open("own://r260v1-nested/run", NULL, 0, cancel, &run);
  uintptr_t good = libresult_error_code(error) == LIBRESULT_CODE_CANCELLED;
  libresult_error_free(error);
  return (void *)good;
}

static void let_another_wait(struct store *store) {
  if (store->calls[LIST] > 1) return;
  pthread_t thread;
  void *good = NULL;
  CHECK(pthread_create(&thread, NULL, wait_in_vain, store->argument) == 0);
  usleep(10 * 1000);
  libresult_cancel_trigger(store->argument);
  CHECK(pthread_join(thread, &good) == 0 && good);
}

static void cancelled_while_it_waits(void) {
  struct store store;
  libresult_cancel *cancel = libresult_cancel_new();
  open_store(&store, corpus);
  store.argument = cancel;
  store.meanwhile = let_another_wait;
  add(&store, &one_at_a_time);
  libresult_run_free(open_uri("own://r260v1-nested/run"));
  libresult_cancel_free(cancel);
  take_back(&store);
}

void test_store(void) {
  answers_are_those_of_a_directory();
  few_calls();
  the_root_of_a_store();
  settings_of_stores_mean_nothing();
  events_of_a_store();
  reports_are_written();
  no_room_for_what_is_written();
  read_only_stores();
  metadata_is_written();
  a_writer_who_is_seen_loses_nothing();
  checkpoints_are_downloaded();
  a_directory_and_a_fork();
  errors_of_each_code();
  a_file_that_only_adds();
  stores_that_lie();
  names_that_are_none();
  what_cannot_be_registered();
  other_sizes();
  what_is_open_goes_on();
  which_threads_call();
  many_threads();
  functions_that_use_the_library();
  cancelled_by_a_function();
  cancelled_while_it_waits();
}
