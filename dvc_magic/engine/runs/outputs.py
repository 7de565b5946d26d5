"""What an operation's run has made: which of it are its outs, and what has to be said of the rest."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path
from typing import TypeAlias

from msgspec import Struct

from dvc_magic.errors import PipelineError
from dvc_magic.model.operation import Operation, OperationOut
from dvc_magic.model.stage import Stage, lies_in
from dvc_magic.pipeline import RunRepo
from dvc_magic.runs import read_metric_file
from dvc_magic.untrusted import first_few, one_line
from dvc_magic.workspace import (
    Tree,
    is_metric_name,
    made_below,
    made_files,
    made_others,
    mark,
    read_tree,
    whole_paths,
)

Stamp: TypeAlias = "tuple[int, ...]"
Originals: TypeAlias = "Callable[[str], bytes | None]"

_NAMED = 5  # paths named in a message
_ASIDE = ".written"
_RULES = ".dvcignore"
_DEFAULT_PARAMS = "params.yaml"  # DVC reads it whenever it is there


class Made(Struct, frozen=True, kw_only=True):
    """What a command has written.

    Attributes:
        outs: what counts as outs, apart from those that are named.
        paths: files and folders that it wrote, apart from named outs and single files that are deps.
        into: folder that is a dep -> what was written into it.
        left_out: what DVC cannot keep: path -> why, in words.
    """

    outs: tuple[OperationOut, ...] = ()
    paths: tuple[str, ...] = ()
    into: Mapping[str, Sequence[str]]
    left_out: Mapping[str, str]


def find_made(stage: Stage, *, root: Path, before: Tree, apart: Iterable[str], repo: RunRepo | None) -> Made:
    """What the command of an operation has written since `before`.

    Args:
        stage: the operation's, with the outs that are named.
        root: the workspace's.
        before: what lay in it.
        apart: further paths that are no outs, whatever becomes of them: param files and other inputs.
        repo: of the run, which knows what DVC passes over; None when it could not be opened.

    Raises:
        PipelineError: what DVC would take its rules from cannot be read.
    """
    after = read_tree(root)
    files, others = made_files(before, after), made_others(before, after)
    ignored = _ignored([*files, *others], others, repo)
    left_out = _left_out(files, others, ignored)
    deps = [dep.path for dep in stage.deps]
    fixed = {*(out.path for out in stage.outs), *deps, *apart}
    barred = [path for path in left_out if path not in ignored and path not in after.links]
    paths = whole_paths((path for path in files if path not in left_out), before, apart=[*fixed, *barred])
    refused = repo.refused(paths) if repo is not None else []
    left_out |= dict.fromkeys(refused, "a name that DVC gives another meaning")
    into = {
        dep: whole_paths((path for path in written if path not in left_out), before)
        for dep, written in made_below(before, after, deps).items()
    }
    return Made(
        outs=tuple(_written(root, path) for path in paths if path not in refused),
        paths=tuple(sorted({*paths, *(path for written in into.values() for path in written)})),
        into={dep: written for dep, written in into.items() if written},
        left_out={path: left_out[path] for path in sorted(left_out) if not _is_in(path, fixed)},
    )


def _ignored(paths: Iterable[str], others: Mapping[str, str], repo: RunRepo | None) -> set[str]:
    """Those of `paths` that DVC passes over by its rules, which have to be files to be asked for."""
    for path in others:
        if path.rpartition("/")[2] == _RULES:
            raise PipelineError(
                f"the command made {one_line(path)}, {others[path]}: DVC expects a file with rules there"
            )
    return repo.ignored(paths) if repo is not None else set()


def _left_out(files: Iterable[str], others: Mapping[str, str], ignored: set[str]) -> dict[str, str]:
    """What is no out whatever else is one: path -> why."""
    own = dict.fromkeys((path for path in files if path.rpartition("/")[2] == _RULES), "DVC's own file")
    return {**others, **own, **dict.fromkeys(sorted(ignored), "ignored by DVC")}


def _written(root: Path, path: str) -> OperationOut:
    """What an operation wrote as an out; metrics go by their name, if they can be read, and into git, not the cache."""
    metric = is_metric_name(path) and (root / path).is_file() and isinstance(read_metric_file(root / path)[0], dict)
    return OperationOut(path=path, metric=metric, cache=not metric)


def _is_in(path: str, places: Iterable[str]) -> bool:
    return any(lies_in(path, place) for place in places)


def left_out_warning(left_out: Mapping[str, str]) -> str:
    """Says what is not among the outs of a run, and why."""
    listed = few([f"{one_line(path)} ({why})" for path, why in left_out.items()])
    return f"the command made what DVC cannot keep, which is left out of the run's outs: {listed}"


def into_dep_warning(operation: Operation, dep: str, paths: Sequence[str]) -> str:
    """Says that what was written into a folder that is a dep is no out, and what to do."""
    single = "-d" if operation.origin == "cell" else "requires"
    return (
        f"the command wrote {few([one_line(path) for path in paths])} into its dependency {one_line(dep)}, which is no "
        f"output of the run: write it elsewhere, or name single files of {one_line(dep)} with {single}"
    )


def few(listed: Sequence[str]) -> str:
    """Some of them, and how many more there are."""
    return first_few(listed, _NAMED)


class Aside(Struct, frozen=True, kw_only=True):
    """What of DVC's own files in a run its command has written, and was given another name.

    Attributes:
        paths: the files, each of which is as it was, or absent. What was written lies beside it.
        warnings: what to say of them.
    """

    paths: tuple[str, ...] = ()
    warnings: tuple[str, ...] = ()


def put_aside(
    stage: Stage, *, root: Path, before: Tree, own: Mapping[str, Stamp], original: Originals, repo: RunRepo
) -> Aside:
    """Put aside what a command wrote in the place of files that DVC reads, unless DVC can.

    Args:
        stage: the operation's.
        root: the workspace's.
        before: what lay in it.
        own: the run's ``dvc.yaml`` and ``dvc.lock``, as `stamp` had them.
        original: gives the content that a param file had, or None where there was none.
        repo: the run's.

    Side effects: files renamed, and param files written as they were.
    """
    dvcfile, lock = dvc_files(stage)
    there = [path for path in (dvcfile, lock) if os.path.lexists(root / path)]
    paths = [path for path in there if (root / path).is_symlink() or stamp(root / path) != own[path]]
    if lock in paths and not (root / lock).is_symlink() and repo.reads_lock(lock):
        paths.remove(lock)
    warnings = [f"the command wrote {path}, which a run has of its own: kept as {path}{_ASIDE}" for path in paths]
    for path in paths:
        (root / path).replace(root / f"{path}{_ASIDE}")
    for path in _broken_params(stage, root, before, repo):
        (root / path).replace(root / f"{path}{_ASIDE}")
        content = original(path)
        if content is not None:
            (root / path).write_bytes(content)
        warnings.append(f"DVC cannot read as params what the command wrote into {path}: kept as {path}{_ASIDE}")
        paths.append(path)
    return Aside(paths=tuple(paths), warnings=tuple(warnings))


def _broken_params(stage: Stage, root: Path, before: Tree, repo: RunRepo) -> list[str]:
    """The param files that the command has changed so that DVC cannot read what it needs of them."""
    keys = dict.fromkeys((_DEFAULT_PARAMS, *stage.vars_files), ()) | {one.path: one.keys for one in stage.params}
    return [
        path
        for path, needed in keys.items()
        if os.path.lexists(root / path)
        and before.files.get(path) != mark(root / path)
        and not repo.reads_params(path, needed)
    ]


def dvc_files(stage: Stage) -> tuple[str, str]:
    """The ``dvc.yaml`` and ``dvc.lock`` of a run of `stage`."""
    return stage.dvcfile, f"{stage.dvcfile.removesuffix('.yaml')}.lock"


def stamp(file: Path) -> Stamp:
    """What a write of the file changes; empty when there is none."""
    try:
        found = file.stat()
    except OSError:
        return ()
    return found.st_ino, found.st_size, found.st_mtime_ns, found.st_ctime_ns
