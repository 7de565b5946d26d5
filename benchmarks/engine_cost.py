"""What a warm run costs beyond its bare command, side by side with ``dvc repro``: ``make bench``.

Each round runs the same stage once in each way, so that a machine that slows down slows all of them. The bare command
is started as DVC starts it, by the shell. Figures are medians in milliseconds.
"""

from __future__ import annotations

import os
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Mapping
from pathlib import Path

from dvc_magic.project import Project

_FLOWERS = Path(__file__).parents[1] / "notebooks" / "flowers"
_ROUNDS = 15
_DVC = (sys.executable, "-m", "dvc")
_GIT = ("git", "-c", "user.name=Bench", "-c", "user.email=bench@example.com")


def main() -> None:
    """Measure and print a table."""
    with tempfile.TemporaryDirectory() as folder:
        root = _project(Path(folder) / "flowers")
        environ = {**os.environ, "PATH": os.pathsep.join([str(Path(sys.executable).parent), os.environ["PATH"]])}
        _call([*_DVC, "repro", "--quiet"], root, environ)
        with Project.open(root) as project:
            project.run("train")
            ways = {
                "bare command": lambda: _call(["sh", "-c", "python src/train.py"], root, environ),
                "%dvc_run, warm": lambda: project.run("train"),
                "dvc repro -s -f": lambda: _call([*_DVC, "repro", "--quiet", "-s", "-f", "train"], root, environ),
            }
            times = _measured(ways)
    bare = statistics.median(times["bare command"])
    print(f"{'':18}{'median':>10}{'over bare':>12}   of {_ROUNDS} rounds, ms")
    for name, values in times.items():
        median = statistics.median(values)
        print(f"{name:18}{median:10.0f}{median - bare:12.0f}")


def _measured(ways: Mapping[str, Callable[[], object]]) -> dict[str, list[float]]:
    times: dict[str, list[float]] = {name: [] for name in ways}
    for _ in range(_ROUNDS):
        for name, run in ways.items():
            began = time.perf_counter()
            run()
            times[name].append((time.perf_counter() - began) * 1000)
    return times


def _call(command: list[str], folder: Path, environ: dict[str, str]) -> None:
    subprocess.run(command, cwd=folder, env=environ, check=True, stdout=subprocess.DEVNULL)


def _project(folder: Path) -> Path:
    shutil.copytree(_FLOWERS, folder)
    for command in (
        [*_GIT, "init", "--quiet"],
        [*_DVC, "init", "--quiet"],
        [*_DVC, "add", "--quiet", "data/flowers.csv"],
        [*_GIT, "add", "--all"],
        [*_GIT, "commit", "--quiet", "--message", "Start"],
    ):
        _call(command, folder, {**os.environ, "DVC_NO_ANALYTICS": "1"})
    return folder


if __name__ == "__main__":
    main()
