from __future__ import annotations

import keyword
import math

import pytest
from dvc.utils.serialize import parse_py
from hypothesis import given
from hypothesis import strategies as st

from dvc_magic.errors import OperationError
from dvc_magic.model.values import same
from dvc_magic.operations import constants
from dvc_magic.workspace.param_files.python_file import PythonFormat

NAMES = st.from_regex(r"[a-z][a-z0-9_]{0,5}", fullmatch=True).filter(lambda name: not keyword.iskeyword(name))
SCALARS = st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text()
VALUES = st.recursive(
    SCALARS, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3)
)


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("lr = 0.1", {"lr": 0.1}),
        ("n: int = 3", {"n": 3}),
        ("low = -1.5; high = +2", {"low": -1.5, "high": 2}),
        ("name = 'adam'\nquiet = True\nseed = None", {"name": "adam", "quiet": True, "seed": None}),
        ("layers = (4, [5, -6])", {"layers": [4, [5, -6]]}),
        ("net = {'width': 4, 'act': {'kind': 'relu'}}", {"net": {"width": 4, "act": {"kind": "relu"}}}),
        ("text = 'a' 'b'\nlong = (0.1)", {"text": "ab", "long": 0.1}),
        ("n: int\nn = 3", {"n": 3}),
        ("n = 3\nsquares = [n * n for n in range(3)]", {"n": 3}),
        ("n = 3\ndef f(n):\n    n = 4\n    for n in []: pass", {"n": 3}),
        ("n = 3\nclass A:\n    n = 4", {"n": 3}),
        ("n = 3\nf = lambda n: (n := 4)", {"n": 3}),
        ("", {}),
    ],
)
def test_a_literal_assigned_once_at_the_top_is_a_constant(text, found):
    assert constants(text) == found


@pytest.mark.parametrize(
    "text",
    [
        "_n = 3",
        "__version__ = '1'",
        "n = len('abc')",
        "n = f'{1}'",
        "n = b'bytes'",
        "n = {1, 2}",
        "n = 2j",
        "n = 1 + 2j",
        "n = ...",
        "n = 1e999",
        "n = not True",
        "n = ~3",
        "n = {1: 'a'}",
        "n = {**{'a': 1}}",
        "n = ['\\ud800']",
        "n = [[len('a')]]",
        "n = m = 3",
        "n, m = 3, 4",
        "a.n = 3",
        "if True:\n    n = 3",
        "class n:\n    lr = 3",
        "n: int",
    ],
)
def test_anything_else_is_none(text):
    assert constants(text) == {}


@pytest.mark.parametrize(
    "again",
    [
        "n = 4",
        "n: int = 4",
        "n += 1",
        "del n",
        "n, m = 4, 5",
        "[*n] = 'ab'",
        "if True:\n    n = 4",
        "for n in range(3): pass",
        "while True:\n    n = 4",
        "with open('f') as n: pass",
        "try: pass\nexcept OSError as n: pass",
        "import n",
        "import n.path",
        "import os as n",
        "from os import path as n",
        "def n(): pass",
        "async def n(): pass",
        "class n: pass",
        "print(n := 4)",
        "[n := x for x in [1]]",
        "def f(a=(n := 4)): pass",
        "@(n := print)\ndef f(): pass",
        "def f():\n    global n\n    n = 4",
        "class A:\n    def f(self):\n        global n\n        n = 4",
        "match 1:\n    case n: pass",
        "match [1]:\n    case [*n]: pass",
        "match {}:\n    case {**n}: pass",
        "match 1:\n    case int() as n: pass",
    ],
)
@pytest.mark.parametrize("first", [True, False])
def test_a_name_that_is_bound_again_is_none(again, first):
    text = f"n = 3\n{again}" if first else f"{again}\nn = 3"

    assert "n" not in constants(text + "\nlr = 0.1")
    assert constants(text + "\nlr = 0.1")["lr"] == 0.1


def test_what_is_no_python_is_refused_with_its_line():
    with pytest.raises(OperationError, match="it is not valid Python: .*, line 2"):
        constants("n = 3\nif:\n")


@given(st.dictionaries(NAMES, VALUES, max_size=4), NAMES, st.floats(allow_nan=False) | st.text() | st.booleans())
def test_dvc_reads_the_same_values_and_a_program_sees_the_one_that_is_written(values, name, new):
    text = "".join(f"{key} = {value!r}\n" for key, value in {**values, name: 0}.items())
    found = constants(text)

    assert same(found, {**values, name: 0})
    assert parse_py(text, "fit.py") == found
    program: dict[str, object] = {}
    exec(PythonFormat().put(text, (name,), new), program)
    assert program[name] == new


@given(st.text())
def test_any_text_has_constants_or_is_refused(text):
    try:
        found = constants(text)
    except OperationError:
        return
    assert all(not isinstance(value, float) or math.isfinite(value) for value in found.values())
