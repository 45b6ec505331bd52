#!/usr/bin/env bash
# Asks the programs of all languages about the corpus in each test server: stores.sh SCRATCH, below tests/servers/servers.py.
# They wait for the servers more than they work, so all ask at once.
set -u
here=$(dirname "$0")
scratch=$1
jobs=()
# What is expected is made once, before anybody reads it.
PYTHONPATH=$here "${PYTHON:-python3}" -Bc "import compare, sys; compare.load_cases('tests/corpus', sys.argv[1])" "$scratch" || exit 1
ask() {
  "${PYTHON:-python3}" "$here/stores.py" --scratch "$scratch" --language "$@" &
  jobs+=($!)
}
ask Rust target/debug/examples/answers
ask C build/plain/answers
ask C++ build/plain/answers++
ask Go build/go/answers --unordered
failed=0
for job in "${jobs[@]}"; do
  wait "$job" || failed=1
done
exit $failed
