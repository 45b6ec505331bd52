#!/usr/bin/env python3
"""What people use now for runs on S3, in Python: storage_peers.py copy_files|to_directory|from_path HOST:PORT PATH [DIRECTORY]

copy_files is pyarrow's, to_directory that of Ray's Checkpoint, from_path of Ray's Result: it prints what benches/src/bin/remote.rs
prints. storage_peers.py import copy_files|to_directory|from_path does nothing but to start. Credentials are those of the environment."""
import importlib
import math
import os
import sys

MODULES = {"copy_files": ("pyarrow.fs",), "to_directory": ("pyarrow.fs", "ray.train"), "from_path": ("pyarrow.fs", "ray.train", "pandas")}


def store(endpoint):
    from pyarrow import fs

    return fs.S3FileSystem(endpoint_override=endpoint, scheme="http", region="us-east-1")


def copy_files(endpoint, path, directory):
    from pyarrow import fs

    os.makedirs(directory)
    fs.copy_files(path, directory, source_filesystem=store(endpoint), destination_filesystem=fs.LocalFileSystem())


def to_directory(endpoint, path, directory):
    from ray.train import Checkpoint

    Checkpoint(path, filesystem=store(endpoint)).to_directory(directory)


def from_path(endpoint, path):
    from ray.train import Result

    result = Result.from_path(path, storage_filesystem=store(endpoint))
    best = result.get_best_checkpoint("loss", "min")
    loss = next(metrics["loss"] for checkpoint, metrics in result.best_checkpoints if checkpoint.path == best.path)
    print(os.path.basename(best.path), repr(loss), repr((result.metrics or {}).get("loss", math.nan)))


def main():
    what, *arguments = sys.argv[1:]
    for module in MODULES[arguments[0] if what == "import" else what]:
        importlib.import_module(module)
    if what != "import":
        {"copy_files": copy_files, "to_directory": to_directory, "from_path": from_path}[what](*arguments)


if __name__ == "__main__":
    main()
