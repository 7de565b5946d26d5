"""``python -m benchmarks [--rounds N]``: measure, and print tables. Progress goes to standard error."""

from __future__ import annotations

import argparse
import compileall
import sys
import tempfile
from pathlib import Path

import dvc_magic
from benchmarks.background import ECHOES, POINTS, latency_rows, make_busy_project, measure_file, measure_latency
from benchmarks.commands import seal_environment
from benchmarks.errors import BenchmarkError
from benchmarks.grids import make_grid_project, measure_grids
from benchmarks.machine import load_line, machine_line
from benchmarks.many_sources import COUNT, measure_sources
from benchmarks.rounds import measure, say
from benchmarks.sample import Executions, copy_sample, let_age, make_sample
from benchmarks.start import measure_start
from benchmarks.table import cost_table, plain_table, table
from benchmarks.ways import BARE, OURS, all_ways

_ROUNDS = 15
_MOST_KERNELS = 5  # a fresh one takes seconds
_MOST_GRIDS = 5  # a round takes ten seconds


def main() -> int:
    """Measure everything; 1 when a figure could not be trusted."""
    rounds = _rounds()
    with tempfile.TemporaryDirectory(prefix="dvc_magic-bench-") as name:
        folder = Path(name).resolve()
        seal_environment(folder)
        # As pip does at an install; under PYTHONDONTWRITEBYTECODE nothing else does.
        compileall.compile_dir(Path(dvc_magic.__file__).parent, quiet=2)
        print(f"{machine_line(folder)}\ntimes in ms; {load_line()}\n", flush=True)
        try:
            _warm_runs(folder, rounds)
            _start(folder, min(rounds, _MOST_KERNELS))
            _many_sources(folder, rounds)
            _grids(folder, min(rounds, _MOST_GRIDS))
            _background(folder)
        except BenchmarkError as error:
            say(f"\n{error}")
            return 1
    return 0


def _rounds() -> int:
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description="Measure what a run costs.")
    parser.add_argument("--rounds", type=int, default=_ROUNDS, help=f"how often each way is measured ({_ROUNDS})")
    rounds: int = parser.parse_args().rounds
    if rounds < 1:
        parser.error(f"--rounds {rounds}: at least 1 is needed")
    return rounds


def _executions(folder: Path) -> Executions:
    return Executions(folder / "executions")


def _warm_runs(folder: Path, rounds: int) -> None:
    say("making the sample project")
    sample = make_sample(folder / "sample", _executions(folder))
    with all_ways(sample, folder) as ways:
        let_age()
        say(f"warm runs, {len(ways.ready)} ways")
        times = measure(ways.ready, _executions(folder), rounds=rounds)
        title = f"a warm run, {rounds} rounds"
        print(
            cost_table(title, times, ways.missing, bare=BARE, ours=OURS), load_line(), sep="\n", end="\n\n", flush=True
        )


def _start(folder: Path, times: int) -> None:
    say("fresh kernels")
    project = copy_sample(folder / "sample", folder / "start")
    let_age()
    found = measure_start(project, _executions(folder), folder / "start-stores", times=times)
    print(plain_table("a fresh kernel, an empty run store", found), load_line(), sep="\n", end="\n\n", flush=True)


def _many_sources(folder: Path, rounds: int) -> None:
    say(f"{COUNT} more sources")
    project = make_sample(folder / "many", _executions(folder), more_sources=COUNT)
    let_age()
    found = measure_sources(project, _executions(folder), folder / "many-stores", rounds=rounds)
    print(plain_table(f"{COUNT} more source files", found), load_line(), sep="\n", flush=True)


def _grids(folder: Path, rounds: int) -> None:
    say("grids")
    project = make_grid_project(folder / "grid")
    let_age()
    found = measure_grids(project, rounds=rounds)
    print(plain_table("a grid", found), load_line(), sep="\n", flush=True)


def _background(folder: Path) -> None:
    say("calls in the background")
    project = make_busy_project(folder / "busy")
    let_age()
    latency = measure_latency(project, folder / "commands")
    print(
        table((f"an empty cell, {ECHOES} times", "median", "p99", "max"), latency_rows(latency)), load_line(), sep="\n"
    )
    say(f"a notebook of {POINTS} runs")
    print(f"a notebook's file, the output of {POINTS} runs: {measure_file(project)} bytes", flush=True)


if __name__ == "__main__":
    sys.exit(main())
