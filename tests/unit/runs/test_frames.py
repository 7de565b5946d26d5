from __future__ import annotations

import subprocess
import sys
from datetime import UTC, datetime

import pytest

from dvc_magic.model.record import Notes, Times
from dvc_magic.runs import frame, run_row

STARTED = datetime(2026, 1, 31, 12, 0, tzinfo=UTC)


def params(**values):
    return {"params.yaml": values}


def test_a_frame_has_one_row_per_run_in_order_by_id(make_run):
    runs = [make_run(2, notes=Notes(label="b", tags=("x", "y"))), make_run(1, stage="prepare")]
    table = frame((run, []) for run in runs)
    assert list(table.index) == [run.id for run in runs]
    assert table.index.name == "id"
    assert list(table.columns) == ["number", "stage", "status", "started", "duration", "label", "tags"]
    assert list(table.iloc[0][["number", "stage", "status", "label", "tags"]]) == [
        2,
        "train",
        "completed",
        "b",
        ["x", "y"],
    ]


def test_an_empty_frame_has_the_columns_and_their_types(make_run):
    empty, full = frame([]), frame([run_row(make_run())])
    assert len(empty) == 0
    assert list(empty.columns) == list(full.columns)
    assert empty["started"].dtype == full["started"].dtype


def test_what_differs_comes_first_then_metrics_then_the_rest(make_run):
    prepare = make_run(1, stage="prepare", params=params(lr=1), metrics={"m.json": {"n": 1}})
    train = make_run(2, params=params(lr=2, seed=1), metrics={"m.json": {"n": 2}})
    other = make_run(3, params=params(lr=3, seed=1), metrics={"m.json": {"n": 2}})
    fields = ["stage", "status", "started", "duration", "label", "tags"]
    metrics = ["metrics.n", "prepare:metrics.n"]

    several = list(frame([(train, [prepare]), (other, [prepare])]).columns)
    alone = list(frame([(train, [prepare])]).columns)

    assert several == ["number", "params.lr", *metrics, *fields, "params.seed", "prepare:params.lr"]
    assert alone == ["number", *metrics, *fields, "params.lr", "params.seed", "prepare:params.lr"]


def test_a_param_that_only_some_runs_have_differs(make_run):
    runs = [make_run(1, params=params(lr=float("nan"))), make_run(2, params=params(lr=float("nan"), k=1))]

    assert list(frame((run, []) for run in runs).columns)[:2] == ["number", "params.k"]


def test_times_are_utc_and_durations_seconds(make_run):
    runs = [make_run(1, times=Times(created=STARTED, started=STARTED, duration=1.5)), make_run(2)]
    table = frame((run, []) for run in runs)
    assert table["started"].iloc[0] == STARTED
    assert str(table["started"].dtype) == "datetime64[us, UTC]"
    assert table["started"].isna().tolist() == table["duration"].isna().tolist() == [False, True]
    assert table["duration"].iloc[0] == 1.5


@pytest.mark.parametrize(
    ("values", "dtype"),
    [
        ([1, 2], "int64"),
        ([2**60 + 1, None], "Int64"),
        ([2**70, 1], "object"),
        ([1, 0.5], "float64"),
        ([2**60 + 1, 0.5], "object"),
        ([0.5, None], "float64"),
        ([True, False], "bool"),
        ([True, None], "boolean"),
        ([True, 1], "object"),
        (["1.10", None], "object"),
        ([[1, 2], [3]], "object"),
    ],
)
def test_values_stay_exact(make_run, values, dtype):
    runs = [make_run(number, params=params(x=value)) for number, value in enumerate(values)]
    column = frame((run, []) for run in runs)["params.x"]
    assert str(column.dtype) == dtype
    assert [value for value, missing in zip(column, column.isna(), strict=True) if not missing] == [
        value for value in values if value is not None
    ]


def test_a_value_that_a_run_lacks_is_missing(make_run):
    table = frame([(make_run(1, params=params(x=1)), []), (make_run(2), [])])
    assert table["params.x"].isna().tolist() == [False, True]


def test_pandas_is_imported_for_a_frame_only():
    code = "import sys, dvc_magic.runs; sys.exit('pandas' in sys.modules)"
    subprocess.run([sys.executable, "-c", code], check=True)
