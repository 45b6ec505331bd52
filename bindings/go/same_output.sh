#!/bin/sh
# same_output.sh C_PROGRAM: holds what examples/inspect prints against what C_PROGRAM, the same
# example in C, prints, on runs of the corpus. Fails at the first that differs. pkg-config and the
# dynamic linker must find libresult.
set -eu

c=${1:?usage: same_output.sh C_PROGRAM}
case $c in /*) ;; *) c=$PWD/$c ;; esac
cd "$(dirname "$0")"
scratch=$(mktemp -d)
trap 'rm -rf "$scratch"' EXIT

go build -o "$scratch/inspect" ./examples/inspect

# Prints what program $1 does with the other arguments: output, errors and exit code.
outcome() {
    program=$1
    shift
    code=0
    "$program" "$@" 2>&1 || code=$?
    echo "exit $code"
}

same() {
    outcome "$c" "$@" > "$scratch/c"
    outcome "$scratch/inspect" "$@" > "$scratch/go"
    diff -u "$scratch/c" "$scratch/go" || { echo "differs: inspect $*" >&2; exit 1; }
    count=$((count + 1))
}

count=0
nested=../../tests/corpus/r260v2-nested/run
same "$nested"
grep -qx 'exit 0' "$scratch/go" || { cat "$scratch/go" >&2; exit 1; }
for run in ../../tests/corpus/*/run ../../tests/corpus/experiments/*/run/*/; do
    same "$run"
done
same "$nested" eval/top/k5
same "$nested" eval/top/k5 min
same "$nested" text
same "$nested" no_such_metric max
same "$nested" eval/loss best
same
echo "inspect prints the same in C and Go: $count times"
