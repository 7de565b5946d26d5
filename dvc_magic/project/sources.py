"""Data that DVC manages as paths for plain use: ``pd.read_csv(dm.dvcfile("iris.csv"))``.

The same sources are what operations require; in a command of a run, or of ``dvc repro``, they are the files there.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any, Protocol

from dvc_magic.errors import MissingInputError, RequestError
from dvc_magic.model.operation import Source, SourceKind
from dvc_magic.model.plan import Supplied
from dvc_magic.model.record import DepRecord
from dvc_magic.operations import read_source
from dvc_magic.project.project import Project
from dvc_magic.project.run import Content, Run
from dvc_magic.project.sources_in_runs import in_command
from dvc_magic.store import RunStore
from dvc_magic.untrusted import one_line


class Supplier(Protocol):
    """Who knows where a source's data is: a `dvc_magic.Project`."""

    @property
    def root(self) -> Path:
        """The project's root."""

    @property
    def store(self) -> RunStore:
        """Its run store."""

    def supply(self, source: Source) -> Supplied:
        """What a source stands for now; see `dvc_magic.Project.supply`."""

    def place(self, md5: str, path: str, *, executable: bool) -> Path:
        """Content of the runs' cache as a read-only file or folder; see `dvc_magic.Project.place`."""

    def close(self) -> None:
        """The source is found: end what was started for it alone."""


class _Here:
    """The project around the working directory, while one source is looked up."""

    def __init__(self) -> None:
        self._project = Project.open()
        self.root, self.store = self._project.root, self._project.store

    def supply(self, source: Source) -> Supplied:
        """What a source stands for now."""
        return self._project.supply(source)

    def place(self, md5: str, path: str, *, executable: bool) -> Path:
        """Content of the runs' cache as a read-only file or folder."""
        return self._project.place(md5, path, executable=executable)

    def close(self) -> None:
        """End the host that told."""
        self._project.close()


Find = Callable[[], Supplier]


def dvcfile(
    path: str | os.PathLike[str],
    *,
    remote: str = "",
    always_pull: bool = False,
    rename: str = "",
    target_path: str = "",
    name: str = "",
    find: Find = _Here,
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
    find: Find = _Here,
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
    find: Find = _Here,
) -> SourcePath:
    """``dm.file("labels.csv")``: a file or folder of the project. See `dvcfile`."""
    return SourcePath(_read("file", path, {"rename": rename, "target-path": target_path, "name": name}), find)


def config(
    path: str | os.PathLike[str],
    *,
    rename: str = "",
    target_path: str = "",
    name: str = "",
    find: Find = _Here,
) -> SourcePath:
    """``dm.config("params.json")``: a file whose values are an operation's flags. See `dvcfile`."""
    return SourcePath(_read("config", path, {"rename": rename, "target-path": target_path, "name": name}), find)


def _read(kind: str, path: str | os.PathLike[str], entry: Mapping[str, Any]) -> Source:
    given = {key: value for key, value in entry.items() if value not in ("", False, [])}
    return read_source({kind: os.fspath(path), **given}, where=f"dm.{kind}")


class SourcePath(Content):
    """A source of an operation, usable wherever a path is; what it stands for is looked up at the first use.

    Attributes:
        source: the frozen data.
    """

    __slots__ = ("_find", "_paths", "source")

    def __init__(self, source: Source, find: Find) -> None:
        self.source = source
        self._find = find
        self._paths: dict[str, Path] | None = None

    @property
    def paths(self) -> dict[str, Path]:
        """Every path that it stands for, by the path from a run's root.

        Raises:
            MissingInputError: it can neither be found nor pulled, or a stage would have to run first; in a run, it is
                not required.
        """
        if self._paths is None:
            found = in_command(self.source)
            self._paths = self._looked_up() if found is None else found
        return self._paths

    def _looked_up(self) -> dict[str, Path]:
        project = self._find()
        try:
            return _in_notebook(self.source, project)
        finally:
            project.close()

    @property
    def path(self) -> Path:  # type: ignore[override]
        """The only one.

        Raises:
            RequestError: it stands for several; `paths` has them all.
        """
        found = self.paths
        if len(found) != 1:
            message = (
                f"{self!r} stands for {len(found)} paths ({', '.join(found)}); choose one with select, or take one of "
                ".paths"
            )
            raise RequestError(message)
        return next(iter(found.values()))

    def __repr__(self) -> str:
        """The source, without a look at where it is."""
        chosen = f":{' '.join(self.source.select)}" if self.source.select else ""
        return one_line(f"<{self.source.kind} {self.source.path}{chosen}>")


# --- in a notebook --------------------------------------------------------------------------------------------------


def _in_notebook(source: Source, project: Supplier) -> dict[str, Path]:
    if source.kind is SourceKind.CONFIG:
        return {source.path: _present(project.root / source.path)}
    supplied = project.supply(source)
    placed = {placement.path: placement for placement in supplied.placements}
    found: dict[str, Path] = {}
    for path, dep in supplied.deps.items():
        own = _where_it_lies(project, source, path, dep)
        if own is None and path in placed:
            own = project.place(placed[path].hash, path, executable=placed[path].executable)
        found[path] = own or _present(project.root / path)
    return found


def _present(path: Path) -> Path:
    if not path.exists():
        message = f"{path} does not exist; write it, or correct the path, which is from the project's root"
        raise MissingInputError(message)
    return path


def _where_it_lies(project: Supplier, source: Source, path: str, dep: DepRecord) -> Path | None:
    """The place that has the content under its right name already: the project, or the run that made it."""
    if source.rename or source.target_path or source.always_pull:
        return None
    if dep.run is not None:
        stored = project.store.get(dep.run)
        there = stored.paths.dvc_root(stored.record.root) / path
        return there if there.exists() else None
    there = project.root / path
    return there if there.exists() else None
