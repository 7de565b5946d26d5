"""What calls in the background cost a notebook: how soon its kernel answers meanwhile, and the size of its file."""

from __future__ import annotations

import json
import statistics
import subprocess
import sys
import time
from collections.abc import Sequence
from pathlib import Path

from benchmarks.commands import DVC, call
from benchmarks.errors import BenchmarkError
from benchmarks.kernel import Kernel, started
from benchmarks.rounds import say

POINTS = 300
ECHOES = 400

_JOBS = 2
_BETWEEN = 0.02  # seconds between two echoes: some 10 s in all
_LONG = 600  # seconds of a job that is ended before
_FLOOD = 0.006  # seconds between two writes of 60 kB
_SETTLED = 3.0  # seconds after which both jobs go
_TRAIN = """\
import json, sys, time
seconds, flood = (float(open("params.yaml").read().split(f"{key}:")[1].split()[0]) for key in ("seconds", "flood"))
while flood:
    sys.stdout.write("x\\b\\x1b[31my\\x1b[0m" * 5000)
    time.sleep(flood)
end, step, series = time.monotonic() + seconds, 0, []
while True:
    until = time.monotonic() + min(0.05, seconds)
    while time.monotonic() < until:
        pass
    step += 1
    series.append({"step": step, "loss": 1 / step})
    print("step", step, "loss", 1 / step, flush=True)
    json.dump({"loss": 1 / step}, open("m.json", "w"))
    json.dump(series, open("series.json", "w"))
    if time.monotonic() >= end:
        break
"""
_PIPELINE = """\
stages:
  train:
    cmd: python train.py
    deps: [train.py]
    params: [seconds, seed, flood]
    metrics: [m.json: {cache: false}]
    plots: [series.json: {cache: false, x: step, y: loss}]
"""


def make_busy_project(folder: Path) -> Path:
    """A project with a stage that keeps a core busy for `seconds`, prints and measures 20 times a second."""
    folder.mkdir()
    (folder / "dvc.yaml").write_text(_PIPELINE, encoding="utf-8")
    (folder / "params.yaml").write_text("seconds: 0\nseed: 0\nflood: 0\n", encoding="utf-8")
    (folder / "train.py").write_text(_TRAIN, encoding="utf-8")
    call(("git", "init", "--quiet"), folder)
    call((*DVC, "init", "--quiet"), folder)
    return folder


def measure_latency(project: Path, folder: Path) -> dict[str, tuple[float, ...]]:
    """How long a kernel takes for an empty cell, in ms: idle, beside two commands that we start, beside two runs.

    Args:
        folder: a new one, for the commands that we start.

    Side effects: a run store in the project.

    Raises:
        BenchmarkError: a cell failed, or the runs did not go all the time.
    """
    latency = {}
    with started(project) as kernel:
        kernel.execute("%load_ext dvc_magic")
        kernel.execute("run = %dvc_run train")  # the first one imports pandas and the like
        say("  nothing else")
        latency["nothing else to do"] = _echoes(kernel)
        say("  two commands")
        latency["two commands, the extension idle"] = _beside_commands(kernel, folder)
        say("  two runs")
        latency["two runs in the background"] = _beside_runs(kernel, f"--seconds {_LONG}")
        say("  two runs that flood")
        latency["two runs that flood in one line, 9 MB/s each"] = _beside_runs(kernel, f"--flood {_FLOOD}")
    return latency


def _beside_runs(kernel: Kernel, flags: str) -> tuple[float, ...]:
    kernel.execute(f"runs = %dvc_run train {flags} --seed 1,2 -j {_JOBS} --background")
    time.sleep(_SETTLED)
    took = _echoes(kernel)
    kernel.execute("assert [run.status for run in runs] == ['running'] * 2, runs")
    kernel.execute("call = %dvc_stop")
    return took


def _beside_commands(kernel: Kernel, folder: Path) -> tuple[float, ...]:
    processes = []
    try:
        for place in range(_JOBS):
            where = folder / str(place)
            where.mkdir(parents=True)
            (where / "params.yaml").write_text(f"seconds: {_LONG}\nflood: 0\n", encoding="utf-8")
            (where / "train.py").write_text(_TRAIN, encoding="utf-8")
            with (where / "output.log").open("wb") as log:
                processes.append(subprocess.Popen([sys.executable, "train.py"], cwd=where, stdout=log))
        time.sleep(_SETTLED)
        return _echoes(kernel)
    finally:
        for process in processes:
            process.kill()
            process.wait()


def _echoes(kernel: Kernel) -> tuple[float, ...]:
    took = []
    for _ in range(ECHOES):
        began = time.perf_counter()
        kernel.execute("None")
        took.append((time.perf_counter() - began) * 1000)
        time.sleep(_BETWEEN)
    return tuple(took)


def latency_rows(latency: dict[str, tuple[float, ...]]) -> list[Sequence[str]]:
    """Median, 99th percentile and longest of each."""
    return [
        (name, f"{statistics.median(took):.1f}", f"{statistics.quantiles(took, n=100)[98]:.1f}", f"{max(took):.1f}")
        for name, took in latency.items()
    ]


def measure_file(project: Path) -> int:
    """How many bytes a grid of `POINTS` runs in the background has in the notebook's file when it has ended.

    Raises:
        BenchmarkError: a cell failed, or the grid did not complete.
    """
    seeds = ",".join(str(seed) for seed in range(1, POINTS + 1))
    with started(project) as kernel:
        kernel.execute("%load_ext dvc_magic")
        outputs = kernel.outputs(f"runs = %dvc_run train --seed {seeds} -j {_JOBS} --background", "call = runs.wait()")
    text = json.dumps(outputs, indent=1, ensure_ascii=False)  # as nbformat writes them
    if f"{POINTS} completed" not in text:
        message = f"the output of {POINTS} runs does not say that they completed: {text[:2000]}"
        raise BenchmarkError(message)
    return len(text.encode())
