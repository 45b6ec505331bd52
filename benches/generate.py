#!/usr/bin/env python3
"""Write the benchmark workloads, the same bytes every time: generate.py DIRECTORY [NAME...] [--scale F]

Each workload is one directory DIRECTORY/NAME, in the form Ray Train and Tune leave on disk:

  long        V1 trial, 200,000 rows, 34 flat metrics, small config; 200 checkpoint directories
  config      V1 trial, 20,000 rows, each repeating the same nested config of about 4 KB
  snapshot    V2 run, one checkpoint_manager_snapshot.json with 10,000 checkpoints of 20 metrics
  experiment  2,000 V1 trials of 100 rows with about 20 flat metrics
  dirty       V1 trial, 50,000 rows: NaN and Infinity literals, integers beyond 2^53 and 2^64, a column that turns
              from int to float to string, late columns, missing keys, unicode escapes, a torn last line
  dirtyfull   `dirty` without the torn last line, for readers that refuse it
  small       V1 trial of 100 rows: the latency of opening a run

A workload that exists already is left alone. Rows are written by json.dumps, as Ray's JSON logger does.
"""
import argparse
import json
import math
import random
from pathlib import Path

PHASES = ("warmup", "train", "cooldown")
NOT_IN_SHORT = ("grad_norm", "tokens", "improved", "phase", "perf", "histogram", "timestamp", "hostname", "node_ip", "lr")


def small_config(rng):
    return {"lr": rng.uniform(1e-5, 1e-2), "batch_size": rng.choice([32, 64, 128]), "net": {"depth": 4, "act": "gelu"}}


def large_layer(rng):
    return {"units": rng.randrange(64, 4096), "dropout": round(rng.random(), 3), "bias": rng.random() < 0.5,
            "init": {"name": "trunc_normal", "std": rng.uniform(0.001, 0.1), "seed": rng.getrandbits(31)},
            "schedule": [round(rng.random(), 4) for _ in range(8)], "comment": None}


def large_config(rng):
    """About 4 KB of nested JSON: what a training framework passes as its whole configuration."""
    return {"model": {f"block_{i}": large_layer(rng) for i in range(12)}, "data": {f"shard_{i:02d}":
            f"s3://bucket/tokens/part-{i:05d}.parquet" for i in range(16)}, "betas": [0.9, 0.999], **small_config(rng)}


