from __future__ import annotations

import math

import yaml
from hypothesis import given
from hypothesis import strategies as st
from ruamel.yaml import YAML

from dvc_magic.model.stage import PipelineFile, Stage
from dvc_magic.model.values import same
from dvc_magic.pipeline import first_lock, stage_files
from dvc_magic.pipeline.definition import dump

SCALARS = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(),
    st.floats(),
    st.text(),
    st.text(alphabet="0123456789eExXob_.:+-", min_size=1),
    st.text(alphabet="ab #:-'\"\n|>&*!%", min_size=1),
    st.sampled_from(
        ["yes", "No", "on", "y", "~", "null", "1e-5", "012", "0o17", "1_000", "12:30", "2020-01-01", "=", "<<"]
    ),
)
TREES = st.recursive(SCALARS, lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(), inner, max_size=4))


@given(st.dictionaries(st.text(), TREES, max_size=5))
def test_readers_of_yaml_1_1_and_of_1_2_agree(data):
    text = dump(data)
    assert same(yaml.safe_load(text), data)
    assert same(YAML(typ="safe").load(text), data)


@given(st.floats(allow_nan=False))
def test_floats_come_back_exactly(value):
    back = yaml.safe_load(dump([value]))[0]
    assert isinstance(back, float)
    assert math.copysign(1, back) == math.copysign(1, value)
    assert back == value


def test_a_small_float_has_a_point():
    assert dump({"a": 1e-05}) == "a: 1.0e-05\n"


def test_commands_of_several_lines_stay_readable():
    assert dump({"cmd": "python a.py\npython b.py --lr ${lr}\n"}) == "cmd: |\n  python a.py\n  python b.py --lr ${lr}\n"


def _stage():
    return Stage(
        address="sub/dvc.yaml:train",
        name="train",
        dvcfile="sub/dvc.yaml",
        wdir="sub",
        cmd="x",
        commands=("x",),
        definition_name="train",
        definition={"cmd": "x ${a}"},
    )


def test_the_rest_of_the_file_stays_and_param_files_are_listed_from_its_folder():
    top = {"vars": [{"a": 1}], "params": ["own.yaml"], "metrics": ["m.json"]}
    text = stage_files(_stage(), PipelineFile(path="sub/dvc.yaml", top=top), ["params.yaml", "sub/own.yaml"])
    assert yaml.safe_load(text) == {
        **top,
        "params": ["own.yaml", "../params.yaml"],
        "stages": {"train": {"cmd": "x ${a}"}},
    }


def test_no_params_entry_appears_from_nothing():
    assert "params" not in stage_files(_stage(), PipelineFile(path="sub/dvc.yaml"))


def test_the_first_lock_has_the_datasets_and_nothing_else():
    words = {"name": "words", "type": "url", "url": "http://h/x", "meta": {"etag": "1"}}

    assert yaml.safe_load(first_lock(PipelineFile(path="dvc.yaml", datasets=(words,)))) == {
        "schema": "2.0",
        "datasets": [words],
    }
    assert first_lock(PipelineFile(path="dvc.yaml")) == ""
