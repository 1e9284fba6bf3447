#!/bin/sh
# SPDX-License-Identifier: MIT
# The one place that gets what Joist needs. Installs only what is missing, by apt; uses sudo when not
# root; never asks. Where there is no apt it names what is missing and fails.
#
#   tools/deps.sh build        compiler, Meson and libraries: enough to build and run
#   tools/deps.sh test         what `make test` adds
#   tools/deps.sh lint         what `make check` and `make fuzz` add
#   tools/deps.sh cover        what `make cover` adds
#   tools/deps.sh bench        load generator and the peers
#   tools/deps.sh prefix       OpenSSL of deps.lock, static, in a private prefix; prints its path last
#   tools/deps.sh prefix-path  where that prefix is, or nothing if there is none; gets nothing
#   tools/deps.sh peers-path   where unpacked peers are, as a PATH; gets nothing
set -eu

here=$(cd "$(dirname "$0")" && pwd)
cache=${JOIST_CACHE:-${XDG_CACHE_HOME:-${HOME:-/tmp}/.cache}/joist}
PATH=/usr/bin:$PATH:/usr/sbin:/sbin
export PATH DEBIAN_FRONTEND=noninteractive LC_ALL=C.UTF-8

say() {
    echo "deps: $*" >&2
}

die() {
    say "$*"
    exit 1
}

# ---- what each mode needs: how to see that it is there, and the package that brings it ----------

needs_build='
cmd:gcc gcc
cmd:g++ g++
header:stdio.h libc6-dev
cmd:meson meson
cmd:ninja ninja-build
cmd:pkg-config pkg-config
header:cmocka.h libcmocka-dev
header:nghttp2/nghttp2.h libnghttp2-dev
header:toml++/toml.h libtomlplusplus-dev
header:ares.h libc-ares-dev
'
needs_test='
python:pytest python3-pytest
python:jsonschema python3-jsonschema
python:pytest_timeout python3-pytest-timeout
python:websockets python3-websockets
python:h2 python3-h2
python:grpc python3-grpcio
cmd:curl curl
cmd:openssl openssl
cmd:h2load nghttp2-client
cmd:testssl testssl.sh
cmd:chromium chromium
cmd:nm binutils
peer:nginx nginx
'
needs_lint='
cmd:git git
cmd:clang clang
cmd:clang-tidy clang-tidy
cmd:clang-format clang-format
cmd:llvm-symbolizer llvm
libfuzzer: libclang-rt-dev
'
needs_cover='
cmd:gcovr gcovr
'
needs_bench='
cmd:python3 python3
cmd:wrk wrk
cmd:h2load nghttp2-client
cmd:openssl openssl
peer:nginx nginx
peer:haproxy haproxy
peer:caddy caddy
'
needs_prefix='
cmd:make make
cmd:perl perl
cmd:dpkg-source dpkg-dev
'

has_header() {
    for dir in /usr/include /usr/local/include "/usr/include/$(gcc -print-multiarch 2>/dev/null)"; do
        [ -e "$dir/$1" ] && return 0
    done
    return 1
}

# Debian's own Python, whatever else is first on PATH: its packages are seen by no other.
has_python_module() {
    /usr/bin/python3 -c "import importlib.util as u, sys; sys.exit(u.find_spec('$1') is None)" \
        2>/dev/null
}

