#!/bin/sh
# Makes a virtual environment. Debian's Python comes without venv, so that is put right first.
set -eu
python=$1
folder=$2
if ! "$python" -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null; then
    echo "vervet needs Python 3.11 or newer; '$python' is not. Name another: make PYTHON=python3.12 ..." >&2
    exit 2
fi
"$python" -m venv "$folder" 2>/dev/null && exit 0
rm -rf "$folder"
sudo=""
[ "$(id -u)" = 0 ] || sudo="sudo -n"
version=$("$python" -c 'import sys; print(f"{sys.version_info.major}.{sys.version_info.minor}")')
if command -v apt-get >/dev/null && $sudo apt-get update -qq && $sudo apt-get install -y -qq "python$version-venv" >/dev/null; then
    "$python" -m venv "$folder"
else
    echo "'$python -m venv' does not work here. Install the package python$version-venv, then run make again." >&2
    exit 2
fi
