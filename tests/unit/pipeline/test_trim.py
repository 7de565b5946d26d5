from __future__ import annotations

import pytest
from msgspec.structs import replace

from dvc_magic.pipeline import stage_files

CASES = {
    "plain": "stages:\n  s:\n    cmd: echo ${a}\n",
    "list": "stages:\n  s:\n    foreach: [x, 1.0, 0.00001, true, 'no']\n    do:\n      cmd: echo ${item} ${key}\n",
    "dict": "stages:\n  s:\n    foreach: ${maps}\n    do:\n      cmd: echo ${item.v} ${key} ${a}\n",
    "list of maps": "stages:\n  s:\n    foreach: [{v: 1}, {v: 'x ${a}'}]\n    do:\n      cmd: echo ${item.v}\n",
    "list of maps, variable key": "stages:\n  s:\n    foreach: [{v: 1}]\n    do:\n      cmd: echo ${item.v} ${key}\n",
    "matrix": "stages:\n  s:\n    matrix: {m: [x, 2], d: [{q: 1}, [1]]}\n    cmd: echo ${item.m} ${key}\n",
    "escapes": "stages:\n  s:\n    foreach: {'k': '\\${HOME}'}\n    do:\n      cmd: echo ${item} \\${HOME}\n",
    "own vars": "stages:\n  s:\n    vars: [{b: 2}]\n    cmd: echo ${a} ${b}\n    wdir: .\n    frozen: true\n",
}
PARAMS = "a: 1\nkey: global\nmaps: {m: {v: x y}, '1e-5': {v: 2}, n: {v: null}}\n"


@pytest.mark.parametrize("text", CASES.values(), ids=CASES.keys())
def test_a_stage_cut_out_is_the_same_stage(make_reader, text):
    reader = make_reader({"dvc.yaml": text, "params.yaml": PARAMS})
    pipeline = reader.describe()
    assert pipeline.stages
    for stage in pipeline.stages:
        alone = reader.describe({"dvc.yaml": stage_files(stage, pipeline.file("dvc.yaml")).encode()})
        (found,) = alone.stages
        unlike = {"definition": {}, "flags": (), "vars_files": ()}
        assert replace(found, **unlike) == replace(stage, **unlike)
