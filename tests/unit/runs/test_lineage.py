from __future__ import annotations

import pytest

from dvc_magic.errors import ParamError, RunNotFoundError
from dvc_magic.model.record import Notes
from dvc_magic.runs import lineage, rows, run_row


@pytest.fixture
def diamond(make_run):
    """prepare <- left, right <- train."""
    prepare = make_run(
        1, stage="prepare", params={"params.yaml": {"seed": 1, "lr": 9}}, metrics={"p.json": {"rows": 5}}
    )
    left = make_run(2, stage="left", upstream={"prepare": prepare.id}, params={"params.yaml": {"seed": 1, "k": 1}})
    right = make_run(3, stage="right", upstream={"prepare": prepare.id}, params={"params.yaml": {"k": 2}})
    train = make_run(
        4,
        upstream={"left": left.id, "right": right.id},
        params={"params.yaml": {"lr": 0.1}},
        metrics={"m.json": {"loss": 0.5}},
    )
    return {run.record.stage: run for run in (prepare, left, right, train)}


def by_id(runs):
    return {run.id: run for run in runs.values()}.get


def test_a_lineage_is_each_run_once_upstream_first(diamond):
    assert [run.record.stage for run in lineage(diamond["train"], by_id(diamond))] == ["prepare", "left", "right"]


def test_runs_that_are_gone_are_left_out(diamond):
    def find(run_id):
        if run_id == diamond["left"].id:
            raise RunNotFoundError("gone")
        return None if run_id == diamond["prepare"].id else by_id(diamond)(run_id)

    assert lineage(diamond["train"], find) == [diamond["right"]]


def test_a_circle_of_records_ends(make_run):
    one = make_run(1, id="a" * 12, upstream={"b": "b" * 12})
    other = make_run(2, id="b" * 12, upstream={"a": "a" * 12})
    assert lineage(one, {one.id: one, other.id: other}.get) == [other]


def test_rows_look_each_upstream_run_up_once(diamond):
    asked = []

    def find(run_id):
        asked.append(run_id)
        return by_id(diamond)(run_id)

    made = rows([diamond["train"], diamond["right"], diamond["left"]], find)
    assert [len(row.upstream) for row in made] == [3, 1, 1]
    assert asked == [diamond["prepare"].id]


def test_values_that_differ_in_the_lineage_carry_their_stage(diamond):
    row = run_row(diamond["train"], lineage(diamond["train"], by_id(diamond)))
    columns = {name: value for name, value in row.columns().items() if "." in name}
    assert columns == {
        "params.lr": 0.1,
        "params.seed": 1,
        "prepare:params.lr": 9,
        "left:params.k": 1,
        "right:params.k": 2,
        "metrics.loss": 0.5,
        "metrics.rows": 5,
    }


def test_a_name_is_a_field_then_a_param_then_a_metric(make_run):
    run = make_run(
        7,
        notes=Notes(label="x", tags=("good",)),
        params={"params.yaml": {"stage": "p", "train.lr": 0.1}},
        metrics={"m.json": {"lr": 5, "loss": 1}},
    )
    row = run_row(run)
    assert [row.get(name) for name in ("stage", "lr", "loss", "tags", "number")] == ["train", 0.1, 1, ["good"], 7]
    assert [row.get(name) for name in ("params.stage", "metrics.lr", "params.lr", "none")] == ["p", 5, 0.1, None]


def test_a_stage_of_the_lineage_can_be_named(diamond):
    row = run_row(diamond["train"], lineage(diamond["train"], by_id(diamond)))
    assert [row.get(name) for name in ("prepare:params.lr", "prepare:params.seed", "left:params.k")] == [9, 1, 1]
    assert row.get("nobody:params.k") is None
    with pytest.raises(ParamError, match=r"right:k, left:k"):
        row.get("k")


def test_a_whole_number_and_a_float_differ(make_run):
    upstream = make_run(1, stage="prepare", params={"params.yaml": {"x": 1}})
    row = run_row(make_run(2, params={"params.yaml": {"x": 1.0}}), [upstream])
    assert row.columns()["prepare:params.x"] == 1
