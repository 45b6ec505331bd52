#!/usr/bin/env python3
"""Holds libresult's answers against those of the live Ray: of the process that wrote the run.

live.py PROGRAM [--corpus DIR] [--scratch DIR] [--self-test]

A golden of a real run keeps what Ray's Result answered while the process that had trained still lived (`live`), or what it raised.
Here Ray knows what no file keeps. A run with export events is held twice, without and with them. Each difference needs a rule, in
the way that differences.py says, in the section `Beside the live Ray` of docs/differences.md."""
import collections
import copy
import functools
import json
import pathlib
import sys

import differences
from differences import CHECKPOINT, CHECKPOINTS, CONFIG, DIR_NAME, ERROR, METRICS, MISSING, OPENS, RETURN_VALUE
from differences import Difference, compare, same

WORKERS = "failures of workers"
FACETS = (OPENS, METRICS, CHECKPOINT, CHECKPOINTS, ERROR, WORKERS, CONFIG, RETURN_VALUE)
RULES = collections.defaultdict(list)
explains = functools.partial(differences.explains, rules=RULES)

KEPT_OF_A_TEXT = 400  # characters of a message that a golden keeps
# What Train V1 adds to a report.
RAYS_OWN = set("""checkpoint_dir_name config date done experiment_tag hostname iterations_since_restore node_ip pid should_checkpoint
    time_since_restore time_this_iter_s time_total_s timestamp training_iteration trial_id""".split())


class Run(differences.Run):
    """A run with the answers of the live Ray and ours. A trial of an experiment raises nothing, but has an error."""

    def __init__(self, case, live, ours):
        super().__init__(case, "v1" if ours.get("layout") == "train_v1" else "v2", {"outcome": "ok"}, ours)
        self.live = live
        self.raised = live.get("raised") or live.get("error")

    def answered(self, ours):
        return Run(self.case, self.live, ours)

    @functools.cached_property
    def chain(self):
        """What Ray raised, then the cause of that, and so on."""
        chain = [self.raised]
        while chain[-1]:
            chain.append(chain[-1].get("cause"))
        return chain[:-1]

    @property
    def workers(self):
        """What Ray says of the workers that failed, by rank."""
        return {int(rank): failure for rank, failure in (self.raised or {}).get("worker_failures", {}).items()}

    @functools.cached_property
    def whole_rows(self):
        """The rows of result.json, without a last one that is cut."""
        return [json.loads(line) for line in (self.read("result.json") or b"").split(b"\n")[:-1]]

    @functools.cached_property
    def events(self):
        """What Ray logged, if the run was opened with events: the data of each event."""
        logs = pathlib.Path(self.case.events).glob("event_EXPORT_TRAIN_STATE*.log*") if self.case.events else []
        return [json.loads(line)["event_data"] for log in logs for line in log.read_bytes().splitlines()]

    @property
    def details(self):
        return [event["status_detail"] for event in self.events if event.get("status_detail")]


def live_answers(corpus, case):
    """What the live Ray answered, or None."""
    return differences.golden_of(corpus, case.name.removesuffix(" with events") if case.events else case.name)["live"]


def asked_cases(corpus, scratch):
    """The cases of which the live Ray answered, without and with events."""
    return [case for case in compare.load_cases(corpus, scratch, with_settings=True)
            if not case.strict and not case.powerless and live_answers(corpus, case)]


# ---- Differences ----------------------------------------------------------------------------------------------------


def found_differences(run):
    """Of a run that raised, Ray has no Result: only the error is to be compared."""
    if run.we_refuse:
        yield Difference(OPENS, (), "ok", run.ours["error"]["code"])
        return
    yield from error(run)
    yield from workers(run)
    if "metrics" in run.live:
        yield from differences.metrics(run.live["metrics"], run.ours)
        yield from differences.latest_checkpoint(run.live["checkpoint"], run.ours)
        yield from differences.checkpoints(run.live["best_checkpoints"], run.ours)
        yield from config(run)
    if "return_value" in run.live:  # since Ray 2.56
        yield Difference(RETURN_VALUE, (), compare.from_golden(run.live["return_value"]), run.ours["return_value"]["presence"])


