"""What a thousand source files cost: their snapshot, a workspace of them, and a whole run."""

from __future__ import annotations

from pathlib import Path

from benchmarks.rounds import Times, Way, measure, say, timed
from benchmarks.sample import STAGE, Executions
from dvc_magic import Project
from dvc_magic.model.snapshot import Snapshot
from dvc_magic.store import RunStore
from dvc_magic.workspace import HashCache, materialise, take_snapshot

COUNT = 1000

_OUTS = ("model.json", "metrics.json", "data/points.csv")


def measure_sources(project: Path, executions: Executions, folder: Path, *, rounds: int) -> dict[str, Times]:
    """The times for a project with `COUNT` more modules, at rest.

    Side effects: run stores and workspaces in `folder`; a run store in the project.

    Raises:
        BenchmarkError: a run did not execute the stage.
    """
    parts = []
    for number in range(rounds):
        say(f"  snapshot {number + 1} of {rounds}")
        parts.append(_parts(project, folder / str(number)))
    times = {name: Times(tuple(found[name] for found in parts)) for name in parts[0]}
    return times | _whole_runs(project, executions, rounds=rounds)


def _parts(project: Path, folder: Path) -> dict[str, float]:
    """What the steps took, in ms, with a run store and a workspace in the new `folder`."""
    store, target = RunStore(folder / "store"), folder / "workspace"
    hashes = HashCache(store.paths.hashes)
    target.mkdir(parents=True)
    first = timed(lambda: _snapshot(project, store, hashes))
    again = timed(lambda: _snapshot(project, store, hashes))
    snapshot = _snapshot(project, store, hashes)
    workspace = timed(lambda: _materialise(snapshot, store, target))
    return {"snapshot, the first": first, "snapshot, nothing changed": again, "workspace": workspace}


def _snapshot(project: Path, store: RunStore, hashes: HashCache) -> Snapshot:
    return take_snapshot(project, store, outs=_OUTS, named=("train.py", "params.yaml"), hashes=hashes)[0]


def _materialise(snapshot: Snapshot, store: RunStore, target: Path) -> None:
    materialise(snapshot, store.sources, target, leave_out=lambda _: False, replace={})


def _whole_runs(root: Path, executions: Executions, *, rounds: int) -> dict[str, Times]:
    with Project.open(root) as project:
        way = Way(name=f"Project.run({STAGE!r}, {{'seed': N}})", run=lambda seed: project.run(STAGE, {"seed": seed}))
        return measure([way], executions, rounds=rounds)
