// Checkpoints that come home: what C adds to it, and a disk that is full or may not be written to.

#define _DEFAULT_SOURCE  // chmod, setrlimit

#include "check.h"

#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/time.h>
#include <unistd.h>

// ---- Helpers -----------------------------------------------------------------------------------

// A checkpoint of two small files and one of 300 KB, and a directory for copies of it.
struct place {
  struct path home, source, dest;
  libresult_checkpoint *checkpoint;
};

static struct place make_place(void) {
  struct place place = {.home = at("%s/transfer", scratch)};
  shell("rm -rf '%s'", place.home.text);
  make_directory(place.home.text);
  place.source = at("%s/checkpoint_000007", place.home.text);
  place.dest = at("%s/copy", place.home.text);
  make_directory(place.source.text);
  make_directory(at("%s/optim", place.source.text).text);
  write_file(at("%s/.metadata.json", place.source.text).text, "{}");
  write_file(at("%s/optim/rank_0.pt", place.source.text).text, "0123456789");
  shell("seq 1 50000 > '%s/model.bin'", place.source.text);
  place.checkpoint = open_checkpoint(place.home.text, "checkpoint_000007");
  return place;
}

static bool is_copy(struct place place) {
  return system(at("diff -r '%s' '%s' > /dev/null", place.source.text, place.dest.text).text) == 0;
}

static libresult_error *download(struct place place, const char *key, const char *value) {
  const libresult_setting settings[] = {{"part_bytes", "65536"}, {key, value}};
  return libresult_checkpoint_download(place.checkpoint, place.dest.text, settings, key ? 2 : 1, NULL, NULL, NULL);
}

static int exists(const char *path) { return access(path, F_OK) == 0; }

// ---- Downloads ---------------------------------------------------------------------------------

struct told {
  uint64_t last, total;
  int calls, stop_at;
};

static bool tell(void *user_data, uint64_t done, uint64_t total) {
  struct told *told = user_data;
  CHECK(done >= told->last && done <= total);
  told->last = done;
  told->total = total;
  return ++told->calls != told->stop_at;
}

static void a_whole_copy(void) {
  struct place place = make_place();
  struct told told = {.stop_at = 0};
  WORKS(libresult_checkpoint_download(place.checkpoint, place.dest.text, NULL, 0, tell, &told, NULL));
  CHECK(is_copy(place) && told.calls > 1 && told.last == told.total && told.total > 288000);
  FAILS(download(place, NULL, NULL), LIBRESULT_CODE_IO, place.dest.text, "on_exists");
  write_file(at("%s/stale", place.dest.text).text, "old");
  WORKS(download(place, "on_exists", "merge"));
  CHECK(file_is(at("%s/stale", place.dest.text).text, "old"));
  WORKS(download(place, "on_exists", "replace"));
  CHECK(is_copy(place));
  CHECK(count_entries(place.home.text) == 2);
  libresult_checkpoint_free(place.checkpoint);
}

static void some_files(void) {
  struct place place = make_place();
  const libresult_setting settings[] = {{"include", "*.pt"}, {"include", "model*"}, {"exclude", "optim/*"}};
  FAILS(download(place, "include", "modle.bin"), LIBRESULT_CODE_INVALID_ARGUMENT, "include", "'model.bin'?");
  FAILS(download(place, "parallel", "none"), LIBRESULT_CODE_INVALID_ARGUMENT, "parallel");
  FAILS(download(place, "includes", "x"), LIBRESULT_CODE_INVALID_ARGUMENT, "'include'?");
  WORKS(libresult_checkpoint_download(place.checkpoint, place.dest.text, settings, 3, NULL, NULL, NULL));
  CHECK(count_entries(place.dest.text) == 1 && exists(at("%s/model.bin", place.dest.text).text));
  libresult_checkpoint_free(place.checkpoint);
}

static void links(void) {
  struct place place = make_place();
  struct stat here, there;
  WORKS(download(place, "link", "hard"));
  CHECK(stat(at("%s/model.bin", place.source.text).text, &here) == 0);
  CHECK(stat(at("%s/model.bin", place.dest.text).text, &there) == 0 && here.st_ino == there.st_ino);
  libresult_checkpoint_free(place.checkpoint);
}