def error(run):
    if run.ours["failure"]["presence"] != ("present" if run.raised else "absent"):
        yield Difference(ERROR, ("presence",), run.raised and run.raised["type"], run.ours["failure"]["presence"])
    elif run.raised:
        yield from told(ERROR, (), run.raised, run.ours["failure"])


def told(facet, at, ray, ours):
    """Where the type or the message of an exception is another."""
    if ray["type"] != differences.full_type(ours):
        yield Difference(facet, (*at, "type"), ray["type"], differences.full_type(ours))
    if not says(ray["message"], ours["message"]):
        yield Difference(facet, (*at, "message"), ray["message"], ours["message"])


def says(kept, message):
    """Whether a golden may keep this of the message."""
    return message == kept or len(kept) == KEPT_OF_A_TEXT and message.startswith(kept)


def workers(run):
    ours = {one["rank"]: one for one in run.ours["failure"]["workers"]}
    for rank in sorted(set(run.workers) | set(ours), key=str):
        if None not in (run.workers.get(rank), ours.get(rank)):
            yield from told(WORKERS, (rank,), run.workers[rank], ours[rank])
        else:
            yield Difference(WORKERS, (rank, "presence"), rank in run.workers, rank in ours)


def config(run):
    ray, ours = compare.from_golden(run.live["config"]), run.ours["config"]
    if not same(ray, ours["value"]) or ours["presence"] != ("absent" if ray is None else "present"):
        yield Difference(CONFIG, (), ray, ours["value"] if ours["presence"] == "present" else ours["presence"])


# ---- Rules ----------------------------------------------------------------------------------------------------------


@explains(METRICS)
def end_is_in_no_row(run, difference):
    """When a V1 trial has ended, Ray sets `done` and adds `experiment_tag` to its last metrics; here they are those of the last
    row, which was written before."""
    key, row = difference.at[1], run.whole_rows[-1]
    ends = difference.ray is True if key == "done" else isinstance(difference.ray, str) and key == "experiment_tag"
    return run.reader == "v1" and ends and same(row.get(key, MISSING), difference.ours)


@explains(METRICS)
def metrics_of_no_report(run, difference):
    """Of a V1 trial that reported nothing, Ray's metrics are what it adds itself, such as host and time; here there are none,
    because there is no row."""
    return run.reader == "v1" and run.read("result.json") == b"" and difference.ours is None and set(difference.ray) <= RAYS_OWN


@explains(METRICS, CHECKPOINT, CHECKPOINTS)
def another_trial(run, difference):
    """Of a run that was killed and had no Result, the corpus has that of another trial, with another `trial_id`; here the
    answers are those of the rows and directories that are there."""
    row = run.whole_rows[-1]
    agrees_with_rows = {
        METRICS: lambda: same(row.get(difference.at[1], MISSING), difference.ours),
        CHECKPOINT: lambda: row[DIR_NAME] == difference.ours,
        CHECKPOINTS: lambda: difference.ours == 0 and difference.at[0] not in {row[DIR_NAME] for row in run.whole_rows}}
    return all(row[key] != run.live["metrics"][key] for key in ("trial_id", "pid", "date")) and agrees_with_rows[difference.facet]()


@explains(METRICS)
def snapshot_has_null(run, difference):
    """Ray still has the NaN or the infinity that was reported; here it is null, because Ray wrote null into the snapshot."""
    reported = dict(run.entries)[run.live["checkpoint"]][difference.at[1]]
    return run.reader == "v2" and same(reported, difference.ours) \
        and same(json.loads(json.dumps(difference.ray), parse_constant=lambda _: None), reported)


def ranks(run):
    """Whether the files show that the run ranks its checkpoints: V2 lists the latest before others, V1 has deleted some."""
    latest = run.ours["checkpoint"]["name"]
    return run.entries[-1][0] != latest if run.reader == "v2" else int(latest.rpartition("_")[2]) >= len(run.checkpoints)


@explains(CHECKPOINTS)
def latest_is_not_best(run, difference):
    """If the latest checkpoint is not among the best that the run keeps, Ray does not list it; here every checkpoint that is
    kept stands in the list, the latest too."""
    name = difference.at[0]
    return (difference.ray, difference.ours) == (0, 1) and ranks(run) and run.has(name) and run.live["checkpoint"] == name


