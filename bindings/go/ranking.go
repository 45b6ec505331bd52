package libresult

// #include <libresult.h>
import "C"

import "runtime"

// Ranking is the checkpoints of a run in order of a metric.
type Ranking struct {
	// Entries are the checkpoints that take part, best first.
	Entries []RankedCheckpoint
	// Skipped are those that do not, in the order of the reports.
	Skipped []SkippedCheckpoint
}

// RankedCheckpoint is a checkpoint that takes part in a ranking.
type RankedCheckpoint struct {
	Checkpoint *Checkpoint
	// Value is the metric.
	Value any
}

// SkippedCheckpoint is a checkpoint that does not take part in a ranking.
type SkippedCheckpoint struct {
	Checkpoint *Checkpoint
	Reason     SkipReason
}

// BestCheckpoint finds the checkpoint with the best metric, such as "eval/loss".
//
// Of equals it is the earliest, or with the setting {Key: "ties", Value: "latest"} the latest.
// Checkpoints without the metric do not count, nor do those where it is NaN or no number, or whose
// directory is gone. If none is left, the error is [ErrNotFound] and tells how many were skipped,
// and why. A metric that neither a checkpoint nor the last report names is an [ErrInvalidArgument].
func (r *Run) BestCheckpoint(metric string, mode Mode, settings ...Setting) (*Checkpoint, error) {
	defer runtime.KeepAlive(r)
	path, err := cString("metric", metric)
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
	failure := C.libresult_run_best_checkpoint(r.c, path, C.libresult_mode(mode), array, count, &owned)
	if err := takeError(failure); err != nil {
		return nil, err
	}
	return ownCheckpoint(owned), nil
}

// RankCheckpoints ranks the checkpoints by a metric, such as "eval/loss".
//
// It follows the rules of [Run.BestCheckpoint], but if there is no checkpoint, or none can be ranked,
// the ranking is empty; that is no error. A metric that neither a checkpoint nor the last report names
// still is, so of many runs one that failed early may give [ErrInvalidArgument].
func (r *Run) RankCheckpoints(metric string, mode Mode, settings ...Setting) (*Ranking, error) {
	defer runtime.KeepAlive(r)
	path, err := cString("metric", metric)
	if err != nil {
		return nil, err
	}
	var pinner runtime.Pinner
	defer pinner.Unpin()
	array, count, err := cSettings(settings, &pinner)
	if err != nil {
		return nil, err
	}
	var owned *C.libresult_ranking
	failure := C.libresult_run_rank_checkpoints(r.c, path, C.libresult_mode(mode), array, count, &owned)
	if err := takeError(failure); err != nil {
		return nil, err
	}
	defer C.libresult_ranking_free(owned)
	return copyRanking(owned), nil
}

func copyRanking(ranking *C.libresult_ranking) *Ranking {
	entries := make([]RankedCheckpoint, C.libresult_ranking_count(ranking))
	for i := range entries {
		at := C.size_t(i)
		entries[i] = RankedCheckpoint{
			Checkpoint: cloneCheckpoint(C.libresult_ranking_checkpoint_at(ranking, at)),
			Value:      copyValue(C.libresult_ranking_value_at(ranking, at)),
		}
	}
	skipped := make([]SkippedCheckpoint, C.libresult_ranking_skipped_count(ranking))
	for i := range skipped {
		var reason C.libresult_skipped
		checkpoint := C.libresult_ranking_skipped_at(ranking, C.size_t(i), &reason)
		skipped[i] = SkippedCheckpoint{Checkpoint: cloneCheckpoint(checkpoint), Reason: SkipReason(reason)}
	}
	return &Ranking{Entries: entries, Skipped: skipped}
}
