"""Making a run's workspace, in a worker: a directory that is itself a DVC repository of one stage."""

from __future__ import annotations

import os
from collections.abc import Iterable
from pathlib import Path

from msgspec import Struct
from msgspec.structs import replace

from dvc_magic.engine.order import WorkOrder
from dvc_magic.engine.runs.git_view import write_git
from dvc_magic.engine.runs.intact import mend_runs_with
from dvc_magic.engine.source_marks import source_marks
from dvc_magic.engine.surroundings import load_surroundings
from dvc_magic.errors import MissingInputError
from dvc_magic.model.paths import RunPaths, StorePaths
from dvc_magic.model.record import DepRecord
from dvc_magic.model.stage import Out, Stage, lies_in
from dvc_magic.model.surroundings import Surroundings
from dvc_magic.pipeline import first_lock, stage_files, with_cache
from dvc_magic.store import RunStore, load_snapshot
from dvc_magic.workspace import (
    LackingError,
    link_environments,
    link_policy,
    materialise,
    place_object,
    write_file,
)

_RULES = (".dvcignore", ".gitattributes", ".gitignore", ".gitmodules")  # read by any git or DVC in a stage


class Prepared(Struct, frozen=True, kw_only=True):
    """A workspace that is ready for its command.

    Attributes:
        root: its DVC root, absolute.
        deps: the run's deps with how each was placed.
        sources: source path -> md5 of the content placed, with the run's own param files.
        undeclared: the sources that are neither deps nor tracked params nor DVC's or git's own files.
        environments: links to environments of the project, from the root.
        surroundings: what the project was at the call.
        passing: ``.dvc`` files of data that is no dep. They are there for a command that calls DVC itself, and have to
            go when it has ended: without their data the run would not be up to date for DVC.
    """

    root: Path
    deps: dict[str, DepRecord]
    sources: dict[str, str]
    undeclared: tuple[str, ...]
    surroundings: Surroundings
    environments: tuple[str, ...] = ()
    passing: tuple[str, ...] = ()


def prepare(order: WorkOrder, *, store: RunStore, paths: RunPaths | None = None) -> Prepared:
    """Make the workspace of a run, or of a copy of one whose files are to lie at `paths`.

    It is made from the order and the store alone. The project is not looked at, only linked to: it may be another one
    by now.

    Raises:
        MissingInputError: an input is gone from the runs' cache, or was altered there.
        OSError: the disk is full, or the like.

    Side effects: everything below the run's ``workspace`` folder; ``output.log``, empty.
    """
    paths = paths or store.paths.run(order.record.id)
    root = paths.dvc_root(order.record.root)
    paths.workspace.mkdir(mode=0o700)  # without what is above: a project that was moved away is not to come back
    root.mkdir(parents=True, exist_ok=True, mode=0o700)
    paths.log.touch(mode=0o600)
    snapshot = load_snapshot(store.paths, order.record.snapshot)
    surroundings = load_surroundings(order.surroundings, store)
    written = {file: text.encode() for file, text in order.replace.items()}
    made = _made_anew(order.stage)

    def leave_out(path: str) -> bool:
        return _is_not_placed(path) or any(lies_in(path, out) for out in made)

    materialise(snapshot, store.sources, root, leave_out=leave_out, replace=written)
    _link_secrets(order, root)
    _write_dvc_files(order, surroundings, root, store.paths)
    deps = _place(order, surroundings, root, store)
    _write_params_again(order, root)
    _make_folders(order.stage, root)
    linked = link_environments(Path(order.project), root, order.links.environments)
    marks = source_marks(snapshot, order.replace)
    sources = {path: mark for path, mark in marks.items() if path in order.replace or not leave_out(path)}
    passing = _passing(order.stage, sources)
    left_out = {*passing, *(path for path in snapshot.files if path not in sources), order.stage.dvcfile}
    write_git(
        order,
        surroundings.git,
        root,
        store.sources,
        sources=sources.keys() - left_out,
        left_out={path: snapshot.files.get(path) for path in left_out},
        ignored=linked,
    )
    return Prepared(
        root=root,
        deps=deps,
        sources=sources,
        undeclared=_undeclared(order, sources),
        surroundings=surroundings,
        environments=linked,
        passing=passing,
    )


def _made_anew(stage: Stage) -> tuple[str, ...]:
    """The outs that are absent when the command starts, as they are in ``dvc repro``.

    The outs of all stages are no sources; those of an operation may be: files of the project that it writes anew.
    """
    if stage.operation is None:
        return ()
    deps = {dep.path for dep in stage.deps}
    return tuple(out.path for out in stage.outs if not out.persist and out.path not in deps)


