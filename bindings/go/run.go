package libresult

// #include <libresult.h>
import "C"

import (
	"context"
	"iter"
	"runtime"
	"time"
)

// Run is the output directory of a training run, as it was when it was opened. It never changes:
// to see what was written since, open it again.
type Run struct {
	c *C.libresult_run
	_ *byte // With no pointer of Go's in it, it would share memory with other small things, and live as long as they.
}

// Open opens the run at uri: a local path, or "file://", "s3://", "gs://", "abfs://", "http://" and the
// like. docs/storage.md lists all forms, and the settings of each.
//
// It reads what it needs once, and finds out the layout by itself. The error is [ErrNotFound] if
// there is no run at uri, and then only; the message tells what is there instead. A damaged run
// opens as long as anything in it can be read; [Run.Diagnostics] tells what could not.
func Open(ctx context.Context, uri string, settings ...Setting) (*Run, error) {
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
	var owned *C.libresult_run
	err = stoppable(ctx, func(cancel *C.libresult_cancel) *C.libresult_error {
		return C.libresult_run_open(cURI, array, count, cancel, &owned)
	})
	if err != nil {
		return nil, err
	}
	run := &Run{c: owned}
	runtime.AddCleanup(run, func(owned *C.libresult_run) { C.libresult_run_free(owned) }, owned)
	return run, nil
}

// URI returns where the run is, so that it can be opened again.
func (r *Run) URI() string {
	defer runtime.KeepAlive(r)
	return goString(C.libresult_run_uri(r.c))
}

// Path returns where the run is, as Ray shows it: without the scheme.
func (r *Run) Path() string {
	defer runtime.KeepAlive(r)
	return goString(C.libresult_run_path(r.c))
}

// Filesystem returns the kind of store that the run is on, as Ray names it: "local", "s3", "gcs" or
// "abfs"; "http" for a web server, and the scheme of a store that was registered.
func (r *Run) Filesystem() string {
	defer runtime.KeepAlive(r)
	return goString(C.libresult_run_filesystem(r.c))
}

// Layout returns how the run is laid out.
func (r *Run) Layout() Layout {
	defer runtime.KeepAlive(r)
	return Layout(C.libresult_run_layout(r.c))
}

// RayVersion returns the version of Ray that wrote the run; empty if nothing tells.
func (r *Run) RayVersion() string {
	defer runtime.KeepAlive(r)
	return goString(C.libresult_run_ray_version(r.c))
}

// Metrics returns the last report, nested as reported; nil if there was none.
func (r *Run) Metrics() map[string]any {
	defer runtime.KeepAlive(r)
	return copyObject(C.libresult_run_metrics(r.c))
}

// Metric returns the metric at path, such as "eval/loss" or "layers/0", in the last report, and
// whether it is there. A key that holds "/" itself is found too.
func (r *Run) Metric(path string) (any, bool) {
	defer runtime.KeepAlive(r)
	cPath, err := cString("metric", path)
	if err != nil {
		return nil, false
	}
	value := C.libresult_run_metric(r.c, cPath)
	return copyValue(value), value != nil
}

// LatestCheckpoint returns the checkpoint reported last, even if its directory is gone; nil if none
// was reported.
func (r *Run) LatestCheckpoint() *Checkpoint {
	defer runtime.KeepAlive(r)
	return cloneCheckpoint(C.libresult_run_latest_checkpoint(r.c))
}

// ResumeCheckpoint returns the checkpoint to resume from: the latest reported one whose directory
// is there and whose validation did not fail; nil if there is none.
func (r *Run) ResumeCheckpoint() *Checkpoint {
	defer runtime.KeepAlive(r)
	return cloneCheckpoint(C.libresult_run_resume_checkpoint(r.c))
}

// CheckpointCount returns how many reported checkpoints the run kept.
func (r *Run) CheckpointCount() int {
	defer runtime.KeepAlive(r)
	return int(C.libresult_run_checkpoint_count(r.c))
}

// Checkpoints iterates over the reported checkpoints that the run kept, in the order of the reports.
func (r *Run) Checkpoints() iter.Seq[*Checkpoint] {
	return func(yield func(*Checkpoint) bool) {
		defer runtime.KeepAlive(r)
		for i := range C.libresult_run_checkpoint_count(r.c) {
			if !yield(cloneCheckpoint(C.libresult_run_checkpoint_at(r.c, i))) {
				return
			}
		}
	}
}

