#!/bin/sh
# Makes the pictures of the viewer in the README from the film of the tests:
#
#   sh tools/screenshots.sh [BUILD]
set -eu

top=$(cd "$(dirname "$0")/.." && pwd)
tools=$(cd "${1:-$top/build}/tools" && pwd)
pictures=$top/tools/view/screenshots
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

mkdir -p "$pictures"
cd "$work"
"$tools/imgstore-save" --quiet --source "$top/tests/data/real/cup.mp4" --chunksize 50 cup
"$tools/mm-analyze" --quiet --follow --max-movement 30 --frames 0:70 \
    --roi lid=304,120,112,48 --roi thumb=352,232,64,40 --roi cup=316,300,96,80 --roi wall=292,430,40,40 cup
"$tools/view/imgstore-view" --export "$pictures/viewer.png" --status --frame 46 --size 512x384 \
    --tracks cup-movement/movement.csv --layers boxes,paths,arrows cup
"$tools/view/imgstore-view" --contact-sheet 12 "$pictures/contact-sheet.png" --size 720x456 cup
ls -l "$pictures"
