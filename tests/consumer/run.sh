#!/bin/sh
# Installs the library as a packager does, moves it elsewhere as a package manager may, and builds and runs programs of
# C (shared and static), C++ and Go that find it by pkg-config alone.
#
#   run.sh PROFILE     debug or release, which must have been built
set -eu

profile=$1
here=$(cd "$(dirname "$0")" && pwd)
top=$here/../..
run=$top/tests/corpus/r240v1-fail0/run
scratch=$(mktemp -d)
trap 'rm -rf "$scratch"' EXIT
passed=0
failed=0

# check WHAT COMMAND...
check() {
  what=$1
  shift
  if "$@"; then
    passed=$((passed + 1))
  else
    failed=$((failed + 1))
    echo "FAILED: $what: $*"
  fi
}

# answers PROGRAM   whether it prints the version and the best checkpoint
answers() {
  LD_LIBRARY_PATH=$libdir "$1" "$run" > "$scratch/printed" && [ "$(cat "$scratch/printed")" = "$version checkpoint_000002" ]
}

# Whether the program has the library from where it was moved to; the static one has it inside.
loads() { LD_LIBRARY_PATH=$libdir ldd "$1" | grep -q "libresult.so.0 => $libdir/"; }
loads_nothing() { ! ldd "$1" | grep -q libresult; }

link_is() { [ "$(readlink "$libdir/$1")" = "$2" ]; }
names_no_place() { ! grep -q -e "$scratch" -e /opt/here "$libdir/pkgconfig/libresult.pc"; }

version=$(sed -n 's/^version = "\(.*\)"/\1/p' "$top/Cargo.toml")
unset CGO_LDFLAGS LD_LIBRARY_PATH

# install_to LIBDIR   as it lies below the prefix; then moves all
install_to() {
  rm -rf "$scratch/there" "$scratch/moved"
  ${MAKE:-make} -s -C "$top" install-files PROFILE="$profile" DESTDIR="$scratch/there" PREFIX=/opt/here LIBDIR="/opt/here/$1" \
    INCLUDEDIR=/opt/here/include
  mv "$scratch/there/opt/here" "$scratch/moved"
  libdir=$scratch/moved/$1
  export PKG_CONFIG_PATH="$libdir/pkgconfig"
}

build_all() (
  # shellcheck disable=SC2046 # flags are words
  cd "$scratch" &&
    cc "$here/consumer.c" $(pkg-config --cflags --libs libresult) -o c-shared &&
    # The whole list of libraries, with the archive in the place of the shared library.
    cc "$here/consumer.c" $(pkg-config --cflags --libs --static libresult | sed 's/-lresult /-l:libresult.a /') -o c-static &&
    c++ -std=c++17 "$here/consumer.cpp" $(pkg-config --cflags --libs libresult) -o cpp &&
    cd "$here/go" &&
    # Go's cache does not see what pkg-config says: this makes it build anew.
    CGO_CPPFLAGS=-DLIBRESULT_IS_IN="$libdir" go build -o "$scratch/go" .
)

for where in lib lib/x86_64-linux-gnu; do
  install_to $where
  check "the links in $where" link_is libresult.so libresult.so.0
  check "the links in $where" link_is libresult.so.0 "libresult.so.$version"
  check "the version in $where" pkg-config --exact-version="$version" libresult
  check "libresult.pc in $where" names_no_place
  check "building with $where" build_all
  for program in c-shared cpp go; do
    check "$program with $where" answers "$scratch/$program"
    check "$program with $where" loads "$scratch/$program"
    rm -f "$scratch/$program"
  done
  check "c-static with $where" answers "$scratch/c-static"
  check "c-static with $where" loads_nothing "$scratch/c-static"
done
echo "$passed passed, $failed failed"
[ $failed = 0 ]
