from __future__ import annotations

import pytest
from dvc.utils.serialize import dumps_yaml
from hypothesis import given, settings
from hypothesis import strategies as st

from dvc_magic.pipeline.plain_yaml import plain_yaml

MD5 = "d41d8cd98f00b204e9800998ecf8427e"
LOCK = {
    "schema": "2.0",
    "stages": {
        "train": {
            "cmd": "python train.py --fast",
            "deps": [{"path": "data/points.csv", "hash": "md5", "md5": MD5, "size": 12}],
            "params": {"params.yaml": {"rate": 0.01, "seed": 0, "train.deep": True, "names": ["a1", "b2"]}},
            "outs": [{"path": "model", "hash": "md5", "md5": f"{MD5}.dir", "size": 1, "nfiles": 2, "isexec": True}],
        }
    },
}
words = st.sampled_from(
    [
        "yes",
        "No",
        "null",
        "~",
        "a",
        "ab",
        "a b",
        "a  b",
        " a",
        "a ",
        "a: b",
        "a #b",
        "-a",
        "- a",
        "1a",
        "0x1f",
        "1_0",
        "é",
        ".inf",
        ".a/b",
        "1e5",
        "1:20",
        "2.0",
        "a\tb",
        "a\nb",
        "",
        "=",
        "<<",
        "a" * 200,
        "ab " * 40,
        "2020-01-01",
        "@a",
        "_",
    ]
)
texts = st.one_of(words, st.text(max_size=12), st.from_regex(r"[A-Za-z_./ 0-9:#-]{1,70}", fullmatch=True))
hashes = st.from_regex(r"[0-9a-f]{32}|[0-9e]{32}|[0-9]{32}|[0-9]{15}e[0-9]{16}", fullmatch=True)
numbers = st.one_of(st.integers(), st.floats(), st.booleans(), st.none())
values = st.recursive(
    st.one_of(texts, hashes, numbers),
    lambda inner: st.one_of(st.lists(inner, max_size=3), st.dictionaries(texts, inner, max_size=3)),
    max_leaves=8,
)


def test_the_lock_of_a_usual_stage_is_plain():
    assert plain_yaml(LOCK) == dumps_yaml(LOCK)


def test_a_command_of_several_lines_in_a_list_is_plain():
    data = {"stages": {"a1": {"cmd": ["echo one", "echo two"]}}}
    assert plain_yaml(data) == dumps_yaml(data)


@settings(max_examples=1500, deadline=None)
@given(data=st.dictionaries(texts, values, min_size=1, max_size=3))
def test_what_is_plain_is_what_dvc_writes(data):
    text = plain_yaml(data)
    assert text is None or text == dumps_yaml(data)


@pytest.mark.parametrize(
    "value",
    [
        "yes",
        "a: b",
        "a #b",
        " a",
        "12",
        "1e5",
        "é",
        "",
        "x" * 200,
        "1" * 32,
        "1" * 15 + "e" + "1" * 16,
        1e-05,
        1e300,
        float("nan"),
        None,
        [],
        {},
        [["a1"]],
        (1,),
    ],
)
def test_what_might_need_dvc_is_left_to_it(value):
    assert plain_yaml({"key": value}) is None
