"""What people could read a run with instead, from Python, one peer a process:

peers_python.py QUESTION PEER PATH [--digest] [--threads N] [--all-rows] [--out FILE]

    table       the whole table in memory: the rows of a run, or of all trials of an experiment
    best        the name of the best checkpoint by loss
    latest      the loss of the last row, or of all trials of an experiment
    parquet     the table written to FILE, compressed with zstd; `digest-parquet` is asked for what is in one

Prints the answer; for a table its size, or with --digest its digest. The table is what the peer makes of the rows at its
best settings, with a schema from all rows where a sample is not enough; where it keeps structs, only the digest flattens
them. Peer `json` is the plain Python that says what is right. Peers refuse by failing."""
import argparse
import importlib
import json
import math
import os
import sys
import time

import digest

ALL_ROWS = "--all-rows"

# ---- Tables ----------------------------------------------------------------------------------------------------------


def result_file(path):
    return os.path.join(path, "result.json")


def trials(path):
    return sorted(entry.path for entry in os.scandir(path))


def is_experiment(path):
    return not os.path.exists(result_file(path))


def table_ray(path, _):
    from ray.tune import Result

    if not is_experiment(path):
        return Result.from_path(path).metrics_dataframe
    import pandas

    return pandas.concat([Result.from_path(trial).metrics_dataframe for trial in trials(path)], ignore_index=True)


def duckdb_relation(path, threads):
    import duckdb

    connection = duckdb.connect(config={"threads": threads})
    files = os.path.join(path, "*", "result.json") if is_experiment(path) else result_file(path)
    # Objects stay structs. A schema from all rows takes more than twice as long, so only if the default one does not do.
    sample = "sample_size=-1, " if ALL_ROWS in sys.argv else ""
    return connection, f"read_json('{files}', {sample}format='newline_delimited', map_inference_threshold=-1)"


def table_duckdb(path, threads):
    connection, relation = duckdb_relation(path, threads)
    return connection.execute(f"SELECT * FROM {relation}").to_arrow_table()


def table_polars(path, _):
    import polars

    files = [result_file(trial) for trial in trials(path)] if is_experiment(path) else result_file(path)
    if isinstance(files, list):
        return polars.scan_ndjson(files, infer_schema_length=None).collect()
    return polars.read_ndjson(files, infer_schema_length=None)


def table_pyarrow(path, threads):
    import pyarrow
    from pyarrow import json as reader

    pyarrow.set_cpu_count(threads)
    # One block: the types of a column must not change from block to block.
    options = reader.ReadOptions(use_threads=threads > 1, block_size=16 << 20)
    files = [result_file(trial) for trial in trials(path)] if is_experiment(path) else [result_file(path)]
    tables = [reader.read_json(file, read_options=options) for file in files]
    return tables[0] if len(tables) == 1 else pyarrow.concat_tables(tables, promote_options="permissive")


def table_pandas(path, _):
    import pandas

    return pandas.read_json(result_file(path), lines=True)


def table_orjson(path, _):
    import orjson
    import pandas

    rows = []
    for trial in trials(path) if is_experiment(path) else [path]:
        with open(result_file(trial), "rb") as lines:
            rows.extend(map(orjson.loads, lines))
    return pandas.json_normalize(rows, sep="/")


def table_datafusion(path, threads):
    import datafusion

    context = datafusion.SessionContext(datafusion.SessionConfig({"datafusion.execution.target_partitions": str(threads)}))
    rows = {"schema_infer_max_records": 10**9} if ALL_ROWS in sys.argv else {}
    return context.read_json(result_file(path), **rows).to_arrow_table()


TABLES = {
    "ray": table_ray,
    "duckdb": table_duckdb,
    "polars": table_polars,
    "pyarrow": table_pyarrow,
    "pandas": table_pandas,
    "orjson": table_orjson,
    "datafusion": table_datafusion,
}

# ---- Digests ---------------------------------------------------------------------------------------------------------


def numbers_line(name, kind, words, valid):
    """The line of a column whose words are a numpy array of 64 bits: the same as `digest.line`, in arrays."""
    import numpy

    rows = numpy.arange(1, len(words) + 1, dtype=numpy.uint64)
    mixed = words.astype(numpy.uint64) + rows * numpy.uint64(digest.STEP)
    mixed = (mixed ^ mixed >> numpy.uint64(30)) * numpy.uint64(0xBF58476D1CE4E5B9)
    mixed = (mixed ^ mixed >> numpy.uint64(27)) * numpy.uint64(0x94D049BB133111EB)
    total = (mixed ^ mixed >> numpy.uint64(31))[valid].sum(dtype=numpy.uint64)
    return f"{name}\t{kind}\t{len(words) - int(valid.sum())}\t{int(total):016x}"


