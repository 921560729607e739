#!/bin/sh
# Installs the system packages that some tests drive (a browser, a proof assistant, a second sandbox).
# Where that is not allowed the tests that need them skip, and say so.
set -u
wanted=""
command -v chromium >/dev/null || wanted="$wanted chromium"
command -v bwrap >/dev/null || wanted="$wanted bubblewrap"
command -v coqc >/dev/null || wanted="$wanted coq"
[ -n "$wanted" ] || exit 0
sudo=""
[ "$(id -u)" = 0 ] || sudo="sudo -n"
if command -v apt-get >/dev/null && $sudo true 2>/dev/null; then
    $sudo apt-get update -qq >/dev/null 2>&1
    DEBIAN_FRONTEND=noninteractive $sudo apt-get install -y -qq --no-install-recommends $wanted >/dev/null 2>&1 && exit 0
fi
echo "not installed:$wanted; the tests that need them will skip" >&2
