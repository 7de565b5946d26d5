from __future__ import annotations

import copy
import json
import math
import os
import pickle

import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from dvc_magic.errors import ParamError
from dvc_magic.model.paths import RunPaths
from dvc_magic.model.record import OutRecord, RunStatus
from dvc_magic.model.stage import OutKind
from dvc_magic.model.values import flatten
from dvc_magic.runs import (
    Leaves,
    UnknownLeafError,
    flatten_files,
    lookup,
    metric_files,
    metrics_of,
    params_of,
    read_metric_file,
    read_metrics,
)


def test_maps_become_dotted_keys_and_lists_stay():
    files = {"m.json": {"train": {"acc": 0.5, "per class": [1, None]}, "empty": {}, "none": None}}
    assert flatten_files(files) == {"train.acc": 0.5, "train.per class": [1, None], "empty": {}, "none": None}


def test_a_key_of_several_files_carries_the_file_in_each():
    assert flatten_files({"a.json": {"acc": 1, "x": 2}, "b/c.yaml": {"acc": 3}}) == {
        "a.json:acc": 1,
        "x": 2,
        "b/c.yaml:acc": 3,
    }


def test_a_file_of_one_number_goes_by_its_name():
    assert flatten_files({"score.json": 0.5}) == {"score.json": 0.5}


def test_a_key_with_a_dot_and_the_nested_key_that_it_looks_like_are_both_kept():
    files = {"m.json": {"a.b": 1, "a": {"b": 2, "c.d": 3}, "x.y": 4}}
    assert flatten_files(files) == {"'a.b'": 1, "a.b": 2, "a.c.d": 3, "x.y": 4}


KEYS = st.sampled_from(["a", "b", "a.b", "b.a", "a.b.a"])
TREES = st.recursive(st.integers(), lambda inner: st.dictionaries(KEYS, inner, min_size=1), max_leaves=12)


@given(st.dictionaries(KEYS, TREES))
def test_no_metric_is_lost_whatever_its_key(content):
    assert sorted(flatten_files({"m.json": content}).values()) == sorted(value for _, value in flatten(content))


def test_a_folder_of_metrics_stands_for_the_files_below_it(tmp_path):
    (tmp_path / "m/sub").mkdir(parents=True)
    (tmp_path / "m/a.json").write_text('{"acc": 1}')
    (tmp_path / "m/sub/b.yaml").write_text("acc: 2\nloss: 3\n")
    (tmp_path / "m/README.md").write_text("what it means: [")
    (tmp_path / "m/notes.txt").write_text("fine")
    (tmp_path / "m/torn.json").write_text("{")
    contents, warnings = read_metrics(tmp_path, ["m"])
    assert contents == {"m/a.json": {"acc": 1}, "m/sub/b.yaml": {"acc": 2, "loss": 3}}
    assert [warning.partition(" cannot")[0] for warning in warnings] == ["metrics torn.json"]
    assert read_metrics(tmp_path, ["m"], is_written=lambda path: path == "m/a.json")[0] == {"m/a.json": {"acc": 1}}
    assert metric_files(tmp_path, ["m/a.json", "gone.json"]) == ["m/a.json", "gone.json"]


def test_a_folder_of_metrics_is_read_while_the_run_goes_on(tmp_path, make_run):
    (tmp_path / "workspace/m").mkdir(parents=True)
    (tmp_path / "workspace/m/a.json").write_text('{"acc": 1}')
    record = make_run(status=RunStatus.RUNNING, outs={"m": OutRecord(kind=OutKind.METRIC)}).record
    assert metrics_of(record, RunPaths(tmp_path)) == {"acc": 1}


def test_a_value_is_found_by_an_end_of_its_key():
    leaves = Leaves({"train.acc": 1, "a.json:loss": 2})
    assert (leaves["train.acc"], leaves["acc"], leaves["loss"]) == (1, 1, 2)
    assert lookup({"train.acc": 1}, "acc") == 1
    assert "cc" not in leaves


def test_an_exact_key_beats_an_end():
    assert Leaves({"train.acc": 1, "acc": 2})["acc"] == 2


def test_what_is_a_runs_own_beats_what_is_upstream():
    leaves = Leaves({"train.lr": 1}, {"prepare.lr": 2, "seed": 3, "train.lr": 4})
    assert (leaves["lr"], leaves["seed"], leaves["train.lr"], leaves["prepare.lr"]) == (1, 3, 1, 2)


def test_an_unknown_name_is_a_key_error_with_close_matches():
    with pytest.raises(UnknownLeafError, match="Did you mean 'train.accuracy'") as caught:
        Leaves({"train.accuracy": 1})["acuracy"]
    assert isinstance(caught.value, ParamError)
    assert isinstance(caught.value, KeyError)
    assert str(caught.value).startswith("There is no 'acuracy'")
    assert Leaves({}).get("x", 5) == 5


def test_an_ambiguous_name_shows_the_keys_and_is_never_a_default():
    leaves = Leaves({"a.acc": 1, "b.acc": 2})
    with pytest.raises(ParamError, match=r"'acc' fits a\.acc, b\.acc"):
        leaves.get("acc")
    assert "acc" not in leaves


@given(values=st.dictionaries(st.text(max_size=50), st.integers()))
def test_leaves_are_a_mapping_of_their_values(values):
    leaves = Leaves(values)
    assert leaves == values
    assert list(leaves) == list(values)
    assert dict(leaves) == values
    assert all(leaves[key] == value for key, value in values.items())
    assert repr(leaves) == repr(values)


