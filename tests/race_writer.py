"""Writes a run as Ray does while it trains, for tests/racing.rs: race_writer.py v1|v2 DIRECTORY SECONDS

V2 writes a checkpoint, then the snapshot that names it, in place (the file is cut to nothing and filled anew), then deletes what the new snapshot does
not name. V1 writes a checkpoint, then appends a row that names it, then deletes older checkpoints. Rows and snapshots go out in pieces."""
import json
import os
import random
import shutil
import sys
import time

KEEP = 3
MEAN_PAUSE = 0.03  # seconds; a trainer that reports faster than that has other worries


def write_in_pieces(path, mode, text):
    with open(path, mode, buffering=0) as f:
        data = text.encode()
        for start in range(0, len(data), 100):
            f.write(data[start : start + 100])


def checkpoint(run, name):
    os.mkdir(os.path.join(run, name))
    with open(os.path.join(run, name, "model"), "w", encoding="utf-8") as f:
        f.write("weights")


def v2(run, step, names):
    names.append(f"checkpoint_2026-11-24_08-30-26.{step:06d}")
    checkpoint(run, names[-1])
    kept = names[-KEEP:]
    first = step + 1 - len(kept)
    entries = [{"version": 0, "checkpoint_dir_name": name, "metrics": {"step": first + i}} for i, name in enumerate(kept)]
    snapshot = {"ray_version": "2.60.0", "checkpoint_results": entries, "latest_checkpoint_result": entries[-1],
                "checkpoint_report_indices": list(range(first, step + 1))}
    write_in_pieces(os.path.join(run, "checkpoint_manager_snapshot.json"), "wb", json.dumps(snapshot))


def v1(run, step, names):
    names.append(f"checkpoint_{step:06d}")
    checkpoint(run, names[-1])
    row = {"step": step, "checkpoint_dir_name": names[-1], "training_iteration": step + 1, "config": {"lr": 0.1}}
    write_in_pieces(os.path.join(run, "result.json"), "ab", json.dumps(row) + "\n")


def main():
    layout, run, until = {"v1": v1, "v2": v2}[sys.argv[1]], sys.argv[2], time.monotonic() + float(sys.argv[3])
    names, step, rng = [], 0, random.Random(7)
    while time.monotonic() < until:
        layout(run, step, names)
        while len(names) > KEEP:
            shutil.rmtree(os.path.join(run, names.pop(0)))
        time.sleep(rng.expovariate(1 / MEAN_PAUSE))
        step += 1
        if step == 1:
            print("started", flush=True)
    print(step, flush=True)


if __name__ == "__main__":
    main()
