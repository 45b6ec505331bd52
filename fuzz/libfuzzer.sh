#!/bin/sh
# libfuzzer.sh SECONDS [TARGET...]   runs libFuzzer on each target, or on those named, and prints a record of it.
#
# Needs no nightly toolchain: what libFuzzer asks of the compiler is switched on by hand. Seeds come from the corpus; what was learnt stays
# below build/fuzz for the next time.
set -eu
cd "$(dirname "$0")/.."
seconds=$1
shift
here=$PWD
export CARGO_TARGET_DIR="$here/target/fuzz"
cargo build -q --release --locked --manifest-path fuzz/Cargo.toml --bin plain
RUSTC_BOOTSTRAP=1 RUSTFLAGS="-Cpasses=sancov-module -Cllvm-args=-sanitizer-coverage-level=4 \
  -Cllvm-args=-sanitizer-coverage-inline-8bit-counters -Cllvm-args=-sanitizer-coverage-pc-table \
  -Cllvm-args=-sanitizer-coverage-trace-compares -Zsanitizer=address --cfg fuzzing" \
  cargo build -q --release --locked --manifest-path fuzz/Cargo.toml --features libfuzzer --target x86_64-unknown-linux-gnu
[ $# -gt 0 ] || set -- frame json rows named csv snapshot error_log pickle events run json_differential
failed=0
for target; do
  work="$here/build/fuzz/$target"
  mkdir -p "$work/corpus" "$work/seeds" "$work/findings"
  target/fuzz/release/plain "$target" seeds "$work/seeds"
  if target/fuzz/x86_64-unknown-linux-gnu/release/libfuzzer_"$target" "$work/corpus" "$work/seeds" \
    -max_total_time="$seconds" -dict=fuzz/dictionary.txt -max_len=65536 -timeout=20 -rss_limit_mb=1024 \
    -artifact_prefix="$work/findings/" > "$work/log" 2>&1; then found=0; else found=1; failed=1; fi
  done_line=$(grep '^Done' "$work/log" || tail -n 1 "$work/log")
  cover=$(grep -o 'cov: [0-9]* ft: [0-9]*' "$work/log" | tail -n 1)
  echo "$target libFuzzer: $done_line; $cover; $found findings"
done
exit $failed
