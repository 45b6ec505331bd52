package libresult

/*
#include <libresult.h>

// All that a diagnostic tells, so that one call from Go reads it.
typedef struct {
  libresult_severity severity;
  libresult_str code, message, file;
  uint64_t line;
} libresult_go_diagnostic;

static libresult_go_diagnostic libresult_go_diagnostic_of(const libresult_diagnostic *diagnostic) {
  libresult_go_diagnostic all = {
      .severity = libresult_diagnostic_severity(diagnostic),
      .code = libresult_diagnostic_code(diagnostic),
      .message = libresult_diagnostic_message(diagnostic),
      .file = libresult_diagnostic_file(diagnostic),
      .line = libresult_diagnostic_line(diagnostic),
  };
  return all;
}

static libresult_go_diagnostic libresult_go_run_diagnostic(const libresult_run *run, size_t index) {
  return libresult_go_diagnostic_of(libresult_run_diagnostic_at(run, index));
}

static libresult_go_diagnostic libresult_go_frame_diagnostic(const libresult_frame *frame,
                                                             size_t index) {
  return libresult_go_diagnostic_of(libresult_frame_diagnostic_at(frame, index));
}
*/
import "C"

import "runtime"

// Diagnostic is something in the directory of a run that was damaged, skipped or guessed.
type Diagnostic struct {
	// Severity tells damage from what is ordinary.
	Severity Severity
	// Code is a stable word for what was found, such as "torn_last_line".
	Code string
	// Message is one sentence for people.
	Message string
	// File is relative to the run, or the whole path of one elsewhere.
	File string
	// Line is the line in the file, from 1; 0 if it is about the file as a whole.
	Line uint64
}

// Diagnostics returns what was found when the run was opened.
func (r *Run) Diagnostics() []Diagnostic {
	defer runtime.KeepAlive(r)
	diagnostics := make([]Diagnostic, C.libresult_run_diagnostic_count(r.c))
	for i := range diagnostics {
		diagnostics[i] = copyDiagnostic(C.libresult_go_run_diagnostic(r.c, C.size_t(i)))
	}
	return diagnostics
}

// Diagnostics returns what was found in the reports when the frame was read.
func (f *Frame) Diagnostics() []Diagnostic {
	f.lock.RLock()
	defer f.lock.RUnlock()
	diagnostics := make([]Diagnostic, C.libresult_frame_diagnostic_count(f.c))
	for i := range diagnostics {
		diagnostics[i] = copyDiagnostic(C.libresult_go_frame_diagnostic(f.c, C.size_t(i)))
	}
	return diagnostics
}

func copyDiagnostic(all C.libresult_go_diagnostic) Diagnostic {
	return Diagnostic{
		Severity: Severity(all.severity),
		Code:     goString(all.code),
		Message:  goString(all.message),
		File:     goString(all.file),
		Line:     uint64(all.line),
	}
}
