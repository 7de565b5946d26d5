from __future__ import annotations

import math

import pytest

from dvc_magic.errors import RequestError
from dvc_magic.model.record import RunStatus
from dvc_magic.runs import History, Series, UnknownLeafError
from dvc_magic.views import Curve, Curves, curves_view, panels_view
from tests.support.plotted import history, row


def test_each_run_that_has_the_series_is_a_curve_and_the_others_are_counted():
    runs = [(row(1, {"lr": 0.1}), history(loss=[1, 0.5])), (row(2, {"lr": 0.2}), history(acc=[1]))]

    assert curves_view(runs, "loss") == Curves(
        name="loss",
        axis="step",
        curves=(Curve(label="1 lr=0.1", place=0, steps=(0, 1), values=(1, 0.5)),),
        total=2,
        note="1 of 2 runs has no loss",
    )


def test_steps_are_in_order_and_values_that_are_not_finite_are_gaps():
    series = Series(name="loss", file="l.csv", axis="epoch", steps=(2, 0, 1), values=(10**400, 0.5, math.inf))

    view = curves_view([(row(), History(series=(series,)))], "loss")

    assert (view.axis, view.curves[0].steps) == ("epoch", (0, 1, 2))
    assert view.curves[0].values[0] == 0.5
    assert all(map(math.isnan, view.curves[0].values[1:]))


@pytest.mark.parametrize("status", [RunStatus.FAILED, RunStatus.STOPPED, RunStatus.LOST, RunStatus.PRUNED])
def test_a_run_that_did_not_end_well_is_marked(status):
    view = curves_view([(row(1, status=status), history(loss=[1]))], "loss")

    assert (view.curves[0].good, view.curves[0].label) == (False, f"train 1 {status}")


def test_an_end_of_several_names_means_all_of_those_series():
    runs = [
        (row(1), history(train__loss=[1, 2], eval__loss=[3, 4])),
        (row(2), history(train__loss=[5])),
        (row(3), history()),
    ]

    both, alone = curves_view(runs, "loss"), curves_view(runs[:1], "loss")

    assert [(curve.label, curve.place) for curve in both.curves] == [
        ("1 train/loss", 0),
        ("1 eval/loss", 0),
        ("2 train/loss", 1),
    ]
    assert (both.name, both.note) == ("loss", "1 of 3 runs has no loss")
    assert [curve.label for curve in alone.curves] == ["train/loss", "eval/loss"]


def test_several_series_of_many_runs_are_coloured_by_run():
    runs = [(row(n, {"lr": 10.0**-n}), history(a__loss=[1], b__loss=[2])) for n in range(1, 13)]

    scale = curves_view(runs, "loss").scale

    assert (scale.name, len(scale.values), scale.values[:2]) == ("lr", 24, (0.1, 0.1))


def test_a_name_that_is_near_is_one_that_draws():
    runs = [(row(1, {"loss_kind": "l2"}, metrics={"lossy": 1}), history(a__other=[1]))]

    with pytest.raises(UnknownLeafError) as caught:
        curves_view(runs, "lossi")

    assert "Did you mean" not in str(caught.value)


def test_an_unknown_series_is_answered_with_what_there_is():
    runs = [(row(1, {"lr": 1}, metrics={"auc": 1}), history(loss=[1]))]

    with pytest.raises(UnknownLeafError) as caught:
        curves_view(runs, "los")

    assert str(caught.value) == (
        "There is no 'los'. Did you mean 'loss'? What this run has: step series: loss; metrics: auc; params: lr."
    )


def test_runs_without_any_series_are_told_where_series_come_from():
    with pytest.raises(UnknownLeafError, match="these 2 runs have none. Series come from the plots of a stage"):
        curves_view([(row(1), History()), (row(2), History())], "loss")


def test_no_runs_are_an_error():
    with pytest.raises(RequestError, match="there are no runs to plot"):
        curves_view([], "loss")


@pytest.mark.parametrize(("count", "scale"), [(10, None), (11, "lr")])
def test_more_than_ten_runs_are_told_apart_by_the_one_number_that_differs(count, scale):
    runs = [(row(n, {"lr": 10.0**-n, "opt": "adam"}), history(loss=[1])) for n in range(1, count + 1)]

    view = curves_view(runs, "loss")

    assert (view.scale and view.scale.name) == scale
    assert view.scale is None or (view.scale.log and len(view.scale.values) == count)


def test_many_runs_of_which_more_differs_are_told_apart_by_their_numbers():
    runs = [(row(n, {"lr": n, "depth": n % 3}), history(loss=[1])) for n in range(1, 12)]

    view = curves_view(runs, "loss")

    assert (view.scale.name, view.scale.values[:2]) == ("run", (1.0, 2.0))


def test_a_colour_can_be_asked_for():
    runs = [(row(n, {"opt": opt}), history(loss=[1])) for n, opt in enumerate(["sgd", "adam", "sgd"])]

    scale = curves_view(runs, "loss", color="opt").scale

    assert (scale.categories, scale.values) == (("adam", "sgd"), (1.0, 0.0, 1.0))


def test_panels_are_all_series_but_those_that_only_count():
    views = panels_view([(row(1), history(loss=[1], epoch=[1])), (row(2), history(acc=[1]))])

    assert [view.name for view in views] == ["loss", "acc"]


def test_runs_without_series_are_told_of_their_metrics():
    with pytest.raises(RequestError, match=r"no step series to plot. They have metrics \(auc\): .plot.bar\(NAME\)"):
        panels_view([(row(1, metrics={"auc": 1}), History())])
