"""What a check of the run store found, as people look at it."""

from __future__ import annotations

from msgspec import Struct

from dvc_magic.model.checkup import Finding, Repair, StoreCheckup
from dvc_magic.views import Card, checkup_card


class Checkup(Struct, frozen=True):
    """What `Project.check` found in the run store, and what it repaired. True when nothing is wrong any more.

    Attributes:
        store: the facts, frozen.
    """

    store: StoreCheckup

    @property
    def ok(self) -> bool:
        """Whether all was in order, or is now."""
        return all(repair.done for repair in self.store.repairs) if self.store.repairs else not self.store.findings

    @property
    def findings(self) -> tuple[Finding, ...]:
        """What was not in order."""
        return self.store.findings

    @property
    def repairs(self) -> tuple[Repair, ...]:
        """What was done about each finding, or why nothing was; empty unless a repair was asked for."""
        return self.store.repairs

    @property
    def aside(self) -> dict[str, int]:
        """The files that repairs and runs have moved into quarantine: path from the store's folder -> bytes."""
        return self.store.aside

    def __bool__(self) -> bool:
        """`ok`."""
        return self.ok

    def card(self) -> Card:
        """All of it, ready to show."""
        return checkup_card(self.store)

    def __repr__(self) -> str:
        """The card as text."""
        return self.card().text()

    def _repr_html_(self) -> str:
        return self.card().html()
