from __future__ import annotations

import pytest

from dvc_magic.errors import ParamError, QueryError
from dvc_magic.runs import check_names, clear_rows, run_row


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
        ("metrics.lr", "'metrics.lr' is no field of runs, and no param or metric of these 3 runs."),
        ("zzz", "They have params.train.lr, params.model.lr, metrics.loss, params.rows."),
        ("train:params.rows", "no param or metric of these 3 runs"),
    ],
)
def test_a_name_that_no_run_has_is_answered_with_those_that_are_like_it(rows, name, hint):
    with pytest.raises(QueryError) as caught:
        check_names(["status", name], rows)

    assert hint in str(caught.value)


def test_the_beginning_of_a_name_is_answered_with_the_whole_of_it(make_run):
    run = run_row(make_run(metrics={"m.json": {"test": {"accuracy": 0.9}}}))

    with pytest.raises(QueryError, match="no param or metric of this run. Did you mean 'metrics.test.accuracy'"):
        check_names(["acc"], [run])


def test_without_runs_every_name_will_do():
    check_names(["anything"], [])


@pytest.fixture
def models(make_run):
    """A run that chooses between two models, above it, and one of the models by itself."""
    small = make_run(1, stage="fit@small", metrics={"m.json": {"loss": 0.5}})
    large = make_run(2, stage="fit@large", metrics={"m.json": {"loss": 0.2}})
    return [run_row(make_run(3, stage="select"), [small, large]), run_row(small)]


@pytest.mark.parametrize("name", ["loss", "metrics.loss"])
def test_what_several_stages_upstream_have_instead_of_the_run_is_missing_beside_a_run_that_has_it(models, name):
    assert [each.get(name) for each in clear_rows([name], models)] == [None, 0.5]


def test_it_is_an_error_where_no_run_has_it_alone(models):
    (chosen,) = clear_rows(["loss"], models[:1])
    with pytest.raises(ParamError, match="'loss' fits fit@large:loss, fit@small:loss"):
        chosen.get("loss")


def test_a_name_with_a_stage_is_for_that_stage_itself_what_it_is_for_those_that_depend_on_it(models):
    assert [each.get("fit@small:loss") for each in clear_rows(["fit@small:loss"], models)] == [0.5, 0.5]
    assert [each.get("fit@large:loss") for each in clear_rows(["fit@large:loss"], models)] == [0.2, None]


def test_keys_of_the_run_itself_that_end_alike_stay_an_error(rows):
    asked = clear_rows(["lr"], rows)
    assert asked[1].get("lr") == 0.2
    with pytest.raises(ParamError, match=r"train\.lr, model\.lr"):
        asked[0].get("lr")
