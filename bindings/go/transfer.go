package libresult

// #include "transfer.h"
import "C"

import (
	"context"
	"runtime"
	"sync"
	"unsafe"
)

// Download copies the checkpoint into the local directory destDir, which is then whole or untouched,
// even if the process is killed meanwhile: the next call goes on with what is there. [WithProgress]
// tells how far it is.
//
// The settings: "include" and "exclude" (patterns for the names of files: "*" is any text, "/" included,
// "?" one character; may come more than once), "on_exists" ("fail", "replace", "merge"), "link" ("copy",
// "hard"), "parallel" and "part_bytes". The error is [ErrNotFound] if the checkpoint is not there, [ErrIO]
// if something is at destDir that is not to be replaced or merged with, [ErrInvalidArgument] for an
// "include" that no file has.
func (c *Checkpoint) Download(ctx context.Context, destDir string, settings ...Setting) error {
	defer runtime.KeepAlive(c)
	cDir, err := cString("destDir", destDir)
	if err != nil {
		return err
	}
	var pinner runtime.Pinner
	defer pinner.Unpin()
	array, count, err := cSettings(settings, &pinner)
	if err != nil {
		return err
	}
	return telling(ctx, func(handle C.uintptr_t) error {
		return stoppable(ctx, func(cancel *C.libresult_cancel) *C.libresult_error {
			return C.libresult_go_download(c.c, cDir, array, count, handle, cancel)
		})
	})
}

// Directory is a checkpoint as a local directory, until it is closed.
type Directory struct {
	lock    sync.Mutex
	c       *C.libresult_directory
	path    string
	cleanup runtime.Cleanup
}

// OpenDirectory makes the checkpoint a local directory: itself if it is local, or else a copy, shared by
// all who ask for the same one, in goroutines and processes. The last one who closes it removes it.
//
// The settings are those of [Checkpoint.Download] but "on_exists", and "cache_dir", "keep" ("true": the
// copy stays for whoever asks for it next) and "cache_max_bytes". The errors are the same.
func (c *Checkpoint) OpenDirectory(ctx context.Context, settings ...Setting) (*Directory, error) {
	defer runtime.KeepAlive(c)
	var pinner runtime.Pinner
	defer pinner.Unpin()
	array, count, err := cSettings(settings, &pinner)
	if err != nil {
		return nil, err
	}
	var owned *C.libresult_directory
	err = telling(ctx, func(handle C.uintptr_t) error {
		return stoppable(ctx, func(cancel *C.libresult_cancel) *C.libresult_error {
			return C.libresult_go_open_directory(c.c, array, count, handle, cancel, &owned)
		})
	})
	if err != nil {
		return nil, err
	}
	directory := &Directory{c: owned, path: goString(C.libresult_directory_path(owned))}
	directory.cleanup = runtime.AddCleanup(directory,
		func(owned *C.libresult_directory) { C.libresult_directory_free(owned) }, owned)
	return directory, nil
}

// Path returns the path of the directory; empty once it is closed. Others may share it, so nothing is to
// be written there.
func (d *Directory) Path() string {
	d.lock.Lock()
	defer d.lock.Unlock()
	return d.path
}

// Close tells that the directory is not needed any more. Closing it again does nothing. One that nothing
// refers to any more, its path apart, is closed by the garbage collector.
func (d *Directory) Close() {
	d.lock.Lock()
	defer d.lock.Unlock()
	d.cleanup.Stop()
	C.libresult_directory_free(d.c)
	d.c, d.path = nil, ""
}

// File is a file of a checkpoint.
type File struct {
	// Name is its name below the checkpoint, such as "optim/rank_0.pt".
	Name string
	// Size is in bytes.
	Size uint64
}

// Files lists the files of the checkpoint, by name.
func (c *Checkpoint) Files(ctx context.Context) ([]File, error) {
	defer runtime.KeepAlive(c)
	var owned *C.libresult_files
	err := stoppable(ctx, func(cancel *C.libresult_cancel) *C.libresult_error {
		return C.libresult_checkpoint_read_files(c.c, cancel, &owned)
	})
	if err != nil {
		return nil, err
	}
	defer C.libresult_files_free(owned)
	entries := make([]C.libresult_go_file, C.libresult_files_count(owned))
	C.libresult_go_list_files(owned, unsafe.SliceData(entries))
	files := make([]File, len(entries))
	for i := range entries {
		entry := &entries[i]
		files[i] = File{Name: copyBytes(&entry.name, entry.name_len), Size: uint64(entry.size)}
	}
	return files, nil
}

// ReadFile reads up to len(into) bytes of the file called name, from offset on. It returns how many there
// were, which are fewer only at the end of the file. The error is [ErrNotFound] if there is no such file.
func (c *Checkpoint) ReadFile(ctx context.Context, name string, offset uint64, into []byte) (int, error) {
	defer runtime.KeepAlive(c)
	cName, err := cString("name", name)
	if err != nil {
		return 0, err
	}
	var read C.size_t
	err = stoppable(ctx, func(cancel *C.libresult_cancel) *C.libresult_error {
		return C.libresult_checkpoint_read_file(c.c, cName, C.uint64_t(offset),
			unsafe.Pointer(unsafe.SliceData(into)), C.size_t(len(into)), cancel, &read)
	})
	return int(read), err
}
