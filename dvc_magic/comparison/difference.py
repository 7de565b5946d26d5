"""What differs between two runs, as data."""

from __future__ import annotations

import math
from typing import Any, TypeAlias

from msgspec import Struct

from dvc_magic.model.snapshot import SourceFile

MISSING: Any = type("Missing", (), {"__repr__": lambda _: "MISSING", "__bool__": lambda _: False})()
"""Stands for a value that a run does not have; null is a value."""


class ValueChange(Struct, frozen=True, kw_only=True):
    """A named value that two runs do not have alike.

    Attributes:
        name: such as ``train.lr``, or ``STAGE:KEY`` of a stage upstream.
        a, b: the values, `MISSING` where a run has none.
    """

    name: str
    a: Any = MISSING
    b: Any = MISSING

    @property
    def delta(self) -> float | int | None:
        """``b - a`` where both are numbers and that is one; else None."""
        if not (_is_number(self.a) and _is_number(self.b)):
            return None
        try:
            delta: float | int = self.b - self.a
        except OverflowError:  # a whole number beyond floats, less a float
            return None
        return delta if not isinstance(delta, float) or math.isfinite(delta) else None


class FileChange(Struct, frozen=True, kw_only=True):
    """A source file that two runs do not have alike.

    Attributes:
        path: POSIX path from the project's root.
        stage: address of the stage that has read it.
        a, b: the file as each run's snapshot has it, None where it has none.
        diff: lines of a unified diff, without ends of lines; empty when there is nothing to show.
        note: why there is no diff, such as ``binary``; or an empty text.
    """

    path: str
    stage: str = ""
    a: SourceFile | None = None
    b: SourceFile | None = None
    diff: tuple[str, ...] = ()
    note: str = ""

    @property
    def kind(self) -> str:
        """``added``, ``removed``, ``changed``, or ``mode`` where only the execute bit differs."""
        if self.a is None:
            return "added"
        if self.b is None:
            return "removed"
        return "mode" if self.a.md5 == self.b.md5 else "changed"

    @property
    def counts(self) -> tuple[int, int]:
        """How many lines of the diff are new, and how many are gone."""
        return _counted(self.diff)


class Content(Struct, frozen=True, kw_only=True):
    """What a run had, or made, at a path: md5 as in ``dvc.lock``, bytes, number of files, the stage that made it."""

    hash: str
    size: int = 0
    files: int = 1
    made_by: str = ""


class DataChange(Struct, frozen=True, kw_only=True):
    """A dependency or an output that two runs do not have alike.

    Attributes:
        path: POSIX path from the DVC root.
        stage: address of the stage that has read or made it.
        a, b: its content in each run, None where a run has none.
        added, removed, changed: of a folder, paths in it; None when the store no longer has its listing.
        diff, note: as in `FileChange`, of a small text.
    """

    path: str
    stage: str = ""
    a: Content | None = None
    b: Content | None = None
    added: tuple[str, ...] | None = None
    removed: tuple[str, ...] | None = None
    changed: tuple[str, ...] | None = None
    diff: tuple[str, ...] = ()
    note: str = ""

    @property
    def counts(self) -> tuple[int, int]:
        """How many lines of the diff are new, and how many are gone."""
        return _counted(self.diff)


class Difference(Struct, frozen=True, kw_only=True):
    """What differs between two runs and those upstream of them.

    Attributes:
        metrics, params: of the runs and their lineage.
        definition: commands, working directories, deps and outs of stages, named ``STAGE: cmd``.
        sources: files that either run, or one upstream of it, declares or was seen to read.
        unread: the other source files; also param files, whose values are in `params`.
        data: dependencies that are no sources, what the stages made for each other included.
        outs: what the two runs made, without metrics files.
        environment: ``python``, ``platform`` and packages, by name.
        commit: of git, with ``dirty`` behind it where tracked files were edited; None when it is the same.
        notes: what could not be compared, in sentences.
    """

    metrics: tuple[ValueChange, ...] = ()
    params: tuple[ValueChange, ...] = ()
    definition: tuple[ValueChange, ...] = ()
    sources: tuple[FileChange, ...] = ()
    unread: tuple[FileChange, ...] = ()
    data: tuple[DataChange, ...] = ()
    outs: tuple[DataChange, ...] = ()
    environment: tuple[ValueChange, ...] = ()
    commit: ValueChange | None = None
    notes: tuple[str, ...] = ()

    def __bool__(self) -> bool:
        """Whether anything differs."""
        lists = (self.metrics, self.params, self.definition, self.sources, self.unread, self.data, self.outs)
        return any(lists) or bool(self.environment) or self.commit is not None


AnyChange: TypeAlias = ValueChange | FileChange | DataChange


def _counted(diff: tuple[str, ...]) -> tuple[int, int]:
    body = diff[2:]  # below the names of the files
    return sum(line.startswith("+") for line in body), sum(line.startswith("-") for line in body)


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)