static void stopped(void) {
  struct place place = make_place();
  struct told told = {.stop_at = 1};
  FAILS(libresult_checkpoint_download(place.checkpoint, place.dest.text, NULL, 0, tell, &told, NULL),
        LIBRESULT_CODE_CANCELLED, "progress");
  libresult_cancel *cancel = libresult_cancel_new();
  libresult_cancel_trigger(cancel);
  libresult_directory *directory = NULL;
  libresult_files *files = NULL;
  char byte;
  size_t read = 7;
  FAILS(libresult_checkpoint_download(place.checkpoint, place.dest.text, NULL, 0, NULL, NULL, cancel),
        LIBRESULT_CODE_CANCELLED, "cancelled");
  FAILS(libresult_checkpoint_open_directory(place.checkpoint, NULL, 0, NULL, NULL, cancel, &directory),
        LIBRESULT_CODE_CANCELLED, "cancelled");
  FAILS(libresult_checkpoint_read_files(place.checkpoint, cancel, &files), LIBRESULT_CODE_CANCELLED, "cancelled");
  FAILS(libresult_checkpoint_read_file(place.checkpoint, "model.bin", 0, &byte, 1, cancel, &read),
        LIBRESULT_CODE_CANCELLED, "cancelled");
  CHECK(!directory && !files && read == 0 && count_entries(place.home.text) == 1);
  libresult_cancel_free(cancel);
  libresult_checkpoint_free(place.checkpoint);
}

static pthread_t main_thread;
static volatile sig_atomic_t alarms, elsewhere;

static void on_alarm(int signal) {
  (void)signal;
  alarms++;
  elsewhere += !pthread_equal(pthread_self(), main_thread);
}

// The handlers of the host run on none of the library's threads.
static void alarms_ring_at_home(void) {
  struct place place = make_place();
  main_thread = pthread_self();
  struct sigaction action = {.sa_handler = on_alarm}, none = {.sa_handler = SIG_IGN};
  struct itimerval often = {{0, 200}, {0, 200}}, never = {{0, 0}, {0, 0}};
  CHECK(sigaction(SIGALRM, &action, NULL) == 0 && setitimer(ITIMER_REAL, &often, NULL) == 0);
  for (int i = 0; i < 50 || (i < 5000 && alarms < 10); i++) {
    const libresult_setting settings[] = {{"on_exists", "replace"}, {"part_bytes", "4096"}};
    libresult_error *error =
        libresult_checkpoint_download(place.checkpoint, place.dest.text, settings, 2, NULL, NULL, NULL);
    if (error) WORKS(error);
  }
  // One may still be on its way, and would end the program if nothing took it.
  CHECK(setitimer(ITIMER_REAL, &never, NULL) == 0 && sigaction(SIGALRM, &none, NULL) == 0);
  CHECK(alarms >= 10);
  CHECK(elsewhere == 0);
  CHECK(is_copy(place));
  libresult_checkpoint_free(place.checkpoint);
}

static void places_that_are_none(void) {
  struct place place = make_place();
  struct path file = at("%s/model.bin", place.source.text);
  FAILS(libresult_checkpoint_download(place.checkpoint, file.text, NULL, 0, NULL, NULL, NULL),
        LIBRESULT_CODE_INVALID_ARGUMENT, file.text, "in the checkpoint");
  struct path elsewhere = at("%s/file", place.home.text);
  write_file(elsewhere.text, "old");
  FAILS(libresult_checkpoint_download(place.checkpoint, elsewhere.text, NULL, 0, NULL, NULL, NULL),
        LIBRESULT_CODE_IO, elsewhere.text, "not a directory");
  FAILS(libresult_checkpoint_download(place.checkpoint, "s3://bucket/x", NULL, 0, NULL, NULL, NULL),
        LIBRESULT_CODE_INVALID_ARGUMENT, "dest_dir", "s3://");
  FAILS(libresult_checkpoint_download(place.checkpoint, place.home.text, NULL, 0, NULL, NULL, NULL),
        LIBRESULT_CODE_INVALID_ARGUMENT, "holds the checkpoint");
  libresult_checkpoint *gone = open_checkpoint(place.home.text, "gone");
  FAILS(libresult_checkpoint_download(gone, place.dest.text, NULL, 0, NULL, NULL, NULL), LIBRESULT_CODE_NOT_FOUND,
        "gone: the directory of the checkpoint is not there");
  CHECK(file_is(elsewhere.text, "old") && count_entries(place.home.text) == 2);
  libresult_checkpoint_free(gone);
  libresult_checkpoint_free(place.checkpoint);
}

