from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from dvc_magic.errors import ParamError
from dvc_magic.line import Wording, fit
from dvc_magic.model.stage import Param
from dvc_magic.model.values import same, type_name

SCALARS = st.none() | st.booleans() | st.integers() | st.floats() | st.text()
VALUES = SCALARS | st.lists(SCALARS) | st.dictionaries(st.text(), SCALARS)


def param(now):
    return Param(file="conf.yaml", key="train.x", value=now)


@given(SCALARS | st.lists(SCALARS) | st.dictionaries(st.text(), SCALARS))
def test_a_value_fits_where_the_file_has_that_value_or_null(value):
    assert same(fit(value, param(value)), value)
    assert same(fit(value, param(None)), value)
    assert fit(None, param(value)) is None


@pytest.mark.parametrize(
    ("value", "now", "raw", "fitted"),
    [
        (1, 0.5, "1", 1.0),
        (1.1, "1.0", "1.10", "1.10"),
        (True, "x", "true", "true"),
        ("a", "x", "a", "a"),
        (np.float32(0.5), 0.1, None, 0.5),
        (np.int64(2), 0.1, None, 2.0),
        (0.1, 0, "0.1", 0.1),
        (3.0, 5, "3.0", 3.0),
        (np.float64(0.5), 1, None, 0.5),
        (np.bool_(False), True, None, False),
        ((1, np.int8(2)), [0], None, [1, 2]),
        (np.array([1, 2]), [0], None, [1, 2]),
        ("None", None, None, "None"),
        ({"a": 1}, {}, None, {"a": 1}),
    ],
)
def test_values_become_what_the_file_has(value, now, raw, fitted):
    assert same(fit(value, param(now), raw), fitted)


@pytest.mark.parametrize(
    ("value", "now", "raw", "said"),
    [
        ("abc", 0.1, "abc", "train.x in conf.yaml is a float (0.1 now), got the text abc."),
        (1.5, "a", None, "is a text (a now), got the float 1.5. To have it as text write --train.x '1.5'."),
        ("1.5", 3, None, "Leave out the quotes: --train.x 1.5"),
        (1, True, "1", "Write a value such as true or false."),
        (True, 1, "true", "is an int (1 now), got the bool true."),
        (True, 1.0, "true", "is a float"),
        ([0.1, 0.2], 0.1, None, "To try several values write --train.x 0.1,0.2"),
        (["a", "b"], "a", "[a,b]", "To try several values write --train.x a,b"),
        (3, [1], "3", "Write --train.x [3] for a list of one."),
        ("None", 1, "None", "Write null for no value"),
        ("None", None, "None", "Write null for no value"),
        (1, {}, "1", "is a map ({} now)"),
        (10**400, 1.0, None, "too large"),
        (object(), 1, None, "got a object"),
        ([object()], 1, None, "--train.x a,b,c"),
        ("[1, 2]", [0], None, "Leave out the quotes: --train.x [1, 2]"),
        ("{a: 1}", {}, None, "Leave out the quotes: --train.x {a: 1}"),
        ("0.1", 0.5, None, "Leave out the quotes: --train.x 0.1"),
        ("True", False, None, "Leave out the quotes: --train.x True"),
        ("0.1, 0.2", 0.5, None, "To try several values leave out quotes and blanks: --train.x 0.1,0.2"),
        ("range(1, 4)", 1, None, "To try several values leave out quotes and blanks: --train.x range(1,4)"),
        ("1,x", 1, None, "Write a value such as 3."),
    ],
)
def test_a_value_of_another_type_is_refused(value, now, raw, said):
    with pytest.raises(ParamError) as caught:
        fit(value, param(now), raw)
    assert said in str(caught.value)


@given(value=VALUES, now=VALUES)
def test_a_value_of_any_type_keeps_its_type_or_is_refused_where_the_file_has_any_other(value, now):
    wanted, got = type_name(now), type_name(value)
    if "null" in (wanted, got) or wanted == got or (wanted, got) == ("int", "float"):
        assert same(fit(value, param(now)), value)
    elif (wanted, got) == ("float", "int"):
        assert same(fit(value, param(now)), float(value))
    else:
        with pytest.raises(ParamError, match=f"got the {got} "):
            fit(value, param(now))


@pytest.mark.parametrize(
    ("value", "now", "said"),
    [
        ([0.1, 0.2], 0.5, "pass them to grid(): {'train.x': [0.1, 0.2]}"),
        (3, [1], "Write 'train.x': [3] for a list of one."),
        (1.5, "a", "To have it as text write 'train.x': '1.5'."),
        ("[1, 2]", [0], "Leave out the quotes: 'train.x': [1, 2]"),
    ],
)
def test_an_error_of_the_api_speaks_python(value, now, said):
    with pytest.raises(ParamError) as caught:
        fit(value, param(now), wording=Wording.API)

    assert said in str(caught.value)
    assert "--" not in str(caught.value)
