"""One case run by ``dvc repro`` and by us, and what differs."""

from __future__ import annotations

import json
import os
import shlex
import time
from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from unittest.mock import patch

from dvc_magic.errors import DvcMagicError
from dvc_magic.line import quote, read_run_line
from dvc_magic.line.stages import expected_stage
from dvc_magic.model.stage import Pipeline, Stage
from dvc_magic.project import Project, Run
from dvc_magic.runs import flatten_files
from dvc_magic.store import check_store
from tests.support.cases import Case, Place, build, twin
from tests.support.digest import changes, project_digest
from tests.support.dvc_program import dvc_program
from tests.support.locks import lock_entry, read_locks
from tests.support.projects import write
from tests.support.served import serving


@dataclass(frozen=True, slots=True, kw_only=True)
class Comparison:
    """What came of a case.

    Attributes:
        stages: how many runs were compared.
        dvc_seconds, our_seconds: wall time of all of ``dvc repro``, and of opening the project and all runs.
        differences: one line for each; none when the two agree.
    """

    stages: int
    dvc_seconds: float
    our_seconds: float
    differences: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class _Theirs:
    place: Place
    locks: Mapping[str, Mapping[str, Any]]
    metrics: Mapping[str, Any]
    changed: frozenset[str]
    seconds: float


def compare(case: Case, folder: Path, *, template: Path) -> Comparison:
    """Run `case` below `folder` by DVC and by us.

    Raises:
        CommandError: DVC cannot run it.
    """
    with serving(folder / "served") as served:
        write(served.folder, case.served)
        return _compare(build(case, folder / "ours", served=served, template=template), folder / "theirs")


def _compare(place: Place, other: Path) -> Comparison:
    case = place.case
    theirs = _reproduce(twin(place, other))
    before = _digest(place)
    began = time.monotonic()
    with patch.dict(os.environ, case.environ), Project.open(place.cwd) as project:
        failures = list(_run(case, project))
        seconds = time.monotonic() - began
        runs = [*project.runs.unfolded()]
        found = [*changes(before, _digest(place)), *failures, *check_store(project.store)]
        if not failures:
            found += _all_differences(runs, project.pipeline(), theirs)
    return Comparison(
        stages=len(runs), dvc_seconds=theirs.seconds, our_seconds=seconds, differences=tuple(dict.fromkeys(found))
    )


def _run(case: Case, project: Project) -> Iterator[str]:
    """Run the targets of `case`; what goes wrong is yielded."""
    try:
        pipeline = project.pipeline()
        for target in case.targets or [quote(stage.address) for stage in pipeline.final_stages()]:
            asked = read_run_line(f"{target} {case.options}", namespace={}, pipeline=pipeline)
            project.start(asked.request)
    except DvcMagicError as error:
        yield f"{type(error).__name__}: {error}"


def _digest(place: Place) -> dict[str, Any]:
    """Of the project and all around it, less the run store."""
    store = place.project / ".dvc_magic"
    shared = project_digest(place.served.folder, store=store)
    around = project_digest(place.folder, store=store)
    return {**{f"@SERVED@/{path}": found for path, found in shared.items()}, **around}


def _reproduce(place: Place) -> _Theirs:
    began = time.monotonic()
    for command in place.case.repro.split("&&"):
        place.dvc(*shlex.split(command))
    seconds = time.monotonic() - began
    shown = json.loads(place.dvc("metrics", "show", "--json", folder=place.project) or "{}")
    files: dict[str, dict[str, Any]] = next(iter(shown.values()), {"data": {}})["data"]
    metrics = {file: content.get("data", {}) for file, content in files.items()}
    unclean = place.case.unclean
    status = json.loads(place.dvc("status", "--json", folder=place.project)) if unclean else ()
    return _Theirs(
        place=place, locks=read_locks(place.project), metrics=metrics, seconds=seconds, changed=frozenset(status)
    )


def _all_differences(runs: list[Run], pipeline: Pipeline, theirs: _Theirs) -> Iterator[str]:
    if not runs:
        yield "no run was made"
    counts = Counter(run.stage for run in runs)
    yield from (f"{stage}: executed {count} times" for stage, count in counts.items() if count > 1)
    for run in runs:
        yield from (f"{run.stage}: {text}" for text in _differences(run, expected_stage(run.stage, pipeline), theirs))


def _differences(run: Run, stage: Stage, theirs: _Theirs) -> Iterator[str]:
    expected = theirs.locks.get(stage.dvcfile, {}).get(stage.name)
    yield from _entry_differences(lock_entry(run) or {}, expected or {})
    for out in stage.outs:
        ours, other = _content(run.workspace / out.path), _content(theirs.place.project / out.path)
        if ours != other:
            yield f"out {out.path} is {ours}, expected {other}"
    yield from _metric_differences(run, stage, theirs)
    yield from _status_differences(run, theirs)


def _entry_differences(entry: Mapping[str, Any], expected: Mapping[str, Any]) -> Iterator[str]:
    for key in sorted(entry.keys() | expected.keys()):
        ours, other = entry.get(key), expected.get(key)
        if ours != other and isinstance(ours, list) and isinstance(other, list) and len(ours) == len(other):
            pairs = zip(ours, other, strict=True)
            yield from (f"lock has {one} in {key}, expected {two}" for one, two in pairs if one != two)
        elif ours != other:
            yield f"lock has {key} {ours}, expected {other}"


def _content(path: Path) -> dict[str, tuple[bytes, bool] | str] | str:
    """What a file or folder holds: path in it -> content and whether it is executable."""
    if path.is_dir():
        return {
            item.relative_to(path).as_posix(): "folder" if item.is_dir() else _file(item)
            for item in sorted(path.rglob("*"))
            if item.name != ".gitignore"
        }
    return {".": _file(path)} if path.exists() else "missing"


def _file(path: Path) -> tuple[bytes, bool]:
    return path.read_bytes(), os.access(path, os.X_OK)


def _metric_differences(run: Run, stage: Stage, theirs: _Theirs) -> Iterator[str]:
    files = [out.path for out in stage.outs if out.kind == "metric"]
    expected = flatten_files({file: theirs.metrics[file] for file in files if file in theirs.metrics})
    found = {key: value for key, value in run.metrics.items() if _is_scalar(value)}
    missing = {key: value for key, value in expected.items() if repr(found.get(key)) != repr(value)}
    if missing:
        yield f"metrics {found}, expected {missing}"


def _is_scalar(value: Any) -> bool:
    return isinstance(value, bool | int | float | str)


def _status_differences(run: Run, theirs: _Theirs) -> Iterator[str]:
    environ = {**os.environ, **theirs.place.case.environ}
    done = dvc_program(run.workspace, ["status"], environ)
    clean = "up to date" in done.output and done.code == 0
    if clean == bool(theirs.place.case.unclean.get(run.stage)):
        said = "clean, although stated otherwise" if clean else f"not clean: {done.output}{done.errors}".strip()
        yield f"dvc status is {said}"
    elif not clean:
        changed = json.loads(dvc_program(run.workspace, ["status", "--json"], environ).output)
        yield from (f"dvc status names {name}, and after dvc repro does not" for name in {*changed} - theirs.changed)
