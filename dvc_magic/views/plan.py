"""A call's plan in one line, and what answers without being run."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Collection, Mapping, Sequence
from itertools import groupby
from typing import Any

from dvc_magic.model.plan import Action, PlannedStage, PointPlan
from dvc_magic.model.record import RunRecord, RunStatus
from dvc_magic.model.values import type_name
from dvc_magic.untrusted import first_few, one_line
from dvc_magic.views.format import few, format_number, format_seconds, format_time, format_value
from dvc_magic.views.run_card import FileKey, metrics_text, name_of, run_line

_MANY, _SHOWN = 12, 8  # stages in one phrase, links in a chain: over the first number, only the second one is shown
_VALUES, _FIXED = 60, 120  # characters of the values of one param, and of the params with one value
_EXECUTED = (Action.RUN, Action.WHEN_CHANGED)


def plan_text(plan: tuple[PointPlan, ...]) -> str:
    """``prepare 41 reused (code, data, params equal) -> train runs``; of a grid see `_grid_text`.

    What is said of several stages in a row is said once: ``prepare 41, train 42 reused (...) -> evaluate runs``. At the
    end stands which params get another type: ``train 42 runs; wd 0 -> 0.1 (float)``, and what composed the params.
    """
    if not plan:
        return "nothing to run"
    is_grid = len({point.target for point in plan}) < len(plan)
    return "; ".join([_grid_text(plan) if is_grid else _targets_text(plan), *_retyped(plan), *_composed(plan)])


def _targets_text(plan: Sequence[PointPlan]) -> str:
    """``3 runs: raw 2 reused (...) -> prepare, train, report run``: of several targets each stage once."""
    decisions = {decision.stage: decision for point in plan for decision in point.decisions}
    chain = _chain([list(alike) for _, alike in groupby(decisions.values(), key=_said)])
    return chain if len(plan) == 1 else f"{len(plan)} runs{_there_already(plan)}: {chain}"


def _there_already(plan: Sequence[PointPlan]) -> str:
    reused = sum(point.decisions[-1].action is Action.REUSE for point in plan)
    return f", {'all' if reused == len(plan) else reused} of them there already" if reused else ""


def _grid_text(plan: Sequence[PointPlan]) -> str:
    """``4 runs, lr 0.5 -> 0.1, 0.2 x epochs 9 -> 3, 4: 4 train + 4 evaluate; prepare 41 reused (...)``.

    What was asked for, beside what the files have; how many runs of each stage; what is there already.
    """
    targets = [point.decisions[-1] for point in plan]
    asked = {point.target for point in plan}
    upstream = [decision for point in plan for decision in point.decisions[:-1] if decision.stage not in asked]
    upstream = list({(_kind(decision), decision.work): decision for decision in upstream}.values())
    decisions = sorted([*upstream, *targets], key=_order(plan))
    counts = Counter((decision.stage, _why(decision)) for decision in decisions if decision.action in _EXECUTED)
    runs = [f"{count} {one_line(stage)}{why}" for (stage, why), count in counts.items()]
    there = {_kind(decision): decision for decision in decisions if decision.action not in _EXECUTED}
    alike: dict[str, list[PlannedStage]] = {}
    for decision in there.values():
        alike.setdefault(_said(decision), []).append(decision)
    if len(runs) > _MANY:
        runs = [*runs[:_SHOWN], f"{len(runs) - _SHOWN - 2} more stages", *runs[-2:]]
    parts = [" + ".join(runs), *map(_together, alike.values())]
    return f"{len(plan)} runs{_there_already(plan)}{_asked(plan)}: {'; '.join(filter(None, parts))}"


def _order(plan: Sequence[PointPlan]) -> Callable[[PlannedStage], int]:
    """The places of stages in the lineages of a plan, upstream first."""
    stages = dict.fromkeys(decision.stage for point in plan for decision in point.decisions[:-1])
    places = {stage: place for place, stage in enumerate([*stages, *(point.target for point in plan)])}
    return lambda decision: places.get(decision.stage, len(places))


def _why(decision: PlannedStage) -> str:
    """Why a stage runs in a grid, if that is not what was asked for."""
    if decision.action is Action.WHEN_CHANGED:
        return f" {one_line(decision.reason)}"
    return "" if decision.reason.startswith("asked for") else f" ({one_line(decision.reason)})"


def _asked(plan: Sequence[PointPlan]) -> str:
    """``, lr 0.5 -> 0.1, 0.2 x epochs 9 -> 3, 4 with seed 1 -> 2``: the params of a grid, then those of all its runs.

    One that is just what its file has is left out.
    """
    values: dict[FileKey, list[str]] = {}
    for override in (override for point in plan for override in point.overrides):
        shown = "none" if override.kind == "remove" else _value(override.value)
        values.setdefault((override.file, override.key), []).append(shown)
    in_file = plan[0].file_values
    ends = Counter(key.rpartition(".")[2] for _, key in values)
    axes: list[str] = []
    fixed: list[str] = []
    for (file, key), every in values.items():
        name, end, distinct = f"{file}:{key}", key.rpartition(".")[2], list(dict.fromkeys(every))
        before = _value(in_file[name]) if name in in_file else ""
        text = one_line(end if ends[end] == 1 else key) + (f" {before} ->" if before else "")
        if distinct != [before]:
            (axes if len(distinct) > 1 else fixed).append(f"{text} {few(distinct, width=_VALUES)}")
    asked = " with ".join(filter(None, [" x ".join(axes), few(fixed, width=_FIXED) if fixed else ""]))
    return f", {asked}" if asked else ""


def _value(value: Any) -> str:
    return format_value(format_number(value), width=24)


def _composed(plan: Sequence[PointPlan]) -> list[str]:
    """That the call does what ``dvc repro`` never does, and how to leave it."""
    composition = plan[0].composition
    if composition is None:
        return []
    how = f"{one_line(composition.file)} composed from {one_line(composition.source)}"
    return [f"{how} (as dvc exp run; --no-hydra leaves it as it is)"]


def _retyped(plan: Sequence[PointPlan]) -> list[str]:
    """Each change of a type once, however many points have it; of very many the first ones."""
    changes = dict.fromkeys(
        f"{one_line(change.key)} {_value(change.before)} -> {_value(change.after)} ({type_name(change.after)})"
        for point in plan
        for change in point.retyped
    )
    more = [f"{len(changes) - _SHOWN} more values of another type"] if len(changes) > _SHOWN else []
    return [*list(changes)[:_SHOWN], *more]


def reused_line(record: RunRecord, metrics: Mapping[str, Any], *, varying: Collection[FileKey] | None = None) -> str:
    """``train 42 reused, completed 2026-01-31 12:00:00 in 3.8 s: loss=0.21``; one that ended badly as `run_line`."""
    if record.status is not RunStatus.COMPLETED:
        return run_line(record, metrics, varying=varying)
    when = f" {format_time(record.times.finished)}" if record.times.finished is not None else ""
    took = f" in {format_seconds(record.times.duration)}" if record.times.duration is not None else ""
    return f"{name_of(record, varying=varying)} reused, completed{when}{took}{metrics_text(metrics)}"


def _kind(decision: PlannedStage) -> tuple[str, Action, int | None]:
    return decision.stage, decision.action, decision.run.number if decision.run is not None else None


def _chain(links: Sequence[Sequence[PlannedStage]]) -> str:
    """All links, or of very many the first and the last ones and how many stages are between."""
    if len(links) <= _MANY:
        return " -> ".join(map(_together, links))
    between = sum(map(len, links[_SHOWN:-2]))
    shown = [*map(_together, links[:_SHOWN]), f"{between} more stages", *map(_together, links[-2:])]
    return " -> ".join(shown)


def _together(decisions: Sequence[PlannedStage]) -> str:
    """What becomes of stages that share one fate."""
    said = _said(decisions[0])
    several = len(decisions) > 1 and said.startswith("runs")
    return f"{_names(decisions)} {'run' + said.removeprefix('runs') if several else said}"


def _names(decisions: Sequence[PlannedStage]) -> str:
    """All of them, or of very many the first ones and how many more."""
    if len(decisions) <= _MANY:
        return ", ".join(map(_name, decisions))
    return first_few([*map(_name, decisions)], _SHOWN)


def _name(decision: PlannedStage) -> str:
    """The stage, and the number of the run that is used or made."""
    there = decision.action in (Action.REUSE, Action.ATTACH)
    used = decision.run.number if there and decision.run is not None else decision.number
    numbered = used is not None and decision.action is not Action.PROJECT
    serving = decision.run is not None and decision.run.stage != decision.stage
    name = one_line(decision.stage)
    if there and serving and decision.run:
        name += f" by {one_line(decision.run.stage)}"
    return f"{name} {used}" if numbered else name


def _said(decision: PlannedStage) -> str:
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