// No file may grow beyond some bytes: to the writer, the disk is full.
static void full_disk(void) {
  struct place place = make_place();
  make_directory(place.dest.text);
  write_file(at("%s/mine", place.dest.text).text, "old");
  struct rlimit usual, small;
  CHECK(getrlimit(RLIMIT_FSIZE, &usual) == 0);
  void (*handler)(int) = signal(SIGXFSZ, SIG_IGN);
  static const rlim_t limits[] = {0, 5, 100000};
  static const char *const parallel[] = {"1", "4"};
  for (int i = 0; i < 6; i++) {
    small = (struct rlimit){limits[i / 2], usual.rlim_max};
    const libresult_setting settings[] = {
        {"on_exists", "replace"}, {"parallel", parallel[i % 2]}, {"part_bytes", "65536"}};
    CHECK(setrlimit(RLIMIT_FSIZE, &small) == 0);
    libresult_error *error =
        libresult_checkpoint_download(place.checkpoint, place.dest.text, settings, 3, NULL, NULL, NULL);
    CHECK(setrlimit(RLIMIT_FSIZE, &usual) == 0);
    FAILS(error, LIBRESULT_CODE_IO, place.home.text, "File too large");
    CHECK(file_is(at("%s/mine", place.dest.text).text, "old") && count_entries(place.dest.text) == 1);
  }
  signal(SIGXFSZ, handler);
  WORKS(download(place, "on_exists", "replace"));
  CHECK(is_copy(place) && count_entries(place.home.text) == 2);
  libresult_checkpoint_free(place.checkpoint);
}

static void a_read_only_directory(const char *run) {
  struct path dest = at("%s/out/copy", run), out = at("%s/out", run);
  libresult_checkpoint *checkpoint = open_checkpoint(run, "checkpoint_000003");
  make_directory(out.text);
  CHECK(chmod(out.text, 0555) == 0);
  FAILS(libresult_checkpoint_download(checkpoint, dest.text, NULL, 0, NULL, NULL, NULL), LIBRESULT_CODE_PERMISSION,
        out.text, "denied");
  CHECK(chmod(out.text, 0755) == 0);
  make_directory(dest.text);
  write_file(at("%s/mine", dest.text).text, "old");
  CHECK(chmod(out.text, 0555) == 0);
  const libresult_setting replace = {"on_exists", "replace"};
  FAILS(libresult_checkpoint_download(checkpoint, dest.text, &replace, 1, NULL, NULL, NULL),
        LIBRESULT_CODE_PERMISSION, out.text);
  CHECK(file_is(at("%s/mine", dest.text).text, "old"));
  CHECK(chmod(out.text, 0755) == 0 && count_entries(out.text) == 1);
  // A file that may not be read.
  CHECK(chmod(at("%s/checkpoint_000003", run).text, 0755) == 0);
  write_file(at("%s/checkpoint_000003/secret", run).text, "x");
  CHECK(chmod(at("%s/checkpoint_000003/secret", run).text, 0) == 0);
  FAILS(libresult_checkpoint_download(checkpoint, dest.text, &replace, 1, NULL, NULL, NULL),
        LIBRESULT_CODE_PERMISSION, "secret");
  CHECK(file_is(at("%s/mine", dest.text).text, "old"));
  libresult_checkpoint_free(checkpoint);
}

// ---- Directories and files ---------------------------------------------------------------------