@pytest.mark.parametrize(
    "change",
    [
        lambda leaves: leaves.__setitem__("a", 2),
        lambda leaves: leaves.__delitem__("a"),
        lambda leaves: leaves.update(a=2),
        lambda leaves: leaves.setdefault("b", 2),
        lambda leaves: leaves.pop("a"),
        lambda leaves: leaves.popitem(),
        lambda leaves: leaves.clear(),
        lambda leaves: leaves.__ior__({"b": 2}),
    ],
)
def test_leaves_cannot_be_changed(change):
    leaves = Leaves({"a": 1})

    with pytest.raises(TypeError, match="dict.run.params."):
        change(leaves)

    assert leaves == {"a": 1}


def test_leaves_are_a_dict_for_whoever_asks_for_one():
    leaves = Leaves({"train.lr": 0.1, "seed": 1}, {"prepare.n": 2})
    values = {"train.lr": 0.1, "seed": 1, "prepare.n": 2}

    assert isinstance(leaves, dict)
    assert json.loads(json.dumps(leaves)) == values
    assert list(pd.DataFrame({"a": leaves}).index) == list(values)
    assert (leaves | {"more": 3}, {**leaves}) == (values | {"more": 3}, values)
    for copied in (copy.copy(leaves), copy.deepcopy(leaves), leaves.copy(), pickle.loads(pickle.dumps(leaves))):
        assert copied == values
        copied["changed"] = True


def test_leaves_of_stages_upstream_say_so():
    assert repr(Leaves({"n": 1}, origin=("prepare", "split"))) == "{'n': 1} of prepare, split, upstream"


def test_params_of_two_files_carry_the_file_on_collision(make_run):
    record = make_run(params={"params.yaml": {"train.lr": 0.1, "seed": 1}, "sub/params.yaml": {"seed": 2}}).record
    assert params_of(record) == {"train.lr": 0.1, "params.yaml:seed": 1, "sub/params.yaml:seed": 2}


@pytest.mark.parametrize(
    ("name", "text", "content"),
    [
        ("m.json", '{"a": {"b": 1e-300, "c": [1, null]}}', {"a": {"b": 1e-300, "c": [1, None]}}),
        ("m.json", '{"big": 36893488147419103232}', {"big": 2**65}),
        ("m.json", "{}", {}),
        ("m.json", "0.5", 0.5),
        ("m.json", '{"a": 1, "a": 2}', {"a": 2}),
        ("M.JSON", '{"a": 1}', {"a": 1}),
        ("m.yaml", "a: 010\nb: yes\nc: 1e-5\n", {"a": 10, "b": "yes", "c": 1e-5}),
        ("m.yaml", "d: 2026-01-31\n1: x\n", {"d": "2026-01-31", "1": "x"}),
        ("m.yml", "", {}),
        ("m.toml", "a = 1.5\n[b]\nc = 2\n", {"a": 1.5, "b": {"c": 2}}),
        ("metrics", "a: 1", {"a": 1}),
    ],
)  # fmt: skip
def test_a_metric_file_is_read_exactly(tmp_path, name, text, content):
    (tmp_path / name).write_text(text)
    assert read_metric_file(tmp_path / name) == (content, "")


def test_nan_and_infinity_are_metrics(tmp_path):
    (tmp_path / "m.json").write_text('{"a": NaN, "b": -Infinity}')
    content, warning = read_metric_file(tmp_path / "m.json")
    assert math.isnan(content["a"])
    assert (content["b"], warning) == (-math.inf, "")


BOMB = "a: &a [1,1,1,1,1,1,1,1,1,1]\n" + "".join(
    f"{chr(98 + n)}: &{chr(98 + n)} [{','.join([f'*{chr(97 + n)}'] * 10)}]\n" for n in range(9)
)


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("m.json", b"{"),
        ("m.json", b"\xff\xfe"),
        ("m.json", b"[" * 100_000),
        ("m.yaml", b"a: [1"),
        ("m.yaml", b"a: 1\na: 2"),
        ("m.yaml", b"!!python/object/apply:os.system [true]"),
        ("m.yaml", b"a: &a [*a]"),
        ("m.yaml", BOMB.encode()),
        ("m.yaml", b"a: 1\n" * 300_000),
        ("m.toml", b"a = "),
    ],
    ids=["torn", "encoding", "deep", "yaml", "twice", "tag", "cycle", "bomb", "large", "toml"],
)
def test_a_broken_metric_file_is_a_warning(tmp_path, name, content):
    (tmp_path / name).write_bytes(content)
    found, warning = read_metric_file(tmp_path / name)
    assert found is None
    assert name in warning
    assert "\n" not in warning


def test_a_missing_metric_file_and_a_pipe_are_warnings(tmp_path):
    assert read_metric_file(tmp_path / "m.json") == (None, "metrics m.json was not written")
    os.mkfifo(tmp_path / "pipe.json")
    assert "no regular file" in read_metric_file(tmp_path / "pipe.json")[1]


def test_metrics_of_a_run_that_goes_on_are_read_from_its_files(tmp_path, make_run):
    (tmp_path / "workspace").mkdir()
    (tmp_path / "workspace/m.json").write_text('{"acc": 1}')
    (tmp_path / "workspace/torn.json").write_text('{"acc"')
    outs = {name: OutRecord(kind=OutKind.METRIC) for name in ("m.json", "torn.json", "missing.json")}
    going = make_run(status=RunStatus.RUNNING, outs=outs).record
    done = make_run(outs=outs, metrics={"m.json": {"acc": 2}}).record
    assert metrics_of(going, RunPaths(tmp_path)) == {"acc": 1}
    assert metrics_of(going) == {}
    assert metrics_of(done, RunPaths(tmp_path)) == {"acc": 2}
