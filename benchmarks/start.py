"""What the first minute costs: loading the extension and the first run, in a fresh kernel with an empty run store."""

from __future__ import annotations

import os
from pathlib import Path

from benchmarks.kernel import Kernel, started
from benchmarks.rounds import Times, say, timed
from benchmarks.sample import FILE_SEED, STAGE, Executions

_CELLS = {
    "%load_ext dvc_magic": "%load_ext dvc_magic",
    f"%dvc_run {STAGE}, right after it": f"run = %dvc_run {STAGE}",
    f"%dvc_run {STAGE}, once more": f"run = %dvc_run {STAGE}",
}


def measure_start(project: Path, executions: Executions, stores: Path, *, times: int) -> dict[str, Times]:
    """The times of the cells of `_CELLS`, each as a notebook waits for it.

    Side effects: run stores in `stores`, a new one for each kernel; ``DVC_MAGIC_HOME`` is set meanwhile.

    Raises:
        BenchmarkError: a cell failed, or did not execute the stage.
    """
    kernels = []
    for number in range(times):
        say(f"  fresh kernel {number + 1} of {times}")
        os.environ["DVC_MAGIC_HOME"] = str(stores / f"store-{number}")
        with started(project) as kernel:
            kernels.append({name: _one(kernel, name, executions) for name in _CELLS})
    del os.environ["DVC_MAGIC_HOME"]
    return {name: Times(tuple(found[name] for found in kernels)) for name in _CELLS}


def _one(kernel: Kernel, name: str, executions: Executions) -> float:
    before = len(executions.seeds())
    took = timed(lambda: kernel.execute(_CELLS[name]))
    if STAGE in name:
        executions.check(before, seed=FILE_SEED, way=name)
    return took