def row(rng, step, total, config, trial, checkpoint=None):
    """Floats, integers, booleans, strings, a list, and dicts two levels deep."""
    loss = 4.0 * math.exp(-5.0 * step / total) + rng.gauss(0.0, 0.05)
    took = rng.uniform(0.2, 0.4)
    date = f"2025-11-{1 + step // 86400:02d}_{step // 3600 % 24:02d}-{step // 60 % 60:02d}-{step % 60:02d}"
    return {"loss": loss, "accuracy": 1.0 / (1.0 + math.exp(loss - 2.0)), "lr": 1e-3 * (1.0 - step / total),
            "grad_norm": abs(rng.gauss(1.0, 0.3)), "tokens": step * 524288, "epoch": step * 10 // total,
            "improved": rng.random() < 0.1, "phase": PHASES[step * 3 // total],
            "eval": {"loss": loss + 0.1, "top5": rng.random(), "by_length": {"short": rng.random(), "long": rng.random()}},
            "perf": {"steps_per_s": 1.0 / took, "gpu": {"util": rng.randrange(80, 101), "mem_mb": rng.randrange(79000)}},
            "histogram": [rng.randrange(1000) for _ in range(8)], "timestamp": 1762000000 + step,
            "checkpoint_dir_name": checkpoint, "should_checkpoint": checkpoint is not None, "done": step + 1 == total,
            "training_iteration": step + 1, "trial_id": trial, "date": date, "time_this_iter_s": took,
            "time_total_s": step * 0.3, "pid": 4711, "hostname": "node-17", "node_ip": "10.0.3.17", "config": config,
            "time_since_restore": step * 0.3, "iterations_since_restore": step + 1}


def short_row(*args):
    return {key: value for key, value in row(*args).items() if key not in NOT_IN_SHORT}


def dirty_row(rng, step, total, *args):
    """A row with what a strict JSON reader, or one that guesses types from the first rows, stumbles over."""
    out = row(rng, step, total, *args)
    if step % 50 == 7:
        out["loss"] = (math.nan, math.inf, -math.inf)[step // 50 % 3]
    if step % 1000 == 11:
        out["grad_norm"] = "null"                                # what Ray writes for numpy.float32("nan")
    out["tokens"] = 2**53 + 1 + 2 * step                         # exact as an integer, not as a float
    if step % 5000 == 4999:
        out["tokens"] = 2**64 + step                             # beyond 64 bits
    out["drift"] = (step, step + 0.5, f"step {step}")[step * 3 // total]
    out["note"] = f"\u00e9poque {step} \u2028 \U0001f680"        # json.dumps writes these as \u escapes
    if step >= total // 2:
        out["late"] = {"metric": rng.random(), "count": step}
    if step % 3 == 0:
        del out["eval"]["top5"]
    if step % 7 == 0:
        del out["accuracy"]
    return out


def write_trial(folder, rows, make, config, seed, checkpoints, torn=False):
    rng = random.Random(seed)
    folder.mkdir(parents=True)
    trial, every = f"{seed:05x}_00000", max(1, rows // checkpoints)
    with open(folder / "result.json", "w") as out:
        for step in range(rows):
            name = f"checkpoint_{step // every:06d}" if step % every == every - 1 else None
            out.write(json.dumps(make(rng, step, rows, config, trial, name)) + "\n")
            if name:
                (folder / name).mkdir()
                (folder / name / "weights.bin").write_bytes(b"w")
        if torn:
            out.write(json.dumps(make(rng, rows - 1, rows, config, trial, None))[:300])
    (folder / "params.json").write_text(json.dumps(config, indent=2, sort_keys=True))


def write_snapshot(folder, count):
    """What Ray 2.60 writes for a V2 run: compact JSON."""
    rng = random.Random(3)
    folder.mkdir(parents=True)
    results = []
    for i in range(count):
        name = f"checkpoint_2025-11-{1 + i // 1440:02d}_{i // 60 % 24:02d}-{i % 60:02d}-00.{rng.randrange(10**6):06d}"
        metrics = {"loss": rng.random(), "epoch": i, "eval": {"loss": rng.random(), "acc": rng.random()},
                   **{f"metric_{j}": rng.gauss(0.0, 1.0) for j in range(14)}, "best": False, "phase": "train"}
        results.append({"version": 0, "checkpoint_dir_name": name, "metrics": metrics})
        (folder / name).mkdir()
    state = {"ray_version": "2.60.0", "checkpoint_results": results, "checkpoint_report_indices": list(range(count)),
             "latest_checkpoint_result": results[-1], "pending_training_results": [], "pending_validation_specs": [],
             "current_report_index": count, "timed_out_validation_checkpoint_dir_names": [],
             "validated_checkpoint_dir_names": [entry["checkpoint_dir_name"] for entry in results[::2]],
             "failed_validation_checkpoint_dir_names": []}
    (folder / "checkpoint_manager_snapshot.json").write_text(json.dumps(state, separators=(",", ":")))


def write_experiment(folder, trials):
    for i in range(trials):
        write_trial(folder / f"train_{i:05x}_00000_{i}", 100, short_row, small_config(random.Random(i)), i, 1)


def main():
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("directory", type=Path)
    parser.add_argument("names", nargs="*", help="workloads to write; all of them by default")
    parser.add_argument("--scale", type=float, default=1.0, help="multiply the counts, for a quick run")
    args = parser.parse_args()
    scaled = lambda count: max(1, int(count * args.scale))
    small, large = small_config(random.Random(1)), large_config(random.Random(2))
    make = {"long": lambda path: write_trial(path, scaled(200_000), row, small, 1, 200),
            "config": lambda path: write_trial(path, scaled(20_000), row, large, 2, 20),
            "snapshot": lambda path: write_snapshot(path, scaled(10_000)),
            "experiment": lambda path: write_experiment(path, scaled(2_000)),
            "dirty": lambda path: write_trial(path, scaled(50_000), dirty_row, small, 5, 50, torn=True),
            "dirtyfull": lambda path: write_trial(path, scaled(50_000), dirty_row, small, 5, 50),
            "small": lambda path: write_trial(path, 100, row, small, 6, 2)}
    for name in args.names or make:
        if not (args.directory / name).exists():
            make[name](args.directory / name)


if __name__ == "__main__":
    main()
