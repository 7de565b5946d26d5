"""The short way to a noun's text gives what the long one gives."""

from __future__ import annotations

import json
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st
from msgspec import Struct

from dvc_magic.codec import decode, encode, encode_bytes, to_data
from dvc_magic.model.values import same


class Box(Struct, frozen=True):
    """Something with values of any kind."""

    value: Any
    texts: tuple[str, ...] = ()


NUMBERS = st.one_of(
    st.floats(),
    st.integers(),
    st.sampled_from([2**53, 2**53 + 1, -(2**53) - 1, 10**15, 10**16, 1234567890123456.5, 0.1234567890123456789, 2**70]),
)
TEXTS = st.one_of(
    st.text(max_size=5),
    st.sampled_from(["$int", "$float", "$map", '"$int"', "\udc80", "1" * 20, ":" + "1" * 20, "true", "é\U0001f600"]),
)
VALUES = st.recursive(
    st.one_of(NUMBERS, TEXTS, st.booleans(), st.none()),
    lambda inner: st.one_of(st.lists(inner, max_size=3), st.dictionaries(TEXTS, inner, max_size=3)),
    max_leaves=6,
)


@settings(max_examples=300)
@given(value=VALUES, texts=st.lists(TEXTS, max_size=2))
def test_a_noun_has_one_text_and_comes_back_from_it(value, texts):
    box = Box(value, tuple(texts))
    data = to_data(box)
    assert json.loads(encode(box)) == json.loads(json.dumps(data))
    assert json.loads(encode_bytes(box)) == json.loads(json.dumps(data))
    for text in (encode(box), encode_bytes(box)):
        again = decode(text, Box)
        assert same(again.value, value)
        assert again.texts == box.texts


@given(keys=st.lists(st.sampled_from([1, 1.5, True, None, "a", False]), unique_by=str, max_size=4))
def test_keys_that_are_no_texts_become_what_str_makes_of_them(keys):
    box = Box(dict.fromkeys(keys, 1))
    assert json.loads(encode(box))["value"] == {str(key): 1 for key in box.value}
