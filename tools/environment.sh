#!/bin/sh
# Sets up $VENV from requirements.lock: with uv where it is installed, else with venv and pip.
set -eu
: "${PYTHON:=python3}" "${VENV:=.venv}"

tell() { printf '%s\n' "$*" >&2; }

command -v "$PYTHON" >/dev/null 2>&1 || {
  tell "$PYTHON is not installed; audit_nb needs Python 3.11 or newer: apt-get install python3 python3-venv"
  exit 1
}
"$PYTHON" -c 'import sys; sys.exit(sys.version_info < (3, 11))' || {
  tell "$("$PYTHON" --version) is too old; audit_nb needs Python 3.11 or newer: make PYTHON=/path/to/python3.11"
  exit 1
}

rm -f "$VENV/.ready"
tell "Setting up $VENV from requirements.lock (once; two minutes or so) …"
if command -v uv >/dev/null 2>&1; then
  uv venv --quiet --allow-existing --python "$PYTHON" "$VENV"
  VIRTUAL_ENV=$(cd "$VENV" && pwd) && export VIRTUAL_ENV
  uv pip sync --quiet --require-hashes --compile-bytecode requirements.lock
  uv pip install --quiet --no-deps --require-hashes --requirement requirements-axe.lock
  uv pip install --quiet --no-deps --no-build-isolation --editable .
else
  "$PYTHON" -c 'import ensurepip, venv' 2>/dev/null || {
    tell "Python's venv module is not complete here. On Debian and Ubuntu: apt-get install python3-venv"
    exit 1
  }
  "$PYTHON" -m venv "$VENV"
  pip() { "$VENV/bin/python" -m pip --quiet --disable-pip-version-check --no-input "$@"; }
  pip install --require-hashes --requirement requirements.lock
  pip install --no-deps --require-hashes --requirement requirements-axe.lock
  pip install --no-deps --no-build-isolation --editable .
fi
tell "Compiling the parser …"
"$VENV/bin/python" tools/first_use.py || tell "That did not work; the first report will compile it and be slower for it."
touch "$VENV/.ready"
