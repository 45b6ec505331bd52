package libresult_test

import (
	"fmt"
	"slices"
	"testing"

	libresult "github.com/libresult/libresult/bindings/go"
)

var latestOfTies = libresult.Setting{Key: "ties", Value: "latest"}

func TestBestCheckpoint(t *testing.T) {
	run := open(t, makeRun(t, `{"loss": 2}`, `{"loss": 1}`, `{"loss": 1.0}`, `{"loss": 3}`))
	for _, test := range []struct {
		mode     libresult.Mode
		settings []libresult.Setting
		index    int
	}{
		{libresult.Min, nil, 1},
		{libresult.Max, nil, 3},
		{libresult.Min, []libresult.Setting{latestOfTies}, 2},
	} {
		best, err := run.BestCheckpoint("loss", test.mode, test.settings...)
		if err != nil {
			t.Fatal(err)
		}
		if index, ok := best.Index(); index != test.index || !ok {
			t.Errorf("%v, %v: the best is %d, %v, want %d", test.mode, test.settings, index, ok, test.index)
		}
	}
}

func TestRankCheckpoints(t *testing.T) {
	run := open(t, corpus("r260v2-types"))
	show := func(settings ...libresult.Setting) (ranked, skipped []string) {
		ranking, err := run.RankCheckpoints("v", libresult.Max, settings...)
		if err != nil {
			t.Fatal(err)
		}
		for _, entry := range ranking.Entries {
			index, _ := entry.Checkpoint.Index()
			ranked = append(ranked, fmt.Sprint(index, " ", entry.Value))
		}
		for _, entry := range ranking.Skipped {
			index, _ := entry.Checkpoint.Index()
			skipped = append(skipped, fmt.Sprint(index, " ", entry.Reason))
		}
		return ranked, skipped
	}
	ranked, skipped := show()
	if want := []string{"1 2.5", "0 1", "3 true"}; !slices.Equal(ranked, want) {
		t.Errorf("ranked are %q, want %q", ranked, want)
	}
	if want := []string{"2 non_numeric", "4 missing", "5 non_numeric", "6 non_numeric"}; !slices.Equal(skipped, want) {
		t.Errorf("skipped are %q, want %q", skipped, want)
	}
	ranked, _ = show(latestOfTies)
	if want := []string{"1 2.5", "3 true", "0 1"}; !slices.Equal(ranked, want) {
		t.Errorf("with the latest of ties first, ranked are %q, want %q", ranked, want)
	}
}

func TestSkipReasons(t *testing.T) {
	dir := makeRun(t, `{"m": 1}`, `{}`, `{"m": NaN}`, `{"m": []}`)
	ranking, err := open(t, dir).RankCheckpoints("m", libresult.Min)
	if err != nil {
		t.Fatal(err)
	}
	want := []libresult.SkipReason{libresult.SkipMissing, libresult.SkipNaN, libresult.SkipNonNumeric}
	for i, entry := range ranking.Skipped {
		if entry.Reason != want[i] {
			t.Errorf("skipped %d is %v, want %v", i, entry.Reason, want[i])
		}
	}
	if len(ranking.Entries) != 1 || len(ranking.Skipped) != len(want) {
		t.Errorf("%d are ranked, %d skipped", len(ranking.Entries), len(ranking.Skipped))
	}

	ranking, err = open(t, corpus("v1-checkpoints-deleted_latest")).RankCheckpoints("loss", libresult.Min)
	if err != nil {
		t.Fatal(err)
	}
	if len(ranking.Skipped) != 1 || ranking.Skipped[0].Reason != libresult.SkipNotOnDisk {
		t.Errorf("skipped are %v", ranking.Skipped)
	}
}

func TestNothingToRank(t *testing.T) {
	for name, metric := range map[string]string{"r260v1-late": "eval_loss", "r260v2-nockpt": "loss"} {
		run := open(t, corpus(name))
		ranking, err := run.RankCheckpoints(metric, libresult.Min)
		if err != nil {
			t.Fatal(err)
		}
		if len(ranking.Entries) != 0 {
			t.Errorf("%s: ranked are %v", name, ranking.Entries)
		}
		_, err = run.BestCheckpoint(metric, libresult.Min)
		expectError(t, err, libresult.ErrNotFound)
	}
	_, err := open(t, corpus("r260v1-late")).BestCheckpoint("eval_loss", libresult.Min)
	expectError(t, err, libresult.ErrNotFound, "eval_loss", "4")
}
