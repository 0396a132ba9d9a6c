# shellcheck shell=bash disable=SC2034
# Shared by scripts/run and scripts/test: what the project needs, and how to build it.

# Debian 12 names. One list for each use, so that running needs no test packages.
build_packages=(
  meson ninja-build pkg-config gcc g++
  libgstreamer1.0-dev libgstreamer-plugins-base1.0-dev libgstreamer-plugins-bad1.0-dev
  libnice-dev libsoup-3.0-dev libjson-glib-dev libjwt-dev libssl-dev prometheus-cpp-dev
)
# What makes encryption cheaper, where Debian has it.
if [ "$(dpkg --print-architecture 2>/dev/null)" = amd64 ]; then build_packages+=(libipsec-mb-dev); fi
run_packages=(
  gstreamer1.0-tools gstreamer1.0-plugins-base gstreamer1.0-plugins-good
  gstreamer1.0-plugins-bad gstreamer1.0-nice ffmpeg curl procps
)
test_packages=(python3 chromium iproute2 openssl libsrtp2-dev)
sanitizer_packages=(clang libclang-rt-14-dev lld)

say () { printf '%s\n' "$*"; }
die () {
  printf '%s: %s\n' "${0##*/}" "$*" >&2
  exit 1
}

# need_packages PACKAGE…: installs what is missing as root, else tells how to.
need_packages () {
  local package missing=()
  if ! command -v dpkg-query >/dev/null; then
    say "not a Debian system: packages are not checked (needed: $*)"
    return 0
  fi
  for package in "$@"; do
    [ "$(dpkg-query -W -f '${db:Status-Status}' "$package" 2>/dev/null)" = installed ] ||
      missing+=("$package")
  done
  [ ${#missing[@]} -eq 0 ] && return 0
  if [ "$(id -u)" -ne 0 ]; then
    die "packages are missing; install them, then start again:
  sudo apt-get install --no-install-recommends ${missing[*]}"
  fi
  say "installing ${missing[*]}"
  local options=(-q -y -o Acquire::Retries=3 -o Dpkg::Use-Pty=0)
  if [ "${CI:-}" = true ]; then
    # A machine for one run: nothing to save from a power cut, nobody who reads manuals.
    options+=(-o Dpkg::Options::=--force-unsafe-io
      -o 'Dpkg::Options::=--path-exclude=/usr/share/doc/*'
      -o 'Dpkg::Options::=--path-exclude=/usr/share/man/*')
  fi
  export DEBIAN_FRONTEND=noninteractive
  apt-get "${options[@]}" update
  apt-get "${options[@]}" install --no-install-recommends "${missing[@]}"
}

# node_packages: prints Debian's packages of node and npm, or nothing where both commands are
# there from elsewhere (whose nodejs package conflicts with Debian's npm).
node_packages () {
  if ! command -v node >/dev/null || ! command -v npm >/dev/null; then say nodejs npm; fi
}

# One clone's objects serve the next, where ccache is installed: meson takes it by itself. A machine
# for one run is quicker without.
export CCACHE_NOHASHDIR=1 CCACHE_SLOPPINESS=time_macros

# configure FOLDER OPTION…: makes a build folder once; ninja keeps it up to date itself.
configure () {
  local folder=$1
  shift
  [ -e "$folder/build.ninja" ] || meson setup "$folder" "$@"
}

# devenv FOLDER: the environment of `meson devenv`, in this shell, so that what we start is
# our own child and gets our signals.
devenv () {
  local dump
  dump=$(meson devenv -C "$1" --dump)
  set +u
  eval "$dump"
  set -u
}