@explains(CHECKPOINTS)
def listed_by_score(run, difference):
    """Ray lists checkpoints by score if the run ranks them; here they stand in the order of their reports."""
    places = [run.checkpoints[name]["index"] for name in difference.ours]
    if difference.at != ("order",) or places != sorted(places):
        return False
    if run.reader == "v2":
        return [name for name, _ in run.entries if name in difference.ray] == difference.ray
    # A V1 directory does not say by which metric: any that was reported may be it, and a checkpoint may lack it.
    rows = [run.checkpoints[name]["metrics"] for name in difference.ray]
    columns = ([row.get(metric) for row in rows] for metric in set().union(*rows) - RAYS_OWN)
    known = [[value for value in column if isinstance(value, (int, float))] for column in columns]
    return ranks(run) and any(values and sorted(values) in (values, values[::-1]) for values in known)


@explains(ERROR, WORKERS)
def failure_is_in_no_file(run, difference):
    """The process that trained knows how a V2 run ended; here the failure is unknown without export events, because the
    directory does not record it."""
    return run.reader == "v2" and not run.case.events and difference.at[-1] == "presence" \
        and run.ours["failure"]["presence"] == "unknown" and not run.ours["failure"]["workers"]


@explains(ERROR)
def failure_unknown_without_rows(run, difference):
    """The process that trained knows how a V1 run ended; here the failure is unknown if there is neither a row nor an error
    file, as when Ray itself failed beside the trial."""
    return run.reader == "v1" and difference.ours == "unknown" and difference.at == ("presence",) and not run.whole_rows \
        and not run.has("error.pkl") and not run.has("error.txt") \
        and (difference.ray is None or run.chain[-1]["type"] == "ray.tune.error.TuneError")


@explains(ERROR)
def failure_before_success(run, difference):
    """Ray has no error if a later attempt succeeded; here the failure of the earlier one is present, and recovered."""
    return difference.at == ("presence",) and difference.ray is None and run.ours["failure"]["recovered"] \
        and difference.ours == "present" and (run.events or run.has("error.pkl") or run.has("error.txt"))


def agrees(difference, inner, ours):
    """Whether our type, or our message, is that of the exception inside Ray's."""
    return {"type": differences.full_type(ours) == inner["type"], "message": says(inner["message"], ours["message"])}[difference.at[-1]]


@explains(ERROR)
def wrapped_by_train(run, difference):
    """Ray wraps the exception in a `TrainingFailedError`, a `RayTaskError`, or both; here type and message are those of the
    exception itself."""
    return len(run.chain) > 1 and agrees(difference, run.chain[-1], run.ours["failure"])


@explains(ERROR)
def message_grew(run, difference):
    """An exception whose own `__init__` adds to its message does so each time Ray passes it on; here the message is the one in
    `error.pkl`, which was passed on less often."""
    ray, ours = run.chain[-1], difference.ours
    added = ray["message"].removesuffix(ours)
    return difference.at == ("message",) and added not in ("", ray["message"]) and ours.startswith(added) \
        and ours.encode() in run.read("error.pkl") and ray["type"] == differences.full_type(run.ours["failure"])


@explains(ERROR)
def wrapped_for_workers(run, difference):
    """Ray raises a `WorkerGroupError` of all workers that failed; here type and message are those of the first of them, and
    each has its own."""
    return bool(run.workers) and agrees(difference, run.workers[min(run.workers)], run.ours["failure"])


@explains(ERROR, WORKERS)
def class_is_not_logged(run, difference):
    """Ray knows the class of an error of its own, such as a worker that died; here the type is unknown where the export events
    have the message only."""
    rank = difference.at[0] if difference.facet == WORKERS else min(run.workers)
    ours = {one["rank"]: one for one in run.ours["failure"]["workers"]}[rank]
    return difference.at[-1] == "type" and difference.ours == "" and says(run.workers[rank]["message"], ours["message"]) \
        and not any(f"{run.workers[rank]['type']}: " in text for text in run.details)


@explains(ERROR, WORKERS)
def last_of_several_incidents(run, difference):
    """If a directory was trained in again, the first process knows of its own failure only; here the failure is the last of
    all, and the attempts have the others."""
    failure, earlier = run.ours["failure"], [one["failure"] for one in run.ours["attempts"][:-1] if one["failure"]]
    return difference.at[-1] in (("presence",) if difference.facet == WORKERS and not failure["workers"] else ("type", "message")) \
        and failure["count"] > 1 and failure["message"] in run.details and failure["type"] == "" \
        and any(says(one["message"], mine["message"]) for one in run.workers.values() for mine in earlier)


