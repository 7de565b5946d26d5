"""What a table of runs asks of its project."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

from dvc_magic.views import RunsPage, TableState
from dvc_magic.widgets.backend import Shown


class RunsBackend(Protocol):
    """The runs of a project. Each method raises a `DvcMagicError` for what cannot be done; ids are of runs."""

    @property
    def columns(self) -> tuple[str, ...]:
        """The columns that were chosen last."""

    def keep_columns(self, names: Sequence[str]) -> None:
        """Remember the columns for the next table."""

    def page(self, state: TableState) -> RunsPage:
        """A page of the runs that match."""

    def runs(self, ids: Sequence[str]) -> Shown:
        """The runs of these ids."""

    def show(self, ids: Sequence[str]) -> Shown:
        """The card of one run, or a table of several."""

    def diff(self, ids: Sequence[str]) -> Shown:
        """What differs between two."""

    def compare(self, ids: Sequence[str]) -> Shown:
        """Several side by side."""

    def plot(self, ids: Sequence[str], name: str) -> bytes:
        """A plot of a series, metric or param, as a PNG; of all series with an empty name."""

    def tag(self, ids: Sequence[str], words: str) -> str:
        """Add and take away tags; returns what was done."""

    def label(self, ids: Sequence[str], text: str) -> str:
        """Label them; returns what was done."""

    def mark(self, ids: Sequence[str]) -> str:
        """Mark them as preferred upstream, or no longer; returns what was done."""

    def remove(self, ids: Sequence[str]) -> str:
        """Move them to the trash; returns what was done."""
