"""A call's plan in one line."""

from __future__ import annotations

from dvc_magic.engine import Action, Decision, PointPlan


def plan_text(plan: tuple[PointPlan, ...]) -> str:
    """``prepare 41 reused (code, data, params equal) -> train runs``; for a grid its first point, and how many."""
    if not plan:
        return "nothing to run"
    chain = " -> ".join(_decision_text(decision) for decision in plan[0].decisions)
    if len(plan) == 1:
        return chain
    alike = all(
        [_kind(decision) for decision in point.decisions] == [_kind(decision) for decision in plan[0].decisions]
        for point in plan
    )
    return f"{len(plan)} runs, {'each' if alike else 'the first'}: {chain}"


def _kind(decision: Decision) -> tuple[str, Action, int | None]:
    return decision.stage, decision.action, decision.run.number if decision.run is not None else None


def _decision_text(decision: Decision) -> str:
    if decision.action is Action.REUSE and decision.run is not None:
        return f"{decision.stage} {decision.run.number} reused ({decision.reason})"
    if decision.action is Action.PROJECT:
        return f"{decision.stage} from the project ({decision.reason})"
    number = f" {decision.number}" if decision.number is not None else ""
    if decision.action is Action.WHEN_CHANGED:
        return f"{decision.stage}{number} runs {decision.reason}"
    reason = "" if decision.reason == "asked for" else f" ({decision.reason})"
    return f"{decision.stage}{number} runs{reason}"
