#!/bin/sh
# Runs the demo and checks each of its blocks: that the command in its first line prints just this, that it shows what is
# worth looking at, and that all languages show the same.
set -eu
cd "$(dirname "$0")/.."

scratch=$(mktemp -d)
trap 'rm -rf "$scratch"' EXIT
passed=0
failed=0

# check WHAT COMMAND...
check() {
  what=$1
  shift
  if "$@" > "$scratch/why" 2>&1; then
    passed=$((passed + 1))
  else
    failed=$((failed + 1))
    echo "FAILED: $what"
    cat "$scratch/why"
  fi
}

# part NUMBER   block NUMBER of the demo, without its first line; into a file, whose name it prints
part() {
  awk -v number="$1" '/^==== /{ block++; getline; next } block == number' "$scratch/demo" > "$scratch/$1"
  echo "$scratch/$1"
}

# shows BLOCK PATTERN...   whether there is a line for each pattern
shows() {
  block=$1
  shift
  for pattern in "$@"; do
    grep -q -e "$pattern" "$block" || { echo "no line matches: $pattern"; return 1; }
  done
}

# prints COMMAND BLOCK   whether the command, given to a shell, prints this block
prints() { sh -c "$1" | diff - "$2"; }

${MAKE:-make} --no-print-directory demo > "$scratch/all"
# From the first block on; an empty line stands before each.
sed -n '/^==== /,$p' "$scratch/all" | sed -e ':a' -e 'N;$!ba' -e 's/\n\n====/\n====/g' > "$scratch/demo"

number=0
grep '^==== ' "$scratch/demo" > "$scratch/heads"
while IFS=: read -r language source command; do
  number=$((number + 1))
  block=$(part $number)
  title="block $number (${language#==== })"
  check "$title: its source is there" test -f "${source# }"
  check "$title: its command prints it" prints "$command" "$block"
  case $command in
  *r260v2-val_mixed*)
    check "$title: a run of Train V2" shows "$block" 'Train V2' '2\.60\.0' 'loss  *0\.25' 'acc  *0\.8' \
      'checkpoint_2026-11-25_02-58-59.336344  validated ' 'validation failed ' 'validation timed out ' \
      '^  \*  *3  checkpoint_2026-11-25_02-59-03.370159' 'is the best: it has the smallest loss'
    ;;
  *r240v1-fail0*)
    check "$title: a run of Train V1 that failed" shows "$block" 'Train V1' 'lr  *0\.1' 'nesterov  *true' \
      '^  \*  *2  checkpoint_000002' 'BoomError' 'boom at step 3' 'source  *error\.' 'File "/data/src/write_train.py", line 88'
    ;;
  *) check "$title: a run that this test knows" false ;;
  esac
done < "$scratch/heads"

check "two blocks each of C, C++ and Go" test "$(cut -d: -f1 "$scratch/heads" | tr -d '\n')" = \
  '==== C==== C==== C++==== C++==== Go==== Go'
for number in 1 2; do
  check "C and C++ show the same" diff "$scratch/$number" "$scratch/$((number + 2))"
  check "C and Go show the same" diff "$scratch/$number" "$scratch/$((number + 4))"
done
echo "$passed passed, $failed failed"
[ $failed = 0 ]
