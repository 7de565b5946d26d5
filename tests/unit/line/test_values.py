from __future__ import annotations

import contextlib
import string
import subprocess
import sys

import pytest
from hydra.core.override_parser.overrides_parser import OverridesParser
from hypothesis import given
from hypothesis import strategies as st

from dvc_magic.errors import LineError
from dvc_magic.line import Grid, Space, format_value, format_values, parse_values
from dvc_magic.line.values import _fast, _slow
from dvc_magic.model.values import same

SCALARS = st.one_of(
    st.sampled_from(
        [
            *["0", "-1", "+7", "007", "1_000", "1__0", "1.", ".5", "1.5e3", "1e-3", "1E+5", "-inf", "NaN", "Infinity"],
            *["true", "FALSE", "null", "None", "nul", "a-b", "_x", "0x1"],
        ]
    ),
    st.from_regex(r"\A[+-]?[0-9_]{1,5}(\.[0-9_]{0,3})?([eE][+-]?[0-9_]{0,3})?\Z"),
    st.text(string.ascii_letters + string.digits + "_-.+", min_size=1, max_size=6),
)  # fmt: skip
TREES = st.recursive(
    st.none() | st.booleans() | st.integers(-(10**40), 10**40) | st.floats() | st.text(),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(), inner, max_size=4),
    max_leaves=8,
)


def values(text):
    found = parse_values(text, where="--x")
    assert isinstance(found, Grid)
    return found.values


def hydra(text):
    override = OverridesParser.create().parse_overrides([f"x={text}"])[0]
    return list(override.sweep_iterator()) if override.is_sweep_override() else [override.value()]


@given(st.lists(SCALARS, min_size=1, max_size=3), st.sampled_from([",", ", ", " ,\t"]))
def test_the_fast_path_gives_what_hydra_gives(items, comma):
    text = comma.join(items)
    fast = _fast(text)
    if fast is not None:
        assert same(list(fast.values), hydra(text))
        slow = _slow(text, where="--x")
        assert same(list(slow.values), hydra(text))
        assert slow.texts == fast.texts


@pytest.mark.parametrize("text", ["1", "-2.5", "1e-3", "true", "null", "adam", "0.1,0.01", "a, b-c"])
def test_common_values_do_not_need_hydra(text):
    code = (
        f"import sys; from dvc_magic import line; line.parse_values({text!r}, where=''); print('hydra' in sys.modules)"
    )
    assert subprocess.check_output([sys.executable, "-c", code], text=True).strip() == "False"


@given(TREES)
def test_a_formatted_value_is_read_back_the_same(value):
    assert same(list(values(format_value(value))), [value])


@given(st.lists(TREES, min_size=2, max_size=4))
def test_a_formatted_grid_is_read_back_the_same(items):
    assert same(list(values(format_values(items))), items)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("0.1,0.01", (0.1, 0.01)),
        ("choice(adam, 'a b', 1, null)", ("adam", "a b", 1, None)),
        ("1,'1',\"1\"", (1, "1", "1")),
        ("range(3)", (0, 1, 2)),
        ("range(10,1,-3)", (10, 7, 4)),
        ("range(0,1,0.3)", (0.0, 0.3, 0.6, 0.9)),
        ("range(0.1,0.5,0.2)", (0.1, 0.3)),
        ("range(0,0.9,0.3)", (0.0, 0.3, 0.6)),
        ("linspace(0,1,5)", (0.0, 0.25, 0.5, 0.75, 1.0)),
        ("int(linspace(1,9,3))", (1, 5, 9)),
        ("logspace(0.0001,1,5)", (0.0001, 0.001, 0.01, 0.1, 1.0)),
        ("[64,64],[128]", ([64, 64], [128])),
        ("{a:1,1:2}", ({"a": 1, "1": 2},)),
        ("json('{\"a b\": [1.0, null]}')", ({"a b": [1.0, None]},)),
        ("sort(3,1,2)", (1, 2, 3)),
        ("${train.lr}", ("${train.lr}",)),
        ("data/raw.csv", ("data/raw.csv",)),
        ("", ("",)),
    ],
)
def test_grids_and_values(text, expected):
    assert same(list(values(text)), list(expected))


