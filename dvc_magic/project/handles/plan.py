"""`Plan`: what a call would do."""

from __future__ import annotations

from msgspec import Struct

from dvc_magic.model.plan import PointPlan
from dvc_magic.views import plan_text


class Plan(Struct, frozen=True, kw_only=True):
    """What a call would do: the answer to a dry run."""

    points: tuple[PointPlan, ...]

    def __repr__(self) -> str:
        """The plan in one line."""
        return plan_text(self.points)
