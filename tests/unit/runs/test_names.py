from __future__ import annotations

import pytest

from dvc_magic.errors import QueryError
from dvc_magic.runs import check_names, run_row


@pytest.fixture
def rows(make_run):
    """Three runs: two with params, one of them with metrics, and one with neither."""
    return [
        run_row(make_run(1, params={"params.yaml": {"train.lr": 0.1, "model.lr": 1}}, metrics={"m.json": {"loss": 1}})),
        run_row(make_run(2, params={"params.yaml": {"train.lr": 0.2}})),
        run_row(make_run(3, stage="prepare"), [make_run(4, stage="raw", params={"params.yaml": {"rows": 5}})]),
    ]


@pytest.mark.parametrize(
    "name",
    ["loss", "metrics.loss", "train.lr", "params.lr", "lr", "rows", "status", "run", "number", "train:params.lr"],
)
def test_a_name_that_some_run_has_will_do(rows, name):
    check_names([name], rows)


@pytest.mark.parametrize(
    ("name", "hint"),
    [
        ("los", "Did you mean 'loss'?"),
        ("metrics.los", "Did you mean 'metrics.loss'?"),
        ("statsu", "'status'"),
        ("metrics.lr", "None of these 3 runs has a param or metric 'metrics.lr'"),
        ("zzz", "They have params.train.lr, params.model.lr, metrics.loss, params.rows."),
        ("train:params.rows", "None of these 3 runs"),
    ],
)
def test_a_name_that_no_run_has_is_answered_with_those_that_are_like_it(rows, name, hint):
    with pytest.raises(QueryError) as caught:
        check_names(["status", name], rows)

    assert hint in str(caught.value)


def test_without_runs_every_name_will_do():
    check_names(["anything"], [])
