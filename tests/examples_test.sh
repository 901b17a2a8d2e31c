#!/bin/sh
# Runs the README's programs in an empty directory: examples_test.sh RECORD READ ACQUIRE TWO_CAMERAS CAMERA
set -eu
record=$(realpath "$1")
read=$(realpath "$2")
acquire=$(realpath "$3")
two_cameras=$(realpath "$4")
camera=$5
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

# Two cameras at once: all their frames are there, and those that both have come together.
"$two_cameras" "$camera" "$camera" 40 >output
grep -Eq '^first: [0-9]+ frames, [0-9]+ dropped$' output
grep -Eq '^second: [0-9]+ frames, [0-9]+ dropped$' output
test "$(sed -n 's/ pairs of frames.*//p' output)" -gt 20