@explains(ERROR)
def interrupted(run, difference):
    """Of a run that was interrupted, the process raises `SystemExit` or `KeyboardInterrupt`; here the failure has no type, and
    says what Ray logged."""
    failure = run.ours["failure"]
    return difference.at != ("presence",) and failure["type"] == "" and failure["message"] in run.details \
        and run.ours["status"] == "aborted" and run.chain[-1]["type"] in ("builtins.SystemExit", "builtins.KeyboardInterrupt")


@explains(CONFIG)
def config_unknown_in_v2(run, difference):
    """A V2 Result has no config, live neither; here it is unknown without export events, because the directory does not record
    it."""
    return run.reader == "v2" and not run.case.events and difference.ray is None and difference.ours == "unknown" \
        and run.ours["config"]["value"] is None


@explains(CONFIG)
def config_of_events(run, difference):
    """A V2 Result has no config, live neither; here it is the one that Ray's export events have."""
    logged = [event.get("run_settings", {}).get("train_loop_config") for event in run.events]
    return difference.ray is None and run.ours["config"]["source"] == "events" and any(same(one, difference.ours) for one in logged)


@explains(RETURN_VALUE)
def return_value_in_no_file(run, difference):
    """Since Ray 2.56 a Result has what the function returned; here it is unknown, because no file has it."""
    return run.reader == "v2" and difference.ours == "unknown"


# ---- Self-test ------------------------------------------------------------------------------------------------------


def altered_answers(run):
    """Ways in which our answer could be wrong, in every place of which the live Ray tells something."""
    def altered(change, *path):
        answer = copy.deepcopy(run.ours)
        change(functools.reduce(lambda value, key: value[key], path, answer))
        return answer

    def field(of, *path, **members):
        return f"{of}: {members}", altered(lambda place: place.update(members), *path)

    failure, listed, latest = run.ours["failure"], run.ours["checkpoints"], run.ours["checkpoint"]
    yield "no answer", {"error": {"code": "internal", "message": ""}}
    yield from (field("failure", "failure", presence=other) for other in {"present", "absent", "unknown"} - {failure["presence"]})
    for key in ("type", "message") if run.raised and failure["presence"] == "present" else ():
        yield field("failure", "failure", **{key: "Altered"})
        yield from (field("worker", "failure", "workers", index, **{key: "Altered"}) for index in range(len(failure["workers"])))
    if failure["workers"]:
        yield "a worker less", altered(lambda place: place.pop(), "failure", "workers")
    if "return_value" in run.live:
        yield field("return value", "return_value", presence="present")
    if "metrics" not in run.live:
        return
    for key, value in (run.ours["metrics"] or {}).items():
        yield field("metrics", "metrics", **{key: differences.another(value)})
        yield f"a metric less: {key}", altered(lambda place: place.pop(key), "metrics")
    yield "other metrics", {**run.ours, "metrics": {"altered": 1}}
    yield from (("another latest checkpoint", {**run.ours, "checkpoint": one}) for one in [*listed, None]
                if (one and one["name"]) != (latest and latest["name"]))
    yield from ((f"checkpoint {index} less", altered(lambda place: place.pop(index), "checkpoints")) for index in range(len(listed)))
    yield "a checkpoint more", altered(lambda place: place.append({"name": "checkpoint_altered"}), "checkpoints")
    if len(listed) > 1:
        yield "another order", altered(lambda place: place.reverse(), "checkpoints")
    yield field("config", "config", value={"altered": 1})


if __name__ == "__main__":
    LIVE = differences.Comparison(
        "differences from the live Ray", __doc__, differences.LIVE, FACETS, RULES, asked_cases,
        lambda corpus, cases, answers: [Run(case, live_answers(corpus, case), answer) for case, answer in zip(cases, answers)],
        found_differences, functools.partial(differences.explanations, rules=RULES), altered_answers)
    sys.exit(compare.in_deep_thread(functools.partial(differences.main, LIVE)))
