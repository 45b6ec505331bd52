// The functions of a store of Go's own, as C calls them: each hands on to Go, with an integer for the store.

#ifndef LIBRESULT_GO_STORE_H
#define LIBRESULT_GO_STORE_H

#include <libresult.h>
#include <stdint.h>

// store_calls.go has them.
extern libresult_error *libresult_go_store_list(uintptr_t store, char *path, libresult_listing *into);
extern libresult_error *libresult_go_store_read(uintptr_t store, char *path, uint64_t offset,
                                                void *into, size_t len, size_t *out);
extern libresult_error *libresult_go_store_write(uintptr_t store, char *path, void *data, size_t len);
extern void libresult_go_store_destroy(uintptr_t store);

static libresult_error *libresult_go_list(void *store, const char *path, libresult_listing *into) {
  return libresult_go_store_list((uintptr_t)store, (char *)path, into);
}

static libresult_error *libresult_go_read(void *store, const char *path, uint64_t offset, void *into,
                                          size_t len, size_t *out) {
  return libresult_go_store_read((uintptr_t)store, (char *)path, offset, into, len, out);
}

static libresult_error *libresult_go_write(void *store, const char *path, const void *data,
                                           size_t len) {
  return libresult_go_store_write((uintptr_t)store, (char *)path, (void *)data, len);
}

static void libresult_go_destroy(void *store) { libresult_go_store_destroy((uintptr_t)store); }

static libresult_error *libresult_go_register(const char *scheme, uintptr_t store, bool is_writable) {
  libresult_store_functions functions = {sizeof functions, true, libresult_go_list,
                                         libresult_go_read,
                                         is_writable ? libresult_go_write : NULL};
  return libresult_store_register(scheme, &functions, (void *)store, libresult_go_destroy);
}

#endif
