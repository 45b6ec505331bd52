package libresult

// #include <libresult.h>
import "C"

import "fmt"

// Mode says which end of a metric is best. The zero Mode is an error, so that nobody gets a
// direction by default.
type Mode C.libresult_mode

const (
	// Min prefers the smallest value, as of a loss.
	Min Mode = C.LIBRESULT_MODE_MIN
	// Max prefers the largest value, as of an accuracy.
	Max Mode = C.LIBRESULT_MODE_MAX
)

// String returns "min" or "max".
func (m Mode) String() string {
	switch m {
	case Min:
		return "min"
	case Max:
		return "max"
	}
	return fmt.Sprintf("Mode(%d)", uint32(m))
}

// Layout says how a run is laid out in its directory.
type Layout C.libresult_layout

const (
	// LayoutUnknown is the layout of no run at all.
	LayoutUnknown Layout = C.LIBRESULT_LAYOUT_UNKNOWN
	// LayoutTrainV1 has result.json and progress.csv: Ray Train before V2, and Ray Tune's trials.
	LayoutTrainV1 Layout = C.LIBRESULT_LAYOUT_TRAIN_V1
	// LayoutTrainV2 has checkpoint_manager_snapshot.json: Ray Train V2.
	LayoutTrainV2 Layout = C.LIBRESULT_LAYOUT_TRAIN_V2
)

// String returns "unknown", "train_v1" or "train_v2".
func (l Layout) String() string {
	switch l {
	case LayoutUnknown:
		return "unknown"
	case LayoutTrainV1:
		return "train_v1"
	case LayoutTrainV2:
		return "train_v2"
	}
	return fmt.Sprintf("Layout(%d)", uint32(l))
}

// Presence says whether a run has something that its directory may or may not tell.
type Presence C.libresult_presence

const (
	// PresenceUnknown means that the directory does not record it, so nobody can tell.
	PresenceUnknown Presence = C.LIBRESULT_PRESENCE_UNKNOWN
	// PresenceAbsent means that it is known not to exist.
	PresenceAbsent Presence = C.LIBRESULT_PRESENCE_ABSENT
	// PresencePresent means that it exists, and was read.
	PresencePresent Presence = C.LIBRESULT_PRESENCE_PRESENT
)

// String returns "unknown", "absent" or "present".
func (p Presence) String() string {
	switch p {
	case PresenceUnknown:
		return "unknown"
	case PresenceAbsent:
		return "absent"
	case PresencePresent:
		return "present"
	}
	return fmt.Sprintf("Presence(%d)", uint32(p))
}

// Status says how far Ray had got with a checkpoint.
type Status C.libresult_status

const (
	// StatusUnknown means that nothing is known: the checkpoint was opened without its run.
	StatusUnknown Status = C.LIBRESULT_STATUS_UNKNOWN
	// StatusUncommitted is a directory that no report names: an upload that never ended, or a
	// leftover.
	StatusUncommitted Status = C.LIBRESULT_STATUS_UNCOMMITTED
	// StatusCommitted means that the checkpoint was reported.
	StatusCommitted Status = C.LIBRESULT_STATUS_COMMITTED
	// StatusPendingValidation means reported, the validation still to come.
	StatusPendingValidation Status = C.LIBRESULT_STATUS_PENDING_VALIDATION
	// StatusValidated means that the validation succeeded.
	StatusValidated Status = C.LIBRESULT_STATUS_VALIDATED
	// StatusValidationFailed means that the validation failed.
	StatusValidationFailed Status = C.LIBRESULT_STATUS_VALIDATION_FAILED
	// StatusValidationTimedOut means that the validation took too long.
	StatusValidationTimedOut Status = C.LIBRESULT_STATUS_VALIDATION_TIMED_OUT
)

