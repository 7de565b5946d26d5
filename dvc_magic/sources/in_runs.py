"""What a source is for code that a run, or ``dvc repro``, has started: what lies in the DVC root there.

A run has what was required for it and nothing else, so nothing is looked up, pulled or run here.
"""

from __future__ import annotations

import os
import posixpath
import re
from collections.abc import Mapping, Sequence
from pathlib import Path

from msgspec.structs import replace

from dvc_magic.errors import MissingInputError, StoreError
from dvc_magic.model.operation import Source, SourceKind
from dvc_magic.model.paths import RunPaths, StorePaths
from dvc_magic.model.record import RunRecord
from dvc_magic.model.stage import address_of
from dvc_magic.store import is_run_id, read_noun

_EXPRESSION = r"[*+?^$|()\[\]{}]"
_TAKEN_FROM = r" (?:in the project|from remote .*)$"  # behind the stage that makes it, no run of which did


def in_command(source: Source) -> dict[str, Path] | None:
    """The paths that a source stands for, by the path from the DVC root; None outside of such a command.

    Raises:
        MissingInputError: the run does not have it; says how it would.
    """
    root = os.environ.get("DVC_ROOT")
    if not (root and os.environ.get("DVC_STAGE")):
        return None
    folder = Path(root)
    paths = _paths_around(folder)
    if source.kind is not SourceKind.DVCSTAGE:
        record = read_noun(paths.record, RunRecord) if paths is not None else None
        return {source.target(source.path): _present(folder, source, source.path, record)}
    if paths is not None:
        return {place: folder / place for place in _of_stage(source, read_noun(paths.record, RunRecord), paths)}
    return _in_repro(source, folder)


def _paths_around(folder: Path) -> RunPaths | None:
    """The run, or the copy of one that is under a debugger, whose workspace a folder belongs to."""
    runs = (RunPaths(place.parent) for place in (folder, *folder.parents) if place.name == "workspace")
    return next((paths for paths in runs if paths.record.is_file()), None)


# --- files ------------------------------------------------------------------------------------------------------------


def _present(folder: Path, source: Source, path: str, record: RunRecord | None) -> Path:
    """Where a path is: renamed in a run, under its own name in ``dvc repro``."""
    there = next((folder / name for name in (source.target(path), path) if (folder / name).exists()), None)
    if there is None:
        raise MissingInputError(f"{path!r} is not here: {_how_to_have(source, path, record)}")
    return there


def _how_to_have(source: Source, path: str, record: RunRecord | None) -> str:
    if record is None:
        return (
            "dvc repro takes what the project has. Put it there (dvc pull), or add the stage that makes it to the deps"
        )
    if record.op is None:
        return f"a run has the deps of its stage. Add {path} to those of {record.stage!r} in {record.dvcfile}"
    what = f"{source.kind}:{source.path}"
    if record.op.origin in {"cell", "api"}:
        return (
            f"a run has what its operation requires. Name it with --requires {what}, or where the code asks for it "
            f"write plain texts: dm.{source.kind}({source.path!r})"
        )
    return f"a run has what its operation requires. Add '{what}' to 'requires' of {record.op.name!r}"


def _in_repro(source: Source, folder: Path) -> dict[str, Path]:
    """The outs of a stage that are named as plain paths; a pattern could only be tried on what a stage makes."""
    plain = [
        path for path in map(_plain, source.select) if not re.search(_EXPRESSION, path) or (folder / path).exists()
    ]
    if not plain or len(plain) < len(source.select):
        message = (
            f"name the outs of {source.path!r} that are meant, with select, as plain paths: dvc repro has no runs to "
            "look them up"
        )
        raise MissingInputError(message)
    return {source.target(path): _present(folder, source, path, None) for path in plain}


# --- outs of stages ---------------------------------------------------------------------------------------------------


def _of_stage(source: Source, record: RunRecord, paths: RunPaths) -> list[str]:
    """The places that a ``dvcstage`` has in a run's workspace.

    Raises:
        MissingInputError: it has none.
    """
    makers = {place: dep.run for place, dep in record.deps.items() if dep.source is SourceKind.DVCSTAGE}
    runs = {run: _other_run(paths, run) for run in makers.values()}
    names = {place: _names(record.deps[place].origin, runs[run]) for place, run in makers.items()}
    made = _named(address_of(source.path), names)
    if not made:
        raise MissingInputError(f"nothing of {source.path!r} is here: {_how_to_have(source, 'its outs', record)}")
    required = [
        other
        for other in (record.op.requires if record.op else ())
        if address_of(other.path) == address_of(source.path)
    ]
    if required and all(_essence(other) == _essence(source) for other in required):
        return made
    outs = {place: tuple(run.outs) if (run := runs[makers[place]]) else () for place in made}
    chosen = _chosen(source, {place: _origins(place, [*required, source], outs[place]) for place in made})
    if not chosen:
        selected = " ".join(source.select)
        message = f"select {selected!r} matches nothing of {source.path!r} that is here: {', '.join(made)}"
        raise MissingInputError(message)
    return chosen


def _other_run(paths: RunPaths, run: str | None) -> RunRecord | None:
    """The record of another run of the store; None where it cannot be told."""
    try:
        store = StorePaths(paths.folder.parent.parent)
        return read_noun(store.run(run).record, RunRecord) if run is not None and is_run_id(run) else None
    except (FileNotFoundError, StoreError):
        return None


def _names(origin: str, run: RunRecord | None) -> tuple[str, str]:
    """The address of what made a dep, and the stage that it serves."""
    if run is None:
        return re.sub(_TAKEN_FROM, "", origin), ""
    return run.stage, address_of(run.op.serves) if run.op else ""


def _named(stage: str, names: Mapping[str, tuple[str, str]]) -> list[str]:
    """The places of what a stage or one in its place made; a name alone finds the only stage that has it."""
    found = [place for place, known in names.items() if stage in known]
    if found:
        return found
    alike = {place: address for place, (address, _) in names.items() if address.rpartition(":")[2] == stage}
    return list(alike) if len(set(alike.values())) == 1 else []


def _essence(source: Source) -> Source:
    """What of a source decides which paths it stands for, and where they are."""
    return replace(source, path=address_of(source.path), name="", help="", flat=False)


def _origins(place: str, sources: Sequence[Source], outs: Sequence[str]) -> set[str]:
    """The paths in the project that can have gone to a place; outs are unknown where no run made them."""
    candidates = {*outs, *(_plain(pattern) for source in sources for pattern in source.select)}
    return {path for path in candidates for source in sources if source.target(path) == place} or {place}


def _chosen(source: Source, origins: Mapping[str, set[str]]) -> list[str]:
    """The places that a source selects: those that it has given itself, where there are any."""
    selected = {place: [path for path in paths if _selects(source, path)] for place, paths in origins.items()}
    own = [place for place, paths in selected.items() if any(source.target(path) == place for path in paths)]
    return own or [place for place, paths in selected.items() if paths]


def _selects(source: Source, path: str) -> bool:
    """The rule by which operations are compiled: from the start of a path to its end, or the very path."""
    if not source.select:
        return True
    return any(re.match(f"(?:{pattern})$", path) or _plain(pattern) == path for pattern in source.select)


def _plain(pattern: str) -> str:
    """The path that a pattern without signs of an expression is."""
    return posixpath.normpath(pattern.replace("\\.", "."))
