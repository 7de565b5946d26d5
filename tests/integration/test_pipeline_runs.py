"""A stage cut out of its project, executed and finished, ends with the lock that DVC itself writes."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
from ruamel.yaml import YAML

from dvc_magic.model.stage import Pipeline, Stage
from dvc_magic.pipeline import (
    Finished,
    ProjectReader,
    RunRepo,
    command_environment,
    preload,
    run_config,
    shell_argv,
    stage_files,
    status_clean,
    with_cache,
)
from dvc_magic.store import RunStore
from tests.support.commands import dvc, dvc_status_code
from tests.support.digest import changes, project_digest
from tests.support.locks import clean_clone
from tests.support.projects import ALL, SampleProject

pytestmark = pytest.mark.integration

MakeProject = Callable[..., Path]

ODD = SampleProject(
    name="odd",
    files={
        "dvc.yaml": """\
stages:
  list:
    foreach: [a, "0.5", 0.00001, true, "no", "1e-5"]
    do:
      cmd: python write.py list_${item}.txt ${item}
      deps: [write.py]
      outs: ["list_${item}.txt"]
  maps:
    foreach: ${maps}
    do:
      cmd: python write.py maps_${item.m}.txt '${item.q}' \\${HOME}
      outs: ["maps_${item.m}.txt"]
  keyed:
    foreach: {2020: {a: 1e-05}, "x-0.1": {a: null}}
    do:
      cmd: python write.py keyed_${key}.txt ${item.a}
      outs: ["keyed_${key}.txt"]
  mat:
    matrix:
      m: [x, "no"]
      g: ${grid}
      d: [{q: 1}, {q: "2"}]
    cmd: python write.py mat_${key}.txt ${item.m} ${item.g} ${item.d.q}
    outs: ["mat_${key}.txt"]
  args:
    cmd: python write.py args.txt ${train}
    deps: [write.py, data]
    params: [train, whole.yaml: , settings.py: [T, Train]]
    outs: [args.txt]
  lines:
    wdir: deep/er
    frozen: false
    cmd: |
      python ../../write.py one.txt
      python ../../write.py two.txt
    deps: [../../write.py, ../../data/n/2.txt]
    params:
      - ../../params.yaml: [small]
    outs:
      - one.txt: {persist: true, push: false}
      - two.txt: {cache: false}
  own:
    vars: [more.json]
    cmd: python write.py own.txt ${more.text} ${more}
    outs: [own.txt]
""",
        "params.yaml": """\
small: 0.00001
maps: [{m: p, q: "${HOME}"}, {m: r, q: "1e-5"}]
grid: [0.1, 0.00001]
train: {epochs: 3, layers: [1, 2], flag: true, name: "yes"}
""",
        "whole.yaml": 'a: {b: 1}\nc: "no"\nd: [1, "2"]\n',
        "settings.py": 'T = (1, 2)\nclass Train:\n    S = "s"\n',
        "more.json": '{"more": {"text": "t"}}',
        "write.py": "import pathlib, sys\npathlib.Path(sys.argv[1]).write_text(' '.join(sys.argv))\n",
        "data/1.txt": "1\n",
        "data/n/2.txt": "2\n",
        "deep/er/.gitkeep": "",
    },
    track=("data",),
    stages={"dvc.yaml": ()},
    target="args",
    edit={},
    override="",
    rerun=(),
)
SAMPLES = pytest.mark.parametrize("sample", [*ALL, ODD], ids=[sample.name for sample in [*ALL, ODD]])


def _locks(folder: Path) -> dict[str, dict[str, object]]:
    """The stages of each dvc.lock, read as YAML 1.2, which DVC writes."""
    return {
        lock.with_suffix(".yaml").relative_to(folder).as_posix(): YAML(typ="safe").load(lock)["stages"]
        for lock in folder.rglob("dvc.lock")
    }


def _workspace(reader: ProjectReader, pipeline: Pipeline, stage: Stage, *, target: Path, done: Path) -> Path:
    """A run's workspace made by hand: the clone in which everything ran, less its outs and its DVC files."""
    skip = shutil.ignore_patterns(
        ".git", ".dvc", "dvc.yaml", "dvc.lock", "*.dvc"
    )  # DVC hashes a .gitignore that it writes into a dep
    shutil.copytree(done, target, ignore=skip)
    for out in stage.outs:
        place = target / out.path
        shutil.rmtree(place) if place.is_dir() else place.unlink()
    file = target / stage.dvcfile
    file.write_text(stage_files(stage, pipeline.file(stage.dvcfile)))
    (target / ".dvc").mkdir()
    cache = os.path.relpath(target.parent / "cache", target / ".dvc")
    (target / ".dvc" / "config.local").write_text(with_cache(run_config(reader), cache))
    return target


