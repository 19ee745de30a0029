#!/usr/bin/env bash
# The wheel, outside the checkout: with the locked versions on Python 3.11 and 3.13, and with the oldest that
# pyproject.toml allows; the figures of all are held against each other.
# usage: requirements/test_all.sh      (make test-all calls it after the tests themselves; minutes)
set -eu
cd "$(dirname "$0")/.."
here=$PWD
room=$(mktemp -d)
trap 'rm -rf "$room"' EXIT

interpreter() { # pyenv puts a name on the path for interpreters that it starts only when told to
  local found=python$1
  "$found" -c '' 2>/dev/null || found=$(ls -d "${PYENV_ROOT:-$HOME/.pyenv}"/versions/"$1".*/bin/python 2>/dev/null | tail -n 1)
  [ -n "$found" ] || { echo "Python $1 is needed, and was not found." >&2; exit 1; }
  echo "$found"
}
pip() { "$room/$1/bin/python" -m pip --quiet --disable-pip-version-check "${@:2}"; }

git archive HEAD | (mkdir "$room/source" && tar -x -C "$room/source") # what is built is what is committed
"$here/.venv/bin/python" -m pip --quiet wheel --no-deps --no-build-isolation -w "$room/wheel" "$room/source"

for version in 3.11 3.13; do
  "$(interpreter $version)" -m venv "$room/$version"
  echo "Python $version, locked versions"
  pip $version install --require-hashes -r "requirements/py${version/./}.txt"
  pip $version install --no-deps "$room"/wheel/*.whl
done
"$(interpreter 3.11)" -m venv "$room/oldest"
echo "Python 3.11, oldest versions"
"$here/.venv/bin/python" requirements/lower_bounds.py > "$room/oldest.txt"
pip oldest install -c "$room/oldest.txt" "$room"/wheel/*.whl

cp requirements/smoke.py "$room/smoke.py"
cd "$room"
"$room/3.11/bin/python" smoke.py > reference.json
"$room/3.13/bin/python" smoke.py reference.json > /dev/null
"$room/oldest/bin/python" smoke.py reference.json > /dev/null
echo "The wheel gives the same figures on Python 3.11, on 3.13 and with the oldest versions"
