"""What the store keeps of a call: what was asked for, the runs that it planned, and how it ended (schema version 1)."""

from __future__ import annotations

from datetime import datetime
from enum import StrEnum

from msgspec import Struct

from dvc_magic.model.request import RunRequest
from dvc_magic.model.values import Value

CALL_SCHEMA = 1


class CallStatus(StrEnum):
    """Where a call stands.

    `LOST` is never written: readers derive it from a record that says running while nothing holds the call's lock.
    """

    RUNNING = "running"
    COMPLETED = "completed"
    FAILED = "failed"
    STOPPED = "stopped"
    LOST = "lost"


class CallRecord(Struct, frozen=True, kw_only=True):
    """One call (``call.json``), written by its host alone, when its plan stands and when it ends.

    Attributes:
        id: 12 hex digits, the first a letter.
        request: what was asked for, with the magic's line and the notebook.
        kernel: process id of who made the call. host: of the process that drives it.
        background: whether nobody waited for it. detached: whether it outlives its kernel.
        created, ended: in UTC.
        status: `FAILED` when some run that was asked for did not complete, or the call could not go on.
        reason: why it was stopped, ``user`` or ``kernel``.
        error: one line for people, when the call could not go on.
    """

    id: str
    request: RunRequest
    created: datetime
    schema: int = CALL_SCHEMA
    kernel: int = 0
    host: int = 0
    background: bool = False
    detached: bool = False
    ended: datetime | None = None
    status: CallStatus = CallStatus.RUNNING
    reason: str = ""
    error: str = ""


class PlannedState(StrEnum):
    """What became of a planned run.

    ``reused``: it was not needed, as another run answers for it. ``never``: the call ended before it was its turn.
    """

    PENDING = "pending"
    STARTED = "started"
    REUSED = "reused"
    NEVER = "never"


class PlannedRun(Struct, frozen=True, kw_only=True, gc=False):
    """One run that a call plans to make: a row of ``plan.json``.

    Attributes:
        id, number: those that its record will have.
        stage: address.
        index: position in the grid; None for a run that is only needed upstream.
        values: ``FILE:KEY`` -> the value that the call gives it.
        state: what became of it, as of the last write of the plan; the run's own record wins.
        by: id of the run that answers for it, when `state` is ``reused``.
    """

    id: str
    number: int
    stage: str
    index: int | None = None
    values: dict[str, Value] = {}
    state: PlannedState = PlannedState.PENDING
    by: str = ""


class CallPlan(Struct, frozen=True, kw_only=True):
    """The runs that a call plans to make, and what they have in common (``plan.json``).

    Attributes:
        runs: those that are certain, and the targets that may be reused; what turns out to be needed later comes on.
        targets: id of the run of each point, in grid order; also one of another call that answers for it.
        snapshot, commit, dirty: of the project at the call. surroundings: their md5 in the store.
    """

    runs: tuple[PlannedRun, ...]
    targets: tuple[str, ...] = ()
    schema: int = CALL_SCHEMA
    snapshot: str = ""
    commit: str | None = None
    dirty: bool = False
    surroundings: str = ""


class CallEvent(Struct, frozen=True, kw_only=True):
    """One change of state (a line of ``events.jsonl``); for followers, who get the truth from the records.

    Attributes:
        at: seconds since the epoch.
        what: ``planned``, ``started``, ``finished``, ``reused`` or ``ended``.
        run: id of the run that it is about. status: of that run, or of the call that has ended.
        by: id of the run that answers for a planned one that is not needed.
    """

    at: float
    what: str
    run: str = ""
    status: str = ""
    by: str = ""
