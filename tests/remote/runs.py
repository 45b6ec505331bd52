"""Runs that the tests make up."""
import concurrent.futures
import json
import os
import random
import tempfile

CHECKPOINT = "run/checkpoint_000001"


def put_v2(proxy, count, below="run"):
    """A run of Train V2 with so many checkpoints, one file each. Returns its URI."""
    names = [f"checkpoint_{number:06}" for number in range(count)]
    results = [{"version": 0, "checkpoint_dir_name": name, "metrics": {"loss": 1 / (number + 1), "i": number}} for number, name in enumerate(names)]
    snapshot = {"ray_version": "2.60.0", "checkpoint_results": results, "checkpoint_report_indices": list(range(count)),
                "latest_checkpoint_result": results[-1] if results else None, "pending_training_results": [], "pending_validation_specs": [],
                "current_report_index": count, "validated_checkpoint_dir_names": [], "timed_out_validation_checkpoint_dir_names": [],
                "failed_validation_checkpoint_dir_names": []}
    many(proxy, [f"{below}/{name}/model.bin" for name in names])
    proxy.put(f"{below}/checkpoint_manager_snapshot.json", json.dumps(snapshot).encode())
    return proxy.uri(below)


def many(proxy, names):
    """Puts many small files."""
    if proxy.store == "s3":
        proxy.direct.many(keys=[f"{proxy.home}/{name}" for name in names], body="weights")
    else:
        for name in names:
            proxy.put(name, b"weights")


def rows(count, width=0):
    """Lines of a result.json; each has a text of `width` bytes."""
    pad = "x" * width
    return b"".join(b'{"loss": %d.5, "training_iteration": %d, "pad": "%s"}\n' % (row, row + 1, pad.encode()) for row in range(count))


def put_checkpoint(proxy, files, below=CHECKPOINT):
    """Puts a checkpoint with these files. Returns its URI."""
    if proxy.store == "s3" and len(files) > 50:
        with tempfile.TemporaryDirectory() as directory:
            for name, data in files.items():
                path = os.path.join(directory, proxy.home, below, name)
                os.makedirs(os.path.dirname(path), exist_ok=True)
                with open(path, "wb") as f:
                    f.write(data)
            proxy.direct.upload(directory)
        return proxy.uri(below)
    with concurrent.futures.ThreadPoolExecutor(4) as pool:
        for done in [pool.submit(proxy.put, f"{below}/{name}", data) for name, data in files.items()]:
            done.result()
    return proxy.uri(below)


def noise(seed, length):
    """Bytes that repeat nowhere, the same for each seed."""
    return random.Random(seed).randbytes(length)


def tree(directory):
    """All files below a directory, by name."""
    found = {}
    for where, _, names in os.walk(directory):
        for name in names:
            path = os.path.join(where, name)
            with open(path, "rb") as f:
                found[os.path.relpath(path, directory)] = f.read()
    return found
