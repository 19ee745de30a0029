#!/usr/bin/env bash
# Locks what pyproject.toml asks for, with hashes: one file per Python version, each made by that version's interpreter.
# usage: requirements/lock.sh [--upgrade]      (make lock; minutes. Without --upgrade what is locked already stays)
set -eu
cd "$(dirname "$0")/.."

room=$(mktemp -d)
trap 'rm -rf "$room"' EXIT
# A folder of wheels or a mirror that this machine's pip knows about could put hashes of its own into the lock.
unset PIP_FIND_LINKS PIP_EXTRA_INDEX_URL
export PIP_CONFIG_FILE=/dev/null

for version in 3.11 3.13; do
  # pyenv puts a name on the path for interpreters that it starts only when told to.
  python=python$version
  "$python" -c '' 2>/dev/null || python=$(ls -d "${PYENV_ROOT:-$HOME/.pyenv}"/versions/"$version".*/bin/python 2>/dev/null | tail -n 1)
  [ -n "$python" ] || { echo "Python $version is needed to lock for it, and was not found." >&2; exit 1; }
  "$python" -m venv "$room/$version"
  "$room/$version/bin/python" -m pip install --quiet --disable-pip-version-check 'pip-tools>=7.6'
  "$room/$version/bin/python" -m piptools compile --quiet --allow-unsafe --generate-hashes --no-emit-index-url \
    --no-emit-find-links --no-header --strip-extras --extra dev "$@" -o "requirements/py${version/./}.txt" pyproject.toml
done