def float_words(values):
    import numpy

    values = numpy.asarray(values, dtype=numpy.float64).copy()
    values[numpy.isnan(values)] = math.nan
    return values.view(numpy.uint64)


def objects_line(name, values):
    cells = [(row, value) for row, value in enumerate(values) if value is not None]
    return digest.column(name, cells, len(values))


def pandas_lines(frame, prefix=""):
    import numpy
    import pandas

    for name in frame.columns:
        series, kind = frame[name], frame[name].dtype
        valid = numpy.ones(len(series), dtype=bool)
        if kind == numpy.float64:
            yield numbers_line(prefix + name, "float64", float_words(series), valid)
        elif kind in (numpy.int64, numpy.uint64):
            yield numbers_line(prefix + name, str(kind), series.to_numpy().astype(numpy.int64).view(numpy.uint64), valid)
        elif kind == bool:
            yield numbers_line(prefix + name, "bool", series.to_numpy().astype(numpy.uint64), valid)
        elif isinstance(next(iter(series.dropna()), None), dict):
            yield from pandas_lines(pandas.DataFrame(series.to_list()), f"{prefix}{name}/")
        else:
            # In columns of objects and of text, NaN is how pandas spells missing.
            missing = pandas.isna(series) if kind != object else series.map(lambda one: one is None or isinstance(one, float) and one != one)
            yield objects_line(prefix + name, [None if gone else plain(one) for gone, one in zip(missing, series)])


def plain(value):
    """Without the types of numpy and pandas."""
    return str(value) if hasattr(value, "isoformat") else value.item() if hasattr(value, "item") else value


def arrow_lines(column, name):
    import numpy
    import pyarrow

    kind = column.type
    if pyarrow.types.is_struct(kind):
        # `flatten` of the array, not of the field: a missing struct has missing members.
        for place, field in enumerate(kind):
            yield from arrow_lines(pyarrow.chunked_array([one.flatten()[place] for one in column.chunks], field.type), f"{name}/{field.name}")
        return
    valid = ~numpy.asarray(column.is_null().to_numpy(), dtype=bool)
    if pyarrow.types.is_floating(kind):
        yield numbers_line(name, "float64", float_words(column.fill_null(0.0).to_numpy()), valid)
    elif pyarrow.types.is_integer(kind):
        name_of_kind = "uint64" if pyarrow.types.is_uint64(kind) else "int64"
        words = column.fill_null(0).to_numpy()
        yield numbers_line(name, name_of_kind, words if words.dtype == numpy.uint64 else words.astype(numpy.int64).view(numpy.uint64), valid)
    elif pyarrow.types.is_boolean(kind):
        yield numbers_line(name, "bool", column.fill_null(False).to_numpy().astype(numpy.uint64), valid)
    else:
        yield objects_line(name, [None if value is None else plain(value) for value in column.to_pylist()])


def json_or_arrow_lines(table, name):
    # libresult says so of its columns of JSON, which are text to Parquet.
    if (table.schema.field(name).metadata or {}).get(b"libresult.type") == b"json":
        return [objects_line(name, [value and plain(json.loads(value)) for value in table[name].to_pylist()])]
    return arrow_lines(table[name], name)


def print_digest(table):
    if hasattr(table, "to_arrow"):  # polars
        table = table.to_arrow()
    if hasattr(table, "column_names"):
        lines = [line for name in table.column_names for line in json_or_arrow_lines(table, name)]
        rows = table.num_rows
    else:
        lines, rows = list(pandas_lines(table)), len(table)
    print(f"rows {rows} columns {len(lines)}")
    print("\n".join(lines))


# ---- The other questions ---------------------------------------------------------------------------------------------


def best_ray(path, _):
    if os.path.exists(os.path.join(path, "checkpoint_manager_snapshot.json")):
        from ray.train import Result
    else:
        from ray.tune import Result
    return os.path.basename(Result.from_path(path).get_best_checkpoint("loss", "min").path)


def best_duckdb(path, threads):
    connection, relation = duckdb_relation(path, threads)
    have = {entry.name for entry in os.scandir(path) if entry.is_dir()}
    names = connection.execute(f"SELECT checkpoint_dir_name FROM {relation} WHERE checkpoint_dir_name IS NOT NULL ORDER BY loss").fetchall()
    return next(name for (name,) in names if name in have)


def best_pyarrow(path, threads):
    table = table_pyarrow(path, threads)
    have = {entry.name for entry in os.scandir(path) if entry.is_dir()}
    entries = zip(table["loss"].to_pylist(), table["checkpoint_dir_name"].to_pylist())
    return min(entry for entry in entries if entry[1] in have)[1]


