"""The line of a call while it goes, and the one at its end."""

from __future__ import annotations

from datetime import datetime
from pathlib import Path
from typing import Any

import pytest

from dvc_magic.runs import History, Series
from dvc_magic.untrusted import LONGEST
from dvc_magic.views import CallCounts, LiveCall, LiveRun, clock, live_curves, time_left
from tests.support.hostile import unseen

NOW = datetime(2026, 1, 31, 9, 30, 41)  # noqa: DTZ001 - as a clock on the wall shows it


def running(name: str, seconds: float, **metrics: float) -> LiveRun:
    return LiveRun(name=name, seconds=seconds, log=Path("/store/output.log"), metrics=metrics)


def line(counts: CallCounts, *runs: LiveRun, ended: tuple[str, ...] = ()) -> str:
    return LiveCall(counts=counts, running=runs, ended=ended).line(now=NOW)


def test_one_run_has_its_clock_and_its_loss() -> None:
    counts = CallCounts(total=1)

    assert line(counts, running("train 8", 41)) == "train 8 0:41 (09:30:41)"
    assert line(counts, running("train 8", 3700, acc=0.5, val_loss=0.13123412)) == (
        "train 8 1:01:40, val_loss 0.131234 (09:30:41)"
    )


def test_a_grid_says_how_far_it_is_and_what_went_wrong() -> None:
    counts = CallCounts(total=300, ended=12, failed=2, reused=1, left=371.0)

    assert line(counts, running("train 54 (lr=0.1)", 41, loss=0.13)) == (
        "12 of 300, train 54 (lr=0.1) 0:41, loss 0.13, 2 failed, 1 reused, about 6 min left (09:30:41)"
    )


def test_of_many_runs_at_once_two_are_named() -> None:
    runs = [running(f"train {number}", number) for number in range(5)]

    assert line(CallCounts(total=9), *runs).startswith("0 of 9, train 0 0:00, train 1 0:01, 3 more run (")


def test_between_runs_it_says_what_else_the_call_does() -> None:
    assert line(CallCounts(total=1), ended=("pulling data.csv from far: 3 MB",)) == (
        "pulling data.csv from far: 3 MB (09:30:41)"
    )


@pytest.mark.parametrize(
    ("counts", "end"),
    [
        (CallCounts(total=3, ended=3, seconds=5), "3 runs: 3 completed in 5.00 s"),
        (
            CallCounts(total=300, ended=12, failed=2, reused=1, stopped=1, seconds=723),
            "300 runs: 8 completed, 2 failed, 1 stopped, 1 reused, 288 never started in 12 min 3 s",
        ),
        (CallCounts(total=2, ended=2, reused=2), "2 runs: 2 reused in 0.00 s"),
    ],
)
def test_the_end_of_a_grid_is_its_sum(counts: CallCounts, end: str) -> None:
    assert LiveCall(counts=counts).end() == end


def test_of_a_grid_the_first_runs_and_those_that_failed_have_a_line() -> None:
    ended = tuple(f"train {number} completed" for number in range(40))
    view = LiveCall(counts=CallCounts(total=40, ended=40), ended=ended, failed=("train 7 completed",))

    assert view.outcome().split("\n") == [*ended[:3], "train 7 completed", "... 36 more lines"]


def test_with_several_runs_each_line_of_a_log_says_whose_it_is() -> None:
    runs = tuple(
        LiveRun(name=name, seconds=1, log=Path("/x.log"), tail=("10%", "done"), left_out=number)
        for number, name in enumerate(("train 1", "train 2"))
    )

    assert LiveCall(running=runs).log_text().split("\n") == [
        "[train 1] 10%",
        "[train 1] done",
        "[train 2] ... 1 lines before, all in /x.log ...",
        "[train 2] 10%",
        "[train 2] done",
    ]
    assert LiveCall(running=runs[:1]).log_text() == "10%\ndone"


def test_logs_in_a_cell_are_bounded() -> None:
    run = LiveRun(name="train 1", seconds=1, log=Path("/x.log"), tail=("x" * 2000,) * 200)

    assert len(LiveCall(running=(run,) * 4).log_text()) < 61_000


class Written:
    """What a run has written of a step series."""

    default = "loss"

    def __init__(self, steps: tuple[Any, ...], values: tuple[Any, ...]) -> None:
        self.history = History(series=(Series(name="loss", file="h.csv", axis="step", steps=steps, values=values),))


def test_a_series_of_strange_numbers_is_drawn_as_far_as_it_can_be() -> None:
    series: Any = [("train 1", Written((2, 1, 10**400), (0.5, 10**400, 1))), ("train 2", Written((0, 1), (1, 2)))]

    view = live_curves(series, failed={"train 2"})

    assert view is not None
    assert [(curve.steps, curve.good) for curve in view.curves] == [((1.0, 2.0), True), ((0.0, 1.0), False)]
    assert "nan" not in LiveCall(curves=view).curve_html()


def test_names_are_strangers() -> None:
    evil = "tr\x1bain\u202e" + "x" * 1000

    text = line(CallCounts(total=1), running(evil, 1))

    assert not unseen(text)
    assert len(text) < LONGEST + 100


def test_time_left_is_told_after_three_runs_and_shared_by_the_jobs() -> None:
    counts = CallCounts(total=10, ended=4)

    assert time_left(counts, [1, 1], jobs=1) is None
    assert time_left(counts, [1, 2, 3], jobs=1) == 12
    assert time_left(counts, [1, 2, 3], jobs=2) == 6
    assert time_left(CallCounts(total=3, ended=3), [1, 2, 3], jobs=1) is None


@pytest.mark.parametrize(("seconds", "shown"), [(0.9, "0:00"), (59.9, "0:59"), (60, "1:00"), (36_000, "10:00:00")])
def test_a_clock_counts_whole_seconds(seconds: float, shown: str) -> None:
    assert clock(seconds) == shown
