from __future__ import annotations

from pathlib import Path

from msgspec.structs import replace

from dvc_magic.model.record import CallInfo, Override
from dvc_magic.views import reused_line, run_line
from tests.support.plotted import plotted_run

LR = Override(file="params.yaml", key="train.lr", value=0.1)


def test_a_run_of_a_grid_says_the_values_that_were_asked_for():
    record = plotted_run(Path("nowhere"), number=42).record
    grid = replace(record, call=CallInfo(id=record.call.id, asked=True, index=0, size=3), overrides=(LR,))

    assert run_line(grid, {"loss": 0.5}) == f"{record.stage} 42 (lr=0.1) completed: loss=0.5"
    assert run_line(replace(record, overrides=(LR,)), {}) == f"{record.stage} 42 completed"


def test_values_that_all_runs_of_the_call_have_are_left_out_where_they_are_known():
    record = plotted_run(Path("nowhere")).record
    seed = replace(LR, key="seed", value=7)
    grid = replace(record, call=CallInfo(id=record.call.id, asked=True, index=0, size=3), overrides=(LR, seed))

    assert run_line(grid, {}, varying={("params.yaml", "train.lr")}).startswith("train 1 (lr=0.1) ")
    assert reused_line(grid, {}, varying=()).startswith("train 1 reused")


def test_values_whose_keys_end_alike_go_by_their_whole_keys():
    record = plotted_run(Path("nowhere")).record
    other = replace(LR, key="head.lr", value=None)
    grid = replace(record, call=CallInfo(id=record.call.id, asked=True, index=0, size=3), overrides=(LR, other))

    assert run_line(grid, {}).startswith(f"{record.stage} 1 (train.lr=0.1, head.lr=null) completed")


def test_a_run_upstream_in_a_grid_says_only_the_values_that_it_reads():
    record = replace(plotted_run(Path("nowhere")).record, overrides=(LR, replace(LR, key="prepare.n", value=3)))
    above = replace(record, call=CallInfo(id=record.call.id, asked=False, index=None, size=3))

    assert run_line(replace(above, params={"params.yaml": {"prepare.n": 3}}), {}).endswith(" 1 (n=3) completed")
    assert run_line(replace(above, params={"model.toml": {"train.lr": 0.1}}), {}).endswith(" 1 completed")
