// What calls that take long, and tell how far they are, need in C.

#ifndef LIBRESULT_GO_TRANSFER_H
#define LIBRESULT_GO_TRANSFER_H

#include <libresult.h>

// In progress.go: calls the function of Go that `handle` stands for.
extern bool libresult_go_tell(uintptr_t handle, uint64_t done, uint64_t total);

static inline bool libresult_go_progress(void *handle, uint64_t done, uint64_t total) {
  return libresult_go_tell((uintptr_t)handle, done, total);
}

static inline libresult_error *libresult_go_download(
    const libresult_checkpoint *checkpoint, const char *dest_dir, const libresult_setting *settings,
    size_t setting_count, uintptr_t handle, const libresult_cancel *cancel) {
  return libresult_checkpoint_download(checkpoint, dest_dir, settings, setting_count,
                                       handle ? libresult_go_progress : NULL, (void *)handle,
                                       cancel);
}

static inline libresult_error *libresult_go_open_directory(
    const libresult_checkpoint *checkpoint, const libresult_setting *settings, size_t setting_count,
    uintptr_t handle, const libresult_cancel *cancel, libresult_directory **out) {
  return libresult_checkpoint_open_directory(checkpoint, settings, setting_count,
                                             handle ? libresult_go_progress : NULL, (void *)handle,
                                             cancel, out);
}

static inline libresult_error *libresult_go_write_parquet(
    const libresult_run *run, const char *uri, const libresult_setting *settings,
    size_t setting_count, uintptr_t handle, const libresult_cancel *cancel) {
  return libresult_run_write_parquet(run, uri, settings, setting_count,
                                     handle ? libresult_go_progress : NULL, (void *)handle, cancel);
}

static inline libresult_error *libresult_go_write_csv(
    const libresult_run *run, const char *uri, const libresult_setting *settings,
    size_t setting_count, uintptr_t handle, const libresult_cancel *cancel) {
  return libresult_run_write_csv(run, uri, settings, setting_count,
                                 handle ? libresult_go_progress : NULL, (void *)handle, cancel);
}

// A file of a checkpoint. Addresses are integers here, as in walk.h.
typedef struct {
  uintptr_t name;
  size_t name_len;
  uint64_t size;
} libresult_go_file;

// Fills `out`, one for each of the files.
static inline void libresult_go_list_files(const libresult_files *files, libresult_go_file *out) {
  size_t count = libresult_files_count(files);
  for (size_t i = 0; i < count; ++i) {
    libresult_str name = libresult_files_name_at(files, i);
    out[i].name = (uintptr_t)name.data;
    out[i].name_len = name.len;
    out[i].size = libresult_files_size_at(files, i);
  }
}

#endif
