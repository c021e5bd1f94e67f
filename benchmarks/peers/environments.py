"""An environment for each system, made on demand from its pinned requirements and kept."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

REQUIREMENTS = Path(__file__).parent
# Beside .venv, away from the files that tests read; a file in it makes git ignore it.
ENVIRONMENTS = REQUIREMENTS.parents[1] / ".peers"
LIMIT_S = 1_800


class NotInstalledError(RuntimeError):
    """A system's environment could not be made; the message is the installer's last word."""


def python_of(name: str) -> Path:
    """Return the Python of a system's environment, made first unless it is as required.

    Raises:
        NotInstalledError: its packages could not be had.
    """
    wanted = (REQUIREMENTS / f"{name}.txt").read_text("utf-8")
    folder = ENVIRONMENTS / name
    python = folder / "bin" / "python"
    installed = folder / "requirements.txt"
    if not (installed.exists() and installed.read_text("utf-8") == wanted):
        print(f"Installing {name} into an environment of its own", file=sys.stderr, flush=True)
        ENVIRONMENTS.mkdir(exist_ok=True)
        (ENVIRONMENTS / ".gitignore").write_text("*\n", "utf-8")
        _call(sys.executable, "-m", "venv", "--clear", str(folder))
        requirements = REQUIREMENTS / f"{name}.txt"
        pip = "-m pip install --quiet --disable-pip-version-check -r".split()
        _call(str(python), *pip, str(requirements))
        # Written last: an installation that was cut short is begun anew.
        installed.write_text(wanted, "utf-8")
    return python


def _call(*command: str) -> None:
    try:
        done = subprocess.run(command, capture_output=True, text=True, timeout=LIMIT_S, check=False)
    except subprocess.TimeoutExpired as error:
        raise NotInstalledError(f"no end after {LIMIT_S} s") from error
    if done.returncode:
        lines = (done.stderr or done.stdout).strip().splitlines()
        raise NotInstalledError(lines[-1] if lines else f"exit status {done.returncode}")
