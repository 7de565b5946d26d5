"""DVC's file system as we give it to DVC: what it reads and lists leaves no trace in access times."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from dvc_magic.pipeline.rooted import RootedFileSystem
from tests.support.projects import write

unseen = pytest.mark.skipif(not hasattr(os, "O_NOATIME"), reason="no such flag here: DVC's own look counts")


@pytest.fixture
def root(tmp_path: Path) -> Path:
    write(tmp_path, {"a.txt": "a", "sub/b.txt": "b", "sub/deep/c.txt": "c"})
    (tmp_path / "link").symlink_to("sub")
    (tmp_path / "nowhere").symlink_to("missing")
    (tmp_path / "loop").symlink_to("loop")
    return tmp_path


def test_a_walk_is_that_of_the_system(root: Path) -> None:
    def listed(walk: object) -> list[tuple[str, list[str], list[str]]]:
        return sorted((folder, sorted(folders), sorted(files)) for folder, folders, files in walk)

    file_system = RootedFileSystem(root)

    assert listed(file_system.walk(os.fspath(root))) == listed(os.walk(root))
    assert listed(file_system.walk(os.fspath(root / "missing"))) == []
    for _, folders, _ in file_system.walk(os.fspath(root)):
        assert folders != ["deep"]
        folders.clear()  # what is taken out of the list is not entered


@unseen
def test_a_walk_leaves_the_access_times_of_folders_alone(root: Path) -> None:
    folders = [root, root / "sub", root / "sub/deep"]
    for folder in folders:
        os.utime(folder, ns=(0, folder.stat().st_mtime_ns))

    list(RootedFileSystem(root).walk(os.fspath(root)))

    assert [folder.stat().st_atime_ns for folder in folders] == [0, 0, 0]
