"""A reader that knows a project answers for other values as one that reads it for the first time."""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from dvc_magic.errors import ParamError, PipelineError
from dvc_magic.model.stage import Pipeline
from dvc_magic.pipeline import ParamValues, ProjectReader
from dvc_magic.workspace.param_files import ParamFile, ValueChange

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
        # One that names the changed file and has the same values is the same object all the same: each stage of a grid
        # crosses to the host once. A file that does not read it is not even loaded.
        kept = after.get(address) is before.get(address)
        assert kept == (address != "train@x")


def _known(files: dict[str, ParamFile], changes: list[tuple[str, str, object]]) -> Any:
    written = {
        file: files[file].with_changes(
            [ValueChange(key=key, value=value) for name, key, value in changes if name == file]
        )
        for file in {name for name, _, _ in changes}
    }
    overlay = {file: one.text.encode() for file, one in written.items()}
    return overlay, {
        file: ParamValues(one.values, None if one.paths is None else frozenset(str(path[0]) for path in one.paths))
        for file, one in written.items()
        if one.values is not None
    }


def _outcome(describe: Callable[[], Pipeline]) -> Pipeline | str:
    try:
        return describe()
    except PipelineError as error:
        return str(error)


KEYS = [
    ("params.yaml", "k"),
    ("params.yaml", "lr"),
    ("params.yaml", "seeds"),
    ("params.yaml", "seeds.0"),
    ("params.yaml", "prep.a"),
    ("params.yaml", "models.x.lr"),
    ("params.yaml", "out"),
    ("params.yaml", "unused"),
    ("params.yaml", "7"),
    ("conf/vars.yaml", "conf.depth"),
    ("conf/vars.yaml", "free"),
    ("extra.toml", "e"),
    ("other/params.yaml", "z"),
    ("own/v.yaml", "v"),
    ("own/params.yaml", "q"),
    ("item/params.yaml", "m"),
    ("item/params.yaml", "s"),
    ("listed.yaml", "d.e"),
]
VALUES = st.sampled_from([1, 2, 1.0, 0.5, True, None, "lib", "a: b", [3], "${k}"])


@settings(max_examples=25, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    points=st.lists(st.lists(st.tuples(st.sampled_from(KEYS), VALUES), min_size=1, max_size=3), min_size=1, max_size=4)
)
def test_values_that_are_known_give_the_stages_that_their_texts_give(make_reader, points):
    texts = {
        **FILES,
        "params.yaml": PARAMS + "unused: 1\n7: x\n",
        "listed.yaml": "d: {e: 1}\nf: no\n",
        "own/dvc.yaml": FILES["own/dvc.yaml"] + "  x:\n    cmd: x\n    params: [q]\n",
        "last/dvc.yaml": "params: [../listed.yaml]\n"
        "stages:\n  l:\n    cmd: x\n    params: [../params.yaml: ['07', lr]]\n",
    }
    known = make_reader(texts)
    time.sleep(0.03)
    files = {file: ParamFile(texts[file], Path(file).suffix, path=file) for file in {name for name, _ in KEYS}}
    known.describe()
    for point in points:
        try:
            overlay, params = _known(files, [(file, key, value) for (file, key), value in point])
        except ParamError:  # the file cannot take the value
            continue
        found = _outcome(lambda overlay=overlay, params=params: known.describe(overlay, params=params))
        plain = _outcome(lambda overlay=overlay: ProjectReader(known.root, known.store).describe(overlay))
        assert found == plain
        assert repr(found) == repr(plain)  # with the types of all values
