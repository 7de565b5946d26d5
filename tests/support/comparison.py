"""One case run by us, what ``dvc repro`` makes of it, and what differs."""

from __future__ import annotations

import json
import os
import shlex
import time
from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path
from typing import Any
from unittest.mock import patch

from dvc_magic.errors import DvcMagicError
from dvc_magic.line import quote, read_run_line
from dvc_magic.line.stages import expected_target
from dvc_magic.model.stage import Pipeline, Stage
from dvc_magic.project import Project, Run, connection_of
from dvc_magic.runs import flatten_files
from dvc_magic.store import check_store
from tests.support.behind import carry_out, pipeline_of
from tests.support.cases import Case, Place, build, twin
from tests.support.digest import changes, project_digest
from tests.support.dvc_program import dvc_program
from tests.support.locks import lock_entry, lock_texts, stages_of_locks
from tests.support.projects import write
from tests.support.references import Reference, from_json
from tests.support.served import serving

_SHOWN = 200
"""The characters of an out that a message shows."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Comparison:
    """What came of a case.

    Attributes:
        stages: how many runs were compared.
        our_seconds: wall time of opening the project and all runs.
        differences: one line for each; none when the two agree.
        dvc_seconds: wall time of all of ``dvc repro``, None when DVC did not run.
        reference: what DVC made, as text to be kept; empty when DVC did not run, or no run of ours.
    """

    stages: int
    our_seconds: float
    differences: tuple[str, ...]
    dvc_seconds: float | None = None
    reference: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class _Ours:
    """Our runs of a case; `faults`: what went wrong or was changed in the project meanwhile."""

    place: Place
    runs: tuple[Run, ...]
    pipeline: Pipeline
    faults: tuple[str, ...]


def compare(case: Case, folder: Path, *, template: Path, kept: str = "") -> Comparison:
    """Run `case` below `folder` by us, and compare that with what DVC makes of it.

    Args:
        kept: what DVC made of it before, if that is known. DVC runs only when our run differs from it, and has the last
            word of each difference.

    Raises:
        CommandError: DVC cannot run it.
    """
    with serving(folder / "served") as served:
        write(served.folder, case.served)
        expected = from_json(kept, served) if kept else None
        return _compare(build(case, folder / "ours", served=served, template=template), folder / "theirs", expected)


def _compare(place: Place, other: Path, expected: Reference | None) -> Comparison:
    before = _digest(place)
    began = time.monotonic()
    with patch.dict(os.environ, place.case.environ), Project.open(place.cwd) as project:
        failures = list(_run(place.case, project))
        our_seconds = time.monotonic() - began
        ours = _Ours(
            place=place,
            runs=(*project.runs.unfolded(),),
            pipeline=Pipeline() if failures else pipeline_of(project),
            faults=(*changes(before, _digest(place)), *failures, *check_store(project.store)),
        )
        stages = len(ours.runs)
        if expected and not failures and not _all_differences(ours, expected):
            return Comparison(stages=stages, our_seconds=our_seconds, differences=())
        outs = [out.path for stage in ours.pipeline.every for out in stage.outs]
        reference, dvc_seconds = _reproduce(twin(place, other), outs)
        return Comparison(
            stages=stages,
            our_seconds=our_seconds,
            differences=ours.faults if failures else _all_differences(ours, reference),
            dvc_seconds=dvc_seconds,
            reference="" if failures else reference.to_json(place.served),
        )


def _run(case: Case, project: Project) -> Iterator[str]:
    """Run the targets of `case`; what goes wrong is yielded."""
    try:
        pipeline = pipeline_of(project)
        for target in case.targets or [quote(stage.address) for stage in pipeline.final_stages()]:
            asked = read_run_line(
                f"{target} {case.options}",
                namespace={},
                pipeline=pipeline,
                stage_of=str,
                described=connection_of(project).pipeline,
            )
            carry_out(project, asked.request)
    except DvcMagicError as error:
        yield f"{type(error).__name__}: {error}"


def _digest(place: Place) -> dict[str, Any]:
    """Of the project and all around it, less the run store."""
    store = place.project / ".dvc_magic"
    shared = project_digest(place.served.folder, store=store)
    around = project_digest(place.folder, store=store)
    return {**{f"@SERVED@/{path}": found for path, found in shared.items()}, **around}


def _reproduce(place: Place, outs: list[str]) -> tuple[Reference, float]:
    """What DVC makes of a case, and the seconds that ``dvc repro`` took."""
    began = time.monotonic()
    for command in place.case.repro.split("&&"):
        place.dvc(*shlex.split(command))
    seconds = time.monotonic() - began
    shown = json.loads(place.dvc("metrics", "show", "--json", folder=place.project) or "{}")
    files: dict[str, dict[str, Any]] = next(iter(shown.values()), {"data": {}})["data"]
    status = json.loads(place.dvc("status", "--json", folder=place.project)) if place.case.unclean else ()
    reference = Reference(
        locks=lock_texts(place.project),
        metrics={file: content.get("data", {}) for file, content in files.items()},
        outs={out: _content(place.project / out) for out in outs},
        changed=[*status],
    )
    return reference, seconds


def _all_differences(ours: _Ours, theirs: Reference) -> tuple[str, ...]:
    differences = [*ours.faults]
    if not ours.runs:
        differences.append("no run was made")
    counts = Counter(run.stage for run in ours.runs)
    differences += [f"{stage}: executed {count} times" for stage, count in counts.items() if count > 1]
    locks = stages_of_locks(theirs.locks)
    for run in ours.runs:
        stage = expected_target(run.stage, ours.pipeline).stages[0]
        entry = locks.get(stage.dvcfile, {}).get(stage.name) or {}
        differences += [
            f"{run.stage}: {text}"
            for text in (
                *_entry_differences(lock_entry(run) or {}, entry),
                *_out_differences(run, stage, theirs),
                *_metric_differences(run, stage, theirs),
                *_status_differences(run, ours.place.case, theirs),
            )
        ]
    return tuple(dict.fromkeys(differences))


def _entry_differences(entry: Mapping[str, Any], expected: Mapping[str, Any]) -> Iterator[str]:
    for key in sorted(entry.keys() | expected.keys()):
        ours, other = entry.get(key), expected.get(key)
        if ours != other and isinstance(ours, list) and isinstance(other, list) and len(ours) == len(other):
            pairs = zip(ours, other, strict=True)
            yield from (f"lock has {one} in {key}, expected {two}" for one, two in pairs if one != two)
        elif ours != other:
            yield f"lock has {key} {ours}, expected {other}"


def _out_differences(run: Run, stage: Stage, theirs: Reference) -> Iterator[str]:
    for out in stage.outs:
        ours, other = _content(run.workspace / out.path), theirs.outs.get(out.path, "unknown")
        if ours != other:
            yield f"out {out.path} is {ours}, expected {other}"


def _content(path: Path) -> str:
    """What a file or folder holds: path in it -> content and whether it is executable; much of it by its hash."""
    if not path.exists():
        return "missing"
    items = [item for item in sorted(path.rglob("*")) if item.name != ".gitignore"] if path.is_dir() else [path]
    text = repr({item.relative_to(path).as_posix(): "folder" if item.is_dir() else _file(item) for item in items})
    return text if len(text) < _SHOWN else f"{text[:_SHOWN]}... (sha256 {sha256(text.encode()).hexdigest()})"


def _file(path: Path) -> tuple[bytes | str, bool]:
    content = path.read_bytes()
    return content if len(content) < _SHOWN else f"sha256 {sha256(content).hexdigest()}", os.access(path, os.X_OK)


def _metric_differences(run: Run, stage: Stage, theirs: Reference) -> Iterator[str]:
    files = [out.path for out in stage.outs if out.kind == "metric"]
    expected = flatten_files({file: theirs.metrics[file] for file in files if file in theirs.metrics})
    found = {key: value for key, value in run.metrics.items() if _is_scalar(value)}
    missing = {key: value for key, value in expected.items() if repr(found.get(key)) != repr(value)}
    if missing:
        yield f"metrics {found}, expected {missing}"


def _is_scalar(value: Any) -> bool:
    return isinstance(value, bool | int | float | str)


def _status_differences(run: Run, case: Case, theirs: Reference) -> Iterator[str]:
    environ = {**os.environ, **case.environ}
    done = dvc_program(run.workspace, ["status"], environ)
    clean = "up to date" in done.output and done.code == 0
    if clean == bool(case.unclean.get(run.stage)):
        said = "clean, although stated otherwise" if clean else f"not clean: {done.output}{done.errors}".strip()
        yield f"dvc status is {said}"
    elif not clean:
        changed = json.loads(dvc_program(run.workspace, ["status", "--json"], environ).output)
        yield from (f"dvc status names {name}, and after dvc repro does not" for name in {*changed} - {*theirs.changed})