// String returns the name of the status, such as "pending_validation".
func (s Status) String() string {
	switch s {
	case StatusUnknown:
		return "unknown"
	case StatusUncommitted:
		return "uncommitted"
	case StatusCommitted:
		return "committed"
	case StatusPendingValidation:
		return "pending_validation"
	case StatusValidated:
		return "validated"
	case StatusValidationFailed:
		return "validation_failed"
	case StatusValidationTimedOut:
		return "validation_timed_out"
	}
	return fmt.Sprintf("Status(%d)", uint32(s))
}

// SkipReason says why a checkpoint does not take part in a ranking.
type SkipReason C.libresult_skipped

const (
	// SkipMissing means that its report lacks the metric, or has null there.
	SkipMissing SkipReason = C.LIBRESULT_SKIPPED_MISSING
	// SkipNaN means that the metric is NaN.
	SkipNaN SkipReason = C.LIBRESULT_SKIPPED_NAN
	// SkipNonNumeric means that the metric is no number.
	SkipNonNumeric SkipReason = C.LIBRESULT_SKIPPED_NON_NUMERIC
	// SkipNotOnDisk means that its directory is gone.
	SkipNotOnDisk SkipReason = C.LIBRESULT_SKIPPED_NOT_ON_DISK
)

// String returns "missing", "nan", "non_numeric" or "not_on_disk".
func (s SkipReason) String() string {
	switch s {
	case SkipMissing:
		return "missing"
	case SkipNaN:
		return "nan"
	case SkipNonNumeric:
		return "non_numeric"
	case SkipNotOnDisk:
		return "not_on_disk"
	}
	return fmt.Sprintf("SkipReason(%d)", uint32(s))
}

// Severity says how bad a diagnostic is.
type Severity C.libresult_severity

const (
	// SeverityNote is ordinary, but good to know, such as a checkpoint that retention deleted.
	SeverityNote Severity = C.LIBRESULT_SEVERITY_NOTE
	// SeverityDamage means that something is broken or lost.
	SeverityDamage Severity = C.LIBRESULT_SEVERITY_DAMAGE
)

// String returns "note" or "damage".
func (s Severity) String() string {
	switch s {
	case SeverityNote:
		return "note"
	case SeverityDamage:
		return "damage"
	}
	return fmt.Sprintf("Severity(%d)", uint32(s))
}

// ColumnType is the type of a column of a [Frame].
type ColumnType C.libresult_column_type

const (
	// ColumnNull means that every row is null.
	ColumnNull ColumnType = C.LIBRESULT_COLUMN_TYPE_NULL
	// ColumnBool is of booleans.
	ColumnBool ColumnType = C.LIBRESULT_COLUMN_TYPE_BOOL
	// ColumnInt64 is of integers.
	ColumnInt64 ColumnType = C.LIBRESULT_COLUMN_TYPE_INT64
	// ColumnUint64 is of integers of which one at least is above math.MaxInt64, and none negative.
	ColumnUint64 ColumnType = C.LIBRESULT_COLUMN_TYPE_UINT64
	// ColumnFloat64 is of numbers of which one at least is no integer.
	ColumnFloat64 ColumnType = C.LIBRESULT_COLUMN_TYPE_FLOAT64
	// ColumnString is of strings.
	ColumnString ColumnType = C.LIBRESULT_COLUMN_TYPE_STRING
	// ColumnJSON is of JSON texts: rows of more than one kind, lists, or integers beyond 64 bits.
	ColumnJSON ColumnType = C.LIBRESULT_COLUMN_TYPE_JSON
)

// String returns the name of the type, such as "float64".
func (t ColumnType) String() string {
	switch t {
	case ColumnNull:
		return "null"
	case ColumnBool:
		return "bool"
	case ColumnInt64:
		return "int64"
	case ColumnUint64:
		return "uint64"
	case ColumnFloat64:
		return "float64"
	case ColumnString:
		return "string"
	case ColumnJSON:
		return "json"
	}
	return fmt.Sprintf("ColumnType(%d)", uint32(t))
}
