"""`SourcePath`: what a source stands for, as paths: in a notebook looked up and pulled, in a run what it was given."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Protocol

from dvc_magic.errors import MissingInputError, RequestError
from dvc_magic.model.operation import Source, SourceKind
from dvc_magic.model.plan import Supplied
from dvc_magic.model.record import DepRecord
from dvc_magic.sources.content import Content
from dvc_magic.sources.in_runs import in_command
from dvc_magic.store import RunStore
from dvc_magic.untrusted import one_line


class Supplier(Protocol):
    """Who knows where the data of a project's sources is."""

    @property
    def root(self) -> Path:
        """The project's root."""

    @property
    def store(self) -> RunStore:
        """Its run store."""

    def supply(self, source: Source) -> Supplied:
        """What a source stands for now; in the runs' cache, pulled if need be."""

    def place(self, md5: str, path: str, *, executable: bool) -> Path:
        """Content of the runs' cache as a read-only file or folder; in the store."""

    def close(self) -> None:
        """The source is found: end what was started for it alone."""


Find = Callable[[], Supplier]


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
