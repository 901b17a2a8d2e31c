#!/bin/sh
# Installs the Debian packages that this project needs and that are missing; touches nothing that
# is there.
#
#   sh tools/install-packages.sh          what building and running takes
#   sh tools/install-packages.sh test     what the tests take as well
#   sh tools/install-packages.sh bench    and what the benchmarks compare with
set -eu

# A|B: either will do, A is installed.
build_packages="
    gcc libc6-dev meson ninja-build pkg-config|pkgconf
    libavformat-dev libavcodec-dev libavutil-dev libswscale-dev libavdevice-dev
    libyaml-dev libsqlite3-dev libtiff-dev libjansson-dev libzip-dev libjpeg62-turbo-dev
    libdeflate-dev
    libhdf5-dev libblosc-dev zlib1g-dev
    libaravis-dev libusb-1.0-0-dev
    libsdl2-dev libsdl2-ttf-dev libsdl2-image-dev libfontconfig-dev fonts-dejavu-core
    gnuplot-nox|gnuplot-qt|gnuplot-x11 scdoc"
test_packages="
    check clang ffmpeg xvfb xdotool python3 python3-numpy python3-opencv python3-yaml python3-blosc tzdata man-db|mandoc zsh"
bench_packages="
    g++ libopencv-dev libffms2-dev"

say() {
    printf 'install-packages: %s\n' "$*" >&2
}

is_installed() {
    test "$(dpkg-query -W -f '${db:Status-Status}' "$1" 2>/dev/null)" = installed
}

any_is_installed() { # A|B|...
    for alternative in $(printf '%s' "$1" | tr '|' ' '); do
        if is_installed "$alternative"; then
            return 0
        fi
    done
    return 1
}

wanted=$build_packages
case ${1-} in
test) wanted="$wanted $test_packages" ;;
bench) wanted="$wanted $test_packages $bench_packages" ;;
esac

if ! command -v dpkg-query >/dev/null; then
    say "this is no Debian system; these packages, or their like, must be there:" $wanted
    exit 0
fi

missing=
for package in $wanted; do
    if ! any_is_installed "$package"; then
        missing="$missing ${package%%|*}"
    fi
done
if [ -z "$missing" ]; then
    exit 0
fi

say "missing, to be installed:$missing"
if ! command -v apt-get >/dev/null; then
    say "there is no apt-get here; please install them by hand"
    exit 1
fi
as_root=
if [ "$(id -u)" -ne 0 ]; then
    if ! command -v sudo >/dev/null; then
        say "this takes root, and there is no sudo here; please run as root: apt-get install$missing"
        exit 1
    fi
    as_root=sudo
fi

apt() {
    $as_root env DEBIAN_FRONTEND=noninteractive apt-get -qq -o Dpkg::Use-Pty=0 "$@" >&2
}

# A list of packages that cannot be renewed may still be good enough.
apt update || say "apt-get update failed; going on with the package lists that are there"
if ! apt install -y --no-install-recommends $missing; then
    say "apt-get could not install:$missing"
    exit 1
fi
