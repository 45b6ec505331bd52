#!/bin/sh
# Holds the output of the example in C++ against that of the one in C: on every run of the corpus, byte for byte.
#
#   same_output.sh INSPECT_C INSPECT_CPP CORPUS
set -eu

c=$1
cpp=$2
corpus=$3
scratch=$(mktemp -d)
trap 'rm -rf "$scratch"' EXIT

# run PROGRAM NAME ARGUMENT...: everything it prints, and how it ends
run() {
    program=$1
    name=$2
    shift 2
    status=0
    "$program" "$@" > "$scratch/$name" 2> "$scratch/$name.errors" || status=$?
    echo "exit $status" >> "$scratch/$name.errors"
}

count=0
same() {
    run "$c" c "$@"
    run "$cpp" cpp "$@"
    cmp "$scratch/c" "$scratch/cpp" || { echo "FAILED: inspect $*"; diff "$scratch/c" "$scratch/cpp"; exit 1; }
    cmp "$scratch/c.errors" "$scratch/cpp.errors" || { echo "FAILED: errors of inspect $*"; exit 1; }
    count=$((count + 1))
}

for directory in "$corpus"/*/run "$corpus"/experiments/*/run/*/; do
    [ -d "$directory" ] || continue
    same "$directory"
    same "$directory" loss max
    same "$directory" no/such/metric
done
[ $count -gt 100 ] || { echo "FAILED: only $count runs in $corpus"; exit 1; }
same "$corpus/no-such-run"
same
same "$corpus/r260v1-nested/run" eval/loss best

# And it is a report.
run "$c" c "$corpus/r260v1-nested/run"
grep -q '^  \*  *3  checkpoint_000003 ' "$scratch/c" || { echo "FAILED: no best checkpoint is marked"; exit 1; }
run "$c" c "$corpus/r260v1-fail_chain/run"
grep -q '^      File "' "$scratch/c" || { echo "FAILED: no traceback"; exit 1; }
if grep -q "$(printf '\033')" "$scratch/c"; then echo "FAILED: colour codes"; exit 1; fi
echo "$count times the same output"
