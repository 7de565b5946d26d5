"""The project that is measured: one stage with a data dep, a code dep, two params, a cached out and a metric.

The stage is the smallest that is still a stage, so that what it costs to run it stands out. ``train.py`` lies at the
root, because Guild AI 0.9.0 fails on a code dep in a folder of which nothing else is copied.
"""

from __future__ import annotations

import shutil
import time
from dataclasses import dataclass
from pathlib import Path

from benchmarks.commands import DVC, call
from benchmarks.errors import BenchmarkError

STAGE = "train"
COMMAND = "python train.py"
FILE_SEED = 0  # the seed in params.yaml

_POINTS = 500  # lines of data
_RACY = 3.0  # seconds; a younger file may change again unseen, so that every tool hashes it once more
_TRAIN = """\
import csv
import json

params = dict(line.split(": ") for line in open("params.yaml").read().splitlines())
with open({executions!r}, "a") as executions:
    executions.write(params["seed"] + "\\n")
points = [(float(row["x"]), float(row["y"])) for row in csv.DictReader(open("data/points.csv"))]
weight = 0.0
for x, y in points:
    weight += float(params["rate"]) * (y - weight * x) * x
loss = sum((y - weight * x) ** 2 for x, y in points) / len(points)
json.dump({{"weight": weight, "seed": int(params["seed"])}}, open("model.json", "w"))
json.dump({{"loss": loss}}, open("metrics.json", "w"))
"""
_PIPELINE = f"""\
stages:
  {STAGE}:
    cmd: {COMMAND}
    deps:
    - data/points.csv
    - train.py
    params:
    - rate
    - seed
    outs:
    - model.json
    metrics:
    - metrics.json:
        cache: false
"""


@dataclass(frozen=True, slots=True)
class Executions:
    """The file, outside every project, to which the stage's command appends its seed whenever it is executed."""

    file: Path

    def seeds(self) -> list[int]:
        """The seeds of all executions until now, oldest first."""
        return [int(line) for line in self.file.read_text().split()] if self.file.exists() else []

    def check(self, before: int, *, seed: int, way: str) -> None:
        """Make sure that since there were `before` executions there has been exactly one more, with this seed.

        Raises:
            BenchmarkError: there was none, as when a tool restores a result that it has kept; or another.
        """
        seen = self.seeds()[before:]
        if seen != [seed]:
            message = (
                f"{way!r} should have executed the stage once, with seed {seed}; executed were {len(seen)}, with seeds "
                f"{seen}. What it took is the price of something else: nothing is reported"
            )
            raise BenchmarkError(message)


def make_sample(folder: Path, executions: Executions, *, more_sources: int = 0) -> Path:
    """A committed project in the new `folder`, reproduced once; with `more_sources` modules that no stage reads."""
    (folder / "data").mkdir(parents=True)
    (folder / "train.py").write_text(_TRAIN.format(executions=str(executions.file)), encoding="utf-8")
    (folder / "params.yaml").write_text(f"rate: 0.01\nseed: {FILE_SEED}\n", encoding="utf-8")
    (folder / "dvc.yaml").write_text(_PIPELINE, encoding="utf-8")
    points = "".join(f"{index / _POINTS},{3 * index / _POINTS}\n" for index in range(_POINTS))
    (folder / "data" / "points.csv").write_text(f"x,y\n{points}", encoding="utf-8")
    _write_modules(folder / "package", more_sources)
    for command in (
        ("git", "init", "--quiet"),
        (*DVC, "init", "--quiet"),
        (*DVC, "config", "core.check_update", "false"),  # or each call of DVC leaves a process that asks the network
        (*DVC, "add", "--quiet", "data/points.csv"),
        (*DVC, "repro", "--quiet"),
        ("git", "add", "--all"),
        ("git", "commit", "--quiet", "--message", "Start"),
    ):
        call(command, folder)
    return folder


def _write_modules(folder: Path, count: int) -> None:
    folder.mkdir()
    for index in range(count):
        lines = "".join(f"VALUE_{line} = {index * line}\n" for line in range(50))
        (folder / f"module_{index:04}.py").write_text(lines, encoding="utf-8")


def copy_sample(source: Path, folder: Path) -> Path:
    """A copy of a project in the new `folder`, at rest: git's index fits it."""
    shutil.copytree(source, folder, symlinks=True)
    call(("git", "status"), folder)
    return folder


def let_age() -> None:
    """Wait until what has just been written is so old that tools believe its times."""
    time.sleep(_RACY)
