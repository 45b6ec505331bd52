package libresult

/*
#include <libresult.h>

// All that an attempt tells, so that one call from Go reads it.
typedef struct {
  libresult_str status;
  const libresult_failure *failure;
  int64_t start_time, end_time;
  bool has_start_time, has_end_time;
  size_t worker_count;
} libresult_go_attempt;

static libresult_go_attempt libresult_go_attempt_read(const libresult_run *run, size_t index) {
  const libresult_attempt *attempt = libresult_run_attempt_at(run, index);
  libresult_go_attempt all = {
      .status = libresult_attempt_status(attempt),
      .failure = libresult_attempt_failure(attempt),
      .worker_count = libresult_attempt_worker_count(attempt),
  };
  all.has_start_time = libresult_attempt_start_time(attempt, &all.start_time);
  all.has_end_time = libresult_attempt_end_time(attempt, &all.end_time);
  return all;
}
*/
import "C"

import (
	"runtime"
	"time"
)

// Attempt is one try of Ray to carry a run through: a run that fails may be tried again.
type Attempt struct {
	// Status is how far the attempt is, as [Run.Status].
	Status string
	// Failure is what made the attempt fail; nil if it did not, or nothing tells.
	Failure *Failure
	// StartTime is when the attempt started; the zero Time if nothing tells.
	StartTime time.Time
	// EndTime is when the attempt ended; the zero Time if nothing tells.
	EndTime time.Time
	// Workers is how many workers the attempt had.
	Workers int
}

// Attempts returns the attempts that Ray's export events tell of, oldest first.
func (r *Run) Attempts() []Attempt {
	defer runtime.KeepAlive(r)
	attempts := make([]Attempt, C.libresult_run_attempt_count(r.c))
	for i := range attempts {
		all := C.libresult_go_attempt_read(r.c, C.size_t(i))
		attempts[i] = Attempt{
			Status:    goString(all.status),
			StartTime: goTime(all.start_time, all.has_start_time),
			EndTime:   goTime(all.end_time, all.has_end_time),
			Workers:   int(all.worker_count),
		}
		if all.failure != nil {
			failure := copyFailure(all.failure)
			attempts[i].Failure = &failure
		}
	}
	return attempts
}

// goTime is a time that C has in nanoseconds, if it is known.
func goTime(ns C.int64_t, known C.bool) time.Time {
	if !known {
		return time.Time{}
	}
	return time.Unix(0, int64(ns)).UTC()
}
