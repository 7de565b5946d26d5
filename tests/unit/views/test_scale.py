from __future__ import annotations

import math

import pytest

from dvc_magic.errors import ParamError
from dvc_magic.runs import UnknownLeafError
from dvc_magic.views.scale import MISSING, Column, column
from tests.support.plotted import row


@pytest.mark.parametrize(
    ("name", "first", "kind", "key", "value"),
    [
        ("lr", "params", "params", "train.lr", 0.1),
        ("loss", "params", "params", "loss", "mse"),
        ("loss", "metrics", "metrics", "loss", 0.5),
        ("metrics.loss", "params", "metrics", "loss", 0.5),
        ("number", "params", "field", "number", 7),
        ("params.train.lr", "metrics", "params", "train.lr", 0.1),
    ],
)
def test_a_name_is_looked_for_where_it_says_or_where_it_is_likely(name, first, kind, key, value):
    found = column([row(7, {"train.lr": 0.1, "loss": "mse"}, metrics={"loss": 0.5})], name, first=first)

    assert found == Column(name=key, kind=kind, values=(value,))


def test_an_end_means_the_same_key_in_all_runs():
    with pytest.raises(ParamError, match="'lr' fits train.lr, model.lr; give more of the key"):
        column([row(1, {"train.lr": 1}), row(2, {"model.lr": 1})], "lr")


def test_a_key_that_only_some_runs_have_is_not_taken_from_a_longer_one_of_the_others():
    found = column([row(1, {"lr": 1}), row(2, {"train.lr": 2})], "lr")

    assert found.values == (1, MISSING)


def test_an_unknown_name_is_answered_with_what_there_is():
    with pytest.raises(UnknownLeafError, match="no 'lrr'. Did you mean 'lr'.*2 runs have: params: train.lr"):
        column([row(1, {"train.lr": 1}), row(2)], "lrr")


@pytest.mark.parametrize(
    ("values", "log"),
    [((0.001, 0.1), True), ((0.001, 0.05), False), ((0.0, 0.1), False), ((-1, 100), False), ((1, MISSING), False)],
)
def test_params_that_span_two_decades_are_logarithmic(values, log):
    assert Column(name="lr", kind="params", values=values).scale().log is log


def test_metrics_are_never_logarithmic():
    assert not Column(name="loss", kind="metrics", values=(0.001, 1000)).scale().log


@pytest.mark.parametrize("odd", [math.nan, math.inf, 10**400, MISSING])
def test_what_is_not_finite_has_no_place_on_a_scale_of_numbers(odd):
    assert Column(name="lr", kind="params", values=(odd, 1)).scale().values == (None, 1.0)


@pytest.mark.parametrize(
    ("values", "categories", "places"),
    [
        (("b", "a", "b"), ("a", "b"), (1, 0, 1)),
        ((True, False), ("false", "true"), (1, 0)),
        (("auto", 0.1, None), ("0.1", "auto", "null"), (1, 0, 2)),
        (([1], {}, "a"), ("a", "{}", "[1]"), (2, 1, 0)),
        (([16, 16], MISSING, [4]), ("[4]", "[16, 16]"), (1, None, 0)),
    ],
)
def test_whatever_is_no_number_makes_categories(values, categories, places):
    scale = Column(name="x", kind="params", values=values).scale()

    assert (scale.categories, scale.values) == (categories, places)
