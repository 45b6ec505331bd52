#!/bin/sh
# Lets every system call of the library fail, one at a time, and the process be killed at each: metadata and files of
# reports and directories that checkpoints are copied to are whole after it, the old or the new; no temporary file is left unless the process was killed; opening a run
# answers or returns an error, as does reading its reports, which are all or none, and neither crashes. Needs strace.
#
#   syscalls.sh PROGRAM CORPUS     PROGRAM is program.c, linked with the library
set -eu

program=$1
corpus=$2
scratch=$(mktemp -d)
trap 'rm -rf "$scratch"' EXIT
command -v strace > /dev/null || { echo "FAILED: no strace"; exit 1; }

# Calls on files. Not those on memory: when that ends, Rust aborts.
calls='open openat openat2 creat stat lstat fstat newfstatat statx access faccessat faccessat2 readlink readlinkat
getcwd getdents64 read pread64 readv lseek write pwrite64 writev ftruncate fallocate fsync fdatasync fchmod fchown flock
fcntl rename renameat renameat2 link linkat unlink unlinkat mkdir mkdirat rmdir close'
known=$(for call in $calls; do printf '?%s,' "$call"; done)
tried=0
failed=0

fail() {
    echo "FAILED: $*"
    sed 's/^/    /' "$scratch/errors" | head -3
    failed=$((failed + 1))
}

# trace OPTION… -- COMMAND…: sets $status. The log lists the calls that the options name.
trace() {
    status=0
    strace -f -qq -o "$scratch/log" "$@" > "$scratch/output" 2> "$scratch/errors" || status=$?
    # Closing a directory cannot fail on Linux. Rust's library panics if it does, which becomes an error.
    if [ $status = 3 ] && grep -q 'error during closedir' "$scratch/errors"; then status=1; fi
}

# In the log: how often a call occurs at all, and before the library begins.
count() { grep -cE "^[0-9]+ +$1\(" "$scratch/log" || true; }
count_before() { sed '/libresult-test-begins/q' "$scratch/log" | grep -cE "^[0-9]+ +$1\(" || true; }

# each_call CHECK WHAT COMMAND…: for each call of COMMAND and each of $faults, resets the state by `prepare`, runs
# COMMAND with the fault, and calls CHECK.
each_call() {
    check=$1
    what=$2
    shift 2
    prepare
    trace -e "trace=${known%,}" -- "$@"
    if [ "$status" != 0 ] || ! grep -q libresult-test-begins "$scratch/log"; then
        fail "$what fails without a fault ($status)"
        exit 1
    fi
    cp "$scratch/log" "$scratch/calls"
    for call in $calls; do
        cp "$scratch/calls" "$scratch/log"
        first=$(($(count_before "$call") + 1))
        [ "$(count "$call")" -ge "$first" ] || continue
        for fault in $faults; do
            n=$first
            while :; do
                prepare
                trace -e "trace=$call" -e "inject=$call:$fault:when=$n" -- "$@"
                [ "$(count "$call")" -ge "$n" ] || break
                tried=$((tried + 1))
                $check "$what, $call number $((n - first + 1)) $fault"
                n=$((n + 1))
            done
        done
    done
}

# ---- Metadata ----

checkpoint=$scratch/checkpoint_000000
metadata=$checkpoint/.metadata.json
printf '{"kept": 1.50, "step": 1}' > "$scratch/old"

prepare() {
    rm -rf "$checkpoint"
    mkdir "$checkpoint"
    touch "$checkpoint/model.bin"
    cp "$scratch/old" "$metadata"
}

is() { cmp -s "$metadata" "$scratch/$1"; }

whole_and_tidy() {
    case $status in
        0) is new || fail "$1: reports success, but the metadata is not the new one" ;;
        1) is old || is new || fail "$1: the metadata is neither the old nor the new one" ;;
        *) fail "$1: ends with $status" ;;
    esac
    [ "$(ls -A "$checkpoint" | wc -l)" = 2 ] || fail "$1: left behind: $(ls -A "$checkpoint")"
}

whole() {
    [ "$status" = 137 ] || fail "$1: not killed, but ends with $status"
    is old || is new || fail "$1: the metadata is neither the old nor the new one"
    # What a killed process left behind disturbs nobody.
    "$program" update "$checkpoint" "$json" 2> "$scratch/errors" || fail "$1: it cannot be updated afterwards"
    is new || fail "$1: an update afterwards does not give the new one"
}

