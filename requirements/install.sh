#!/usr/bin/env bash
# Builds .venv when it is absent or broken, and installs the locked requirements and lifecast itself into it.
# usage: requirements/install.sh [INTERPRETER]      (make demo, make test and make PYTHON=... call it)
set -eu
cd "$(dirname "$0")/.."
asked=${1:-}

version() { "$1" -c 'import sys; print("%d.%d" % sys.version_info[:2])' 2>/dev/null; }
lock_of() { printf 'requirements/py%s.txt' "${1/./}"; }
complain() { printf '\n%s\n\n' "$*" >&2; exit 1; }

if ! .venv/bin/python -m pip --version >/dev/null 2>&1; then
  python='' seen=''
  for candidate in ${asked:-python3.11 python3.13 python3}; do
    # Being on the path is not enough: pyenv puts a name there for interpreters that it then refuses to start.
    found=$(version "$candidate") || continue
    if [ -f "$(lock_of "$found")" ]; then python=$candidate; break; fi
    seen="$seen $candidate is Python $found."
  done
  [ -n "$python" ] || complain "lifecast needs Python 3.11 or 3.13, and found none.$seen" \
    "Install one of them and run the same command again, or say where it is: make test PYTHON=/path/to/python3.11"
  echo "Making .venv with Python $found"
  "$python" -m venv --clear .venv
fi

inside=$(version .venv/bin/python)
if [ -n "$asked" ] && [ "$(version "$asked")" != "$inside" ]; then
  complain ".venv holds Python $inside, and PYTHON=$asked asks for another. Run make clean first."
fi
lock=$(lock_of "$inside")
[ -f "$lock" ] || complain ".venv holds Python $inside, and there is no $lock. Run make clean, then make test" \
  "with Python 3.11 or 3.13."

echo "Installing what $lock names into .venv, which takes a minute or two the first time"
.venv/bin/python -m pip install --quiet --disable-pip-version-check --no-compile --require-hashes -r "$lock"
# pip would compile one file after another, the libraries' own tests too, which takes as long as all the rest.
.venv/bin/python -m compileall -qq -j 0 -x '/tests/' ".venv/lib/python$inside/site-packages" || true
.venv/bin/python -m pip install --quiet --disable-pip-version-check --no-deps --no-build-isolation -e .
