// Tests what the C API adds to the library, and what it says about bad input.
//
//   behaviour CORPUS SCRATCH
//
// CORPUS holds the run directories of tests/corpus and is only read; SCRATCH is a directory that the
// tests may write to. Prints each check that failed and `N passed, N failed`.

#include "check.h"

#include <stdio.h>

const char *corpus, *scratch;

int main(int argc, char **argv) {
  if (argc != 3) {
    fputs("usage: behaviour CORPUS SCRATCH\n", stderr);
    return 2;
  }
  corpus = argv[1];
  scratch = argv[2];
  test_bad_input();
  test_events();
  test_frame();
  test_metadata();
  test_objects();
  test_store();
  test_transfer();
  test_values();
  test_write();
  printf("%d passed, %d failed\n", passed, failed);
  return failed > 0 ? 1 : 0;
}
