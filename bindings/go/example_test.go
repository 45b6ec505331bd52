package libresult_test

import (
	"context"
	"errors"
	"fmt"
	"log"
	"os"
	"time"

	libresult "github.com/libresult/libresult/bindings/go"
)

// Opens a run and finds its best checkpoint.
func Example() {
	run, err := libresult.Open(context.Background(), "../../tests/corpus/r260v2-late/run")
	if err != nil {
		log.Fatal(err)
	}
	loss, _ := run.Metric("loss")
	fmt.Printf("%v of Ray %s, last loss %.3f\n", run.Layout(), run.RayVersion(), loss)

	best, err := run.BestCheckpoint("late/metric", libresult.Max)
	if err != nil {
		log.Fatal(err)
	}
	value, _ := best.Metric("late/metric")
	fmt.Println("the best of", run.CheckpointCount(), "is", best.Name(), "with", value)
	// Output:
	// train_v2 of Ray 2.60.0, last loss 0.143
	// the best of 4 is checkpoint_2026-11-24_10-23-34.541559 with 60
}

// Tells that there is no run from every other failure.
func ExampleOpen_notFound() {
	_, err := libresult.Open(context.Background(), "/results/llama-7b")
	if errors.Is(err, libresult.ErrNotFound) {
		fmt.Println("starts fresh")
	}
	// Output: starts fresh
}

// Gives up after a while, as matters for a run in an object store.
func ExampleOpen_timeout() {
	ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
	defer cancel()
	run, err := libresult.Open(ctx, "../../tests/corpus/r260v1-keep_max/run")
	if errors.Is(err, context.DeadlineExceeded) {
		log.Fatal("the store is too slow: ", err)
	}
	if err != nil {
		log.Fatal(err)
	}
	fmt.Println(run.LatestCheckpoint().Name())
	// Output: checkpoint_000004
}

// Goes through the checkpoints of a run, some of them deleted by its retention.
func ExampleRun_Checkpoints() {
	run, err := libresult.Open(context.Background(), "../../tests/corpus/r260v1-keep_max/run")
	if err != nil {
		log.Fatal(err)
	}
	for checkpoint := range run.Checkpoints() {
		score, _ := checkpoint.Metric("score")
		fmt.Println(checkpoint.Name(), checkpoint.Status(), score)
	}
	for _, diagnostic := range run.Diagnostics() {
		fmt.Println(diagnostic.Severity, diagnostic.Code)
	}
	// Output:
	// checkpoint_000003 committed 5
	// checkpoint_000004 committed 4
	// note deleted_checkpoint
}

// Picks the checkpoint to resume from: not always the latest, whose directory may be gone.
func ExampleRun_ResumeCheckpoint() {
	run, err := libresult.Open(context.Background(), "../../tests/corpus/v1-checkpoints-deleted_latest/run")
	if err != nil {
		log.Fatal(err)
	}
	fmt.Println("latest", run.LatestCheckpoint().Name(), run.LatestCheckpoint().Presence())
	if checkpoint := run.ResumeCheckpoint(); checkpoint != nil {
		fmt.Println("resume", checkpoint.Name(), checkpoint.Presence())
	}
	// Output:
	// latest checkpoint_000003 absent
	// resume checkpoint_000002 present
}

// Ranks checkpoints, and tells which ones could not be compared.
func ExampleRun_RankCheckpoints() {
	run, err := libresult.Open(context.Background(), "../../tests/corpus/r260v2-types/run")
	if err != nil {
		log.Fatal(err)
	}
	latestFirst := libresult.Setting{Key: "ties", Value: "latest"}
	ranking, err := run.RankCheckpoints("v", libresult.Max, latestFirst)
	if err != nil {
		log.Fatal(err)
	}
	for place, entry := range ranking.Entries {
		fmt.Println(place, entry.Checkpoint.Name(), entry.Value)
	}
	for _, entry := range ranking.Skipped {
		fmt.Println("-", entry.Checkpoint.Name(), entry.Reason)
	}
	// Output:
	// 0 checkpoint_2026-11-24_10-28-08.347570 2.5
	// 1 checkpoint_2026-11-24_10-28-12.233778 true
	// 2 checkpoint_2026-11-24_10-28-08.333517 1
	// - checkpoint_2026-11-24_10-28-10.231015 non_numeric
	// - checkpoint_2026-11-24_10-28-14.256406 missing
	// - checkpoint_2026-11-24_10-28-16.292573 non_numeric
	// - checkpoint_2026-11-24_10-28-18.339871 non_numeric
}

