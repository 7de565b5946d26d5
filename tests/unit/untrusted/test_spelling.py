from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dvc_magic.untrusted import abridged, coloured, first_few, lines, one_line, short_repr, uncoloured, whole_escapes
from tests.support.hostile import hostile_texts, unseen


@pytest.mark.parametrize(
    ("text", "spelled"),
    [
        ("a\x1b[31mb", r"a\x1b[31mb"),
        ("\u202etxt.exe", r"\u202etxt.exe"),
        ("a\nb\tc\rd", r"a\nb\tc\rd"),
        ("\x00\x85\u2028\ud800\U000e0041", r"\x00\x85\u2028\ud800\U000e0041"),
        ("déjà 日本 🙂 $", "déjà 日本 🙂 $"),
    ],
)
def test_what_a_terminal_would_obey_or_nobody_would_see_is_spelled(text, spelled):
    assert one_line(text) == spelled


def test_a_text_of_several_lines_keeps_its_line_ends_and_tabs():
    assert lines("a\n\tb\r\x1b") == "a\n\tb\\r\\x1b"


@pytest.mark.parametrize(
    ("log", "shown"),
    [
        ("\x1b[1;31mred\x1b[0m \x1b[38;5;208mo\x1b[m", "\x1b[1;31mred\x1b[0m \x1b[38;5;208mo\x1b[m"),
        ("10%\r20%\b\n", "10%\r20%\b\n"),
        ("\x1b[2J\x1b[1;1H\x1b[?25lhidden\x1b7\x1b(B\x1bc\x1b=", "hidden"),
        ("\x1b]0;title\x07a\x1b]8;;http://x\x1b\\link\x1b]8;;\x1b\\", "alink"),
        ("\x1bPq#0\x1b\\sixel \x1b_kitty\x1b\\", "sixel "),
        ("\x9b31m \x00 \u202e", r"\x9b31m \x00 \u202e"),
        ("\x1b]0;never ended", r"\x1b]0;never ended"),
    ],
)
def test_a_log_keeps_its_colours_alone(log, shown):
    assert coloured(log) == shown


def test_a_log_without_colours_has_no_escape_sequence_at_all():
    assert uncoloured("\x1b[31mred\x1b[0m\x07\x1b[2K!") == "red!"


@pytest.mark.parametrize(
    "whole", ["\x1b[38;5;208m", "\x1b]0;title\x07", "\x1b]8;;http://x\x1b\\", "\x1b(B", "\x1bPq\x1b\\"]
)
def test_an_escape_sequence_that_comes_in_pieces_is_put_together(whole):
    for cut in range(1, len(whole)):
        shown, begun = whole_escapes(f"a{whole[:cut]}")

        assert (shown, begun) == ("a", whole[:cut])
        assert whole_escapes(f"{begun}{whole[cut:]}b") == (f"{whole}b", "")


@given(hostile_texts)
def test_whatever_it_is_nothing_unseen_is_left(text):
    assert not unseen(one_line(text))
    assert "\n" not in one_line(text)
    assert not unseen(lines(text))
    assert unseen(coloured(text)) <= {"\x1b", "\r", "\b"}
    assert "\x1b" not in coloured(text).replace("\x1b[31m", "")
    assert unseen(uncoloured(text)) <= {"\r", "\b"}


@given(st.text(max_size=300), st.integers(1, 300))
def test_what_is_not_long_is_not_cut(text, longest):
    shown = abridged(text, longest)

    assert shown == text if len(text) <= longest else shown.startswith(text[:longest])


def test_a_dict_of_many_and_of_long_values_is_cut():
    assert short_repr({"a": 1, "b": ["x"]}) == "{'a': 1, 'b': ['x']}"
    assert len(short_repr({str(key): "x" * 1000 for key in range(1000)})) < 21_000


@pytest.mark.parametrize(
    ("count", "said"),
    [(0, ""), (1, "f0"), (3, "f0, f1, f2"), (4, "f0, f1, f2 and 1 more"), (9, "f0, f1, f2 and 6 more")],
)
def test_of_many_names_the_first_ones_are_told_and_how_many_others_there_are(count, said):
    assert first_few([f"f{number}" for number in range(count)], 3) == said