def _passing(stage: Stage, sources: Iterable[str]) -> tuple[str, ...]:
    declared = {dep.path for dep in stage.deps}
    folders = tuple(f"{path}/" for path in declared)
    return tuple(
        path for path in sources if path.endswith(".dvc") and path not in declared and not path.startswith(folders)
    )


def _is_not_placed(path: str) -> bool:
    """DVC's own files: a run has one ``dvc.yaml``, written for it, and no lock of the project."""
    return path.rsplit("/", 1)[-1] in ("dvc.yaml", "dvc.lock")


def _undeclared(order: WorkOrder, sources: dict[str, str]) -> tuple[str, ...]:
    """The sources whose reading would be news: params count by their keys, deps by their hashes."""
    stage = order.stage
    # Of a config file, an operation may have named some keys as flags, and its code reads the others as well.
    whole = (entry.path for entry in stage.params if stage.operation is None or not entry.keys)
    declared = {*(dep.path for dep in stage.deps), *whole}
    folders = tuple(f"{path}/" for path in declared)
    return tuple(
        path
        for path in sources
        if path not in declared
        and not path.startswith(folders)
        and not path.startswith(".dvc/")
        and path.rpartition("/")[2] not in _RULES
    )


def _link_secrets(order: WorkOrder, root: Path) -> None:
    for path in order.links.secrets:
        target = root / path
        target.parent.mkdir(parents=True, exist_ok=True)
        target.symlink_to(Path(order.project, path))


def _write_dvc_files(order: WorkOrder, surroundings: Surroundings, root: Path, store: StorePaths) -> None:
    dvc = root / ".dvc"
    (dvc / "tmp").mkdir(parents=True, exist_ok=True)
    config = with_cache(surroundings.dvc_config, os.path.relpath(store.cache, dvc))
    write_file(f"{dvc}/config.local", config.encode())
    file = f"{root}/{order.stage.dvcfile}"
    Path(file).parent.mkdir(parents=True, exist_ok=True)
    write_file(file, stage_files(order.stage, order.file, order.param_files).encode())
    if lock := first_lock(order.file):
        write_file(f"{file.removesuffix('.yaml')}.lock", lock.encode())


def _write_params_again(order: WorkOrder, root: Path) -> None:
    """Placing a whole folder has put the project's own param files over those of the call."""
    for file, text in order.replace.items():
        if any(file.startswith(f"{placement.path}/") for placement in order.placements):
            (root / file).unlink(missing_ok=True)
            (root / file).write_text(text, encoding="utf-8", newline="")


def _place(order: WorkOrder, surroundings: Surroundings, root: Path, store: RunStore) -> dict[str, DepRecord]:
    links = link_policy(surroundings.cache_types, is_root=os.geteuid() == 0)
    deps = dict(order.record.deps)
    for placement in order.placements:
        _unlink_way_out(root, placement.path)
        try:
            placed = place_object(
                store.cache,
                placement.hash,
                root / placement.path,
                replace(links, hardlink=False) if placement.alone else links,
                executable=placement.executable,
            )
        except LackingError as error:
            mend_runs_with(error.lacking, store)  # so that the next call knows which runs cannot serve any more
            raise MissingInputError(_lacking(order, placement.path)) from error
        if placement.path in deps:
            deps[placement.path] = replace(deps[placement.path], placed=placed)
    return deps


def _lacking(order: WorkOrder, path: str) -> str:
    dep = order.record.deps.get(path)
    if dep is not None and dep.run:
        return (
            f"{path!r}, an output of run {dep.run}, was changed after it was made, and is no longer used; run "
            f"{order.record.stage!r} again to have it made anew (Run.copy gives files to work on)"
        )
    return f"{path!r} was changed in the runs' cache, and is no longer used; run {order.record.stage!r} again"


def _unlink_way_out(root: Path, path: str) -> None:
    """Remove the link on the way to a dep that leads out of the workspace: placing would write to where it leads."""
    home, place = os.path.realpath(root), root
    for part in path.split("/"):
        place = place / part
        if place.is_symlink() and not Path(os.path.realpath(place)).is_relative_to(home):
            place.unlink()
            return


def _make_folders(stage: Stage, root: Path) -> None:
    for path in (stage.wdir, *(_parent(out) for out in stage.outs)):
        _unlink_way_out(root, path)
        (root / path).mkdir(parents=True, exist_ok=True)


def _parent(out: Out) -> str:
    return out.path.rpartition("/")[0] or "."