static void directories(void) {
  struct place place = make_place();
  libresult_directory *directory = NULL;
  const libresult_setting settings[] = {{"include", "*.pt"}, {"keep", "true"}, {"cache_max_bytes", "1"}};
  WORKS(libresult_checkpoint_open_directory(place.checkpoint, settings, 3, NULL, NULL, NULL, &directory));
  libresult_str path = libresult_directory_path(directory);
  CHECK(equals(path, place.source.text) && path.data[path.len] == '\0');
  // It does not need the checkpoint, nor take it along.
  libresult_checkpoint_free(place.checkpoint);
  CHECK(equals(libresult_directory_path(directory), place.source.text));
  libresult_directory_free(directory);
  CHECK(exists(place.source.text) && count_entries(place.home.text) == 1);
  libresult_checkpoint *gone = open_checkpoint(place.home.text, "gone");
  directory = (void *)gone;
  FAILS(libresult_checkpoint_open_directory(gone, NULL, 0, NULL, NULL, NULL, &directory), LIBRESULT_CODE_NOT_FOUND,
        "gone");
  CHECK(!directory);
  libresult_checkpoint_free(gone);
}

static void files(void) {
  struct place place = make_place();
  libresult_files *files = NULL;
  WORKS(libresult_checkpoint_read_files(place.checkpoint, NULL, &files));
  CHECK(libresult_files_count(files) == 3);
  CHECK(equals(libresult_files_name_at(files, 0), ".metadata.json") && libresult_files_size_at(files, 0) == 2);
  CHECK(equals(libresult_files_name_at(files, 1), "model.bin") && libresult_files_size_at(files, 1) == 288894);
  CHECK(equals(libresult_files_name_at(files, 2), "optim/rank_0.pt") && libresult_files_size_at(files, 2) == 10);
  CHECK(equals(libresult_files_name_at(files, 3), "") && libresult_files_size_at(files, 3) == 0);
  libresult_files_free(files);

  char into[16] = "................";
  size_t read = 99;
  WORKS(libresult_checkpoint_read_file(place.checkpoint, "optim/rank_0.pt", 3, into, 4, NULL, &read));
  CHECK(read == 4 && memcmp(into, "3456.", 5) == 0);
  WORKS(libresult_checkpoint_read_file(place.checkpoint, "optim/rank_0.pt", 8, into, 16, NULL, &read));
  CHECK(read == 2 && memcmp(into, "8956", 4) == 0);
  WORKS(libresult_checkpoint_read_file(place.checkpoint, "optim/rank_0.pt", 10, into, 16, NULL, &read));
  CHECK(read == 0);
  WORKS(libresult_checkpoint_read_file(place.checkpoint, "optim/rank_0.pt", UINT64_MAX, into, 0, NULL, &read));
  WORKS(libresult_checkpoint_read_file(place.checkpoint, "optim/rank_0.pt", 0, NULL, 0, NULL, &read));
  CHECK(read == 0);
  read = 99;
  FAILS(libresult_checkpoint_read_file(place.checkpoint, "../x", 0, into, 1, NULL, &read),
        LIBRESULT_CODE_INVALID_ARGUMENT, "argument name", "'../x'");
  CHECK(read == 0);
  FAILS(libresult_checkpoint_read_file(place.checkpoint, "optim", 0, into, 1, NULL, &read), LIBRESULT_CODE_IO,
        "optim: not a regular file");
  FAILS(libresult_checkpoint_read_file(place.checkpoint, "optim/rank_1.pt", 0, into, 1, NULL, &read),
        LIBRESULT_CODE_NOT_FOUND, "optim/rank_1.pt");
  FAILS(libresult_checkpoint_read_file(place.checkpoint, "model.bin", 0, into, SIZE_MAX, NULL, &read),
        LIBRESULT_CODE_INVALID_ARGUMENT, "argument len");
  libresult_checkpoint_free(place.checkpoint);
}

void test_transfer(void) {
  a_whole_copy();
  some_files();
  links();
  stopped();
  alarms_ring_at_home();
  places_that_are_none();
  full_disk();
  as_another_user("r260v1-nested", a_read_only_directory);
  directories();
  files();
}
