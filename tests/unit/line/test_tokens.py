from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dvc_magic.errors import LineError
from dvc_magic.line import quote, read_line, split


def texts(line: str) -> list[str]:
    return [token.text for token in split(line)]


@given(st.lists(st.text()), st.sampled_from("'\""))
def test_quoted_texts_come_back_as_they_were(words, style):
    tokens = split(" ".join(quote(word, style) for word in words))
    assert [token.text for token in tokens] == words
    assert all(token.quoted == style for token in tokens)


@given(st.text())
def test_any_line_is_read_or_refused_with_a_line_error(line):
    try:
        tokens = split(line)
    except LineError:
        return
    assert all(token.raw == line[token.start : token.end].rstrip(";") for token in tokens[-1:])
    assert all(token.raw == line[token.start : token.end] for token in tokens[:-1])


@pytest.mark.parametrize(
    ("line", "words"),
    [
        ("train --lr 0.1", ["train", "--lr", "0.1"]),
        ("tag(log, interval(1, 2)) x", ["tag(log, interval(1, 2))", "x"]),
        ("[1, 2] {a: 1}", ["[1, 2]", "{a: 1}"]),
        ("--label 'a b'\"c d\" e", ["--label", "a bc d", "e"]),
        ("a\n\tb\\\n c", ["a", "b", "c"]),
        (r"'it\'s' 'C:\temp'", ["it's", r"C:\temp"]),
        (r"a\(b c", [r"a\(b", "c"]),
        ("", []),
        ("''", [""]),
    ],
)
def test_blanks_part_words_but_not_inside_brackets_and_quotes(line, words):
    assert texts(line) == words


@pytest.mark.parametrize(
    ("line", "words"),
    [("a # b", ["a"]), ("# a", []), ("a#b", ["a#b"]), ("'a # b'", ["a # b"]), ("[1 # 2]", ["[1 # 2]"])],
)
def test_a_hash_after_a_blank_begins_a_comment(line, words):
    assert texts(line) == words


@pytest.mark.parametrize(
    ("line", "words", "silent"),
    [
        ("a b;", ["a", "b"], True),
        ("a ;", ["a"], True),
        ("a; # why", ["a"], True),
        (";", [], True),
        ("a 'b;'", ["a", "b;"], False),
        ("a;b", ["a;b"], False),
    ],
)
def test_a_semicolon_at_the_end_asks_for_silence(line, words, silent):
    read = read_line(line)
    assert [token.text for token in read.tokens] == words
    assert read.silent is silent


@pytest.mark.parametrize(
    ("line", "column"), [("a 'b", 2), ("ab [1, (2]", 9), ("x (1", 2), ("[it's]", 3), ("{[", 1), ("first\nx 'b", 2)]
)
def test_what_is_not_closed_is_pointed_at(line, column):
    with pytest.raises(LineError) as caught:
        split(line)
    shown, caret = str(caught.value).split("\n")[1:]
    assert shown.strip() in line
    assert caret.index("^") - 2 == column


@pytest.mark.parametrize(("raw", "quoted"), [("'1'", "'"), ('"1"', '"'), ("1", ""), ("'1'x", ""), ("x'1'", "")])
def test_only_a_token_in_one_pair_of_quotes_counts_as_quoted(raw, quoted):
    assert split(raw)[0].quoted == quoted


def test_parts_tell_what_stood_in_which_quotes():
    assert [(part.text, part.quote) for part in split("a'b'\"c\"")[0].parts] == [("a", ""), ("b", "'"), ("c", '"')]


def test_thousands_of_open_brackets_are_refused_and_not_fatal():
    with pytest.raises(LineError, match="never closed"):
        split("(" * 50_000)
