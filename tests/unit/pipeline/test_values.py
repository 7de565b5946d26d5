"""The values of keys, as dpath finds them for DVC."""

from __future__ import annotations

from typing import Any

import dpath
import pytest
from hypothesis import given
from hypothesis import strategies as st

from dvc_magic.pipeline.values import changed_keys, tracked

_PARTS = ("a", "b", "0", "1", "01", "-1", "True", "a*", "?", "[ab]")
_KEYS = st.sampled_from(["a", "b", "0", "1", "-1", "True", 0, 1, -1, True, False])
_TREES = st.recursive(
    st.integers(0, 9) | st.text(max_size=2),
    lambda children: st.lists(children, max_size=3) | st.dictionaries(_KEYS, children, max_size=3),
    max_leaves=12,
)


def _as_dvc(config: Any, key: str) -> dict[str, Any]:
    try:
        return {key: dpath.get(config, key, separator=".")}
    except (KeyError, ValueError):
        return {}


@given(
    config=st.dictionaries(_KEYS, _TREES, max_size=4), parts=st.lists(st.sampled_from(_PARTS), min_size=1, max_size=3)
)
def test_a_key_has_the_value_that_dpath_finds_for_it(config, parts):
    key = ".".join(parts)
    assert tracked(config, [key]) == _as_dvc(config, key)


@pytest.mark.parametrize("key", ["lists.1.lr", "numbers.2", "m*.lr", ".models.lr"])
def test_places_in_lists_numbers_wildcards_and_a_first_dot_are_found(key):
    config = {"lists": [{}, {"lr": 1}], "numbers": {2: 1}, "models": {"lr": 1}}
    assert tracked(config, [key]) == {key: 1}


@pytest.mark.parametrize(
    ("after", "keys"),
    [
        ({"a": 1, "b": {"c": [1, 2]}}, set()),
        ({"a": 2, "b": {"c": [1, 2]}}, {"a"}),
        ({"a": 1.0, "b": {"c": [1, 3]}}, {"a", "b"}),
        ({"a": None, "b": {"c": [1, 2]}}, {"a"}),
        ({"b": {"c": [1, 2]}, "a": 1}, None),
        ({"a": 1, "b": {"c": [1]}}, None),
        ({"a": 1, "b": {"c": [1, [2]]}}, None),
        ({"a": 1, "b": {"c": [1, 2], "d": 3}}, None),
        ({"a": {}, "b": {"c": [1, 2]}}, None),
        (None, None),
    ],
)
def test_changed_keys_are_named_where_single_values_alone_differ(after, keys):
    assert changed_keys({"a": 1, "b": {"c": [1, 2]}}, after) == keys
