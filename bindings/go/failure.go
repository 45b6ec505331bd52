package libresult

/*
#include <libresult.h>

// All that a failure tells, so that one call from Go reads it.
typedef struct {
  libresult_str class_name, module, message, traceback, source;
  uint64_t occurrences, rank;
  bool recovered, has_rank;
  size_t worker_count;
} libresult_go_failure;

static libresult_go_failure libresult_go_failure_read(const libresult_failure *failure) {
  libresult_go_failure all = {
      .class_name = libresult_failure_type(failure),
      .module = libresult_failure_module(failure),
      .message = libresult_failure_message(failure),
      .traceback = libresult_failure_traceback(failure),
      .source = libresult_failure_source(failure),
      .occurrences = libresult_failure_occurrences(failure),
      .recovered = libresult_failure_recovered(failure),
      .worker_count = libresult_failure_worker_count(failure),
  };
  all.has_rank = libresult_failure_rank(failure, &all.rank);
  return all;
}
*/
import "C"

import "runtime"

// Failure is what made a run fail. It is no error of this package: reading it worked.
type Failure struct {
	// Type is the class of the exception, such as "ValueError"; empty if the run left no name.
	Type string
	// Module is the module of the class, such as "builtins"; empty if the run left no name.
	Module string
	// Message is the sentence that the exception carried.
	Message string
	// Traceback is Python's; empty if the run left none.
	Traceback string
	// Source is the file that told, relative to the run, such as "error.pkl"; "events" for Ray's
	// export events.
	Source string
	// Occurrences is how many times the run failed, restarts included.
	Occurrences uint64
	// Recovered tells whether the run went on after it: Ray keeps the record of a failure that a
	// retry overcame.
	Recovered bool
	// Workers are the failures of single workers.
	Workers []Failure
	// Rank is that of the worker that failed; nil if it is unknown.
	Rank *uint64
}

// FailurePresence tells whether the run failed.
func (r *Run) FailurePresence() Presence {
	defer runtime.KeepAlive(r)
	return Presence(C.libresult_run_failure_presence(r.c))
}

// Failure returns what made the run fail; nil unless [Run.FailurePresence] is [PresencePresent].
func (r *Run) Failure() *Failure {
	defer runtime.KeepAlive(r)
	borrowed := C.libresult_run_failure(r.c)
	if borrowed == nil {
		return nil
	}
	failure := copyFailure(borrowed)
	return &failure
}

func copyFailure(borrowed *C.libresult_failure) Failure {
	all := C.libresult_go_failure_read(borrowed)
	failure := Failure{
		Type:        goString(all.class_name),
		Module:      goString(all.module),
		Message:     goString(all.message),
		Traceback:   goString(all.traceback),
		Source:      goString(all.source),
		Occurrences: uint64(all.occurrences),
		Recovered:   bool(all.recovered),
		Workers:     make([]Failure, all.worker_count),
	}
	if all.has_rank {
		rank := uint64(all.rank)
		failure.Rank = &rank
	}
	for i := range failure.Workers {
		failure.Workers[i] = copyFailure(C.libresult_failure_worker_at(borrowed, C.size_t(i)))
	}
	return failure
}
