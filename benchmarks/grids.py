"""What the plan of a grid costs, and for how long the host's event loop is not free meanwhile."""

from __future__ import annotations

import asyncio
import gc
import os
import sys
import time
from collections.abc import Awaitable
from functools import partial
from pathlib import Path
from typing import Any

import psutil

from benchmarks.commands import DVC, call
from benchmarks.errors import BenchmarkError
from benchmarks.rounds import Times, say, timed
from dvc_magic import Project
from dvc_magic.executors import Workers
from dvc_magic.host.call import Call
from dvc_magic.model.request import Change, RunRequest
from dvc_magic.project import Caller, connection_of
from dvc_magic.store import RunStore
from dvc_magic.wire import CallRequest, Event, Happened, Planned, write_line

SIZES = (10, 100, 1000)  # points

_STAGES = 6
_TARGET, _FIRST, _LAST = f"s{_STAGES - 1}", "p0", f"p{_STAGES - 1}"
_PAUSE = 0.001  # seconds between two looks at the loop


def make_grid_project(folder: Path) -> Path:
    """A project with a chain of `_STAGES` stages of one param each."""
    folder.mkdir()
    stages = "".join(
        f"  s{place}:\n    cmd: cat {source} params.yaml > o{place}\n    deps: [{source}]\n"
        f"    params: [p{place}]\n    outs: [o{place}]\n"
        for place, source in enumerate(["data.txt", *(f"o{place}" for place in range(_STAGES - 1))])
    )
    (folder / "dvc.yaml").write_text(f"stages:\n{stages}")
    (folder / "params.yaml").write_text("".join(f"p{place}: 0\n" for place in range(_STAGES)))
    (folder / "data.txt").write_text("1\n")
    call(("git", "init", "--quiet"), folder)
    call((*DVC, "init", "--quiet"), folder)
    return folder


def measure_grids(project: Path, *, rounds: int) -> dict[str, Times]:
    """The times in ms, for grids over the last stage, whose others are shared, and over the first, which shares none.

    Side effects: a run store in the project.

    Raises:
        BenchmarkError: a plan has another number of points than were asked for.
    """
    found: dict[str, list[float]] = {}
    for number in range(rounds):
        say(f"  grids {number + 1} of {rounds}")
        with Project.open(project) as opened:
            _plan(opened, SIZES[0])
            for size in SIZES:
                took = timed(partial(_plan, opened, size))
                found.setdefault(f"{size} points over {_STAGES} stages planned", []).append(took)
        for key, name in ((_LAST, "last"), (_FIRST, "first")):
            for what, value in asyncio.run(_in_a_loop(project, key)).items():
                found.setdefault(f"{what}, of the {name} stage", []).append(value)
    return {name: Times(tuple(values)) for name, values in found.items()}


def _request(points: int, key: str) -> RunRequest:
    change = Change(file="params.yaml", key=key, values=tuple(range(1, points + 1)))
    return RunRequest(stages=(_TARGET,), changes=(change,))


def _plan(project: Project, points: int) -> None:
    plan = Caller(connection_of(project)).plan(_request(points, _LAST)).points
    if len(plan) != points:
        message = f"a grid of {points} points has a plan of {len(plan)}: nothing is reported"
        raise BenchmarkError(message)


class _Probe:
    """How long the loop did not get to a task that wants to run all the time."""

    def __init__(self) -> None:
        self.longest = 0.0
        self._task = asyncio.create_task(self._look())

    async def _look(self) -> None:
        last = time.perf_counter()
        while True:
            await asyncio.sleep(_PAUSE)
            now = time.perf_counter()
            self.longest = max(self.longest, now - last - _PAUSE)
            last = now

    async def of(self, work: Awaitable[Any]) -> float:
        """The longest block, in ms, while some work is done."""
        await asyncio.sleep(10 * _PAUSE)
        self.longest = 0.0
        await work
        await asyncio.sleep(10 * _PAUSE)
        return self.longest * 1000


async def _in_a_loop(project: Path, key: str) -> dict[str, float]:
    """The longest blocks of the loop that drives a call, as a host does it, and the CPU time of each point."""
    store = RunStore.open(project / ".dvc_magic")
    log = project / ".dvc_magic" / "bench.log"
    workers = Workers(module="dvc_magic.engine.worker", log=log, environ=os.environ)
    found = {}
    gc.freeze()  # as a host does: what was imported is not looked at again by each collection
    try:
        probe = _Probe()
        for size in (SIZES[0], *SIZES):  # the first one finds nothing warm
            request = CallRequest(request=_request(size, key), environ=dict(os.environ), python=sys.executable)
            kernel = _Kernel()
            driven = kernel.call = Call(request, project=project, store=store, workers=workers, tell=kernel.tell)
            before = _cpu()
            blocks = [await probe.of(driven.open()), await probe.of(driven.plan())]
            found[f"CPU for each of {size} points"] = (_cpu() - before) * 1000 / size
        blocks.append(await probe.of(driven.run()))
        for what, block in zip(("capture", "plan", "start and stop"), blocks, strict=True):
            found[f"loop blocked by {SIZES[-1]} points: {what}"] = block
    finally:
        workers.close(patience=2.0)
    return found


class _Kernel:
    """Is told of events as a kernel is, and has the call stopped once its plan is there."""

    def __init__(self) -> None:
        self.call: Call | None = None

    def tell(self, event: Event) -> None:
        """Spell an event for the pipe."""
        write_line(Happened(id=1, event=event))
        if isinstance(event, Planned) and self.call is not None:
            asyncio.get_running_loop().call_soon(self.call.stop, 3)


def _cpu() -> float:
    """Seconds of CPU time that this process and those below it took so far."""
    own = psutil.Process()
    return sum(sum(process.cpu_times()[:2]) for process in (own, *own.children(recursive=True)))
