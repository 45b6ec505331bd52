package libresult_test

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	libresult "github.com/libresult/libresult/bindings/go"
)

func TestOpenWhatIsNoRun(t *testing.T) {
	dir := t.TempDir()
	file := filepath.Join(dir, "file.txt")
	writeFile(t, file, "text")
	empty := filepath.Join(dir, "empty")
	if err := os.Mkdir(empty, 0o755); err != nil {
		t.Fatal(err)
	}
	checkpoint := open(t, corpus("r260v2-meta")).LatestCheckpoint().Path()
	for _, test := range []struct {
		about, uri string
		says       []string
	}{
		{"nothing", filepath.Join(dir, "none"), []string{filepath.Join(dir, "none")}},
		{"a file", file, []string{file, "directory"}},
		{"neither layout", empty, []string{empty, "checkpoint_manager_snapshot.json", "result.json"}},
		{"a checkpoint", checkpoint, []string{checkpoint, "checkpoint"}},
		{"an experiment", corpus("experiments/r260t-quick"), []string{"experiment", "quick_63fe8_00000_0_x=3"}},
	} {
		t.Run(test.about, func(t *testing.T) {
			run, err := libresult.Open(t.Context(), test.uri)
			if run != nil {
				t.Errorf("got the run %v", run)
			}
			expectError(t, err, libresult.ErrNotFound, test.says...)
		})
	}
}

func TestOpenDamagedRun(t *testing.T) {
	dir := makeRun(t)
	writeFile(t, filepath.Join(dir, "checkpoint_manager_snapshot.json"), `{"checkpoint_results": [`)
	_, err := libresult.Open(t.Context(), dir)
	expectError(t, err, libresult.ErrCorrupt, "checkpoint_manager_snapshot.json")
}

func TestBadArguments(t *testing.T) {
	set := func(key, value string) libresult.Setting { return libresult.Setting{Key: key, Value: value} }
	run := open(t, corpus("r260v2-nested"))
	openWith := func(uri string, settings ...libresult.Setting) func() error {
		return func() error {
			_, err := libresult.Open(background, uri, settings...)
			return err
		}
	}
	best := func(metric string, mode libresult.Mode, settings ...libresult.Setting) func() error {
		return func() error {
			_, bestErr := run.BestCheckpoint(metric, mode, settings...)
			_, rankErr := run.RankCheckpoints(metric, mode, settings...)
			if fmt.Sprint(bestErr) != fmt.Sprint(rankErr) {
				return fmt.Errorf("the best says %w, the ranking %w", bestErr, rankErr)
			}
			return bestErr
		}
	}
	dir := corpus("r260v2-nested")
	for _, test := range []struct {
		about string
		call  func() error
		says  []string
	}{
		{"an empty URI", openWith(""), []string{"empty"}},
		{"a URI that is no UTF-8", openWith("\xff"), []string{"uri"}},
		{"a URI with NUL", openWith(dir + "\x00/more"), []string{"uri", "NUL"}},
		{"an unknown setting", openWith(dir, set("raed", "all")), []string{"raed", "read"}},
		{"a setting out of range", openWith(dir, set("read", "lots")), []string{"read", "lots"}},
		{"a setting of another call", openWith(dir, set("ties", "latest")), []string{"ties"}},
		{"a key with NUL", openWith(dir, set("read\x00", "all")), []string{"key", "NUL"}},
		{"a value with NUL", openWith(dir, set("read", "all\x00")), []string{"read", "NUL"}},
		{"an unknown metric", best("eval/los", libresult.Min), []string{"eval/los", "eval/loss"}},
		{"an empty metric", best("", libresult.Min), nil},
		{"a metric with NUL", best("eval/loss\x00", libresult.Min), []string{"metric", "NUL"}},
		{"no mode", best("eval/loss", libresult.Mode(0)), []string{"mode"}},
		{"a mode out of range", best("eval/loss", libresult.Mode(7)), []string{"mode", "7"}},
		{"an unknown setting of a ranking", best("eval/loss", libresult.Min, set("tie", "latest")), []string{"tie", "ties"}},
		{"ties out of range", best("eval/loss", libresult.Min, set("ties", "last")), []string{"ties", "last"}},
	} {
		t.Run(test.about, func(t *testing.T) {
			expectError(t, test.call(), libresult.ErrInvalidArgument, test.says...)
		})
	}
	_, err := libresult.OpenCheckpoint(t.Context(), "\x00")
	expectError(t, err, libresult.ErrInvalidArgument, "uri")
}