// Leftovers iterates over the checkpoint directories that no report names.
func (r *Run) Leftovers() iter.Seq[*Checkpoint] {
	return func(yield func(*Checkpoint) bool) {
		defer runtime.KeepAlive(r)
		for i := range C.libresult_run_leftover_count(r.c) {
			if !yield(cloneCheckpoint(C.libresult_run_leftover_at(r.c, i))) {
				return
			}
		}
	}
}

// ConfigPresence tells whether the run had a configuration.
func (r *Run) ConfigPresence() Presence {
	defer runtime.KeepAlive(r)
	return Presence(C.libresult_run_config_presence(r.c))
}

// ConfigSource returns the file that the configuration came from, relative to the run, or "events"
// for Ray's export events; empty if there is none.
func (r *Run) ConfigSource() string {
	defer runtime.KeepAlive(r)
	return goString(C.libresult_run_config_source(r.c))
}

// Config returns the configuration that the run was started with; nil unless it is present.
func (r *Run) Config() map[string]any {
	defer runtime.KeepAlive(r)
	return copyObject(C.libresult_run_config(r.c))
}

// ReturnValuePresence tells whether the training function returned a value.
func (r *Run) ReturnValuePresence() Presence {
	defer runtime.KeepAlive(r)
	return Presence(C.libresult_run_return_value_presence(r.c))
}

// ReturnValueSource returns the file that the return value came from, relative to the run; empty if
// there is none.
func (r *Run) ReturnValueSource() string {
	defer runtime.KeepAlive(r)
	return goString(C.libresult_run_return_value_source(r.c))
}

// ReturnValue returns what the training function returned; nil unless it is present.
func (r *Run) ReturnValue() any {
	defer runtime.KeepAlive(r)
	return copyValue(C.libresult_run_return_value(r.c))
}

// Status returns how far the run is, in Ray's word in lower case, such as "running", "finished",
// "errored" or "aborted"; empty if nothing tells. Ray's export events tell: setting "events" of
// [Open].
func (r *Run) Status() string {
	defer runtime.KeepAlive(r)
	return goString(C.libresult_run_status(r.c))
}

// StatusDetail returns what Ray said about the status; empty if it said nothing.
func (r *Run) StatusDetail() string {
	defer runtime.KeepAlive(r)
	return goString(C.libresult_run_status_detail(r.c))
}

// StartTime returns when the run started; the zero Time if nothing tells.
func (r *Run) StartTime() time.Time {
	defer runtime.KeepAlive(r)
	var ns C.int64_t
	known := C.libresult_run_start_time(r.c, &ns)
	return goTime(ns, known)
}

// EndTime returns when the run ended; the zero Time if nothing tells.
func (r *Run) EndTime() time.Time {
	defer runtime.KeepAlive(r)
	var ns C.int64_t
	known := C.libresult_run_end_time(r.c, &ns)
	return goTime(ns, known)
}

// ConfiguredMetric returns the metric that the run was told to keep checkpoints by; empty if none or
// nothing tells.
func (r *Run) ConfiguredMetric() string {
	defer runtime.KeepAlive(r)
	return goString(C.libresult_run_configured_metric(r.c))
}

// ConfiguredMode returns which end of that metric is best, and whether there is one.
func (r *Run) ConfiguredMode() (Mode, bool) {
	defer runtime.KeepAlive(r)
	var mode C.libresult_mode
	known := C.libresult_run_configured_mode(r.c, &mode)
	return Mode(mode), bool(known)
}

// ConfiguredKeep returns how many checkpoints the run was told to keep, and whether it was told so: if
// not, it keeps all, or nothing tells.
func (r *Run) ConfiguredKeep() (uint64, bool) {
	defer runtime.KeepAlive(r)
	var keep C.uint64_t
	known := C.libresult_run_configured_keep(r.c, &keep)
	return uint64(keep), bool(known)
}

// String returns everything that is known about the run as one JSON object. NaN and the infinities
// are strings, as in protobuf's JSON.
func (r *Run) String() string {
	defer runtime.KeepAlive(r)
	return takeString(C.libresult_run_to_json(r.c))
}

// MarshalJSON returns what [Run.String] does.
func (r *Run) MarshalJSON() ([]byte, error) {
	return []byte(r.String()), nil
}
