"""A call's plan in one line."""

from __future__ import annotations

import re
from itertools import product
from pathlib import Path

from msgspec.structs import replace

from dvc_magic.model.plan import Action, NamedRun, PlannedStage, PointPlan, TypeChange
from dvc_magic.model.record import CallInfo, Override, RunStatus
from dvc_magic.model.stage import Composition
from dvc_magic.views import plan_text, reused_line
from tests.support.plotted import plotted_run

EQUAL = "code, data, params equal"
ASKED = PlannedStage(stage="report", action=Action.RUN, reason="asked for", number=5)


def _reused(stage: str, number: int) -> PlannedStage:
    run = NamedRun(id="a00000000000", number=number, stage=stage)
    return PlannedStage(stage=stage, action=Action.REUSE, reason=EQUAL, run=run)


def _made(stage: str, number: int | None = None, *, reason: str = "no run of it yet") -> PlannedStage:
    return PlannedStage(stage=stage, action=Action.RUN, reason=reason, number=number)


def _plan(*decisions: PlannedStage) -> PointPlan:
    return PointPlan(target=decisions[-1].stage, decisions=decisions)


def test_each_stage_says_what_becomes_of_it_and_why() -> None:
    plan = _plan(_reused("prepare", 1), _made("train", 4, reason="code changed: train.py"), ASKED)

    assert plan_text((plan,)) == f"prepare 1 reused ({EQUAL}) -> train 4 runs (code changed: train.py) -> report 5 runs"


def test_what_is_said_of_several_stages_in_a_row_is_said_once() -> None:
    made = _plan(_made("split", 1), _made("fit@small", 2), _made("fit@large", 3), ASKED)
    reused = _plan(_reused("split", 1), _reused("fit@small", 2), ASKED)

    assert plan_text((made,)) == "split 1, fit@small 2, fit@large 3 run (no run of it yet) -> report 5 runs"
    assert plan_text((reused,)) == f"split 1, fit@small 2 reused ({EQUAL}) -> report 5 runs"


def test_a_value_that_changes_the_type_of_a_param_is_told_once_at_the_end() -> None:
    plan = replace(_plan(ASKED), retyped=(TypeChange(key="wd", before=0, after=0.1),))

    assert plan_text((plan,)) == "report 5 runs; wd 0 -> 0.1 (float)"
    assert plan_text((_plan(ASKED), plan, plan)).count("wd 0 -> 0.1 (float)") == 1


def test_what_composed_the_params_is_told_once_at_the_end() -> None:
    plan = replace(_plan(ASKED), composition=Composition(file="params.yaml", source="conf/config.yaml"))
    composed = "params.yaml composed from conf/config.yaml (as dvc exp run; --no-hydra leaves it as it is)"

    assert plan_text((plan,)) == f"report 5 runs; {composed}"
    assert plan_text((plan, plan)).count(composed) == 1


def test_of_very_many_stages_in_a_row_the_first_are_named() -> None:
    made = [_made(f"fit@{number}", number) for number in range(1, 41)]

    text = plan_text((_plan(*made, ASKED),))

    assert text.startswith("fit@1 1, fit@2 2, ")
    assert text.endswith(", fit@8 8 and 32 more run (no run of it yet) -> report 5 runs")
    assert "fit@12 12 run" in plan_text((_plan(*made[:12], ASKED),))


def test_of_a_very_long_chain_the_beginning_and_the_end_are_told() -> None:
    made = [_made(f"s{number}", reason=f"code changed: {number}.py") for number in range(40)]

    text = plan_text((_plan(*made, ASKED),))

    assert text.startswith("s0 runs (code changed: 0.py) -> s1 runs")
    assert text.endswith(
        "-> s7 runs (code changed: 7.py) -> 31 more stages -> s39 runs (code changed: 39.py) -> report 5 runs"
    )
    assert "more" not in plan_text((_plan(*made[:11], ASKED),))


def test_a_stage_from_the_project_has_no_number() -> None:
    project = PlannedStage(stage="prepare", action=Action.PROJECT, reason="up to date there", number=3)

    assert plan_text((_plan(project, ASKED),)) == "prepare from the project (up to date there) -> report 5 runs"


