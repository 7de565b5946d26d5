"""Makes the asset of a store: ``python -m tests.support.store_asset FILE.tar.gz``, once for each schema that changes.

What is in `tests/assets` was made so by the version whose stores it stands for, and is never made anew.
"""

from __future__ import annotations

import sys
import tarfile
import tempfile
from contextlib import suppress
from pathlib import Path

from dvc_magic.errors import RunFailedError
from dvc_magic.project import Project
from tests.support import projects
from tests.support.commands import dvc, git

FILES = {
    "dvc.yaml": """
stages:
  prepare:
    cmd: sh prepare.sh
    deps: [prepare.sh, raw.txt]
    params: [n]
    outs: [data]
  train:
    cmd: sh train.sh
    deps: [train.sh, data]
    params: [lr]
    outs: [model.txt]
    metrics: [m.json: {cache: false}]
  fail:
    cmd: "false"
    params: [lr]
""",
    "params.yaml": "n: 3\nlr: 0.5\n",
    "raw.txt": "raw\n",
    "prepare.sh": "mkdir data; for i in 1 2 3; do cat raw.txt params.yaml > data/$i; done\n",
    "train.sh": "cat data/* > model.txt; cat settings.ini >> model.txt; echo '{\"loss\": 0.25}' > m.json\n",
    "settings.ini": "read, but not declared\n",
    "dvc_magic.yaml": "operations:\n  count:\n    cmd: cat data/1 > count.txt\n    requires: [{dvcstage: prepare}]\n",
}
"""Stages of which `train` reads a file that it does not declare, one that fails, an operation."""


def make(target: Path) -> None:
    """Write a project with its store, in which four runs completed and one failed, as a tar file."""
    with tempfile.TemporaryDirectory() as folder:
        root = projects.create(Path(folder) / "project", files=FILES, template=_template(Path(folder)))
        with Project.open(root) as project:
            project.run("train", label="first", tags=("good",))
            project.run("train", {"lr": 0.1})
            project.run("op:count")
            with suppress(RunFailedError):
                project.run("fail")
        with tarfile.open(target, "w:gz") as tar:
            tar.add(root, "project", filter=_plain)


def _template(folder: Path) -> Path:
    template = folder / "template"
    template.mkdir()
    git(template, "init", "--quiet")
    dvc(template, "init", "--quiet")
    return template


def _plain(member: tarfile.TarInfo) -> tarfile.TarInfo | None:
    """Nobody's names, and nothing that comes back by itself."""
    member.uname = member.gname = ""
    member.uid = member.gid = 0
    is_left_out = member.name.endswith((".sqlite", ".sqlite-wal", ".sqlite-shm", "workers.log", ".sample"))
    return None if is_left_out else member


if __name__ == "__main__":
    make(Path(sys.argv[1]))
