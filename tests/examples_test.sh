#!/bin/sh
# Runs the README's two programs in an empty directory: examples_test.sh RECORD READ
set -eu
record=$(realpath "$1")
read=$(realpath "$2")
directory=$(mktemp -d)
trap 'rm -rf "$directory"' EXIT
cd "$directory"
"$record"
"$read" >output
test "$(grep -c '^frame ' output)" -eq 100
grep -q '^frame 99 at 3.96 s: mean ' output
grep -qx 'nearest to 2 s: frame 50' output
