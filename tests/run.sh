#!/bin/sh
# Every test there is. Installs what is missing, then:
#   build/        gcc, warnings are errors: all tests; what `meson install` gives, used by the README's programs
#   build-clang/  clang, warnings are errors: it builds
#   build-asan/   address and undefined behaviour sanitizers: all tests
# The last line counts: "tests: N passed, N failed".
set -eu
cd "$(dirname "$0")/.."

passed=0
failed=0
skipped=0

note() {
    printf '\n== %s\n' "$*"
}

count() { # WHAT COMMAND...: one test
    what=$1
    shift
    if "$@"; then
        passed=$((passed + 1))
        echo "ok: $what"
    else
        failed=$((failed + 1))
        echo "FAILED: $what"
    fi
}

build() { # DIRECTORY CC OPTION...
    directory=$1
    compiler=$2
    shift 2
    # An old directory is configured anew, as a package may have come since.
    again=
    if [ -f "$directory/build.ninja" ]; then
        again=--reconfigure
    fi
    mkdir -p "$directory"
    log=$directory/build-log.txt
    if CC=$compiler meson setup $again "$directory" -Dwerror=true "$@" >"$log" 2>&1 &&
        meson compile -C "$directory" >>"$log" 2>&1; then
        return 0
    fi
    grep -v '^\[[0-9]*/[0-9]*\] ' "$log" # all but the steps that went well
    return 1
}

number_after() { # LABEL: from meson's own summary
    sed -n "s/^$1: *\([0-9][0-9]*\).*/\1/p" "$summary" | tail -n 1
}

run_tests() { # DIRECTORY OPTION...
    directory=$1
    shift
    summary=$directory/test-summary.txt
    # Without a pipe, so that meson's exit code is seen.
    # Many tests wait for a clock, or for the disk: more of them than processors keep those busy.
    if meson test -C "$directory" --no-rebuild --print-errorlogs --num-processes $(($(nproc) * 2)) "$@" >"$summary" 2>&1; then
        meson_failed=0
    else
        meson_failed=1
    fi
    cat "$summary"
    passed=$((passed + $(number_after Ok || true) + 0))
    bad=0
    for label in Fail Timeout 'Unexpected Pass'; do
        n=$(number_after "$label")
        bad=$((bad + ${n:-0}))
    done
    if [ "$meson_failed" -ne 0 ] && [ "$bad" -eq 0 ]; then
        bad=1
    fi
    failed=$((failed + bad))
    n=$(number_after Skipped)
    skipped=$((skipped + ${n:-0}))
}

# Each tool with its manual page and its completion, each where it is looked for.
check_installed_tools() { # PROGRAMS, DATA: the directories bin and share
    for program in "$1"/*; do
        name=$(basename "$program")
        for file in "man/man1/$name.1" "bash-completion/completions/$name"; do
            test -s "$2/$file" || { echo "$2/$file is missing"; return 1; }
        done
        for completion in "bash-completion/completions/$name" zsh/site-functions/_imgstore-c; do
            grep -q -w -e "$name" "$2/$completion" || { echo "$2/$completion does not know $name"; return 1; }
        done
    done
    test -s "$2/man/man7/imgstore-c.7"
}

# The README's two programs, compiled against what was installed and nothing else.
check_install() {
    root=$PWD/build/install-check
    rm -rf "$root"
    DESTDIR=$root meson install -C build --no-rebuild --quiet || return 1
    libraries=$(dirname "$(find "$root" -name libstore.so | head -n 1)")
    programs=$(dirname "$(find "$root" -name imgstore-info -type f | head -n 1)")
    check_installed_tools "$programs" "$programs/../share" || return 1
    for example in example_record example_read; do
        flags=$(PKG_CONFIG_PATH=$libraries/pkgconfig PKG_CONFIG_SYSROOT_DIR=$root \
            pkg-config --cflags --libs libstore libtrack) || return 1
        gcc -std=c11 -Wall -Wextra -Werror -o "$root/$example" "tests/$example.c" $flags -lm || return 1
    done
    (
        cd "$root"
        LD_LIBRARY_PATH=$libraries
        export LD_LIBRARY_PATH
        ./example_record && ./example_read >/dev/null && "$programs/imgstore-info" mystore >/dev/null
    )
}

sh tools/install-packages.sh test

# Stores are brought to the disk with every step, and tests make hundreds of them. What is tested is that it is done and
# in which order, through a table of the calls, not that a disk is slow: so they lie in memory where there is room.
megabytes_free() { # DIRECTORY: there and in memory
    disk=$(df -Pm "$1" 2>/dev/null | awk 'NR == 2 { print $4 }')
    memory=$(awk '$1 == "MemAvailable:" { print int($2 / 1024) }' /proc/meminfo)
    echo $((${disk:-0} < memory ? ${disk:-0} : memory))
}

if [ -z "${TMPDIR:-}" ] && [ -w /dev/shm ] && [ "$(megabytes_free /dev/shm)" -ge 4096 ]; then
    TMPDIR=$(mktemp -d /dev/shm/tests-XXXXXX)
    export TMPDIR
    trap 'rm -rf "$TMPDIR"' EXIT
    trap 'exit 1' HUP INT TERM
fi

export ASAN_OPTIONS=halt_on_error=1:detect_leaks=1:abort_on_error=0
export UBSAN_OPTIONS=halt_on_error=1:print_stacktrace=1

note "gcc"
if count "build with gcc, warnings are errors" build build gcc && [ "$failed" -eq 0 ]; then
    run_tests build
    count "installed files: the README's programs compile and run" check_install
fi

note "clang"
count "build with clang, warnings are errors" build build-clang clang

note "sanitizers"
before=$failed
count "build with sanitizers" build build-asan gcc -Db_sanitize=address,undefined -Db_lundef=false
if [ "$failed" -eq "$before" ]; then
    run_tests build-asan --timeout-multiplier 4
fi

note "$skipped skipped"
echo "tests: $passed passed, $failed failed"
test "$failed" -eq 0
