"""What DVC is not let near when it hashes a run's files: what it would hang at, and what it would change elsewhere."""

from __future__ import annotations

import os
import posixpath
from collections.abc import Iterable, Iterator
from pathlib import Path, PurePosixPath

from dvc_magic.engine.runs.outputs import dvc_files, few
from dvc_magic.errors import PipelineError
from dvc_magic.model.stage import DepKind, Stage
from dvc_magic.pipeline import RunRepo
from dvc_magic.untrusted import one_line
from dvc_magic.workspace import unkeepable

_RULES = ".dvcignore"


def check_own_files(stage: Stage, *, root: Path, own: bool) -> None:
    """Make sure that DVC can read what it takes rules and params from, and writes its lock where it should.

    Args:
        stage: the run's.
        root: the run's DVC root.
        own: whether ``dvc.yaml``, ``dvc.lock`` and param files are looked at as well.

    Raises:
        PipelineError: the command has put something else in the place of a file.
    """
    _check_plain(_rules([*_local_outs(stage), *_local_deps(stage)]), root, linked=True)
    if own:
        _check_plain(dvc_files(stage), root, linked=False)
        _check_plain((entry.path for entry in stage.params), root, linked=True)


def check_keepable(stage: Stage, *, root: Path, workspace: Path, repo: RunRepo) -> None:
    """Make sure that DVC can read what it is going to hash, and changes nothing out of the run by that.

    DVC opens what it finds in a folder, and waits for ever at a named pipe. In an out it puts files of its own in the
    place of what is there, also behind a link.

    Args:
        stage: with all its outs.
        root: the run's DVC root.
        workspace: what nothing of the run may leave.
        repo: the run's.

    Raises:
        PipelineError: it cannot, or would.
    """
    for path in _local_outs(stage):
        _check_place(path, root, workspace)
        _check_content("output", path, root, repo)
    for path in _local_deps(stage):
        _check_content("dependency", path, root, repo)


def _local_outs(stage: Stage) -> list[str]:
    return [out.path for out in stage.outs if "://" not in out.path and not posixpath.isabs(out.path)]


def _local_deps(stage: Stage) -> list[str]:
    return [dep.path for dep in stage.deps if dep.kind is DepKind.LOCAL]


def _check_plain(paths: Iterable[str], root: Path, *, linked: bool) -> None:
    """Refuse what is no file where DVC expects one; it may be a link where DVC does not write."""
    for path in paths:
        place = root / path
        if os.path.lexists(place) and not (place.is_file() and (linked or not place.is_symlink())):
            raise PipelineError(
                f"DVC needs a plain file at {one_line(path)}, and the command put something else there; "
                "let it write that elsewhere"
            )


def _rules(paths: Iterable[str]) -> Iterator[str]:
    """The files with rules for these paths, which DVC opens where they are."""
    for folder in sorted({parent.as_posix() for path in paths for parent in PurePosixPath(path).parents}):
        yield posixpath.join(folder, _RULES).removeprefix("./")


def _check_place(path: str, root: Path, workspace: Path) -> None:
    """Refuse an out whose files lie elsewhere: DVC would exchange them there."""
    place = root / path
    real = os.path.realpath(place if place.is_dir() else place.parent)
    if not Path(real).is_relative_to(os.path.realpath(workspace)):
        raise PipelineError(
            f"output {one_line(path)!r} is, or lies in, a link to {real}, which is no place of this run, and DVC would "
            "change the files there; let the command copy what it needs, and write its outputs into the run"
        )


def _check_content(what: str, path: str, root: Path, repo: RunRepo) -> None:
    """Refuse what DVC cannot read, unless it passes over it."""
    found = unkeepable(root, path)
    has_rules = any(posixpath.basename(inner) == _RULES for inner in found)  # DVC opens them to say what it passes over
    ignored = repo.ignored(found) if found and not has_rules else set()
    listed = [f"{one_line(inner)} ({kind})" for inner, kind in found.items() if inner not in ignored]
    if listed:
        raise PipelineError(
            f"{what} {one_line(path)!r}: DVC cannot read {few(listed)}; it keeps files and folders alone. "
            "Let the command remove it, or put it elsewhere"
        )
