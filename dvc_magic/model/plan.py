"""What a call is going to do, as it is shown before anything has run."""

from __future__ import annotations

from collections.abc import Mapping
from enum import StrEnum
from typing import Any

from msgspec import Struct

from dvc_magic.model.record import DepRecord, Override
from dvc_magic.model.stage import Composition
from dvc_magic.model.values import Value


class Action(StrEnum):
    """What happens to a stage in a call; `ATTACH` waits for an equal run that another call has started."""

    REUSE = "reuse"
    ATTACH = "attach"
    PROJECT = "project"
    RUN = "run"
    WHEN_CHANGED = "when changed"


class NamedRun(Struct, frozen=True, kw_only=True, gc=False):
    """A run as a plan names it."""

    id: str
    number: int
    stage: str


class PlannedStage(Struct, frozen=True, kw_only=True, gc=False):
    """What happens to one stage, and why.

    Attributes:
        run: the one that is reused or waited for; of `Action.WHEN_CHANGED` the one that is if nothing changes.
        reason: one phrase for people: ``code changed: helper.py``.
        number: of the run that is going to be made, when it is known already.
        work: equal for upstream stages of a call's points that one run is going to serve.
    """

    stage: str
    action: Action
    reason: str
    run: NamedRun | None = None
    number: int | None = None
    work: int = 0


class TypeChange(Struct, frozen=True, kw_only=True):
    """A value of the call whose type is another than that of the value in the project's file."""

    key: str
    before: Value
    after: Value


class PointPlan(Struct, frozen=True, kw_only=True, gc=False):
    """What a call is going to do for one target with one set of values.

    Attributes:
        decisions: upstream first, the target last.
        overrides: the values asked for. file_values: ``FILE:KEY`` -> what the project's file has there.
        retyped: the values that change the type of a param.
        composition: how the params were composed, None when they were not.
    """

    target: str
    decisions: tuple[PlannedStage, ...]
    retyped: tuple[TypeChange, ...] = ()
    overrides: tuple[Override, ...] = ()
    file_values: Mapping[str, Any] = {}
    composition: Composition | None = None


class Placement(Struct, frozen=True, kw_only=True):
    """One dependency to put into a workspace from the runs' cache.

    Attributes:
        path: where, from the DVC root. hash: md5 of the content, ``.dir`` at the end for a directory.
        executable: whether the file has execute bits, which DVC notes of a file, and of those in a directory not.
        alone: whether it shares no file with the cache, so that its access times tell of this run.
    """

    path: str
    hash: str
    executable: bool = False
    alone: bool = False


class Supplied(Struct, frozen=True, kw_only=True):
    """What a source stands for: what its paths are, and how they would be placed."""

    deps: dict[str, DepRecord]
    placements: tuple[Placement, ...]
