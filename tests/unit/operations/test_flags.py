from __future__ import annotations

import time
from typing import Any

import pytest

from dvc_magic.errors import OperationError
from dvc_magic.operations.fields import shown
from dvc_magic.operations.flags import check_value


def nested(levels: int) -> list[Any]:
    """A list of 9 ** levels texts, each level the same object nine times."""
    value: list[Any] = ["lol"] * 9
    for _ in range(levels):
        value = [value] * 9
    return value


def deep(levels: int) -> list[Any]:
    value: list[Any] = []
    for _ in range(levels):
        value = [value]
    return value


@pytest.mark.parametrize("value", [nested(12), deep(60), list(range(20_000)), {"a": nested(9)}], ids=type)
def test_a_value_with_more_in_it_than_a_flag_can_have_is_refused_at_once(value):
    began = time.monotonic()

    with pytest.raises(OperationError, match="the flag 'z' has more in it than the value of a flag can have; it is a"):
        check_value(value, "z", at="operation 'f'")

    assert time.monotonic() - began < 2


@pytest.mark.parametrize(
    "value", [1, [1, [2.5, None]], {"a": {"b": [True, "x"]}}, list(range(5000)), deep(40)], ids=type
)
def test_a_value_of_a_param_is_kept_as_it_is(value):
    assert check_value(value, "z", at="operation 'f'") == value


@pytest.mark.parametrize("value", [nested(12), {"a": nested(9), "b": 1}, {1, 2}, "x" * 10**6], ids=type)
def test_a_message_shows_the_beginning_of_a_value(value):
    began = time.monotonic()

    assert len(shown(value)) <= 62
    assert time.monotonic() - began < 1


@pytest.mark.parametrize("value", ["x" * 100, [1, 2, "three"], {"a": None}, 10**50, list(range(30))], ids=str)
def test_what_is_shown_of_a_value_is_how_python_writes_it(value):
    assert repr(value).startswith(shown(value).removesuffix(".."))
