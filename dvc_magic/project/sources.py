"""Data that DVC manages as paths for plain use: ``pd.read_csv(dm.dvcfile("iris.csv"))``.

The same sources are what operations require; in a command of a run, or of ``dvc repro``, they are the files there.
"""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from typing import Any

from dvc_magic.model.operation import Source
from dvc_magic.operations import read_source
from dvc_magic.project.handles.run import Run
from dvc_magic.project.project import Project, connection_of
from dvc_magic.project.supplies import Supplies
from dvc_magic.sources import Find, SourcePath


def _here() -> Supplies:
    """The project around the working directory, while one source is looked up."""
    project = Project.open()
    return Supplies(connection_of(project), end=project.close)


def dvcfile(
    path: str | os.PathLike[str],
    *,
    remote: str = "",
    always_pull: bool = False,
    rename: str = "",
    target_path: str = "",
    name: str = "",
    find: Find = _here,
) -> SourcePath:
    """``dm.dvcfile("iris.csv")``: data that DVC tracks: from the workspace, else a cache, else pulled.

    Args:
        path: from the project's root.
        remote: the remote to pull from, instead of the one that DVC would ask.
        always_pull: whether what DVC has recorded is taken even when the workspace has the file.
        rename: ``PATTERN REPL``, what a run calls it. target_path: the folder it goes to in a run.
        name: what a run's deps call it.
        find: the project; the one around the working directory unless given.

    Raises:
        OperationError: an attribute makes no sense.
    """
    entry = {"remote": remote, "always-pull": always_pull, "rename": rename, "target-path": target_path, "name": name}
    return SourcePath(_read("dvcfile", path, entry), find)


def dvcstage(
    stage: str,
    *,
    select: str | Sequence[str] = (),
    run: int | str | Run = "",
    rename: str = "",
    target_path: str = "",
    name: str = "",
    find: Find = _here,
) -> SourcePath:
    """``dm.dvcstage("train", select="model.joblib")``: outs of a stage, of the run that a call would use.

    That is the marked or newest completed run which is equal to the stage as it is now, else the project's own output.

    Args:
        stage: address, or the name that an operation serves.
        select: regular expressions that whole paths of outs match; needed where the stage has several.
        run: a run of the stage, its number, id or label, instead.
        rename, target_path, name, find: as in `dvcfile`.

    Raises:
        OperationError: an attribute makes no sense.
    """
    chosen = run.id if isinstance(run, Run) else str(run)
    patterns = [select] if isinstance(select, str) else list(select)
    entry = {"select": patterns, "run": chosen, "rename": rename, "target-path": target_path, "name": name}
    return SourcePath(_read("dvcstage", stage, entry), find)


def file(
    path: str | os.PathLike[str],
    *,
    rename: str = "",
    target_path: str = "",
    name: str = "",
    find: Find = _here,
) -> SourcePath:
    """``dm.file("labels.csv")``: a file or folder of the project. See `dvcfile`."""
    return SourcePath(_read("file", path, {"rename": rename, "target-path": target_path, "name": name}), find)


def config(
    path: str | os.PathLike[str],
    *,
    rename: str = "",
    target_path: str = "",
    name: str = "",
    find: Find = _here,
) -> SourcePath:
    """``dm.config("params.json")``: a file whose values are an operation's flags. See `dvcfile`."""
    return SourcePath(_read("config", path, {"rename": rename, "target-path": target_path, "name": name}), find)


def _read(kind: str, path: str | os.PathLike[str], entry: Mapping[str, Any]) -> Source:
    given = {key: value for key, value in entry.items() if value not in ("", False, [])}
    return read_source({kind: os.fspath(path), **given}, where=f"dm.{kind}")
