// What syscalls.sh runs while system calls fail. Ends with 0 if the library succeeded, 1 if it
// returned an error, whose message goes to standard error; with anything else if that was no answer.
//
//   program open RUN             reads everything
//   program frame RUN            prints how many reports it has; opening is not tested here
//   program csv RUN FILE THREADS, program parquet RUN FILE THREADS
//                                write it to a file, and replace that; opening is not tested here
//   program read CHECKPOINT      prints the metadata
//   program write CHECKPOINT JSON
//   program update CHECKPOINT JSON
//   program download CHECKPOINT DIRECTORY     copies it, in parts, on one thread; replaces what is there
//   program directory CHECKPOINT              prints where it is as a directory, its files, and a byte

#define _POSIX_C_SOURCE 200809L  // access

#include <libresult.h>

#include <stdio.h>
#include <string.h>
#include <unistd.h>

static int end(libresult_error *error) {
  if (!error) return 0;
  libresult_str message = libresult_error_message(error);
  fprintf(stderr, "%.*s\n", (int)message.len, message.data);
  int status = message.len > 0 && libresult_error_code(error) != LIBRESULT_CODE_INTERNAL ? 1 : 3;
  libresult_error_free(error);
  return status;
}

static int print(libresult_text *text) {
  libresult_str str = libresult_text_str(text);
  printf("%.*s\n", (int)str.len, str.data);
  libresult_text_free(text);
  return str.len > 0 ? 0 : 3;
}

static int open_run(const char *uri) {
  libresult_run *run = NULL;
  libresult_error *error = libresult_run_open(uri, NULL, 0, NULL, &run);
  if (error) return end(error);
  int status = print(libresult_run_to_json(run));
  libresult_run_free(run);
  return status;
}

// From here on, system calls are the library's; syscalls.sh looks for this one.
static void begin(void) {
  if (access("/libresult-test-begins", F_OK) == 0) fputs("the mark is a file\n", stderr);
}

static int read_frame(const char *uri) {
  libresult_run *run = NULL;
  libresult_frame *frame = NULL;
  libresult_error *error = libresult_run_open(uri, NULL, 0, NULL, &run);
  if (error) return end(error), 2;
  begin();
  int status = end(libresult_run_read_frame(run, NULL, 0, NULL, &frame));
  if (status == 0) printf("%zu rows\n", libresult_frame_row_count(frame));
  libresult_frame_free(frame);
  libresult_run_free(run);
  return status;
}

static int write_file(const char *format, const char *uri, const char *file, const char *threads) {
  libresult_run *run = NULL;
  libresult_error *error = libresult_run_open(uri, NULL, 0, NULL, &run);
  if (error) return end(error), 2;
  const libresult_setting settings[] = {{"on_exists", "replace"}, {"threads", threads}};
  begin();
  int status = end(strcmp(format, "csv") == 0
                       ? libresult_run_write_csv(run, file, settings, 2, NULL, NULL, NULL)
                       : libresult_run_write_parquet(run, file, settings, 2, NULL, NULL, NULL));
  libresult_run_free(run);
  return status;
}

static int download(const libresult_checkpoint *checkpoint, const char *directory) {
  const libresult_setting settings[] = {
      {"on_exists", "replace"}, {"parallel", "1"}, {"part_bytes", "65536"}};
  return end(libresult_checkpoint_download(checkpoint, directory, settings, 3, NULL, NULL, NULL));
}

static int look(const libresult_checkpoint *checkpoint) {
  libresult_directory *directory = NULL;
  libresult_files *files = NULL;
  char byte = 0;
  size_t read = 0;
  int status = end(libresult_checkpoint_open_directory(checkpoint, NULL, 0, NULL, NULL, NULL, &directory));
  if (status == 0) status = end(libresult_checkpoint_read_files(checkpoint, NULL, &files));
  if (status == 0) {
    const char *name = libresult_files_name_at(files, 0).data;
    status = end(libresult_checkpoint_read_file(checkpoint, name, 0, &byte, 1, NULL, &read));
  }
  if (status == 0) {
    printf("%s %zu %zu%c\n", libresult_directory_path(directory).data, libresult_files_count(files), read, byte);
  }
  libresult_directory_free(directory);
  libresult_files_free(files);
  return status;
}

static int use_checkpoint(const char *verb, const char *uri, const char *json) {
  libresult_checkpoint *checkpoint = NULL;
  libresult_error *error = libresult_checkpoint_open(uri, NULL, 0, NULL, &checkpoint);
  int status = 0;
  if (error) {
    status = end(error);
  } else if (strcmp(verb, "read") == 0) {
    libresult_value *metadata = NULL;
    status = end(libresult_checkpoint_read_metadata(checkpoint, NULL, &metadata));
    if (status == 0) status = print(libresult_value_to_json(metadata));
    libresult_value_free(metadata);
  } else if (strcmp(verb, "download") == 0) {
    status = download(checkpoint, json);
  } else if (strcmp(verb, "directory") == 0) {
    status = look(checkpoint);
  } else if (strcmp(verb, "write") == 0) {
    status = end(libresult_checkpoint_write_metadata(checkpoint, json, NULL));
  } else {
    status = end(libresult_checkpoint_update_metadata(checkpoint, json, NULL));
  }
  libresult_checkpoint_free(checkpoint);
  return status;
}

int main(int argc, char **argv) {
  if (argc < 3) {
    fputs("usage: program VERB PATH [JSON|FILE THREADS|DIRECTORY]\n", stderr);
    return 2;
  }
  if (strcmp(argv[1], "frame") == 0) return read_frame(argv[2]);
  if (strcmp(argv[1], "csv") == 0 || strcmp(argv[1], "parquet") == 0) {
    return argc > 4 ? write_file(argv[1], argv[2], argv[3], argv[4]) : 2;
  }
  begin();
  if (strcmp(argv[1], "open") == 0) return open_run(argv[2]);
  return use_checkpoint(argv[1], argv[2], argc > 3 ? argv[3] : NULL);
}