func TestErrors(t *testing.T) {
	_, err := libresult.Open(t.Context(), filepath.Join(t.TempDir(), "none"))
	wrapped := fmt.Errorf("job 7: %w", err)
	if !errors.Is(wrapped, libresult.ErrNotFound) || errors.Is(wrapped, libresult.ErrIO) {
		t.Errorf("%v is not ErrNotFound alone", wrapped)
	}
	for code, name := range map[libresult.Code]string{
		libresult.ErrInvalidArgument: "invalid_argument",
		libresult.ErrNotFound:        "not_found",
		libresult.ErrIO:              "io",
		libresult.ErrCorrupt:         "corrupt",
		libresult.ErrCanceled:        "cancelled",
		libresult.ErrInternal:        "internal",
		libresult.ErrPermission:      "permission",
		libresult.ErrUnsupported:     "unsupported",
		libresult.Code(99):           "Code(99)",
	} {
		if code.String() != name {
			t.Errorf("the code %d is %q, want %q", uint32(code), code.String(), name)
		}
		if want := "libresult: " + strings.ReplaceAll(name, "_", " "); code.Error() != want {
			t.Errorf("the code %d says %q, want %q", uint32(code), code.Error(), want)
		}
	}
}

func TestEnumsHaveNames(t *testing.T) {
	for value, name := range map[fmt.Stringer]string{
		libresult.Min:                      "min",
		libresult.Max:                      "max",
		libresult.Mode(0):                  "Mode(0)",
		libresult.LayoutUnknown:            "unknown",
		libresult.LayoutTrainV1:            "train_v1",
		libresult.LayoutTrainV2:            "train_v2",
		libresult.Layout(99):               "Layout(99)",
		libresult.PresenceUnknown:          "unknown",
		libresult.PresenceAbsent:           "absent",
		libresult.PresencePresent:          "present",
		libresult.Presence(99):             "Presence(99)",
		libresult.StatusUnknown:            "unknown",
		libresult.StatusUncommitted:        "uncommitted",
		libresult.StatusCommitted:          "committed",
		libresult.StatusPendingValidation:  "pending_validation",
		libresult.StatusValidated:          "validated",
		libresult.StatusValidationFailed:   "validation_failed",
		libresult.StatusValidationTimedOut: "validation_timed_out",
		libresult.Status(99):               "Status(99)",
		libresult.SkipMissing:              "missing",
		libresult.SkipNaN:                  "nan",
		libresult.SkipNonNumeric:           "non_numeric",
		libresult.SkipNotOnDisk:            "not_on_disk",
		libresult.SkipReason(99):           "SkipReason(99)",
		libresult.SeverityNote:             "note",
		libresult.SeverityDamage:           "damage",
		libresult.Severity(0):              "Severity(0)",
		libresult.ColumnNull:               "null",
		libresult.ColumnBool:               "bool",
		libresult.ColumnInt64:              "int64",
		libresult.ColumnUint64:             "uint64",
		libresult.ColumnFloat64:            "float64",
		libresult.ColumnString:             "string",
		libresult.ColumnJSON:               "json",
		libresult.ColumnType(99):           "ColumnType(99)",
	} {
		if value.String() != name {
			t.Errorf("%T is %q, want %q", value, value, name)
		}
	}
}

func TestLibrary(t *testing.T) {
	if parts := strings.Split(libresult.Version(), "."); len(parts) != 3 {
		t.Errorf("the version is %q", libresult.Version())
	}
	for _, feature := range []string{"", "nonsense", "s3\x00"} {
		if libresult.Supports(feature) {
			t.Errorf("it supports %q", feature)
		}
	}
}
