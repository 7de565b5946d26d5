"""Small DVC projects without git, which DVC opens in milliseconds."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Mapping
from pathlib import Path

import pytest

from dvc_magic.pipeline import ProjectReader
from dvc_magic.store import RunStore
from tests.support.projects import write

MakeReader = Callable[..., ProjectReader]


@pytest.fixture
def make_reader(tmp_path: Path) -> MakeReader:
    """A factory of readers of new projects: path -> content; `config` is appended to ``.dvc/config``."""

    def make(files: Mapping[str, str | bytes], *, config: str = "") -> ProjectReader:
        root = tmp_path / "project"
        write(root, {".dvc/config": f"[core]\n    no_scm = true\n{config}", **files})
        return ProjectReader(root, RunStore(tmp_path / "store"))

    return make


@pytest.fixture
def hash_file() -> Callable[[Path], tuple[str, int]]:
    """The md5 and the size of a file."""

    def hashed(path: Path) -> tuple[str, int]:
        content = path.read_bytes()
        return hashlib.md5(content).hexdigest(), len(content)

    return hashed
