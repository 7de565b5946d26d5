from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pandas as pd
import pytest

from dvc_magic.errors import LineError
from dvc_magic.line import Passed, Space, expand, expand_text, split


@dataclass
class FakeRun:
    id: str
    number: int


class FakeRuns:
    def __init__(self, *runs):
        self.runs = runs

    def __len__(self):
        return len(self.runs)

    def __iter__(self):
        return iter(self.runs)

    def __contains__(self, run):
        return run in self.runs


RUN, OTHER = FakeRun("a1", 1), FakeRun("b2", 2)
NAMES = {
    "lr": 0.1,
    "name": "adam",
    "none": None,
    "on": True,
    "grid": (1, 2.0),
    "layers": [64, (1, 2)],
    "table": {"k": {"x": 3}, 4: "four"},
    "run": RUN,
    "runs": FakeRuns(RUN, OTHER),
    "conf": SimpleNamespace(model=SimpleNamespace(depth=3), items=[5, 6]),
}


def passed(line, **names):
    value = expand(split(line)[0], {**NAMES, **names})
    assert isinstance(value, Passed)
    return value.values, value.many  # noqa: PD011


def raw(line):
    token = expand(split(line)[0], NAMES)
    assert not isinstance(token, Passed)
    return token.raw


@pytest.mark.parametrize(
    ("line", "value"),
    [
        ("{lr}", 0.1),
        ("{ name }", "adam"),
        ("{none}", None),
        ("{on}", True),
        ("{layers}", [64, [1, 2]]),
        ("{table['k']}", {"x": 3}),
        ('{table["k"]["x"]}', 3),
        ("{table[4]}", "four"),
        ("{conf.model.depth}", 3),
        ("{conf.items[-1]}", 6),
        ("{run}", "a1"),
        ("{run.number}", 1),
    ],
)
def test_an_expression_alone_passes_its_value(line, value):
    assert passed(line) == ((value,), False)


@pytest.mark.parametrize(
    ("value", "values"),
    [
        ((1, "a"), (1, "a")),
        (range(3), (0, 1, 2)),
        (np.array([0.5, 1.0]), (0.5, 1.0)),
        (np.array([[1, 2], [3, 4]]), ([1, 2], [3, 4])),
        (pd.Series([1, 2]), (1, 2)),
        ([RUN, OTHER], ("a1", "b2")),
        (FakeRuns(RUN, OTHER), ("a1", "b2")),
        ((RUN, OTHER), ("a1", "b2")),
        ((), ()),
    ],
)
def test_tuples_ranges_arrays_and_runs_are_grids(value, values):
    assert passed("{x}", x=value) == (values, True)


@pytest.mark.parametrize(
    ("value", "plain"),
    [
        (np.float64(0.5), 0.5),
        (np.int32(3), 3),
        (np.bool_(True), True),
        (np.str_("a"), "a"),
        (np.array(2), 2),
        (Path("a/b"), "a/b"),
        ([np.int64(1)], [1]),
    ],
)
def test_values_come_out_as_plain_python(value, plain):
    (found,), many = passed("{x}", x=value)
    assert (found, type(found), many) == (plain, type(plain), False)


def test_a_range_to_search_passes_as_it_is():
    space = Space(kind="float", low=0.1, high=1.0)
    assert passed("{x}", x=space) == ((space,), False)


@pytest.mark.parametrize(
    ("line", "text"),
    [
        ("x-{name}", "x-adam"),
        ("[{lr},{none}]", "[0.1,null]"),
        ("0.5,{grid}", "0.5,1,2.0"),
        ('"{name} {lr} {none}"', '"adam 0.1 None"'),
        ("prepare={run}", "prepare=a1"),
        ("{a: {lr}}", "{a: 0.1}"),
        ("\"{table['k']['x']}\"", '"3"'),
        ("x{layers}", "x[64,[1,2]]"),
    ],
)
def test_an_expression_inside_a_token_gives_its_text(line, text):
    assert raw(line) == text


@pytest.mark.parametrize(
    "line",
    [
        "'{lr}'",
        "${lr}",
        "a${lr}b",
        "{a: 1}",
        "{1,2}",
        "{}",
        "{lr:.2f}",
        "{lr+1}",
        "{str(lr)}",
        "{table[name]}",
        '"${lr}"',
        '"{"',
        r"\{lr}",
        '"{ {"',
        "{True}",
    ],
)
def test_other_braces_stay(line):
    assert raw(line) == line


def test_names_are_found_in_a_double_quoted_text_with_odd_braces():
    assert expand_text(split('"{ {name} }{"')[0], NAMES) == "{ adam }{"


@pytest.mark.parametrize(
    ("line", "message"),
    [
        ("{nmae}", "no variable 'nmae'. Did you mean 'name'"),
        ("{conf.nope}", "AttributeError"),
        ("{table['z']}", "KeyError"),
        ("{conf.items[9]}", "IndexError"),
        ("{lr['a']}", "TypeError"),
        ("{odd}", "is a set"),
        ("a{odd}", "is a set"),
    ],
)
def test_what_cannot_be_had_is_an_error(line, message):
    with pytest.raises(LineError, match=message):
        expand(split(f"x {line}")[1], {**NAMES, "odd": {1}})


def test_nothing_is_called():
    called = []
    assert expand_text(split("{f()}")[0], {"f": lambda: called.append(1)}) == "{f()}"
    assert called == []


def test_a_dollar_before_a_variable_is_answered_with_braces():
    with pytest.raises(LineError, match="with braces: {lr}"):
        expand(split("$lr")[0], {"lr": 0.1})


@pytest.mark.parametrize("text", ["$HOME", "'$lr'", "${lr}", "a$lr", "$lr.x"])
def test_other_dollars_stay(text):
    assert expand_text(split(text)[0], {"lr": 0.1}) == text.strip("'")
