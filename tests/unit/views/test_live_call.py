"""A call while it goes, as HTML."""

from __future__ import annotations

from pathlib import Path

from dvc_magic.views import LiveCall, LiveRun

_EVIL = "<img src=x onerror=alert(1)>"


def _ended(*tail: str) -> LiveCall:
    return LiveCall(last=LiveRun(name="train 1", seconds=1.0, log=Path("/store/output.log"), tail=tail))


def test_nothing_of_a_log_plan_or_metric_is_markup() -> None:
    run = LiveRun(name=_EVIL, seconds=1.0, log=Path(_EVIL), tail=(_EVIL,), metrics={_EVIL: _EVIL})

    html = LiveCall(plan=_EVIL, ended=(_EVIL,), running=(run,)).html()

    assert "<img" not in html
    assert html.count("&lt;img") == 7


def test_a_log_is_shown_as_a_terminal_shows_it() -> None:
    text = "\x1b[32mgreen\x1b[0m \x1b]0;title\x07bell\x07\tX\r\x1b[31mred"

    html = _ended(text).html()

    assert '<span style="color: #e75c58">red</span><span style="color: #00a250">en</span> bell      X' in html


def test_a_very_long_line_is_cut() -> None:
    assert len(_ended("x" * 100_000).html()) < 2000


def test_of_many_runs_that_have_ended_the_last_are_shown() -> None:
    html = LiveCall(ended=tuple(f"train {number} completed" for number in range(30))).html()

    assert "22 before" in html
    assert "train 29 " in html
    assert "train 3 " not in html


def test_the_view_of_a_run_changes_once_in_a_second() -> None:
    views = {LiveRun(name="a", seconds=3 + part / 10, log=Path("x")).html() for part in range(10)}

    assert len(views) == 1


def test_the_log_of_the_run_that_ended_last_stays_in_view() -> None:
    html = _ended("the end").html()

    assert "the end" in html
    assert "/store/output.log" in html
