"""What a host tells of a call, or of a check, while it goes on."""

from __future__ import annotations

from typing import TypeAlias

from msgspec import Struct

from dvc_magic.model.checkup import CheckProgress
from dvc_magic.model.inputs import PullProgress
from dvc_magic.model.plan import PointPlan
from dvc_magic.model.record import RunRecord


class Planned(Struct, frozen=True, kw_only=True, tag_field="event", tag="planned"):
    """The plan stands, and the call has its folder; nothing has run yet."""

    call: str
    plan: tuple[PointPlan, ...]


class Pulling(Struct, frozen=True, kw_only=True, tag_field="event", tag="pulling"):
    """Data comes from a remote: told at the start, twice a second meanwhile, and at the end."""

    progress: PullProgress


class Started(Struct, frozen=True, kw_only=True, tag_field="event", tag="started"):
    """A run was handed to a worker; or one of another call is waited for."""

    record: RunRecord


class Finished(Struct, frozen=True, kw_only=True, tag_field="event", tag="finished"):
    """A run of the call has ended, whatever its status."""

    record: RunRecord


class Reused(Struct, frozen=True, kw_only=True, tag_field="event", tag="reused"):
    """A run of another call, which may have gone on until now, answers for one of this call.

    Attributes:
        planned: id of the planned run that is not needed now; empty for one that was waited for.
        notices: lines for people.
    """

    record: RunRecord
    planned: str = ""
    notices: tuple[str, ...] = ()


class Checking(Struct, frozen=True, kw_only=True, tag_field="event", tag="checking"):
    """How far a check of the store has come."""

    progress: CheckProgress


Event: TypeAlias = Planned | Pulling | Started | Finished | Reused | Checking
