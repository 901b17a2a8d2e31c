#!/bin/sh
# From nothing to a measurement: installs what is missing, builds, records a test pattern whose
# motion is known exactly, measures it, and compares. Results are in demo/; a second run replaces them.
set -eu
cd "$(dirname "$0")/.."

store=demo/circle
results=demo/circle-movement
log=demo/log.txt

fail() {
    printf 'demo: %s\n' "$*" >&2
    exit 1
}

# Runs a command silently; its output is shown if it fails.
quietly() {
    if ! "$@" >"$log" 2>&1; then
        cat "$log" >&2
        fail "this failed: $*"
    fi
}

sh tools/install-packages.sh
mkdir -p demo
if [ ! -f build/build.ninja ]; then
    echo "Building ..."
    quietly meson setup build
fi
quietly meson compile -C build

rm -rf "$store" "$results"
echo "Recording a texture that moves in a circle of 5 px radius ..."
# Quality 100 keeps every gray value, so that what is left is the measurement's own error.
build/tools/imgstore-save --source test:motion=circle,size=320x240,frames=250,noise=2 --quality 100 "$store"
echo "Measuring its motion ..."
build/tools/mm-analyze "$store/metadata.yaml"

# The pattern says for each frame how far it has moved; the store keeps that as extra data.
build/tools/imgstore-info --extra "$store" >demo/truth.jsonl
awk '
    function field(name) {
        if (!match($0, "\"" name "\":[-+.0-9eE]+"))
            return "nan"
        return substr($0, RSTART + length(name) + 3, RLENGTH - length(name) - 3)
    }
    FNR == NR {
        i = field("frame_index")
        x[i] = field("motion_x")
        y[i] = field("motion_y")
        next
    }
    FNR == 1 {
        split($0, names, ",")
        for (k in names)
            column[names[k]] = k
        next
    }
    {
        split($0, value, ",")
        i = value[column["frame_index"]]
        dx = value[column["x"]]
        dy = value[column["y"]]
        if (!(i in x) || dx == "nan" || dy == "nan") {
            unmeasured++
            next
        }
        distance2 = (dx - x[i]) ^ 2 + (dy - y[i]) ^ 2
        sum += distance2
        n++
        if (distance2 > worst2)
            worst2 = distance2
    }
    END {
        if (n == 0 || unmeasured > 0) {
            print "demo: " unmeasured + 0 " of " n + unmeasured " rows could not be compared" >"/dev/stderr"
            exit 1
        }
        rms = sqrt(sum / n)
        printf "\nMeasured against the true motion, %d frames: error %.4f px RMS, %.4f px at worst.\n", \
            n, rms, sqrt(worst2)
        exit rms < 0.02 ? 0 : 1
    }
' demo/truth.jsonl "$results/movement.csv" || fail "the measurement does not fit the truth"

echo "  store    $PWD/$store"
echo "  table    $PWD/$results/movement.csv"
if [ -f "$results/movement.svg" ]; then
    echo "  picture  $PWD/$results/movement.svg"
else
    echo "  picture  none: gnuplot is missing"
fi
