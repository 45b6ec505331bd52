// Tests that the library works for a program that is not linked with it.
//
//   dlopen LIBRESULT_SO RUN

#include <libresult.h>

#include <dlfcn.h>
#include <stdio.h>
#include <string.h>

// A function of the library; C has no cast from a pointer to an object to one to a function.
#define FIND(library, function)                                                                    \
  do {                                                                                             \
    void *address = dlsym(library, "libresult_" #function);                                        \
    memcpy(&function, &address, sizeof address);                                                   \
    if (!address) return printf("no libresult_" #function "\n"), 1;                                \
  } while (0)

int main(int argc, char **argv) {
  if (argc != 3) return fputs("usage: dlopen LIBRESULT_SO RUN\n", stderr), 2;
  void *library = dlopen(argv[1], RTLD_NOW | RTLD_LOCAL);
  if (!library) return printf("%s\n", dlerror()), 1;

  libresult_error *(*run_open)(const char *, const libresult_setting *, size_t,
                               const libresult_cancel *, libresult_run **);
  libresult_str (*run_path)(const libresult_run *);
  void (*run_free)(libresult_run *);
  libresult_code (*error_code)(const libresult_error *);
  void (*error_free)(libresult_error *);
  libresult_str (*version)(void);
  FIND(library, run_open);
  FIND(library, run_path);
  FIND(library, run_free);
  FIND(library, error_code);
  FIND(library, error_free);
  FIND(library, version);

  libresult_run *run = NULL;
  libresult_error *error = run_open(argv[2], NULL, 0, NULL, &run);
  if (error || run_path(run).len == 0) return puts("the run does not open"), 1;
  run_free(run);
  error = run_open("/no/such/run", NULL, 0, NULL, &run);
  if (error_code(error) != LIBRESULT_CODE_NOT_FOUND) return puts("no error"), 1;
  error_free(error);

  // It stays: threads of a host may still be in it.
  dlclose(library);
  if (version().len == 0) return puts("no version"), 1;
  puts("opened by dlopen");
  return 0;
}
