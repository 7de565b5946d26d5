"""Data that is only in a DVC remote, pulled for runs: by real projects, remotes and workers."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from dvc_magic.engine import Silent
from dvc_magic.errors import MissingInputError
from dvc_magic.model.inputs import PullProgress
from dvc_magic.project import Project
from tests.support.commands import dvc, git
from tests.support.digest import changes, project_digest

PIPELINE = """\
stages:
  prepare:
    cmd: python prepare.py
    deps: [prepare.py, data/raw.csv]
    outs: [clean.csv]
  train:
    cmd: python train.py
    deps: [train.py, clean.csv]
    params: [lr]
    metrics:
      - m.json: {cache: false}
  parts:
    cmd: cat folder/a.txt folder/sub/b.txt > parts.txt
    deps: [folder]
    outs: [parts.txt]
  one:
    cmd: cat folder/sub/b.txt > one.txt
    deps: [folder/sub/b.txt]
    outs: [one.txt]
  some:
    cmd: cat folder/sub/b.txt > some.txt
    deps: [folder/sub]
    outs: [some.txt]
"""
FILES = {
    "dvc.yaml": PIPELINE,
    "params.yaml": "lr: 0.5\n",
    "prepare.py": "open('clean.csv', 'w').write(open('data/raw.csv').read().upper())\n",
    "train.py": (
        "import json\ntext = open('clean.csv').read()\nopen('m.json', 'w').write(json.dumps({'n': len(text)}))\n"
    ),
    "data/raw.csv": "a,b\n1,2\n",
    "folder/a.txt": "A\n",
    "folder/sub/b.txt": "B\n",
}


@dataclass
class Watcher(Silent):
    """Keeps what is told of pulls."""

    pulls: list[PullProgress] = field(default_factory=list)

    def pulling(self, progress: PullProgress) -> None:
        """Keep it."""
        self.pulls.append(progress)


@pytest.fixture
def origin(make_project: Callable[..., Path]) -> Path:
    """A project whose data is pushed to the folder ``storage`` beside it, by a relative url; nothing was run in it."""
    project = make_project(FILES, name="origin", track=["data/raw.csv", "folder"])
    dvc(project, "remote", "add", "--quiet", "-d", "storage", "../storage")
    dvc(project, "push", "--quiet")
    git(project, "commit", "--quiet", "-am", "Name the remote")
    return project


@pytest.fixture
def opened(clone: Callable[..., Path], origin: Path) -> Iterator[Project]:
    """The project of a fresh clone: data neither in the workspace nor in the cache."""
    with Project.open(clone(origin)) as project:
        yield project


def objects(project: Project) -> set[str]:
    """The objects of the runs' cache."""
    top = project.store.paths.cache / "files/md5"
    return {path.relative_to(top).as_posix().replace("/", "") for path in top.rglob("*") if path.is_file()}


def calls(project: Project, stage: str, params: dict[str, Sequence[object]] | None = None) -> Watcher:
    """A call, and what was told of pulls."""
    watcher = Watcher()
    changes = {key: list(values) for key, values in (params or {}).items()}
    request = project._request(
        stage, changes, use=None, upstream="auto", copy_paths=(), timeout=None, label="", tags=(), jobs=1
    )
    project.start(request, observer=watcher)
    return watcher


def remote_object(origin: Path, md5: str) -> Path:
    """The file of an object in the remote."""
    return origin.parent / "storage/files/md5" / md5[:2] / md5[2:]


def test_a_tracked_file_is_pulled_and_the_project_stays_as_it_was(opened):
    before = project_digest(opened.root)

    run = opened.run("prepare")

    assert Path(run.outs["clean.csv"]).read_text() == "A,B\n1,2\n"
    dep = run.deps["data/raw.csv"]
    assert (dep.source, dep.origin) == ("dvcfile", "data/raw.csv.dvc from remote 'storage'")
    assert changes(before, project_digest(opened.root)) == []


@pytest.mark.parametrize(("stage", "expected"), [("parts", "A\nB\n"), ("one", "B\n"), ("some", "B\n")])
def test_a_tracked_directory_is_pulled_whole_or_in_part(opened, stage, expected):
    run = opened.run(stage)

    assert Path(run.outs[f"{stage}.txt"]).read_text() == expected
    assert ("bf072e9119077b4e76437a93986787ef" in objects(opened)) == (stage == "parts")  # a.txt


def test_what_the_runs_cache_has_is_not_pulled_again(opened, origin):
    opened.run("prepare")
    shutil.rmtree(origin.parent / "storage")

    assert calls(opened, "prepare").pulls == []
    assert calls(opened, "train", {"lr": [0.1, 0.2]}).pulls == []
