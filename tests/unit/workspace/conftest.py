"""Fixtures of the workspace's tests: a committed git project, a store and a hash cache."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from dvc_magic.model.paths import StorePaths
from dvc_magic.store import RunStore
from dvc_magic.workspace import HashCache, take_snapshot
from tests.support import projects
from tests.support.commands import git


@pytest.fixture
def project(tmp_path: Path) -> Path:
    folder = tmp_path / "project"
    projects.write(folder, {"train.py": "print(1)\n", "src/model.py": "x = 1\n", ".gitignore": "/data\n/.dvc_magic\n"})
    git(folder, "init", "--quiet", "--initial-branch=main")
    git(folder, "add", "--all")
    git(folder, "commit", "--quiet", "--message", "Start")
    return folder


@pytest.fixture
def store(tmp_path: Path) -> StorePaths:
    return StorePaths(tmp_path / "store")


@pytest.fixture
def hashes(store: StorePaths) -> Iterator[HashCache]:
    cache = HashCache(store.hashes)
    yield cache
    cache.close()


@pytest.fixture
def snap(project: Path, store: StorePaths, hashes: HashCache) -> Callable[..., tuple]:
    """Takes a snapshot of the project; arguments as of `take_snapshot`, with nothing made or named by default."""

    def take(**options):
        return take_snapshot(project, RunStore(store.home), **{"outs": [], "named": [], "hashes": hashes} | options)

    return take
