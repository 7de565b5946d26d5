from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dvc_magic.line import Passed, expand, format_flag, format_line, format_value, split
from dvc_magic.model.request import Change, ChangeKind


@pytest.mark.parametrize(
    ("value", "text"),
    [
        ("adam", "adam"),
        ("1.10", "'1.10'"),
        ("true", "'true'"),
        ("None", "'None'"),
        ("it's", r"'it\'s'"),
        ("", "''"),
        (1e-05, "1e-05"),
        (-0.0, "-0.0"),
        (float("inf"), "inf"),
        (True, "true"),
        (None, "null"),
        ([1, "a b", [None]], "[1,'a b',[null]]"),
        ({"a": 1, "b.c": {}}, "{a:1,b.c:{}}"),
        ({"é": 1}, "json('{\"é\": 1}')"),
    ],
)
def test_values_are_written_in_the_grammar_of_flags(value, text):
    assert format_value(value) == text


@given(
    st.recursive(
        st.none() | st.integers() | st.text(), lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner)
    )
)
def test_a_formatted_value_is_one_token_that_no_expansion_touches(value):
    (token,) = split(format_value(value))
    expanded = expand(token, {})
    assert not isinstance(expanded, Passed)
    assert expanded.raw == token.raw


def test_a_line_shows_flags_as_they_are_typed():
    changes = [
        Change(file="params.yaml", key="train.lr", values=(0.1, 0.01)),
        Change(file="conf.json", key="opt", values=("a b",)),
        Change(file="params.yaml", key="label", values=(1,)),
        Change(file="params.yaml", key="new", values=([1],), kind=ChangeKind.ADD),
        Change(file="conf.json", key="old", values=(None,), kind=ChangeKind.REMOVE),
    ]
    assert format_line("train", changes, reserved={"label"}) == (
        "%dvc_run train --train.lr 0.1,0.01 --opt 'a b' --params.yaml:label 1 -S +new=[1] -S conf.json:~old"
    )


def test_odd_keys_are_quoted():
    assert format_flag(Change(file="params.yaml", key="a b", values=(1,))) == "--'a b' 1"
