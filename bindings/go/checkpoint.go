package libresult

// #include <libresult.h>
import "C"

import (
	"context"
	"runtime"
)

// Checkpoint is a directory that a run saved. It may outlive the run.
type Checkpoint struct {
	c *C.libresult_checkpoint
	_ *byte // With no pointer of Go's in it, it would share memory with other small things, and live as long as they.
}

// OpenCheckpoint opens a checkpoint without its run. One that does not exist can be opened;
// [Checkpoint.Presence] tells.
func OpenCheckpoint(ctx context.Context, uri string, settings ...Setting) (*Checkpoint, error) {
	cURI, err := cString("uri", uri)
	if err != nil {
		return nil, err
	}
	var pinner runtime.Pinner
	defer pinner.Unpin()
	array, count, err := cSettings(settings, &pinner)
	if err != nil {
		return nil, err
	}
	var owned *C.libresult_checkpoint
	err = stoppable(ctx, func(cancel *C.libresult_cancel) *C.libresult_error {
		return C.libresult_checkpoint_open(cURI, array, count, cancel, &owned)
	})
	if err != nil {
		return nil, err
	}
	return ownCheckpoint(owned), nil
}

// ownCheckpoint takes over a checkpoint from C.
func ownCheckpoint(owned *C.libresult_checkpoint) *Checkpoint {
	checkpoint := &Checkpoint{c: owned}
	runtime.AddCleanup(checkpoint, func(owned *C.libresult_checkpoint) { C.libresult_checkpoint_free(owned) }, owned)
	return checkpoint
}

// cloneCheckpoint makes a checkpoint of one that C lends; of NULL, nil.
func cloneCheckpoint(borrowed *C.libresult_checkpoint) *Checkpoint {
	if borrowed == nil {
		return nil
	}
	return ownCheckpoint(C.libresult_checkpoint_clone(borrowed))
}

// URI returns where the checkpoint is, so that it can be opened again.
func (c *Checkpoint) URI() string {
	defer runtime.KeepAlive(c)
	return goString(C.libresult_checkpoint_uri(c.c))
}

// Path returns where the checkpoint is, as Ray shows it: without the scheme.
func (c *Checkpoint) Path() string {
	defer runtime.KeepAlive(c)
	return goString(C.libresult_checkpoint_path(c.c))
}

// Filesystem returns the kind of store that the checkpoint is on, as Ray names it.
func (c *Checkpoint) Filesystem() string {
	defer runtime.KeepAlive(c)
	return goString(C.libresult_checkpoint_filesystem(c.c))
}

// Name returns the name of its directory.
func (c *Checkpoint) Name() string {
	defer runtime.KeepAlive(c)
	return goString(C.libresult_checkpoint_name(c.c))
}

// Index returns its place among the reported checkpoints of its run, and whether it has one.
func (c *Checkpoint) Index() (int, bool) {
	defer runtime.KeepAlive(c)
	var index C.size_t
	ok := C.libresult_checkpoint_index(c.c, &index)
	return int(index), bool(ok)
}

// Report returns the number of the report that it came with, from 0, and whether the run tells.
// Reports that could not be read count.
func (c *Checkpoint) Report() (uint64, bool) {
	defer runtime.KeepAlive(c)
	var report C.uint64_t
	ok := C.libresult_checkpoint_report(c.c, &report)
	return uint64(report), bool(ok)
}

// Presence tells whether its directory was there when the run was opened.
func (c *Checkpoint) Presence() Presence {
	defer runtime.KeepAlive(c)
	return Presence(C.libresult_checkpoint_presence(c.c))
}

// Status returns how far Ray had got with it.
func (c *Checkpoint) Status() Status {
	defer runtime.KeepAlive(c)
	return Status(C.libresult_checkpoint_status(c.c))
}

// Metrics returns what was reported with the checkpoint, nested as reported; nil if the run tells
// none.
func (c *Checkpoint) Metrics() map[string]any {
	defer runtime.KeepAlive(c)
	return copyObject(C.libresult_checkpoint_metrics(c.c))
}

// Metric returns the metric at path, such as "eval/loss" or "layers/0", that was reported with the
// checkpoint, and whether it is there. A key that holds "/" itself is found too.
func (c *Checkpoint) Metric(path string) (any, bool) {
	defer runtime.KeepAlive(c)
	cPath, err := cString("metric", path)
	if err != nil {
		return nil, false
	}
	value := C.libresult_value_find(C.libresult_checkpoint_metrics(c.c), cPath)
	return copyValue(value), value != nil
}

// ReadMetadata reads the metadata of the checkpoint: empty if it has none.
func (c *Checkpoint) ReadMetadata(ctx context.Context) (map[string]any, error) {
	defer runtime.KeepAlive(c)
	var owned *C.libresult_value
	err := stoppable(ctx, func(cancel *C.libresult_cancel) *C.libresult_error {
		return C.libresult_checkpoint_read_metadata(c.c, cancel, &owned)
	})
	if err != nil {
		return nil, err
	}
	defer C.libresult_value_free(owned)
	return copyObject(owned), nil
}

// WriteMetadata replaces the metadata of the checkpoint by value, all at once or not at all.
//
// The value is a map[string]any, such as [Checkpoint.ReadMetadata] returns, or whatever else
// encoding/json makes an object of. A float64 stays one: 3.0 is not written as an integer.
func (c *Checkpoint) WriteMetadata(ctx context.Context, value any) error {
	defer runtime.KeepAlive(c)
	text, err := cMetadata(value)
	if err != nil {
		return err
	}
	return stoppable(ctx, func(cancel *C.libresult_cancel) *C.libresult_error {
		return C.libresult_checkpoint_write_metadata(c.c, text, cancel)
	})
}

// UpdateMetadata adds the members of value, which is as for [Checkpoint.WriteMetadata], to the
// metadata of the checkpoint, replacing those of the same key. All others stay as they are.
func (c *Checkpoint) UpdateMetadata(ctx context.Context, value any) error {
	defer runtime.KeepAlive(c)
	text, err := cMetadata(value)
	if err != nil {
		return err
	}
	return stoppable(ctx, func(cancel *C.libresult_cancel) *C.libresult_error {
		return C.libresult_checkpoint_update_metadata(c.c, text, cancel)
	})
}

// cMetadata is value as JSON, for C.
func cMetadata(value any) (*C.char, error) {
	text, err := encodeMetadata(value)
	if err != nil {
		return nil, err
	}
	return cString("metadata", text)
}
