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
//   program cached DIRECTORY CACHE            opens DIRECTORY as a checkpoint of a store of its own, so by
//                                             a copy in CACHE, and looks whether that is whole
//   program directory CHECKPOINT              prints where it is as a directory, its files, and a byte

#define _POSIX_C_SOURCE 200809L  // access

#include <libresult.h>

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
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

// A store of the directories of this machine, which libresult does not know to be of it.
static libresult_error *list(void *user_data, const char *path, libresult_listing *into) {
  char name[8192];
  struct stat status;
  snprintf(name, sizeof name, "/%s", path);
  (void)user_data;
  DIR *directory = opendir(name);
  if (!directory) return libresult_error_new(LIBRESULT_CODE_IO, "cannot be listed");
  errno = 0;
  for (struct dirent *entry; (entry = readdir(directory));) {
    if (entry->d_name[0] == '.') continue;
    snprintf(name, sizeof name, "/%s/%s", path, entry->d_name);
    if (stat(name, &status) != 0) break;
    libresult_listing_add(into, entry->d_name, (uint64_t)status.st_size, S_ISDIR(status.st_mode));
    errno = 0;
  }
  bool failed = errno != 0;
  closedir(directory);
  return failed ? libresult_error_new(LIBRESULT_CODE_IO, "cannot be listed to the end") : NULL;
}

static libresult_error *read_part(void *user_data, const char *path, uint64_t offset, void *into,
                                  size_t len, size_t *out) {
  char name[8192];
  snprintf(name, sizeof name, "/%s", path);
  (void)user_data;
  int file = open(name, O_RDONLY | O_CLOEXEC);
  ssize_t count = file < 0 ? -1 : pread(file, into, len, (off_t)offset);
  if (file >= 0) close(file);
  if (count < 0) return libresult_error_new(LIBRESULT_CODE_IO, "cannot be read");
  *out = (size_t)count;
  return NULL;
}

// Whether a file has the same content in two directories: 0 if so, 3 if not, 1 if it cannot be told.
static int compare(const char *a, const char *b, libresult_str name) {
  static char texts[2][1 << 20];
  size_t lengths[2];
  for (int i = 0; i < 2; i++) {
    char path[8192];
    snprintf(path, sizeof path, "%s/%.*s", i ? b : a, (int)name.len, name.data);
    FILE *file = fopen(path, "r");
    if (!file) return errno == ENOENT ? 3 : 1;
    lengths[i] = fread(texts[i], 1, sizeof *texts, file);
    bool failed = ferror(file);
    fclose(file);
    if (failed) return 1;
  }
  return lengths[0] == lengths[1] && memcmp(texts[0], texts[1], lengths[0]) == 0 ? 0 : 3;
}

static int use_copy(const char *source, const char *cache) {
  static const libresult_store_functions functions = {sizeof functions, false, list, read_part, NULL};
  const libresult_setting settings[] = {
      {"cache_dir", cache}, {"parallel", "1"}, {"part_bytes", "65536"}};
  char uri[8192];
  snprintf(uri, sizeof uri, "here://%s", source + 1);
  libresult_checkpoint *checkpoint = NULL;
  libresult_directory *directory = NULL;
  libresult_files *files = NULL;
  libresult_error *error = libresult_store_register("here", &functions, NULL, NULL);
  if (!error) error = libresult_checkpoint_open(uri, NULL, 0, NULL, &checkpoint);
  if (!error) error = libresult_checkpoint_read_files(checkpoint, NULL, &files);
  if (error) return end(error), 2;
  begin();
  int status = end(libresult_checkpoint_open_directory(checkpoint, settings, 3, NULL, NULL, NULL, &directory));
  for (size_t i = 0; status == 0 && i < libresult_files_count(files); i++) {
    status = compare(source, libresult_directory_path(directory).data, libresult_files_name_at(files, i));
    if (status) fputs("the copy cannot be read, or is not whole\n", stderr);
  }
  libresult_directory_free(directory);
  libresult_files_free(files);
  libresult_checkpoint_free(checkpoint);
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
  if (strcmp(argv[1], "cached") == 0) return argc > 3 ? use_copy(argv[2], argv[3]) : 2;
  begin();
  if (strcmp(argv[1], "open") == 0) return open_run(argv[2]);
  return use_checkpoint(argv[1], argv[2], argc > 3 ? argv[3] : NULL);
}
