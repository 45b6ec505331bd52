#!/usr/bin/env python3
"""Instructions grow no faster than the input: growth.py PROGRAM, which is fuzz/src/bin/growth.rs.

Counts them with valgrind's callgrind, which gives the same number whatever else the machine does, for each shape of input at two sizes. Twice the
input may cost 2.5 times as much. The last line is `N passed, N failed`."""
import concurrent.futures
import os
import re
import subprocess
import sys

SIZE = 4_000
MOST_GROWTH = 2.5


def instructions(program, place, size):
    command = ["valgrind", "--tool=callgrind", "--callgrind-out-file=/dev/null", program, str(place), str(size)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode:
        sys.exit(f"{' '.join(command)}: exit status {done.returncode}\n{done.stderr}")
    return int(re.search(r"Collected : (\d+)", done.stderr)[1])


def main():
    program = sys.argv[1]
    names = subprocess.run([program, "names"], capture_output=True, text=True, check=True).stdout.splitlines()
    failed = 0

    def growth_of(place):
        # What a process costs whatever it does.
        nothing = instructions(program, place, 10)
        small, large = (instructions(program, place, size) - nothing for size in (SIZE, 2 * SIZE))
        return large / max(small, 1)

    # Other processes change no count, so several may run at a time.
    with concurrent.futures.ThreadPoolExecutor(os.cpu_count()) as pool:
        found = list(pool.map(growth_of, range(len(names))))
    for name, growth in zip(names, found):
        failed += growth >= MOST_GROWTH
        print(f"{name:<36} instructions × {growth:.2f}{'' if growth < MOST_GROWTH else '  TOO FAST'}")
    print(f"{len(names) - failed} passed, {failed} failed")
    return 1 if failed or not names else 0


if __name__ == "__main__":
    sys.exit(main())