def _execute(stage: Stage, root: Path, site: Path) -> Finished:
    env = command_environment(stage, root, os.environ)
    env["PATH"] = f"{Path(sys.executable).parent}{os.pathsep}{env['PATH']}"
    run = RunRepo(root, site)
    for command in stage.commands:
        subprocess.run(shell_argv(command, env), cwd=root / stage.wdir, env=env, check=True)
    run.load(stage.dvcfile, stage.name)
    return run.finish(RunStore(root.parent).cache)


@SAMPLES
def test_every_stage_alone_gets_the_lock_of_dvc_repro_and_is_clean(
    make_project: MakeProject, tmp_path: Path, sample: SampleProject
) -> None:
    preload()
    project = make_project(sample.files, name=sample.name, track=sample.track)
    done = clean_clone(project, target=tmp_path / "done")
    dvc(done, "repro", "--all-pipelines")
    reader = ProjectReader(project, RunStore(tmp_path / "store"))
    pipeline = reader.describe()
    expected = _locks(done)
    assert {(stage.dvcfile, stage.name) for stage in pipeline.stages} == {
        (path, name) for path, entries in expected.items() for name in entries
    }

    for at, stage in enumerate(pipeline.stages):
        root = _workspace(reader, pipeline, stage, target=tmp_path / f"run{at}", done=done)
        finished = _execute(stage, root, tmp_path / "site")
        lock = expected[stage.dvcfile][stage.name]
        assert finished.lock == lock
        assert finished.locked == stage.locked == lock.get("params", {})
        assert _locks(root) == {stage.dvcfile: {stage.name: lock}}
        assert status_clean(root)
    assert dvc_status_code(root) == 0


@SAMPLES
def test_describing_a_fresh_clone_changes_no_byte_of_it(
    make_project: MakeProject, clone: MakeProject, tmp_path: Path, sample: SampleProject
) -> None:
    fresh = clone(make_project(sample.files, name=sample.name, track=sample.track))
    before = project_digest(fresh)
    reader = ProjectReader(fresh, RunStore(tmp_path / "store"))

    pipeline = reader.describe()
    reader.describe({path: (fresh / path).read_bytes() + b"\n" for path in sample.edit})
    reader.inputs([dep.path for stage in pipeline.stages for dep in stage.deps], lambda _: ("0" * 32, 0))
    run_config(reader)

    assert changes(before, project_digest(fresh)) == []


def test_inputs_have_the_hashes_that_dvc_writes_into_its_lock(make_project: MakeProject, tmp_path: Path) -> None:
    import hashlib

    project = make_project(ODD.files, name="odd", track=ODD.track)
    dvc(project, "repro", "--all-pipelines")
    reader = ProjectReader(project, RunStore(tmp_path / "store"))

    def hash_file(path: Path) -> tuple[str, int]:
        return hashlib.md5(path.read_bytes()).hexdigest(), path.stat().st_size

    stage = reader.describe().get("args")
    assert stage is not None
    assert stage.lock is not None
    locked = {entry["path"]: (entry["md5"], entry["size"]) for entry in stage.lock["deps"]}
    workspace = reader.inputs(["data", "write.py"], hash_file)
    assert {path: (facts.hash, facts.size) for path, facts in workspace.items()} == locked
    assert (workspace["data"].origin, workspace["data"].differs) == ("project", False)

    shutil.rmtree(project / "data")
    cached = reader.inputs(["data", "data/n/2.txt", "data/n"], hash_file)
    assert (cached["data"].hash, cached["data"].size, cached["data"].files) == (*locked["data"], 2)
    assert [facts.origin for facts in cached.values()] == ["cache", "cache", "cache"]
    assert cached["data/n"].hash.endswith(".dir")
