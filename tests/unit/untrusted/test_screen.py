"""What a terminal would show of what programs print."""

from __future__ import annotations

import io
import re

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tqdm import tqdm

from dvc_magic.untrusted import Screen, screen_of

PIECES = st.sampled_from(
    ["a", "bc ", "é", "\u202e", "\n", "\r", "\b", "\t", "\x07", "\x00", "\x1b[A", "\x1b[2A", "\x1b[B", "\x1b[3C",
     "\x1b[2D", "\x1b[5G", "\x1b[K", "\x1b[1K", "\x1b[2K", "\x1b[J", "\x1b[2J", "\x1b[31m", "\x1b[1;38;5;9m",
     "\x1b[48;2;1;2;3m", "\x1b[0m", "\x1b[m", "\x1b]0;title\x07", "\x1b]8;;http://x\x1b\\", "\x1b(B", "\x1b", "<b>"]
)  # fmt: skip
COLOURS = re.compile(r"\x1b\[[0-9;]+m")


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("one\ntwo\n", ["one", "two"]),
        ("10%\r50%\r100%\n", ["100%"]),
        ("long line\rab\n", ["abng line"]),
        ("long line\r\x1b[Kab\n", ["ab"]),
        ("a\n\n\nb", ["a", "", "", "b"]),
        ("first\nsecond\x1b[A\rFIRST\nSECOND", ["FIRST", "SECOND"]),
        ("a\tb", ["a       b"]),
        ("abc\b\bX", ["aXc"]),
        ("x\x1b[3Cy", ["x   y"]),
        ("abc\x1b[2GX", ["aXc"]),
        ("old\npage\x1b[2J\x1b[Hnew", ["new"]),
        ("keep\ngone\ngone\x1b[A\r\x1b[J", ["keep"]),
        ("\x1b]0;a title\x07text\x07\x00", ["text"]),
        ("\x1b]8;;http://example.org\x1b\\link\x1b]8;;\x1b\\", ["link"]),
        ("up\x1b[99A and down\x1b[99B", ["up and down"]),
        ("", []),
        ("\x1b[", []),
    ],
)
def test_lines_are_those_that_a_terminal_shows(text: str, shown: list[str]) -> None:
    assert screen_of(text).plain() == shown


def test_colours_stay_and_end_with_their_line() -> None:
    screen = screen_of("\x1b[1;31mbad\nstill\x1b[0m good")

    assert screen.lines() == ["\x1b[1;31mbad\x1b[0m", "\x1b[1;31mstill\x1b[0m good"]
    assert screen.plain() == ["bad", "still good"]
    assert screen.html()[1].endswith("</span> good")
    assert "font-weight: bold" in screen.html()[0]


def test_what_is_written_over_a_colour_has_its_own() -> None:
    assert screen_of("\x1b[32mgreen\x1b[0m\rre").lines() == ["re\x1b[32meen\x1b[0m"]


def test_markup_is_text() -> None:
    assert screen_of("<script>\x1b[31m<b>").html() == [
        '&lt;script&gt;<span style="color: #e75c58">&lt;b&gt;</span>'
    ]  # fmt: skip


def test_what_turns_text_around_is_spelled_out() -> None:
    assert screen_of("a\u202eb").plain() == ["a\\u202eb"]


def test_nested_bars_of_tqdm_stay_bars() -> None:
    written = io.StringIO()
    for _ in tqdm(range(3), desc="outer", file=written, mininterval=0, ncols=60):
        for _ in tqdm(range(4), desc="inner", file=written, mininterval=0, ncols=60, leave=False, position=1):
            pass
    assert written.getvalue().count("\r") > 8

    shown = screen_of(written.getvalue()).plain()

    assert len(shown) == 1
    assert shown[0].startswith("outer: 100%|")


def test_nested_bars_are_two_lines_while_they_go() -> None:
    written = io.StringIO()
    outer = tqdm(total=2, desc="outer", file=written, mininterval=0, ncols=60)
    inner = tqdm(total=2, desc="inner", file=written, mininterval=0, ncols=60, position=1)
    inner.update()
    outer.update()

    shown = screen_of(written.getvalue()).plain()

    assert [line.partition("|")[0] for line in shown] == ["outer:  50%", "inner:  50%"]
    inner.close()
    outer.close()


@given(st.lists(PIECES, max_size=40), st.randoms(use_true_random=False))
def test_the_pieces_in_which_it_comes_make_no_difference(pieces: list[str], random: object) -> None:
    text = "".join(pieces)
    cuts = sorted(random.randrange(len(text) + 1) for _ in range(4))  # type: ignore[attr-defined]
    screen = Screen(lines=5, width=12)
    for start, end in zip([0, *cuts], [*cuts, len(text)], strict=True):
        screen.feed(text[start:end])

    assert screen.lines() == screen_of(text, lines=5, width=12).lines()


@given(st.lists(PIECES, max_size=40))
def test_nothing_but_colours_reaches_the_reader(pieces: list[str]) -> None:
    screen = screen_of("".join(pieces), lines=5, width=12)

    for line in screen.lines():
        assert COLOURS.sub("", line).isprintable()
    assert [COLOURS.sub("", line) for line in screen.lines()] == screen.plain()
    assert len(screen.plain()) <= 5
    assert all("<b>" not in line for line in screen.html())


@given(st.lists(st.sampled_from(["a", "b", "\n", "\r"]), max_size=30))
def test_without_escapes_it_is_what_the_last_writer_of_each_place_wrote(pieces: list[str]) -> None:
    expected = []
    for line in "".join(pieces).split("\n"):
        shown: list[str] = []
        for part in line.split("\r"):
            shown[: len(part)] = part
        expected.append("".join(shown))
    while expected and not expected[-1]:
        expected.pop()

    assert screen_of("".join(pieces), lines=100).plain() == expected


def test_it_keeps_the_last_lines_and_counts_the_others() -> None:
    screen = screen_of("".join(f"line {number}\n" for number in range(1000)), lines=10)

    assert screen.plain() == [f"line {number}" for number in range(991, 1000)]
    assert screen.dropped == 991


def test_a_flood_in_one_line_is_cut() -> None:
    screen = Screen(width=100)
    for _ in range(100):
        screen.feed("x" * 65_536)

    assert screen.plain() == ["x" * 100 + "…"]
    screen.feed("\rnew\x1b[K")
    assert screen.plain() == ["new"]
