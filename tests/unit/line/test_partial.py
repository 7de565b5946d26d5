"""A line up to the cursor."""

from __future__ import annotations

import pytest

from dvc_magic.line import RUN_USAGE, Begun, Usage, asks_for_help, read_begun


def begun(text: str, usage: Usage = RUN_USAGE) -> Begun | None:
    return read_begun(text, usage, is_bool=lambda flag: flag == "shuffle")


@pytest.mark.parametrize(
    ("text", "word", "words", "flag"),
    [
        ("", "", (), ""),
        ("tr", "tr", (), ""),
        ("train ", "", ("train",), ""),
        ("train --l", "--l", ("train",), ""),
        ("train --lr ", "", ("train",), "lr"),
        ("train --lr=0.", "0.", ("train",), "lr"),
        ("train --lr 0.1 ", "", ("train",), ""),
        ("train --lr -1 ", "", ("train",), ""),
        ("--jobs 2 train ", "", ("train",), ""),
        ("--shuffle train ", "", ("train",), ""),
        ("--shuffle true train ", "", ("train",), ""),
        ("--no-shuffle train ", "", ("train",), ""),
        ("'a b' --layers [1, ", "[1, ", ("a b",), "layers"),
        ("train \\\n --x 'open", "'open", ("train",), "x"),
    ],
)
def test_what_is_begun_is_told_from_what_stands(text: str, word: str, words: tuple[str, ...], flag: str) -> None:
    found = begun(text)

    assert found is not None
    assert (found.word, found.words, found.flag) == (word, words, flag)


def test_the_value_of_an_option_is_expected_after_it() -> None:
    found = [begun(text) for text in ("train --use ", "train -C ", "train --upstream=a")]

    assert [one.option.name for one in found if one and one.option] == ["--use", "--copy-path", "--upstream"]


def test_the_value_of_a_boolean_may_be_left_out() -> None:
    found = begun("train --shuffle ")

    assert found is not None
    assert (found.flag, found.maybe) == ("shuffle", True)


def test_given_options_go_by_their_long_names() -> None:
    found = begun("train -j 2 --lr 0.1 ")

    assert found is not None
    assert found.given == {"--jobs", "--lr"}
    assert found.values == {"--jobs": "2"}


@pytest.mark.parametrize("text", ["train # --l", "#"])
def test_nothing_is_begun_in_a_comment(text: str) -> None:
    assert begun(text) is None


@pytest.mark.parametrize(
    ("line", "alone", "expected"),
    [("--help", True, True), ("-h", True, True), ("train -h", True, False), ("train -h", False, True),
     ("'--help'", False, False), ("'open --help", False, False), ("", False, False)],
)  # fmt: skip
def test_help_is_asked_for_by_a_word_of_its_own(line: str, alone: bool, expected: bool) -> None:
    assert asks_for_help(line, alone=alone) is expected
