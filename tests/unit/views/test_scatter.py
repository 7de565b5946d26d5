from __future__ import annotations

import math

import pytest

from dvc_magic.errors import ParamError, RequestError
from dvc_magic.views import Scale, Scatter, scatter_view
from tests.support.plotted import row


def test_each_run_with_both_values_is_a_point():
    rows = [row(n, {"lr": lr}, metrics={"loss": lr * 2}) for n, lr in enumerate([0.001, 1.0], start=1)]

    assert scatter_view(rows, "lr", "loss") == Scatter(
        x=Scale(name="lr", values=(0.001, 1.0), log=True),
        y=Scale(name="loss", values=(0.002, 2.0)),
        labels=("1 lr=0.001", "2 lr=1.0"),
        numbers=(1, 2),
    )


def test_runs_left_out_are_counted_by_what_they_lack():
    losses = [0.5, math.nan, math.inf, "broken"]
    rows = [row(n, {"lr": n}, metrics={"loss": loss}) for n, loss in enumerate(losses)]

    view = scatter_view([*rows, row(9, metrics={"loss": 1})], "lr", "loss", color="number")

    assert (view.numbers, view.color.values) == ((0,), (0.0,))
    assert view.note == "1 of 5 runs has no lr; 1 of 5 runs has no loss; 2 of 5 runs have no finite loss"


def test_a_height_that_is_no_number_is_an_error():
    with pytest.raises(ParamError, match="'kind' is 'good', no number"):
        scatter_view([row(1, {"lr": 1}, metrics={"kind": "good"})], "lr", "kind")


def test_no_runs_are_an_error():
    with pytest.raises(RequestError, match="there are no runs to plot"):
        scatter_view([], "lr", "loss")
