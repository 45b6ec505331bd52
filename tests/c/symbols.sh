#!/bin/sh
# Holds the symbols of the library against the header: exactly its functions, and the right names and flags.
#
#   symbols.sh HEADER LIBRESULT_SO
set -eu

header=$1
library=$2
scratch=$(mktemp -d)
trap 'rm -rf "$scratch"' EXIT

# Comments name functions too, but without a parenthesis behind the name.
sed 's|//.*||' "$header" | grep -o '\blibresult_[a-z0-9_]*(' | tr -d '(' | sort -u > "$scratch/declared"
nm -D --defined-only "$library" | awk '{ print $NF }' | sort -u > "$scratch/exported"
[ -s "$scratch/declared" ] || { echo "FAILED: $header declares no function"; exit 1; }
diff "$scratch/declared" "$scratch/exported" || { echo "FAILED: < only in the header, > only in the library"; exit 1; }

readelf -d "$library" > "$scratch/dynamic"
major=$(sed -n 's/^#define LIBRESULT_VERSION_MAJOR //p' "$header")
grep -q "SONAME.*\[libresult\.so\.$major\]" "$scratch/dynamic" || { echo "FAILED: no SONAME libresult.so.$major"; exit 1; }
grep -q 'FLAGS_1.*NODELETE' "$scratch/dynamic" || { echo "FAILED: NODELETE is not set"; exit 1; }
echo "$(wc -l < "$scratch/declared") symbols"