@pytest.mark.parametrize(
    ("text", "space"),
    [
        ("interval(0,1)", Space(kind="float", low=0.0, high=1.0)),
        ("uniform(1e-4,0.1)", Space(kind="float", low=1e-4, high=0.1)),
        ("tag(log, interval(1e-4, 1e-1))", Space(kind="float", low=1e-4, high=0.1, log=True)),
        ("loguniform(1e-4,1e-1)", Space(kind="float", low=1e-4, high=0.1, log=True)),
        ("int(interval(1,10))", Space(kind="int", low=1, high=10)),
        ("tag(log,int(interval(1,1024)))", Space(kind="int", low=1, high=1024, log=True)),
        ("int(loguniform(1,8))", Space(kind="int", low=1, high=8, log=True)),
    ],
)
def test_ranges_to_search(text, space):
    found = parse_values(text, where="--x")
    assert found == space
    assert type(found.low) is type(space.low)
    assert parse_values(found.text, where="--x") == space


def test_unquoted_spellings_are_kept_for_text_params():
    assert parse_values("1.10,'1.20',a", where="").pairs == ((1.1, "1.10"), ("1.20", None), ("a", "a"))
    assert parse_values("choice(1.10,'2')", where="").pairs == ((1.1, "1.10"), ("2", None))
    assert parse_values("range(2)", where="").pairs == ((0, None), (1, None))


@pytest.mark.parametrize(
    ("text", "hint"),
    [
        ("a=b", "goes into quotes"),
        ("é", "goes into quotes"),
        ("a&b", "goes into quotes"),
        ("a#b", "goes into quotes"),
        ("uniform[0:1]", "parentheses and commas"),
        ("[0.1:0.5]", "interval"),
        ("[1]*3", "a,b,c"),
        ("1,,2", "comma"),
        ("1,", "comma"),
        ('{"a": 1}', "json"),
        ("{f(x)}", "Give the result a name in a line above, values = f"),
        ("foo(1)", "Unknown function 'foo'.*interval"),
        ("choice()", "Empty choice"),
        ("choice(range(1,3))", "stands alone"),
        ("0.1,range(1,3)", "stands alone"),
        ("[choice(1,2)]", "stands alone"),
        ("range(1,0)", "empty"),
        ("range(0,1,0)", "never ends"),
        ("range(0,1e9)", "is the most"),
        ("range(a)", "incompatible"),
        ("range(0,inf)", "takes numbers"),
        ("interval(10,1)", "low end"),
        ("interval(1,1)", "low end"),
        ("interval(0,inf)", "finite"),
        ("uniform(0,nan)", "Expected a number"),
        ("tag(log,interval(0,1))", "above 0"),
        ("tag(lin,interval(0,1))", "tag is log"),
        ("tag(log,range(1,3))", "only"),
        ("logspace(-4,-1,4)", "above 0"),
        ("linspace(0,1,1)", "2 or more"),
        ("linspace(0,1,2.5)", "2 or more"),
        ("glob(*)", "List the values"),
        ("json('{')", "JSON text"),
        ("json({a:1})", "JSON text"),
        ("[" * 3000 + "]" * 3000, "deeply"),
        ("(1,2)", "read"),
        ("'a'b", "quotes"),
    ],
)
def test_what_is_not_understood_is_answered_with_what_to_write(text, hint):
    with pytest.raises(LineError, match=f"(?s)--lr.*{hint}"):
        parse_values(text, where="--lr")


def test_the_place_of_the_fault_is_pointed_at():
    with pytest.raises(LineError) as caught:
        parse_values("abc=d", where="--x")
    assert str(caught.value).split("\n")[1:] == ["  abc=d", "     ^"]


@given(st.text(max_size=12))
def test_any_text_is_read_or_refused_with_a_line_error(text):
    with contextlib.suppress(LineError):
        parse_values(text, where="--x")
