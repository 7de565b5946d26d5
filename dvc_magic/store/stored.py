"""A run as the store hands it out."""

from __future__ import annotations

from msgspec import Struct

from dvc_magic.model.paths import RunPaths
from dvc_magic.model.record import Notes, RunRecord


class StoredRun(Struct, frozen=True, kw_only=True):
    """A run as readers see it.

    Attributes:
        record: with status ``lost`` where it says pending or running and no worker holds the run's lock.
        notes: the user's.
        paths: the run's files.
    """

    record: RunRecord
    notes: Notes
    paths: RunPaths

    @property
    def id(self) -> str:
        """The run's id."""
        return self.record.id

    @property
    def number(self) -> int:
        """The run's number."""
        return self.record.number


class DamagedRun(Struct, frozen=True, kw_only=True):
    """A run whose record or notes cannot be read; `problem` says which and why."""

    id: str
    paths: RunPaths
    problem: str