json='{"step": 2, "more": [1, 2, 3]}'
for verb in write update; do
    prepare
    "$program" $verb "$checkpoint" "$json"
    cp "$metadata" "$scratch/new"
    if [ $verb = update ]; then grep -q '"kept": 1\.50' "$scratch/new" || fail "update loses members"; fi
    if is old; then fail "$verb changes nothing"; fi
    faults='error=EIO error=ENOSPC'
    each_call whole_and_tidy "$verb" "$program" $verb "$checkpoint" "$json"
done
faults='signal=KILL'
each_call whole "update" "$program" update "$checkpoint" "$json"

# ---- Files of reports ----

# Large enough that it is written in several pieces.
run=$scratch/run
mkdir "$run"
awk 'BEGIN { for (i = 0; i < 4000; i++) printf "{\"step\": %d, \"loss\": %d.5, \"x\": \"row %d %d\"}\n", i, i % 97, i, i * i }' \
    > "$run/result.json"
directory=$scratch/files
file=$directory/file

prepare() {
    rm -rf "$directory"
    mkdir "$directory"
    cp "$scratch/old" "$file"
}

file_is() { cmp -s "$file" "$scratch/$1"; }

file_whole_and_tidy() {
    case $status in
        0) file_is new || fail "$1: reports success, but the file is not the new one" ;;
        1) file_is old || file_is new || fail "$1: the file is neither the old nor the new one" ;;
        *) fail "$1: ends with $status" ;;
    esac
    [ "$(ls -A "$directory")" = file ] || fail "$1: left behind: $(ls -A "$directory")"
}

file_whole_and_told() {
    file_whole_and_tidy "$1"
    [ "$status" = 0 ] || [ -s "$scratch/errors" ] || fail "$1: an error without a message"
}

file_whole() {
    [ "$status" = 137 ] || fail "$1: not killed, but ends with $status"
    file_is old || file_is new || fail "$1: the file is neither the old nor the new one"
    # What a killed process left behind disturbs nobody.
    "$program" "$format" "$run" "$file" 1 2> "$scratch/errors" || fail "$1: it cannot be written afterwards"
    file_is new || fail "$1: it is not the new one afterwards"
}

file_whole_or_killed() { if [ "$status" = 137 ]; then file_whole "$1"; else file_whole_and_tidy "$1"; fi; }

all_calls=$calls
for format in csv parquet; do
    prepare
    "$program" $format "$run" "$file" 1
    cp "$file" "$scratch/new"
    if file_is old; then fail "$format writes nothing"; fi
    faults='error=EIO error=ENOSPC'
    each_call file_whole_and_told "$format" "$program" $format "$run" "$file" 1
    faults='signal=KILL'
    each_call file_whole "$format" "$program" $format "$run" "$file" 1
    # On a thread of its own. strace counts the calls of each thread for itself, so only those are meant which the first
    # thread does not make; the program's own message is one that it then cannot write.
    calls='write fchmod'
    faults='error=EIO error=ENOSPC signal=KILL'
    each_call file_whole_or_killed "$format with threads" "$program" $format "$run" "$file" 2
    calls=$all_calls
done

# ---- Copies of a checkpoint ----

source=$scratch/source
mkdir -p "$source/optim/deep"
seq 1 30000 > "$source/model.bin"
seq 1 100 > "$source/optim/deep/rank_0.pt"
touch "$source/optim/empty"
old=$scratch/old_directory
mkdir "$old"
echo mine > "$old/mine"
home=$scratch/home
dest=$home/dest

prepare() {
    rm -rf "$home"
    mkdir "$home"
    cp -r "$old" "$dest"
}

copy_is() { diff -r "$1" "$dest" > "$scratch/difference" 2>&1; }

# What is left goes, and the copy is there, after one more call.
can_be_gone_on_with() {
    "$program" download "$source" "$dest" 2> "$scratch/errors" || fail "$1: it cannot be copied afterwards"
    copy_is "$source" || fail "$1: there is no whole copy afterwards"
    [ "$(ls -A "$home")" = dest ] || fail "$1: left behind: $(ls -A "$home")"
}

copy_whole() {
    case $status in
        0) copy_is "$source" || fail "$1: reports success, but the copy is not whole" ;;
        1) copy_is "$source" || copy_is "$old" || fail "$1: the directory is neither the old nor the new one" ;;
        137) copy_is "$source" || copy_is "$old" || fail "$1: the directory is neither the old nor the new one" ;;
        *) fail "$1: ends with $status" ;;
    esac
    [ "$status" != 1 ] || [ -s "$scratch/errors" ] || fail "$1: an error without a message"
    can_be_gone_on_with "$1"
}

