// What the tests of the C API share: checks that count, files, and another user.

#ifndef CHECK_H
#define CHECK_H

#include <libresult.h>

#include <stdlib.h>
#include <string.h>

// Where the run directories of the corpus are, and where the tests may write.
extern const char *corpus, *scratch;

extern int passed, failed;

// ---- Checks ------------------------------------------------------------------------------------

#define CHECK(condition) check((condition), #condition, __FILE__, __LINE__)

// That `call` returns no error.
#define WORKS(call) works((call), #call, __FILE__, __LINE__)

// That `call` returns an error of this code, whose message has every one of the texts.
#define FAILS(call, code, ...)                                                                     \
  fails((call), (code), (const char *const[]){__VA_ARGS__, NULL}, #call, __FILE__, __LINE__)

void check(bool condition, const char *text, const char *file, int line);
void works(libresult_error *error, const char *text, const char *file, int line);
void fails(libresult_error *error, libresult_code code, const char *const *parts, const char *text,
           const char *file, int line);

// Whether `text` is `expected`.
bool equals(libresult_str text, const char *expected);

// ---- Files -------------------------------------------------------------------------------------

struct path {
  char text[4096];
};

// A path, which lives as long as the expression that it stands in: `at("%s/%s", a, b).text`.
__attribute__((format(printf, 1, 2))) struct path at(const char *format, ...);

// Runs a command of the shell, which must end well.
__attribute__((format(printf, 1, 2))) void shell(const char *format, ...);

void make_directory(const char *path);
void write_file(const char *path, const char *text);

// The text of a file, which the caller frees; NULL if there is none.
char *read_file(const char *path);

// Whether the file has exactly this text, and whether it has it somewhere.
bool file_is(const char *path, const char *text);
bool file_has(const char *path, const char *text);

// How many entries a directory has.
int count_entries(const char *path);

// A fresh directory `name` below `scratch`, with a file `result.json` of this text.
struct path make_run(const char *name, const char *rows);

// A copy of the run of a case below `scratch`.
struct path copy_case(const char *name);

// ---- Calls with the usual arguments ------------------------------------------------------------

// `*run` holds garbage before.
libresult_error *open_run(const char *uri, libresult_run **run);

// With one setting.
libresult_error *open_with(const char *uri, const char *key, const char *value,
                           libresult_run **run);

// The checkpoint called `name` in a directory, opened without its run.
libresult_checkpoint *open_checkpoint(const char *directory, const char *name);

// ---- Another user ------------------------------------------------------------------------------

// Calls `test` with a copy of the run of a case that belongs to the user who then runs: another one
// than root, in a process of its own, because root may read and write everything.
void as_another_user(const char *name, void (*test)(const char *run));

// ---- Groups of tests ---------------------------------------------------------------------------

void test_bad_input(void);
void test_events(void);
void test_frame(void);
void test_metadata(void);
void test_objects(void);
void test_store(void);
void test_transfer(void);
void test_values(void);
void test_write(void);

#endif
