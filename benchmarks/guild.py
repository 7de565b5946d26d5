"""Guild AI, the release that people get, in a virtual environment of its own."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

from benchmarks.commands import call
from benchmarks.errors import BenchmarkError, UnavailableError
from benchmarks.rounds import say
from benchmarks.sample import STAGE

_HOME = Path(__file__).parents[1] / "build" / "bench" / "guild"
_REQUIREMENTS = ("guildai==0.9.0", "setuptools<70")  # it imports pkg_resources, which later ones warn of or lack
_TRIAL_SEED = 1
_PATIENCE = 900  # seconds
_TOLD = 160  # characters of a reason


def guild_run(project: Path) -> Callable[[int], None]:
    """What executes the stage by Guild's own DVC support, given a seed; installed at the first need and kept for later.

    Guild calls the ``dvc`` on ``PATH``: it gets the one that the other ways use. Each call needs a seed of its own:
    with one that it has seen, DVC's run cache gives the old result, and Guild calls that a completed run.

    Side effects: makes ``build/bench/guild`` from the package index that pip is set up for.

    Raises:
        UnavailableError: it cannot be installed here, or does not run the stage.
    """
    command = _installed()

    def run(seed: int) -> None:
        call((str(command), "run", f"dvc.yaml:{STAGE}", f"seed={seed}", "-y"), project)

    try:
        run(_TRIAL_SEED)
    except BenchmarkError as error:
        first, *told = str(error).splitlines()
        raise UnavailableError((told or [first])[-1][:_TOLD]) from error
    return run


def _installed() -> Path:
    stamp = _HOME / "installed"
    wanted = f"{sys.version}\n{_REQUIREMENTS}\n"
    if not stamp.exists() or stamp.read_text(encoding="utf-8") != wanted:
        say(f"installing Guild AI into {_HOME}, once")
        _try([sys.executable, "-m", "venv", "--clear", str(_HOME)])
        pip = [str(_HOME / "bin" / "python"), "-m", "pip", "--disable-pip-version-check", "--retries", "1"]
        _try([*pip, "install", "--quiet", *_REQUIREMENTS])
        stamp.write_text(wanted, encoding="utf-8")
    return _HOME / "bin" / "guild"


def _try(command: list[str]) -> None:
    try:
        subprocess.run(command, check=True, timeout=_PATIENCE, stdin=subprocess.DEVNULL, capture_output=True, text=True)
    except subprocess.CalledProcessError as error:
        told = [line for line in f"{error.stdout}\n{error.stderr}".splitlines() if line.strip()]
        wrong = [line for line in told if "error" in line.lower()] or told or [f"exit code {error.returncode}"]
        raise UnavailableError(wrong[-1].strip()[:_TOLD]) from error
    except (OSError, subprocess.TimeoutExpired) as error:
        raise UnavailableError(str(error)[:_TOLD]) from error
