"""Who watches a call."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Protocol

from msgspec import Struct, field

from dvc_magic.engine.order import TypeChange
from dvc_magic.engine.plan import Decision
from dvc_magic.model.inputs import PullProgress
from dvc_magic.model.record import Override, RunRecord
from dvc_magic.model.stage import Composition


class PointPlan(Struct, frozen=True, kw_only=True):
    """What a call is going to do for one target with one set of values.

    Attributes:
        decisions: upstream first, the target last.
        overrides: the values asked for. file_values: ``FILE:KEY`` -> what the project's file has there.
        retyped: the values that change the type of a param.
        composition: how the params were composed, None when they were not.
    """

    target: str
    decisions: tuple[Decision, ...]
    retyped: tuple[TypeChange, ...] = ()
    overrides: tuple[Override, ...] = ()
    file_values: Mapping[str, Any] = field(default_factory=dict)
    composition: Composition | None = None


class Observer(Protocol):
    """Is told what a call does while it does it, in the caller's thread."""

    def planned(self, plan: Sequence[PointPlan]) -> None:
        """The plan stands; nothing has run yet."""

    def pulling(self, progress: PullProgress) -> None:
        """Data comes from a remote: told at the start, twice a second meanwhile, and at the end."""

    def started(self, record: RunRecord) -> None:
        """A run was handed to a worker."""

    def waiting(self) -> None:
        """Nothing new for a moment: time to look at logs."""

    def finished(self, record: RunRecord) -> None:
        """A run has ended, whatever its status."""

    def reused(self, record: RunRecord, notices: Sequence[str]) -> None:
        """A run of another call, which may have gone on until now, answers for one of this call.

        `started` was told of it before when it still went; `notices` are lines for people.
        """


class Silent:
    """An observer that looks away."""

    def planned(self, plan: Sequence[PointPlan]) -> None:
        """Nothing."""

    def pulling(self, progress: PullProgress) -> None:
        """Nothing."""

    def started(self, record: RunRecord) -> None:
        """Nothing."""

    def waiting(self) -> None:
        """Nothing."""

    def finished(self, record: RunRecord) -> None:
        """Nothing."""

    def reused(self, record: RunRecord, notices: Sequence[str]) -> None:
        """Nothing."""
