#!/bin/sh
# Compiles the headers alone and included twice, with every warning an error, by every compiler that is there.
#
#   headers.sh INCLUDE_DIRECTORY CPP_DIRECTORY     where libresult.h and libresult.hpp are
set -eu

include=$1
cpp=$2
scratch=$(mktemp -d)
trap 'rm -rf "$scratch"' EXIT
warnings='-Wall -Wextra -Wpedantic -Werror -Wconversion -Wshadow'
count=0

# compile COMPILER STANDARD FILE
compile() {
    # shellcheck disable=SC2086  # the warnings are words
    "$1" "-std=$2" $warnings -I"$include" -I"$cpp" -c "$3" -o "$scratch/out.o" || {
        echo "FAILED: $1 -std=$2 $(cat "$3")"
        exit 1
    }
    count=$((count + 1))
}

for header in libresult.h libresult.hpp; do
    for times in once twice; do
        for suffix in c cpp; do
            file=$scratch/$header.$times.$suffix
            echo "#include <$header>" > "$file"
            [ $times = once ] || echo "#include <$header>" >> "$file"
            # ISO C wants a declaration, and this one must not clash with the header's names.
            echo 'typedef int alone;' >> "$file"
        done
    done
done

compilers=0
for cc in gcc clang; do
    command -v $cc > /dev/null || continue
    compilers=$((compilers + 1))
    for standard in c99 c11 c17 c2x; do
        compile $cc $standard "$scratch/libresult.h.once.c"
        compile $cc $standard "$scratch/libresult.h.twice.c"
    done
done
for cxx in g++ clang++; do
    command -v $cxx > /dev/null || continue
    compilers=$((compilers + 1))
    for standard in c++17 c++20; do
        for header in libresult.h libresult.hpp; do
            compile $cxx $standard "$scratch/$header.once.cpp"
            compile $cxx $standard "$scratch/$header.twice.cpp"
        done
    done
done
[ $compilers -ge 2 ] || { echo "FAILED: no C or no C++ compiler"; exit 1; }

# Two files of one program may include the C++ header.
cxx=$(command -v g++ || command -v clang++)
cp "$scratch/libresult.hpp.once.cpp" "$scratch/first.cpp"
cp "$scratch/libresult.hpp.once.cpp" "$scratch/second.cpp"
for name in first second; do
    "$cxx" -std=c++17 -I"$include" -I"$cpp" -c "$scratch/$name.cpp" -o "$scratch/$name.o"
done
"$cxx" -r -nostdlib "$scratch/first.o" "$scratch/second.o" -o "$scratch/both.o"
echo "$((count + 1)) ways to include the headers"