def _point(lr: float, epochs: int, *decisions: PlannedStage) -> PointPlan:
    values = {"train.lr": lr, "train.epochs": epochs, "seed": 2, "same": 1}
    overrides = tuple(Override(file="params.yaml", key=key, value=value) for key, value in values.items())
    in_file = {"params.yaml:train.lr": 0.5, "params.yaml:train.epochs": 9, "params.yaml:seed": 1, "params.yaml:same": 1}
    return replace(_plan(*decisions), overrides=overrides, file_values=in_file)


def test_a_grid_is_told_as_it_was_asked_for_with_how_many_runs_of_each_stage() -> None:
    train = _made("train", reason="asked for: train.lr 0.5 -> 0.1")
    plan = tuple(
        _point(lr, epochs, _reused("prepare", 41), replace(train, work=index), _made("evaluate", reason="asked for"))
        for index, (lr, epochs) in enumerate(product([0.1, 0.2], [3, 4]))
    )

    assert plan_text(plan) == (
        "4 runs, lr 0.5 -> 0.1, 0.2 x epochs 9 -> 3, 4 with seed 1 -> 2: 4 train + 4 evaluate; "
        f"prepare 41 reused ({EQUAL})"
    )


def test_what_one_run_does_for_several_points_of_a_grid_counts_once() -> None:
    plan = tuple(
        _plan(_made("prepare", reason="code changed: a.py"), replace(_made("train"), work=lr), ASKED)
        for lr in (1, 2, 1, 2)
    )

    assert plan_text(plan) == "4 runs: 1 prepare (code changed: a.py) + 2 train (no run of it yet) + 4 report"
    assert plan_text(()) == "nothing to run"


def test_of_several_targets_each_stage_is_told_once() -> None:
    prepare, train, report = (_made(stage, reason="asked for") for stage in ("prepare", "train", "report"))
    raw = _reused("raw", 2)
    plan = (_plan(raw, prepare, train), _plan(raw, prepare), _plan(raw, report))

    assert plan_text(plan) == f"3 runs: raw 2 reused ({EQUAL}) -> prepare, train, report run"


def test_of_a_grid_each_thing_that_becomes_of_a_stage_is_told() -> None:
    later = PlannedStage(stage="report", action=Action.WHEN_CHANGED, reason="if its inputs change")
    plan = (_plan(_reused("train", 2), ASKED), _plan(_reused("train", 3), _reused("report", 4)), _plan(later))

    assert plan_text(plan) == (
        "3 runs, 1 of them there already: 1 report + 1 report if its inputs change; "
        f"train 2, train 3, report 4 reused ({EQUAL})"
    )
    assert plan_text(plan[1:2] * 2).startswith("2 runs, all of them there already: train 3, report 4 reused")


def test_of_very_many_values_the_first_are_told_and_where_two_keys_end_alike_the_whole_keys() -> None:
    plan = tuple(
        replace(
            _plan(ASKED),
            overrides=tuple(Override(file="p.yaml", key=key, value=number) for key in ("a.k", "b.k")),
        )
        for number in range(100)
    )

    assert plan_text(plan).startswith("100 runs, a.k 0, 1, 2, 3,")
    assert ", and 82 more x b.k 0, 1, " in plan_text(plan)


def test_a_run_that_still_goes_is_said_to_be_waited_for() -> None:
    going = replace(_reused("train", 42), action=Action.ATTACH, reason="sources equal")

    assert plan_text((_plan(going),)) == "train 42 goes already and is waited for (sources equal)"


def test_a_run_that_answers_says_when_it_was_completed() -> None:
    record = plotted_run(Path("nowhere"), number=42).record
    ended = replace(record, times=replace(record.times, finished=record.times.created, duration=3.8))
    of_grid = replace(
        record,
        call=CallInfo(id=record.call.id, size=2),
        overrides=(Override(file="params.yaml", key="lr", value=0.1),),
    )

    assert re.fullmatch(
        r"train 42 reused, completed 2026-0[12]-\d\d \d\d:\d\d:\d\d in 3\.80? s: loss=0\.5",
        reused_line(ended, {"loss": 0.5}),
    )
    assert reused_line(of_grid, {}) == "train 42 (lr=0.1) reused, completed"
    assert reused_line(replace(record, status=RunStatus.FAILED), {}) == "train 42 failed"
