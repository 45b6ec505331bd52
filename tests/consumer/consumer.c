// Prints the version of the library and the checkpoint of a run with the least loss.
#include <libresult.h>

#include <stdio.h>

int main(int argc, char **argv) {
  libresult_run *run = NULL;
  libresult_checkpoint *best = NULL;
  libresult_error *error = libresult_run_open(argc > 1 ? argv[1] : ".", NULL, 0, NULL, &run);
  if (!error) error = libresult_run_best_checkpoint(run, "loss", LIBRESULT_MODE_MIN, NULL, 0, &best);
  if (error) {
    libresult_str message = libresult_error_message(error);
    fprintf(stderr, "%.*s\n", (int)message.len, message.data);
    return 1;
  }
  libresult_str version = libresult_version();
  printf("%.*s %s\n", (int)version.len, version.data, libresult_checkpoint_name(best).data);
  libresult_checkpoint_free(best);
  libresult_run_free(run);
}
