package libresult

/*
#include <libresult.h>

// All that a diagnostic tells, so that one call from Go reads it.
typedef struct {
  libresult_severity severity;
  libresult_str code, message, file;
  uint64_t line;
} libresult_go_diagnostic;

static libresult_go_diagnostic libresult_go_diagnostic_at(const libresult_run *run, size_t index) {
  const libresult_diagnostic *diagnostic = libresult_run_diagnostic_at(run, index);
  libresult_go_diagnostic all = {
      .severity = libresult_diagnostic_severity(diagnostic),
      .code = libresult_diagnostic_code(diagnostic),
      .message = libresult_diagnostic_message(diagnostic),
      .file = libresult_diagnostic_file(diagnostic),
      .line = libresult_diagnostic_line(diagnostic),
  };
  return all;
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
		all := C.libresult_go_diagnostic_at(r.c, C.size_t(i))
		diagnostics[i] = Diagnostic{
			Severity: Severity(all.severity),
			Code:     goString(all.code),
			Message:  goString(all.message),
			File:     goString(all.file),
			Line:     uint64(all.line),
		}
	}
	return diagnostics
}