// Reads a metric of every report, and goes on where one was not reported.
func ExampleRun_ReadFrame() {
	ctx := context.Background()
	run, err := libresult.Open(ctx, "../../tests/corpus/r260v1-late/run")
	if err != nil {
		log.Fatal(err)
	}
	frame, err := run.ReadFrame(ctx, libresult.Setting{Key: "column", Value: "*loss"})
	if err != nil {
		log.Fatal(err)
	}
	defer frame.Close()
	for column := range frame.Columns() {
		values, err := frame.Float64s(column.Name)
		if err != nil {
			log.Fatal(err)
		}
		fmt.Printf("%-9s %.2f\n", column.Name, values)
	}
	// Output:
	// loss      [1.00 0.50 0.33 0.25 0.20 0.17 0.14 0.12]
	// eval_loss [NaN 4.00 NaN 2.00 NaN 0.00 NaN -2.00]
}

// Tells what made a run fail, where its directory records that.
func ExampleRun_Failure() {
	for _, path := range []string{"v1-failure-only_txt_many", "r260v1-keep_max", "r260v2-fail_two"} {
		run, err := libresult.Open(context.Background(), "../../tests/corpus/"+path+"/run")
		if err != nil {
			log.Fatal(err)
		}
		fmt.Print(run.FailurePresence())
		if failure := run.Failure(); failure != nil {
			fmt.Printf(": %s: %s (%d times)", failure.Type, failure.Message, failure.Occurrences)
		}
		fmt.Println()
	}
	// Output:
	// present: RuntimeError: third (3 times)
	// absent
	// unknown
}

// Tells what Ray's export events know of a run of Train V2, whose directory records no failure. The
// run was moved since: its events name the place where it lay.
func ExampleRun_Attempts() {
	run, err := libresult.Open(context.Background(), "../../tests/corpus/r260v2-ev_fail_again/run",
		libresult.Setting{Key: "events", Value: "../../tests/corpus/r260v2-ev_fail_again/events"},
		libresult.Setting{Key: "events_path", Value: "${STORAGE}/r260v2-ev_fail_again"})
	if err != nil {
		log.Fatal(err)
	}
	fmt.Println(run.Status(), "after", run.EndTime().Sub(run.StartTime()).Round(time.Second))
	for _, attempt := range run.Attempts() {
		fmt.Println("-", attempt.Status)
		for _, worker := range attempt.Failure.Workers {
			fmt.Printf("  worker %d: %s: %s\n", *worker.Rank, worker.Type, worker.Message)
		}
	}
	// Output:
	// errored after 16s
	// - errored
	//   worker 0: BoomError: boom at step 3
	// - errored
	//   worker 0: BoomError: boom at step 3
}

// Marks a checkpoint, and keeps what others wrote into its metadata.
func ExampleCheckpoint_UpdateMetadata() {
	dir, err := os.MkdirTemp("", "checkpoint_")
	if err != nil {
		log.Fatal(err)
	}
	defer os.RemoveAll(dir)
	ctx := context.Background()
	checkpoint, err := libresult.OpenCheckpoint(ctx, dir)
	if err != nil {
		log.Fatal(err)
	}
	if err := checkpoint.WriteMetadata(ctx, map[string]any{"step": 7, "score": 3.0}); err != nil {
		log.Fatal(err)
	}
	if err := checkpoint.UpdateMetadata(ctx, map[string]any{"released": true}); err != nil {
		log.Fatal(err)
	}
	metadata, err := checkpoint.ReadMetadata(ctx)
	if err != nil {
		log.Fatal(err)
	}
	fmt.Printf("%v %T(%[2]v) %T(%[3]v)\n", metadata["released"], metadata["step"], metadata["score"])
	// Output: true int64(7) float64(3)
}
