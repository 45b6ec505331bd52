#define _DEFAULT_SOURCE  // chown, mkdtemp, setgroups

#include "check.h"

#include <dirent.h>
#include <grp.h>
#include <linux/capability.h>
#include <stdarg.h>
#include <stdio.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

int passed = 0, failed = 0;

// ---- Checks ------------------------------------------------------------------------------------

void check(bool condition, const char *text, const char *file, int line) {
  condition ? passed++ : failed++;
  if (!condition) printf("%s:%d: FAILED: %s\n", file, line, text);
}

static void print_error(const libresult_error *error) {
  libresult_str message = libresult_error_message(error);
  printf("  code %d: %.*s\n", (int)libresult_error_code(error), (int)message.len, message.data);
}

void works(libresult_error *error, const char *text, const char *file, int line) {
  check(!error, text, file, line);
  if (error) print_error(error);
  libresult_error_free(error);
}

static bool has(libresult_str text, const char *part) {
  size_t len = strlen(part);
  for (size_t i = 0; i + len <= text.len; i++) {
    if (memcmp(text.data + i, part, len) == 0) return true;
  }
  return false;
}

void fails(libresult_error *error, libresult_code code, const char *const *parts, const char *text,
           const char *file, int line) {
  libresult_str message = libresult_error_message(error);
  bool as_expected = libresult_error_code(error) == code && message.len > 0;
  for (const char *const *part = parts; *part; part++) {
    bool found = has(message, *part);
    if (!found) printf("%s:%d: the message lacks: %s\n", file, line, *part);
    as_expected = as_expected && found;
  }
  check(as_expected, text, file, line);
  if (!as_expected) print_error(error);
  libresult_error_free(error);
}

bool equals(libresult_str text, const char *expected) {
  return text.len == strlen(expected) && memcmp(text.data, expected, text.len) == 0;
}

// ---- Files -------------------------------------------------------------------------------------

static void give_up(const char *what) {
  perror(what);
  exit(2);
}

struct path at(const char *format, ...) {
  struct path path;
  va_list arguments;
  va_start(arguments, format);
  vsnprintf(path.text, sizeof path.text, format, arguments);
  va_end(arguments);
  return path;
}

void shell(const char *format, ...) {
  struct path command;
  va_list arguments;
  va_start(arguments, format);
  vsnprintf(command.text, sizeof command.text, format, arguments);
  va_end(arguments);
  if (system(command.text) != 0) give_up(command.text);
}

void make_directory(const char *path) {
  if (mkdir(path, 0777) != 0) give_up(path);
}

void write_file(const char *path, const char *text) {
  FILE *file = fopen(path, "w");
  if (!file || fputs(text, file) < 0 || fclose(file) != 0) give_up(path);
}

char *read_file(const char *path) {
  FILE *file = fopen(path, "r");
  if (!file) return NULL;
  char *text = calloc(1, 1 << 20);
  if (!text) give_up(path);
  size_t len = fread(text, 1, (1 << 20) - 1, file);
  text[len] = '\0';
  fclose(file);
  return text;
}

bool file_is(const char *path, const char *text) {
  char *found = read_file(path);
  bool same = found && strcmp(found, text) == 0;
  if (!same) printf("  %s has: %s\n", path, found ? found : "nothing");
  free(found);
  return same;
}

bool file_has(const char *path, const char *text) {
  char *found = read_file(path);
  bool has_it = found && strstr(found, text);
  if (!has_it) printf("  %s has: %s\n", path, found ? found : "nothing");
  free(found);
  return has_it;
}

int count_entries(const char *path) {
  int count = 0;
  DIR *directory = opendir(path);
  if (!directory) give_up(path);
  while (readdir(directory)) count++;
  closedir(directory);
  return count - 2;  // `.` and `..`
}

struct path make_run(const char *name, const char *rows) {
  struct path run = at("%s/%s", scratch, name);
  shell("rm -rf '%s'", run.text);
  make_directory(run.text);
  write_file(at("%s/result.json", run.text).text, rows);
  return run;
}

struct path copy_case(const char *name) {
  struct path run = at("%s/%s", scratch, name);
  shell("rm -rf '%s' && cp -r '%s/%s/run' '%s'", run.text, corpus, name, run.text);
  return run;
}

// ---- Calls with the usual arguments ------------------------------------------------------------

libresult_error *open_run(const char *uri, libresult_run **run) {
  *run = (void *)run;
  return libresult_run_open(uri, NULL, 0, NULL, run);
}

libresult_error *open_with(const char *uri, const char *key, const char *value,
                           libresult_run **run) {
  libresult_setting setting = {key, value};
  *run = (void *)run;
  return libresult_run_open(uri, &setting, 1, NULL, run);
}

libresult_checkpoint *open_checkpoint(const char *directory, const char *name) {
  libresult_checkpoint *checkpoint = NULL;
  WORKS(libresult_checkpoint_open(at("%s/%s", directory, name).text, NULL, 0, NULL, &checkpoint));
  return checkpoint;
}

// ---- Another user ------------------------------------------------------------------------------

enum { NOBODY = 65534 };

// Makes this process one that may do no more than its user. Where the root directory is closed to others, as in some chroots,
// root stays, without what root may do.
static void give_up_rights(const char *home) {
  struct stat root;
  if (geteuid() != 0 || stat("/", &root) != 0) return;
  if (root.st_mode & S_IXOTH) {
    shell("chown -R %d '%s'", NOBODY, home);
    if (setgroups(0, NULL) || setgid(NOBODY) || setuid(NOBODY)) give_up("setuid");
    return;
  }
  struct __user_cap_header_struct header = {_LINUX_CAPABILITY_VERSION_3, 0};
  struct __user_cap_data_struct none[_LINUX_CAPABILITY_U32S_3] = {{0, 0, 0}};
  if (syscall(SYS_capset, &header, none) != 0) give_up("capset");
}

static void report_and_exit(int pipe_end) {
  int counts[2] = {passed, failed};
  fflush(stdout);
  if (write(pipe_end, counts, sizeof counts) != sizeof counts) give_up("pipe");
  _exit(0);
}

void as_another_user(const char *name, void (*test)(const char *run)) {
  // Not below `scratch`: its parents may be closed to other users.
  char home[] = "/tmp/libresult-test-XXXXXX";
  int ends[2], status = 0, counts[2] = {0, 1};
  if (!mkdtemp(home) || pipe(ends) != 0) give_up(home);
  shell("cp -r '%s/%s/run' '%s/run'", corpus, name, home);
  fflush(stdout);
  pid_t child = fork();
  if (child < 0) give_up("fork");
  if (child == 0) {
    give_up_rights(home);
    passed = failed = 0;
    test(at("%s/run", home).text);
    report_and_exit(ends[1]);
  }
  close(ends[1]);
  bool reported = read(ends[0], counts, sizeof counts) == sizeof counts;
  close(ends[0]);
  waitpid(child, &status, 0);
  CHECK(reported && WIFEXITED(status) && WEXITSTATUS(status) == 0);
  passed += counts[0];
  failed += counts[1];
  shell("chmod -R u+rwX '%s' && rm -rf '%s'", home, home);
}