usual_calls=$calls
usual_known=$known
calls="$calls copy_file_range ioctl sync_file_range"
known="$known?copy_file_range,?ioctl,?sync_file_range,"
faults='error=EIO error=ENOSPC signal=KILL'
each_call copy_whole "download" "$program" download "$source" "$dest"
# What file systems may lack.
calls='renameat2 copy_file_range ioctl sync_file_range'
faults='error=EINVAL'
each_call copy_whole "download" "$program" download "$source" "$dest"
# What a sandbox or the file system of a network refuses, and nobody needs.
copied_anyway() {
    [ "$status" = 0 ] || fail "$1: ends with $status"
    copy_whole "$1"
}
calls='copy_file_range ioctl sync_file_range fallocate'
faults='error=EPERM error=EINTR'
each_call copied_anyway "download" "$program" download "$source" "$dest"
# A directory of a container's image.
prepare
trace -e trace=rename,renameat2 -e inject=renameat2:error=EXDEV -e inject=rename:error=EXDEV:when=2+ \
    -- "$program" download "$source" "$dest"
copy_is "$old" || fail "download where nothing can be moved: the old directory is lost"
grep -q "cannot move it" "$scratch/errors" || fail "download where nothing can be moved: another error"
tried=$((tried + 1))
# Where directories cannot be exchanged, a killed process may leave the old one beside its place.
n=1
while :; do
    prepare
    trace -e trace=rename,renameat2 -e inject=renameat2:error=EINVAL -e inject=rename:signal=KILL:when=$n \
        -- "$program" download "$source" "$dest"
    [ "$status" = 137 ] || break
    tried=$((tried + 1))
    what="download without exchange, killed at rename number $n"
    [ -e "$dest" ] || dest=$home/.dest.part/old
    copy_is "$source" || copy_is "$old" || fail "$what: the old directory is lost"
    dest=$home/dest
    can_be_gone_on_with "$what"
    n=$((n + 1))
done
[ $n -gt 2 ] || fail "download without exchange renames nothing"
calls="$usual_calls copy_file_range ioctl sync_file_range"

# ---- Shared copies ----

cache=$scratch/cache

prepare() { rm -rf "$cache"; }

# Nobody ever sees half a copy, which is 3. The next one uses or removes what is left, and leaves nothing.
copy_shared() {
    case $status in
        0 | 137) ;;
        1) [ -s "$scratch/errors" ] || fail "$1: an error without a message" ;;
        *) fail "$1: ends with $status" ;;
    esac
    "$program" cached "$source" "$cache" 2> "$scratch/errors" || fail "$1: it cannot be used afterwards"
    [ -z "$(ls -A "$cache")" ] || fail "$1: left behind: $(ls -A "$cache")"
}

faults='error=EIO error=ENOSPC signal=KILL'
each_call copy_shared "cached" "$program" cached "$source" "$cache"
calls=$usual_calls
known=$usual_known

# ---- Reading ----

prepare() { :; }

answers() {
    case $status in
        0) [ -s "$scratch/output" ] || fail "$1: no answer" ;;
        1) [ -s "$scratch/errors" ] || fail "$1: an error without a message" ;;
        *) fail "$1: ends with $status" ;;
    esac
}

# A failed write here is that of the program, which does not look.
calls=$(echo "$calls" | tr ' ' '\n' | grep -v '^p\{0,1\}write')
faults='error=EIO error=EACCES'
for name in r260v1-fail_chain r260v2-val_mixed; do
    each_call answers "open $name" "$program" open "$corpus/$name/run"
done

all_rows() {
    case $status in
        0) [ "$(cat "$scratch/output")" = "4 rows" ] || fail "$1: gives $(cat "$scratch/output")" ;;
        *) answers "$1" ;;
    esac
}

for name in r260v1-nested v1-csv-real; do
    each_call all_rows "frame $name" "$program" frame "$corpus/$name/run"
done
printf x > "$source/model.bin"
each_call answers "directory" "$program" directory "$source"
each_call answers "read" "$program" read "$corpus/r260v1-nested/run/checkpoint_000003"
echo "$((tried - failed)) passed, $failed failed"
[ $failed = 0 ] && [ $tried -gt 100 ]
