"""What differs between runs, as people look at it: `Diff` of two, `Comparison` of several."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING

from msgspec import Struct

from dvc_magic.comparison import (
    MISSING,
    DataChange,
    Difference,
    FileChange,
    SideBySide,
    ValueChange,
    difference,
    side_by_side,
)
from dvc_magic.runs import labelled_frame, lineage, rows, run_row
from dvc_magic.store import RunStore, StoredRun
from dvc_magic.views import Card, Table, diff_card, side_by_side_table

if TYPE_CHECKING:
    import pandas as pd


class Diff(Struct, frozen=True, kw_only=True):
    """``run.diff(other)``: what differs between two runs, from `a` to `b`. False when nothing does.

    ``diff.metrics["loss"].delta``, ``diff.params["train.lr"].b``, ``diff.sources["train.py"].diff``: everything that
    the display has, and what it leaves out for its length, is there as data.

    Attributes:
        a, b: the runs. facts: what differs between them, frozen.
        brief: whether the display has names and counts alone. full: whether it has everything.
    """

    a: StoredRun
    b: StoredRun
    facts: Difference
    brief: bool = False
    full: bool = False

    @property
    def metrics(self) -> dict[str, ValueChange]:
        """The metrics with other values: name -> ``.a``, ``.b``, ``.delta``."""
        return {change.name: change for change in self.facts.metrics}

    @property
    def params(self) -> dict[str, ValueChange]:
        """The params of the runs and of those upstream of them with other values."""
        return {change.name: change for change in self.facts.params}

    @property
    def definition(self) -> dict[str, ValueChange]:
        """Commands, working directories, deps and outs of stages: ``train: cmd`` -> change."""
        return {change.name: change for change in self.facts.definition}

    @property
    def sources(self) -> dict[str, FileChange]:
        """The source files that either run, or one upstream of it, declares or was seen to read: path -> change."""
        return {change.path: change for change in self.facts.sources}

    @property
    def unread(self) -> dict[str, FileChange]:
        """The other source files that differ: path -> change."""
        return {change.path: change for change in self.facts.unread}

    @property
    def data(self) -> dict[str, DataChange]:
        """The other dependencies: path -> change, with the files that came and went of a folder."""
        return {change.path: change for change in self.facts.data}

    @property
    def outs(self) -> dict[str, DataChange]:
        """What the two runs made: path -> change."""
        return {change.path: change for change in self.facts.outs}

    @property
    def environment(self) -> dict[str, ValueChange]:
        """Python, platform and packages with other versions: name -> change."""
        return {change.name: change for change in self.facts.environment}

    @property
    def commit(self) -> ValueChange | None:
        """The commits of the project, where they are not the same one."""
        return self.facts.commit

    @property
    def notes(self) -> tuple[str, ...]:
        """What could not be compared, in sentences."""
        return self.facts.notes

    def __bool__(self) -> bool:
        """Whether anything differs."""
        return bool(self.facts)

    def card(self) -> Card:
        """All of it, ready to show."""
        return diff_card(self.facts, self.a.record, self.b.record, stat=self.brief, full=self.full)

    def __repr__(self) -> str:
        """The card as text."""
        return self.card().text()

    def _repr_html_(self) -> str:
        return self.card().html()


class Comparison(Struct, frozen=True):
    """``runs.compare()``: several runs side by side, and in what they differ.

    Attributes:
        facts: what differs, frozen.
    """

    facts: SideBySide

    def to_frame(self) -> pd.DataFrame:
        """One row for each thing that differs, one column for each run, by its number.

        The rows are indexed by section (``metrics``, ``params``, ``code``, ``data``, ``environment``) and name.
        """
        lines = self.facts.lines
        cells = [[None if value is MISSING else value for value in line.values] for line in lines]  # noqa: PD011
        columns = [row.run.number for row in self.facts.rows]
        labels = [(line.section, line.name) for line in lines]
        return labelled_frame(labels, columns, cells, names=("section", "name"))

    def table(self) -> Table:
        """The runs side by side, ready to show."""
        return side_by_side_table(self.facts)

    def __repr__(self) -> str:
        """The table as text."""
        return self.table().text()

    def _repr_html_(self) -> str:
        return self.table().html()


def diff_of(a: StoredRun, b: StoredRun, store: RunStore, *, brief: bool = False, full: bool = False) -> Diff:
    """What differs between two runs of a store (see `Diff`)."""
    one, other = (run_row(run, lineage(run, store.get)) for run in (a, b))
    return Diff(a=a, b=b, facts=difference(one, other, store, everything=full), brief=brief, full=full)


def comparison_of(runs: Iterable[StoredRun], store: RunStore) -> Comparison:
    """What differs between several runs of a store.

    Raises:
        RequestError: there are more of them than fit side by side.
    """
    return Comparison(side_by_side(rows(runs, store.get), store))
