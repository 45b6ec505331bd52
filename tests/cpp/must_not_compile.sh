#!/bin/sh
# Proves that lines which would leave dangling references do not compile, because what they call is deleted.
#
#   must_not_compile.sh INCLUDE_DIRECTORY CPP_DIRECTORY     where libresult.h and libresult.hpp are
set -eu

include=$1
cpp=$2
file=$(dirname "$0")/must_not_compile.cpp
cxx=${CXX:-c++}
scratch=$(mktemp -d)
trap 'rm -rf "$scratch"' EXIT

# compile OPTION…
compile() {
    LC_ALL=C "$cxx" -std=c++17 -fsyntax-only -I"$include" -I"$cpp" "$@" "$file" 2> "$scratch/messages"
}

compile || { echo "FAILED: does not compile without the lines"; cat "$scratch/messages"; exit 1; }
all_errors=-fmax-errors=0
if "$cxx" --version | grep -q clang; then all_errors=-ferror-limit=0; fi
if compile -DWRONG $all_errors; then echo "FAILED: compiles with the lines"; exit 1; fi

count=0
for line in $(awk '/^#ifdef WRONG/ { wrong = 1; next } /^#endif/ { wrong = 0 } wrong { print NR }' "$file"); do
    grep -q "must_not_compile.cpp:$line:.*error:.*deleted" "$scratch/messages" || {
        echo "FAILED: line $line calls nothing that is deleted: $(sed -n "${line}p" "$file")"
        exit 1
    }
    count=$((count + 1))
done
[ $count -gt 0 ] || { echo "FAILED: no line in $file"; exit 1; }
echo "$count lines do not compile"
