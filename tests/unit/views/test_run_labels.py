from __future__ import annotations

from dvc_magic.model.record import RunStatus
from dvc_magic.views import run_labels
from tests.support.plotted import row


def test_a_label_says_what_differs_between_the_runs():
    rows = [row(n, {"train.lr": 0.1 / n, "train.opt": "adam", "seed": n}) for n in (1, 3)]

    assert run_labels(rows) == ("1 lr=0.1 seed=1", "3 lr=0.03333 seed=3")


def test_keys_are_as_short_as_they_can_be_told_apart():
    rows = [row(n, {"train.lr": n, "model.lr": 1}) for n in (1, 2)]

    assert run_labels(rows) == ("1 train.lr=1", "2 train.lr=2")


def test_the_users_label_stands_for_the_params():
    rows = [row(1, {"lr": 1}, label="base\nline"), row(2, {"lr": 2}, label="a" * 40)]

    assert run_labels(rows) == ('1 "base\\nline"', f"2 {'a' * 23}…")


def test_stages_and_statuses_are_named_where_they_tell_something():
    rows = [row(1, stage="prepare"), row(2, status=RunStatus.FAILED)]

    assert run_labels(rows) == ("prepare 1", "train 2 failed")
    assert run_labels(rows[:1]) == ("prepare 1",)


def test_at_most_three_params_are_named_and_long_values_cut():
    rows = [row(n, {"a": "x" * 30 + str(n), "b": n, "c": n, "d": n}) for n in (1, 2)]

    assert run_labels(rows)[0] == f"1 a={'x' * 15}… b=1 c=1"