has_libfuzzer() {
    command -v clang >/dev/null || return 1
    for lib in "$(clang -print-resource-dir)"/lib/*/libclang_rt.fuzzer[-.]*; do
        [ -e "$lib" ] && return 0
    done
    return 1
}

is_there() {
    case $1 in
    cmd:*) command -v "${1#cmd:}" >/dev/null ;;
    header:*) has_header "${1#header:}" ;;
    python:*) has_python_module "${1#python:}" ;;
    peer:*) command -v "${1#peer:}" >/dev/null || [ -x "$peers/usr/sbin/${1#peer:}" ] ||
        [ -x "$peers/usr/bin/${1#peer:}" ] ;;
    libfuzzer:) has_libfuzzer ;;
    *) die "unknown need $1" ;;
    esac
}

# ---- packages ----------------------------------------------------------------------------------

as_root() {
    if [ "$(id -u)" = 0 ]; then
        "$@"
    elif command -v sudo >/dev/null; then
        sudo -n "$@" 2>/dev/null || sudo "$@"
    else
        die "not root, and there is no sudo: run this as root: $*"
    fi
}

apt_quietly() {
    log=$(mktemp)
    if as_root env DEBIAN_FRONTEND=noninteractive apt-get -q -y -o DPkg::Lock::Timeout=300 "$@" \
        </dev/null >"$log" 2>&1; then
        rm -f "$log"
        return 0
    fi
    apt_said=$(tail -n 5 "$log")
    rm -f "$log"
    return 1
}

# Old or absent package lists are the usual reason for a first failure: refresh them once.
apt_with_refresh() {
    apt_quietly "$@" && return 0
    say "apt: refreshing the package lists"
    apt_quietly update || die "apt-get update failed: $apt_said"
    apt_quietly "$@" || die "apt-get $* failed: $apt_said"
}

install_packages() {
    [ $# -gt 0 ] || return 0
    say "apt: installing $*"
    apt_with_refresh install --no-install-recommends "$@"
}

# A peer is a server that tests and benchmarks start by hand. Installing its package would also start
# it as a service, now and at every boot, on port 80. So its package is only unpacked into the cache,
# and nothing but the shared libraries it needs is installed.
unpack_peer() {
    say "apt: unpacking $1 into $peers (nothing is installed or started)"
    apt-cache show "$1" >/dev/null 2>&1 || apt_quietly update || die "apt-get update failed"
    libs=$(apt-cache depends -i "$1" | sed -n 's/^ *Depends: \(lib[^ ]*\)$/\1/p' |
        grep -v '^libnginx-mod' || true)
    missing=
    for lib in $libs; do
        dpkg-query -W -f='${db:Status-Status}' "$lib" 2>/dev/null | grep -q '^installed' ||
            missing="$missing $lib"
    done
    install_packages $missing
    tmp=$(mktemp -d)
    (cd "$tmp" && apt-get -q -o APT::Sandbox::User=root download "$1" >log 2>&1) ||
        { apt_quietly update && (cd "$tmp" && apt-get -q download "$1" >log 2>&1); } ||
        die "apt-get download $1: $(tail -n 2 "$tmp/log")"
    mkdir -p "$peers"
    dpkg-deb -x "$tmp"/*.deb "$peers"
    rm -rf "$tmp"
}

get_needs() {
    packages=
    wanted_peers=
    while read -r probe package; do
        [ -n "$probe" ] || continue
        is_there "$probe" && continue
        case $probe in
        peer:*) wanted_peers="$wanted_peers $package" ;;
        *) packages="$packages $package" ;;
        esac
    done <<EOF
$1
EOF
    [ -n "$packages$wanted_peers" ] || return 0
    command -v apt-get >/dev/null ||
        die "please install what these Debian packages hold:$packages$wanted_peers"
    install_packages $packages
    for peer in $wanted_peers; do
        unpack_peer "$peer"
    done
}

# ---- the private prefix ------------------------------------------------------------------------

# apt with a source list, lists and cache of its own: the system's configuration stays as it is, and
# apt still checks every signature.
apt_private() {
    tool=$1
    shift
    "$tool" -q -o Dir::Etc::sourcelist="$work/sources.list" -o Dir::Etc::sourceparts=- \
        -o Dir::State::lists="$work/lists" -o Dir::Cache="$work/cache" \
        -o APT::Sandbox::User=root "$@"
}

# The archive that this system already uses, with another suite.
write_source_list() {
    archive=$(apt-get indextargets --format '$(LABEL) $(REPO_URI)' 'Created-By: Packages' |
        sed -n 's/^Debian //p' | head -n 1)
    [ -n "$archive" ] || return 1
    keyring=/usr/share/keyrings/debian-archive-keyring.gpg
    echo "deb-src [signed-by=$keyring] $archive $1 main" >"$work/sources.list"
}

# Sets `version` to the locked one, or to the newest of the same major series if that one is gone.
choose_version() {
    available=$(apt_private apt-cache madison "$1" | awk -F'|' '{gsub(/ /, "", $2); print $2}')
    version=$2
    echo "$available" | grep -qxF "$2" && return 0
    version=$(echo "$available" | grep "^${2%%.*}\." | sort -V | tail -n 1)
    [ -n "$version" ] || die "$1 $2 is gone from the archive, and so is its whole major series"
    say "WARNING: $1 $2 is gone from the archive: taking $version, which deps.lock does not know"
    say "WARNING: put version and sha256 of $version into tools/deps.lock"
    dropped=yes
}

fetch_source() { # name version suite sha256
    mkdir -p "$work/lists/partial" "$work/cache/archives/partial" "$work/source"
    write_source_list "$3" || die "this system's archive is not Debian's: $1 $2 cannot be had from it"
    apt_private apt-get update >"$work/log" 2>&1 || die "apt-get update: $(tail -n 3 "$work/log")"
    choose_version "$1" "$2"
    say "fetching the source of $1 $version"
    (cd "$work/source" && apt_private apt-get source --download-only "$1=$version") \
        >"$work/log" 2>&1 || die "apt-get source $1: $(tail -n 3 "$work/log")"
    if [ -z "$dropped" ]; then
        echo "$4  $work/source/${1}_$version.dsc" | sha256sum --check --quiet - >&2 ||
            die "$1 $version is not what deps.lock names"
    fi
    # apt has checked the signature that covers the .dsc; dpkg-source checks the archives by it.
    (cd "$work/source" && dpkg-source --no-check -x "${1}_$version.dsc" "$1") \
        >"$work/log" 2>&1 || die "dpkg-source $1: $(tail -n 3 "$work/log")"
}

build_openssl() {
    say "building OpenSSL, about a minute"
    (cd "$work/source/openssl" &&
        ./Configure no-shared no-tests no-docs no-apps no-legacy \
            --prefix="$prefix" --libdir=lib --openssldir=/etc/ssl &&
        make -j"$(nproc)" && make install_dev DESTDIR="$work/out") >"$work/log" 2>&1 ||
        die "OpenSSL does not build: $(tail -n 5 "$work/log")"
}

system_openssl_will_do() {
    pkg-config --atleast-version=3.5 openssl 2>/dev/null || return 1
    say "no Debian archive here: using the system's OpenSSL $(pkg-config --modversion openssl)," \
        "without ECH"
}

prefix_of_lock() {
    echo "$cache/prefix-$(sha256sum "$here/deps.lock" | cut -c1-16)"
}

prefix_path() {
    prefix=$(prefix_of_lock)
    [ ! -e "$prefix/.complete" ] || echo "$prefix"
}

get_prefix() {
    prefix=$(prefix_of_lock)
    if [ -e "$prefix/.complete" ]; then
        echo "$prefix"
        return 0
    fi
    get_needs "$needs_build$needs_prefix"
    work=$(mktemp -d)
    trap 'rm -rf "$work"' EXIT
    trap 'exit 130' INT TERM
    if ! write_source_list unstable && system_openssl_will_do; then
        return 0
    fi
    dropped=
    grep '^openssl ' "$here/deps.lock" >"$work/locked"
    read -r name locked suite sum <"$work/locked"
    fetch_source "$name" "$locked" "$suite" "$sum"
    build_openssl
    # Moved into place in one step: whoever looks sees the whole prefix or none.
    echo "$version" >"$work/out$prefix/.complete"
    mkdir -p "$cache"
    cp -r "$work/out$prefix" "$prefix.$$"
    mv -T "$prefix.$$" "$prefix" 2>/dev/null || rm -rf "$prefix.$$"
    echo "$prefix"
}

# ------------------------------------------------------------------------------------------------

peers=$cache/peers
if [ -r /etc/os-release ]; then
    peers=$cache/peers-$(. /etc/os-release && echo "${ID:-linux}-${VERSION_ID:-rolling}")-$(uname -m)
fi

case ${1:-} in
build)
    get_needs "$needs_build"
    get_prefix >/dev/null
    ;;
test) get_needs "$needs_build$needs_test" ;;
lint) get_needs "$needs_build$needs_test$needs_lint" ;;
cover) get_needs "$needs_build$needs_test$needs_cover" ;;
bench) get_needs "$needs_build$needs_bench" ;;
prefix) get_prefix ;;
prefix-path) prefix_path ;;
peers-path) echo "$peers/usr/sbin:$peers/usr/bin" ;;
*)
    sed -n 's/^#   //p' "$0" >&2
    exit 2
    ;;
esac
