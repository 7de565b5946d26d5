"""What calls in the background cost the notebook: how late the kernel answers, and how large its file gets."""

from __future__ import annotations

import json
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

from benchmarks.commands import DVC, call
from benchmarks.errors import BenchmarkError
from benchmarks.kernel import Kernel, started
from benchmarks.rounds import Times, say, timed

RUNS = 300  # of the grid whose bytes are counted

_JOBS = 2
_CELLS = 200
_PAUSE = 0.02  # seconds between two cells
_BURN = "import time\nuntil = time.monotonic() + {}\nwhile time.monotonic() < until: pass\n"
_LOAD, _STAGE = f"{_JOBS} processes, the extension idle", f"{_JOBS} runs of a call in the background"


def make_background_project(folder: Path) -> Path:
    """A project with a stage that keeps a core busy for a while, and one that takes no time."""
    folder.mkdir()
    (folder / "dvc.yaml").write_text(
        "stages:\n  burn: {cmd: python burn.py, deps: [burn.py], params: [n]}\n  quick: {cmd: 'true', params: [n]}\n"
    )
    (folder / "params.yaml").write_text("n: 0\n")
    (folder / "burn.py").write_text(_BURN.format(_CELLS * _PAUSE * 5))
    call(("git", "init", "--quiet"), folder)
    call((*DVC, "init", "--quiet"), folder)
    return folder


def measure_latency(project: Path) -> dict[str, Times]:
    """How long a kernel takes to answer an empty cell, in ms, under the same load with and without calls of ours.

    Side effects: a run store in the project.

    Raises:
        BenchmarkError: a cell failed.
    """
    found: dict[str, Times] = {}
    for name in (_LOAD, _STAGE):
        say(f"  {_CELLS} cells beside {name}")
        with started(project) as kernel, ExitStack() as stack:
            kernel.execute("%load_ext dvc_magic")
            kernel.execute("run = %dvc_run quick")
            if name == _LOAD:
                stack.enter_context(_busy())
            else:
                kernel.execute(
                    f"runs = %dvc_run burn --n {','.join(map(str, range(1, _JOBS + 1)))} -j {_JOBS} --background"
                )
            time.sleep(1)  # both stages have started
            found[name] = Times(tuple(_cell(kernel) for _ in range(_CELLS)))
            if name == _STAGE:
                kernel.execute("assert all(not run.status.final for run in runs), 'they ended too soon'")
                kernel.execute("runs.stop()")
    return found


@contextmanager
def _busy() -> Iterator[None]:
    command = [sys.executable, "-c", _BURN.format(600)]
    burning = [subprocess.Popen(command) for _ in range(_JOBS)]
    try:
        yield
    finally:
        for process in burning:
            process.kill()
            process.wait()


def _cell(kernel: Kernel) -> float:
    time.sleep(_PAUSE)
    return timed(lambda: kernel.execute("None"))


def notebook_bytes(project: Path) -> int:
    """The bytes that the output of a grid of `RUNS` runs in the background takes in a notebook's file.

    Side effects: a run store in the project.

    Raises:
        BenchmarkError: a cell failed, or the runs did not end.
    """
    say(f"  a grid of {RUNS} runs")
    with started(project) as kernel:
        kernel.execute("%load_ext dvc_magic")
        outputs: dict[str, Any] = {}
        kernel.execute(
            f"runs = %dvc_run quick --n {','.join(map(str, range(1, RUNS + 1)))} -j {_JOBS} --background", outputs
        )
        kernel.execute("_ = runs.wait()", outputs)
        for _ in range(20):  # the last form of the output comes a moment after the last record
            kernel.execute("import time; time.sleep(0.1)", outputs)
        text = json.dumps(list(outputs.values()))
        if f"{RUNS} completed" not in text:
            message = f"the output of the grid does not say that {RUNS} runs completed: {text[:500]}"
            raise BenchmarkError(message)
        return len(text)
