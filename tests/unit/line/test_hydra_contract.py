"""What our reader of values takes from Hydra's own: each name of its grammar, of another version as of this one."""

from __future__ import annotations

from typing import Any

import pytest
from hydra.core.override_parser.overrides_parser import OverridesParser, create_functions
from hydra.core.override_parser.types import (
    ChoiceSweep,
    Glob,
    IntervalSweep,
    Override,
    OverrideType,
    QuotedString,
    RangeSweep,
)
from hydra.errors import HydraException


def _read(text: str) -> Override:
    return OverridesParser.create().parse_override(text)


def _value(text: str) -> Any:
    return _read(f"key={text}").value()


@pytest.mark.parametrize(
    ("text", "kind", "key"),
    [
        ("a.b=1", OverrideType.CHANGE, "a.b"),
        ("+a=1", OverrideType.ADD, "a"),
        ("++a=1", OverrideType.FORCE_ADD, "a"),
        ("~a", OverrideType.DEL, "a"),
    ],
)
def test_an_override_has_a_type_a_key_and_no_package(text: str, kind: OverrideType, key: str) -> None:
    override = _read(text)

    assert (override.type, override.key_or_group, override.package) == (kind, key, None)


def test_several_values_are_a_choice_that_can_be_walked_over() -> None:
    for text in ("1,2", "choice(1,2)"):
        override = _read(f"key={text}")

        assert isinstance(override.value(), ChoiceSweep)
        assert list(override.sweep_iterator()) == [1, 2]


def test_a_range_has_its_ends_its_step_and_may_be_shuffled() -> None:
    sweep = _value("range(1,9,2)")

    assert isinstance(sweep, RangeSweep)
    assert (sweep.start, sweep.stop, sweep.step, sweep.shuffle) == (1, 9, 2, False)
    assert _value("shuffle(range(1,9))").shuffle


def test_an_interval_has_its_ends_and_its_tags() -> None:
    sweep = _value("tag(log,interval(1,9))")

    assert isinstance(sweep, IntervalSweep)
    assert (sweep.start, sweep.end, sweep.tags) == (1, 9, {"log"})


def test_a_quoted_text_keeps_its_text_and_a_pattern_is_a_glob() -> None:
    quoted = _value("'a b'")

    assert isinstance(quoted, QuotedString | str)
    assert getattr(quoted, "text", quoted) == "a b"
    assert isinstance(_value("glob(*)"), Glob)


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("1", 1),
        ("1e-5", 1e-5),
        ("true", True),
        ("null", None),
        ("[1,a]", [1, "a"]),
        ("{a:1}", {"a": 1}),
        ("yes", "yes"),
    ],
)
def test_a_plain_value_has_the_type_that_it_had(text: str, value: object) -> None:
    assert _value(text) == value
    assert type(_value(text)) is type(value)


def test_functions_of_ours_can_be_added_to_those_that_there_are() -> None:
    functions = create_functions()
    functions.register(name="twice", func=lambda value: 2 * value)

    assert {"int", "choice", "range", "interval", "tag", "twice"} <= functions.functions.keys()
    with pytest.raises(HydraException, match="Unknown function 'nothing'"):
        _value("nothing(1)")
