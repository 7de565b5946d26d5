from __future__ import annotations

import math

import pytest

from dvc_magic.errors import RequestError
from dvc_magic.views import Bars, bar_view
from tests.support.plotted import row


def test_each_run_with_the_number_is_a_bar_in_the_order_of_the_runs():
    losses = {3: 1 / 3, 1: True, 2: math.nan, 5: "text"}
    rows = [row(number, {"seed": number}, metrics={"loss": loss}) for number, loss in losses.items()]

    assert bar_view([*rows, row(4, {"seed": 4})], "loss") == Bars(
        name="loss",
        labels=("3 seed=3", "1 seed=1", "2 seed=2"),
        values=(1 / 3, 1.0, None),
        texts=("0.333333", "1", "nan"),
        note="2 of 5 runs have no loss",
    )


def test_no_runs_are_an_error():
    with pytest.raises(RequestError, match="there are no runs to plot"):
        bar_view([], "loss")
