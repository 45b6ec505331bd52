#!/usr/bin/env python3
"""How long it takes to open a run and to find its best checkpoint, beside the floor and beside Ray, in one run.

open.py [--rounds N] [--data DIRECTORY] [--ray-python PYTHON]

`make bench` builds what this needs and calls it. The floor lists the directory, reads the same file and finds its newlines. All programs run
in turn, each in a fresh process, files in the page cache. Printed are medians: CPU (user and system), wall, peak memory, and the ratio of CPU to
the floor's. A time counts only if the answer is right."""
import argparse
import os
import re
import statistics
import subprocess
import sys
import time

HERE = os.path.dirname(os.path.abspath(__file__))
# Workload, layout, what it is, the best checkpoint by loss (none: whatever the first program says).
WORKLOADS = [
    ("long", "v1", "W1: 200,000 rows of Train V1, 189 MB, 200 checkpoints"),
    ("snapshot", "v2", "W3: 10,000 checkpoints of Train V2"),
    ("small", "v1", "W6: 100 rows of Train V1"),
]


def measure(command):
    """Runs a command; returns what it printed, CPU seconds, wall seconds, peak bytes."""
    start = time.monotonic()
    process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    printed, errors = process.stdout.read(), process.stderr.read()
    _, status, used = os.wait4(process.pid, 0)
    wall = time.monotonic() - start
    if status:
        sys.exit(f"{' '.join(command)}: exit status {os.waitstatus_to_exitcode(status)}\n{errors}")
    # A process inherits the peak of the one that starts it, so small programs tell their own.
    told = re.search(r"VmHWM:\s*(\d+) kB", errors)
    return printed.strip(), used.ru_utime + used.ru_stime, wall, (int(told[1]) if told else used.ru_maxrss) * 1024


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n", maxsplit=1)[0])
    parser.add_argument("--rounds", type=int, default=7)
    parser.add_argument("--data", default=os.path.join(HERE, "..", "build", "bench"))
    parser.add_argument("--ray-python", help="a Python that has ray[train] and pandas; without it Ray is left out")
    options = parser.parse_args()
    names = [name for name, _, _ in WORKLOADS]
    subprocess.run([sys.executable, os.path.join(HERE, "generate.py"), options.data, *names], check=True)
    programs = {name: [os.path.join(HERE, "target", "release", name)] for name in ("floor", "open")}
    for name, layout, what in WORKLOADS:
        run = os.path.join(options.data, name)
        commands = {"floor: read and newline scan": programs["floor"] + [run], "libresult": programs["open"] + [run]}
        if options.ray_python:
            commands["Ray, in Python"] = [options.ray_python, os.path.join(HERE, "ray_open.py"), run, layout]
        for command in commands.values():  # fills the page cache
            measure(command)
        rounds = {who: [] for who in commands}
        for _ in range(options.rounds):
            for who, command in commands.items():
                rounds[who].append(measure(command))
        answers = {rounds[who][0][0] for who in commands if not who.startswith("floor")}
        if len(answers) != 1:
            sys.exit(f"{what}: the answers differ: {answers}")
        print(f"\n{what}\n  {'':30}{'CPU ms':>10}{'wall ms':>10}{'peak MB':>10}{'× floor':>10}")
        floor = None
        for who, measured in rounds.items():
            cpu, wall, peak = (statistics.median(one[place] for one in measured) for place in (1, 2, 3))
            floor = floor or max(cpu, 1e-4)
            print(f"  {who:30}{cpu * 1e3:10.1f}{wall * 1e3:10.1f}{peak / 1e6:10.1f}{cpu / floor:10.1f}")


if __name__ == "__main__":
    main()
