"""The peers' own environment, benchmarks/.peers, built where it is not there."""

import os
import subprocess
import sys
from pathlib import Path

HERE = Path(__file__).resolve().parent


def peers_interpreter(python: str | None) -> str:
    """The interpreter of benchmarks/.peers, which is built where it is not there."""
    room = HERE / ".peers"
    inside = room / "bin" / "python"
    if not (room / ".installed").exists():
        subprocess.run([python or newer_python(), "-m", "venv", "--clear", str(room)], check=True)
        wanted = str(HERE / "peers" / "requirements.txt")
        subprocess.run([str(inside), "-m", "pip", "install", "--quiet", "-r", wanted], check=True)
        (room / ".installed").touch()
    return str(inside)


def newer_python() -> str:
    """A Python of 3.12 or newer, which pymc-marketing needs: this one, or one that is found."""
    pyenv = Path(os.environ.get("PYENV_ROOT", Path.home() / ".pyenv")) / "versions"
    found = [sys.executable, "python3.14", "python3.13", "python3.12"]
    found += sorted(str(path) for path in pyenv.glob("3.1[2-4]*/bin/python"))[::-1]
    for candidate in found:
        try:
            subprocess.run(
                [candidate, "-c", "import sys; sys.exit(sys.version_info < (3, 12))"],
                check=True,
                capture_output=True,
            )
        except (OSError, subprocess.CalledProcessError):
            continue
        return candidate
    raise SystemExit("pymc-marketing needs Python 3.12 or newer, and none was found: pass --python.")