def best_by_hand(loads):
    """Only the lines that name a checkpoint are parsed."""

    def best(path, _):
        have = {entry.name for entry in os.scandir(path) if entry.is_dir()}
        snapshot = os.path.join(path, "checkpoint_manager_snapshot.json")
        if os.path.exists(snapshot):
            with open(snapshot, "rb") as file:
                results = loads(file.read())["checkpoint_results"]
            entries = [(one["metrics"]["loss"], one["checkpoint_dir_name"]) for one in results]
        else:
            with open(result_file(path), "rb") as lines:
                rows = [loads(line) for line in lines if b'"checkpoint_dir_name": "' in line]
            entries = [(row["loss"], row["checkpoint_dir_name"]) for row in rows]
        return min(entry for entry in entries if entry[1] in have)[1]

    return best


def latest_by_hand(loads):
    """The last 64 KiB of a file."""

    def loss(path):
        with open(result_file(path), "rb") as file:
            file.seek(max(0, file.seek(0, os.SEEK_END) - 65536))
            return loads(file.read().splitlines()[-1])["loss"]

    def latest(path, _):
        return best_of((loss(trial), trial) for trial in trials(path)) if is_experiment(path) else repr(loss(path))

    return latest


def by_orjson(make):
    def ask(path, threads):
        import orjson

        return make(orjson.loads)(path, threads)

    return ask


def latest_ray(path, _):
    from ray.tune import Result

    if is_experiment(path):
        return best_of((Result.from_path(trial).metrics["loss"], trial) for trial in trials(path))
    return repr(Result.from_path(path).metrics["loss"])


def best_of(losses):
    losses = list(losses)
    return f"{len(losses)} trials, best {os.path.basename(min(losses)[1])} {min(losses)[0]!r}"


def parquet_duckdb(path, threads, out):
    connection, relation = duckdb_relation(path, threads)
    connection.execute(f"COPY (SELECT * FROM {relation}) TO '{out}' (FORMAT parquet, COMPRESSION zstd)")


def parquet_polars(path, threads, out):
    table_polars(path, threads).write_parquet(out, compression="zstd")


def parquet_pyarrow(path, threads, out):
    from pyarrow import parquet

    parquet.write_table(table_pyarrow(path, threads), out, compression="zstd")


QUESTIONS = {
    "best": {
        "ray": best_ray,
        "duckdb": best_duckdb,
        "pyarrow": best_pyarrow,
        "orjson": by_orjson(best_by_hand),
        "json": best_by_hand(json.loads),
    },
    "latest": {
        "ray": latest_ray,
        "orjson": by_orjson(latest_by_hand),
        "json": latest_by_hand(json.loads),
    },
}
# What a peer imports, so that its work is told without that.
MODULES = {
    "ray": ("ray.train", "ray.tune", "pandas"),
    "duckdb": ("duckdb", "pyarrow"),
    "polars": ("polars",),
    "pyarrow": ("pyarrow.json", "pyarrow.parquet"),
    "pandas": ("pandas",),
    "orjson": ("orjson",),
    "orjson table": ("orjson", "pandas"),
    "datafusion": ("datafusion", "pyarrow"),
}
PARQUET = {"duckdb": parquet_duckdb, "polars": parquet_polars, "pyarrow": parquet_pyarrow}


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("question", choices=("table", "parquet", "digest-parquet", *QUESTIONS))
    parser.add_argument("peer")
    parser.add_argument("path")
    parser.add_argument("--digest", action="store_true")
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--out")
    parser.add_argument(ALL_ROWS, action="store_true", help="DuckDB, DataFusion: a schema from all rows")
    options = parser.parse_args()
    # Read by polars and by DataFusion when they are imported.
    os.environ["POLARS_MAX_THREADS"] = os.environ["TOKIO_WORKER_THREADS"] = str(options.threads)
    for module in MODULES.get(f"{options.peer} {options.question}") or MODULES.get(options.peer, ()):
        importlib.import_module(module)
    options.path = os.path.abspath(options.path)
    start = time.process_time()
    if options.question == "table":
        table = TABLES[options.peer](options.path, options.threads)
        used = time.process_time() - start
        if options.digest:
            print_digest(table)
        else:
            print("rows {} columns {}".format(*(table.shape)))
    elif options.question == "parquet":
        PARQUET[options.peer](options.path, options.threads, options.out)
        used = time.process_time() - start
        print("written")
    elif options.question == "digest-parquet":
        from pyarrow import parquet

        used = 0.0
        print_digest(parquet.read_table(options.path))
    else:
        print(QUESTIONS[options.question][options.peer](options.path, options.threads))
        used = time.process_time() - start
    with open("/proc/self/status", encoding="ascii") as status:
        sys.stderr.writelines(line for line in status if line.startswith("VmHWM:"))
    print(f"work: {used:.6f} s", file=sys.stderr)


if __name__ == "__main__":
    main()
