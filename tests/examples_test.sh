#!/bin/sh
# Runs the README's programs in an empty directory: examples_test.sh RECORD READ ACQUIRE
set -eu
record=$(realpath "$1")
read=$(realpath "$2")
acquire=$(realpath "$3")
directory=$(mktemp -d)
trap 'rm -rf "$directory"' EXIT
cd "$directory"
"$record"
"$read" >output
test "$(grep -c '^frame ' output)" -eq 100
grep -q '^frame 99 at 3.96 s: mean ' output
grep -qx 'nearest to 2 s: frame 50' output

# Every frame is written or counted; how many, is for a machine that has nothing else to do.
"$acquire" live 1 100 | grep -q '^100 frames at 100 a second: '
