"""A reader that knows a project answers for other values as one that reads it for the first time."""

from __future__ import annotations

import time

import pytest

from dvc_magic.errors import PipelineError
from dvc_magic.pipeline import ProjectReader

PIPELINE = """\
vars:
  - conf/vars.yaml
  - fixed: {name: n}
stages:
  prepare:
    cmd: python p.py --k ${k} ${prep}
    params: [prep]
    outs:
      - ${out}/p.txt
  train:
    foreach: ${models}
    do:
      cmd: python t.py ${item.lr} ${key} ${conf.depth} ${fixed.name}
      deps:
        - ${out}/p.txt
      params:
        - lr
        - seeds
        - conf/vars.yaml:
      outs: ["${key}.bin"]
  grid:
    matrix: {size: "${sizes}", kind: [a, b]}
    cmd: echo ${item.size} ${item.kind}
    params:
      - extra.toml: [e]
      - c.py: [A.b]
"""
PARAMS = """\
k: 1
lr: 0.1
seeds: [1, 2]
prep: {a: 1, b: [1, 2]}
models: {x: {lr: 1}, y: {lr: 2}}
sizes: [1, 2]
out: data
"""
FILES = {
    "dvc.yaml": PIPELINE,
    "params.yaml": PARAMS,
    "conf/vars.yaml": "conf: {depth: 3}\nfree: 1\n",
    "extra.toml": "e = 1\n",
    "c.py": "class A:\n    b = 1\n",
    "other/dvc.yaml": "stages:\n  o:\n    cmd: echo ${z}\n    params: [z]\n",
    "other/params.yaml": "z: 1\n",
    "own/dvc.yaml": "stages:\n  w:\n    vars: [v.yaml]\n    cmd: echo ${v}\n    params: [q]\n",
    "own/v.yaml": "v: 1\n",
    "own/params.yaml": "q: 1\n",
    "item/dvc.yaml": "vars: [item: 3]\nstages:\n  i:\n    cmd: echo ${item} ${m}\n    params: [m, s]\n",
    "item/params.yaml": "m: 1\ns: 1\n",
}


def _params(old: str, new: str) -> dict[str, bytes]:
    assert old in PARAMS
    return {"params.yaml": PARAMS.replace(old, new).encode()}


@pytest.mark.parametrize(
    "overlay",
    [
        _params("lr: 0.1", "lr: 0.2"),
        _params("lr: 0.1", "lr: {a: 1, b: 2}"),
        _params("[1, 2]\nprep", "[3]\nprep"),
        _params("k: 1", "k: 2"),
        _params("k: 1", "k: true"),
        _params("k: 1", "k: 1.0"),
        _params("a: 1", "a: 7"),
        _params("a: 1", "c: 7"),
        _params("x: {lr: 1}", "z: {lr: 1}"),
        _params("x: {lr: 1}", "x: {lr: 9}"),
        _params("sizes: [1, 2]", "sizes: [1, 3]"),
        _params("out: data", "out: lib"),
        _params("k: 1", "k: 1\nitem: 5"),
        _params("k: 1", "k: 1\nkey: 5"),
        _params("lr: 0.1\n", ""),
        _params("lr: 0.1", "lr: 0.2") | {"other/params.yaml": b"z: 2\n", "extra.toml": b"e = 5\n"},
        {"conf/vars.yaml": b"conf: {depth: 4}\nfree: 1\n"},
        {"conf/vars.yaml": b"conf: {depth: 3}\nfree: 2\n"},
        {"extra.toml": b"e = 'x'\n"},
        {"c.py": b"class A:\n    b = 2\n"},
        {"own/v.yaml": b"v: 2\n"},
        {"own/params.yaml": b"q: 2\n"},
        {"item/params.yaml": b"m: 2\ns: 1\n"},
        {"item/params.yaml": b"m: 1\ns: 2\n"},
    ],
)
def test_other_values_give_the_stages_that_a_first_reading_gives(make_reader, overlay):
    known = make_reader(FILES)
    time.sleep(0.03)  # until a change would show in the times of the files, nothing is kept
    known.describe()

    found = known.describe(overlay)

    assert found == ProjectReader(known.root, known.store).describe(overlay)


def test_values_that_templates_cannot_take_are_refused_as_at_a_first_reading(make_reader):
    known = make_reader({"dvc.yaml": PIPELINE, "params.yaml": PARAMS, "conf/vars.yaml": "conf: {depth: 3}\n"})
    time.sleep(0.03)
    known.describe()

    with pytest.raises(PipelineError, match=r"Could not find 'k'"):
        known.describe(_params("k: 1\n", ""))
    with pytest.raises(PipelineError, match="cannot redefine 'fixed'"):
        known.describe(_params("k: 1", "k: 1\nfixed: 2"))


def test_what_other_values_do_not_change_is_not_read_again(make_reader):
    known = make_reader(FILES)
    time.sleep(0.03)
    before = known.describe()

    after = known.describe(_params("lr: 0.1", "lr: 0.2"))

    for address in ("prepare", "train@x", "grid@1-a", "other/dvc.yaml:o"):
        # Only what names the changed file is made anew, and a file that does not read it is not even loaded.
        kept = after.get(address) is before.get(address)
        assert kept == (address in ("grid@1-a", "other/dvc.yaml:o"))
