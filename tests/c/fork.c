// Forks while other threads use the library, which must be of use in the child.
//
//   fork CORPUS
//
// A program of its own: the memory checkers do not survive it.

#define _DEFAULT_SOURCE  // fork, alarm

#include <libresult.h>

#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

enum { FORKS = 500, THREADS = 2 };

// A store of empty directories, in which every fork finds another thread.
static libresult_error *list(void *user_data, const char *path, libresult_listing *into) {
  (void)user_data;
  usleep(100);
  libresult_listing_add(into, "checkpoint_000000", 0, strchr(path, '/') == NULL);
  return NULL;
}

static libresult_error *read_nothing(void *user_data, const char *path, uint64_t offset, void *into,
                                     size_t len, size_t *out) {
  (void)user_data, (void)path, (void)offset, (void)into, (void)len, (void)out;
  return libresult_error_new(LIBRESULT_CODE_NOT_FOUND, "there is nothing");
}

static const libresult_store_functions functions = {sizeof functions, false, list, read_nothing,
                                                    NULL};

// Looks schemes up without end, so that a fork falls into the middle of it.
static void *look_up(void *stop) {
  while (!*(atomic_bool *)stop) libresult_error_free(libresult_store_unregister("none"));
  return NULL;
}

// Reads the store without end, which wants one call at a time.
static void *open_runs(void *stop) {
  while (!*(atomic_bool *)stop) {
    libresult_run *run = NULL;
    libresult_error_free(libresult_run_open("own://run", NULL, 0, NULL, &run));
    libresult_run_free(run);
  }
  return NULL;
}

// Whether both a run of the corpus and one of the store can be opened, and another store registered.
static bool is_of_use(const char *corpus) {
  char path[4096];
  snprintf(path, sizeof path, "%s/r260v2-val_mixed/run", corpus);
  libresult_run *local = NULL, *own = NULL;
  bool good = !libresult_run_open(path, NULL, 0, NULL, &local) &&
              !libresult_run_open("own://run", NULL, 0, NULL, &own) &&
              !libresult_store_register("child", &functions, NULL, NULL);
  libresult_run_free(local);
  libresult_run_free(own);
  return good;
}

int main(int argc, char **argv) {
  if (argc != 2) return fputs("usage: fork CORPUS\n", stderr), 2;
  if (libresult_store_register("own", &functions, NULL, NULL)) return 2;
  atomic_bool stop = false;
  pthread_t threads[THREADS];
  for (int i = 0; i < THREADS; i++) {
    if (pthread_create(&threads[i], NULL, i ? look_up : open_runs, &stop) != 0) return 2;
  }
  int good = 0;
  for (int i = 0; i < FORKS; i++) {
    pid_t child = fork();
    if (child == 0) {
      alarm(20);
      _exit(is_of_use(argv[1]) ? 0 : 1);
    }
    int status = -1;
    good += child > 0 && waitpid(child, &status, 0) == child && status == 0;
  }
  stop = true;
  for (int i = 0; i < THREADS; i++) pthread_join(threads[i], NULL);
  printf("%d passed, %d failed\n", good, FORKS - good);
  return good == FORKS ? 0 : 1;
}
