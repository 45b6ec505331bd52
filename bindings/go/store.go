package libresult

// #include "store.h"
import "C"

import (
	"errors"
	"io"
	"io/fs"
	"path"
	"runtime/cgo"
)

// Store is a store of the program's own, which can be read; [FSStore] makes one of any [fs.FS]. Its
// methods may be called by several goroutines at once.
//
// The path that a method is given is what stands behind "scheme://", without the slashes at its end. An
// error comes back from the call, with its words and a code: [ErrNotFound] for [fs.ErrNotExist],
// [ErrPermission] for [fs.ErrPermission], [ErrUnsupported] for [errors.ErrUnsupported], that of an
// [*Error] or a [Code], and else [ErrIO], which a panic is, too.
type Store interface {
	// List returns the entries right below the directory dir.
	List(dir string) ([]StoreEntry, error)
	// ReadAt reads into p what the file has from offset on, as an [io.ReaderAt] does: less than p holds
	// only at the end of the file, where [io.EOF] is no error. It must not keep p.
	ReadAt(file string, p []byte, offset int64) (n int, err error)
}

// StoreWriter is a [Store] that can be written to as well.
type StoreWriter interface {
	Store
	// Write writes the whole file, all at once or not at all. It must neither change nor keep data.
	Write(file string, data []byte) error
}

// StoreEntry is a file or a directory of a [Store].
type StoreEntry struct {
	Name  string
	Size  int64 // Of a file, in bytes.
	IsDir bool
}

// RegisterStore makes "scheme://…" mean a store, wherever a URI goes in. If it is a [StoreWriter] it can
// be written to.
//
// The scheme is a letter, then letters, digits, "+", "-" and ".", all in lower case; one that is taken is
// an [ErrInvalidArgument]. The store is kept until it is unregistered and the last object on it is
// gone. Two writers who update metadata at the same time may lose what one of them wrote: a store of
// one's own cannot tell.
func RegisterStore(scheme string, store Store) error {
	cScheme, err := cString("scheme", scheme)
	if err != nil {
		return err
	}
	if store == nil {
		return &Error{Code: ErrInvalidArgument, Message: "argument store is nil"}
	}
	_, isWritable := store.(StoreWriter)
	handle := cgo.NewHandle(store)
	err = takeError(C.libresult_go_register(cScheme, C.uintptr_t(handle), C.bool(isWritable)))
	if err != nil {
		handle.Delete()
	}
	return err
}

// UnregisterStore takes the scheme back: no URI can be opened with it any more; what is open goes on. A
// scheme that is not registered is an [ErrInvalidArgument].
func UnregisterStore(scheme string) error {
	cScheme, err := cString("scheme", scheme)
	if err != nil {
		return err
	}
	return takeError(C.libresult_store_unregister(cScheme))
}

// FSStore makes a store of a file system, such as [os.DirFS], [embed.FS] or a [zip.Reader], which must be
// safe for several goroutines at once. It can only be read.
//
// Paths are rooted there, and cleaned as [path.Clean] does.
//
// [os.DirFS]: https://pkg.go.dev/os#DirFS
// [embed.FS]: https://pkg.go.dev/embed#FS
// [zip.Reader]: https://pkg.go.dev/archive/zip#Reader
func FSStore(fsys fs.FS) Store {
	return fsStore{fsys}
}

type fsStore struct{ fsys fs.FS }

// inFS is what a file system calls a path.
func inFS(name string) string {
	if clean := path.Clean("/" + name)[1:]; clean != "" {
		return clean
	}
	return "."
}

func (s fsStore) List(dir string) ([]StoreEntry, error) {
	dir = inFS(dir)
	found, err := fs.ReadDir(s.fsys, dir)
	if err != nil {
		return nil, err
	}
	entries := make([]StoreEntry, 0, len(found))
	for _, entry := range found {
		info, err := entry.Info()
		if err == nil && info.Mode()&fs.ModeSymlink != 0 {
			info, err = fs.Stat(s.fsys, path.Join(dir, entry.Name()))
		}
		// It may be gone by now, or a link that leads nowhere; and devices are none of ours.
		if err != nil || !info.IsDir() && !info.Mode().IsRegular() {
			continue
		}
		entries = append(entries, StoreEntry{Name: entry.Name(), Size: info.Size(), IsDir: info.IsDir()})
	}
	return entries, nil
}

func (s fsStore) ReadAt(name string, p []byte, offset int64) (int, error) {
	file, err := s.fsys.Open(inFS(name))
	if err != nil {
		return 0, err
	}
	defer file.Close()
	switch file := file.(type) {
	case io.ReaderAt:
		return file.ReadAt(p, offset)
	case io.Seeker:
		_, err = file.Seek(offset, io.SeekStart)
	default:
		_, err = io.CopyN(io.Discard, file.(io.Reader), offset)
	}
	if err != nil {
		return 0, err
	}
	n, err := io.ReadFull(file, p)
	if errors.Is(err, io.ErrUnexpectedEOF) {
		err = io.EOF
	}
	return n, err
}
