"""A call's plan in one line, and what answers without being run."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from itertools import groupby
from typing import Any

from dvc_magic.engine import Action, Decision, PointPlan
from dvc_magic.model.record import RunRecord, RunStatus
from dvc_magic.model.values import type_name
from dvc_magic.untrusted import one_line
from dvc_magic.views.format import format_seconds, format_time, format_value
from dvc_magic.views.run_card import FileKey, metrics_text, name_of, run_line

_MANY, _SHOWN = 12, 8  # stages of which the same is said, links of a chain: when some are left out, and how many stay


def plan_text(plan: tuple[PointPlan, ...]) -> str:
    """``prepare 41 reused (code, data, params equal) -> train runs``; for a grid its first point, and how many.

    What is said of several stages in a row is said once: ``prepare 41, train 42 reused (...) -> evaluate runs``. At the
    end stands which params get another type: ``train 42 runs; wd 0 -> 0.1 (float)``.
    """
    if not plan:
        return "nothing to run"
    return "; ".join([_decided(plan), *_retyped(plan)])


def _decided(plan: Sequence[PointPlan]) -> str:
    chain = _chain([list(alike) for _, alike in groupby(plan[0].decisions, key=_said)])
    if len(plan) == 1:
        return chain
    alike = all(
        [_kind(decision) for decision in point.decisions] == [_kind(decision) for decision in plan[0].decisions]
        for point in plan
    )
    reused = sum(point.decisions[-1].action is Action.REUSE for point in plan)
    there = f", {'all' if reused == len(plan) else reused} of them there already" if reused else ""
    return f"{len(plan)} runs{there}, {'each' if alike else 'the first'}: {chain}"


def _retyped(plan: Sequence[PointPlan]) -> list[str]:
    """Each change of a type once, however many points have it; of very many the first ones."""
    changes = dict.fromkeys(
        f"{one_line(change.key)} {_shown(change.before)} -> {_shown(change.after)} ({type_name(change.after)})"
        for point in plan
        for change in point.retyped
    )
    more = [f"{len(changes) - _SHOWN} more values of another type"] if len(changes) > _SHOWN else []
    return [*list(changes)[:_SHOWN], *more]


def _shown(value: Any) -> str:
    return format_value(value, width=24)


def reused_line(record: RunRecord, metrics: Mapping[str, Any], *, varying: Collection[FileKey] | None = None) -> str:
    """``train 42 reused, completed 2026-01-31 12:00:00 in 3.8 s: loss=0.21``; one that ended badly as `run_line`."""
    if record.status is not RunStatus.COMPLETED:
        return run_line(record, metrics, varying=varying)
    when = f" {format_time(record.times.finished)}" if record.times.finished is not None else ""
    took = f" in {format_seconds(record.times.duration)}" if record.times.duration is not None else ""
    return f"{name_of(record, varying=varying)} reused, completed{when}{took}{metrics_text(metrics)}"


def _kind(decision: Decision) -> tuple[str, Action, int | None]:
    return decision.stage, decision.action, decision.run.number if decision.run is not None else None


def _chain(links: Sequence[Sequence[Decision]]) -> str:
    """All links, or of very many the first and the last ones and how many stages are between."""
    if len(links) <= _MANY:
        return " -> ".join(map(_together, links))
    between = sum(map(len, links[_SHOWN:-2]))
    shown = [*map(_together, links[:_SHOWN]), f"{between} more stages", *map(_together, links[-2:])]
    return " -> ".join(shown)


def _together(decisions: Sequence[Decision]) -> str:
    """What becomes of stages of which the same is said."""
    said = _said(decisions[0])
    several = len(decisions) > 1 and said.startswith("runs")
    return f"{_names(decisions)} {'run' + said.removeprefix('runs') if several else said}"


def _names(decisions: Sequence[Decision]) -> str:
    """All of them, or of very many the first ones and how many more."""
    if len(decisions) <= _MANY:
        return ", ".join(map(_name, decisions))
    return f"{', '.join(map(_name, decisions[:_SHOWN]))} and {len(decisions) - _SHOWN} more"


def _name(decision: Decision) -> str:
    """The stage, and the number of the run that is used or made."""
    there = decision.action in (Action.REUSE, Action.ATTACH)
    used = decision.run.number if there and decision.run is not None else decision.number
    numbered = used is not None and decision.action is not Action.PROJECT
    serving = decision.run is not None and decision.run.stage != decision.stage
    name = one_line(decision.stage)
    if there and serving and decision.run:
        name += f" by {one_line(decision.run.stage)}"
    return f"{name} {used}" if numbered else name


def _said(decision: Decision) -> str:
    """What becomes of a stage, and why."""
    reason = one_line(decision.reason)
    if decision.action is Action.REUSE and decision.run is not None:
        return f"reused ({reason})"
    if decision.action is Action.ATTACH:
        return f"goes already and is waited for ({reason})"
    if decision.action is Action.PROJECT:
        return f"from the project ({reason})"
    if decision.action is Action.WHEN_CHANGED:
        return f"runs {reason}"
    return "runs" if reason == "asked for" else f"runs ({reason})"
