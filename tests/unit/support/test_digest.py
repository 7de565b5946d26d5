from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.support.digest import changes, project_digest


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / ".git").mkdir()
    (tmp_path / ".git" / "index").write_bytes(b"index")
    (tmp_path / "params.yaml").write_text("lr: 1\n")
    (tmp_path / "link").symlink_to("params.yaml")
    return tmp_path


def _changes_after(folder: Path, act: Callable[[], object]) -> list[str]:
    before = project_digest(folder)
    act()
    return changes(before, project_digest(folder))


def test_an_untouched_folder_has_no_changes(folder: Path) -> None:
    assert _changes_after(folder, (folder / "params.yaml").read_text) == []


def test_the_run_store_may_come_and_change(folder: Path) -> None:
    def make_store() -> None:
        (folder / ".dvc_magic" / "runs").mkdir(parents=True)
        (folder / ".dvc_magic" / "counter").write_text("1")

    assert _changes_after(folder, make_store) == []


def test_a_store_below_the_top_is_no_exception(folder: Path) -> None:
    assert _changes_after(folder, (folder / ".git" / ".dvc_magic").mkdir) == [
        ".git: mtime",
        ".git/.dvc_magic: added",
    ]


def test_a_rewrite_with_the_same_bytes_shows_by_its_time(folder: Path) -> None:
    index = folder / ".git" / "index"

    assert _changes_after(folder, lambda: os.utime(index, ns=(1, 1))) == [".git/index: mtime"]


def test_same_size_edits_that_keep_the_time_show_by_content(folder: Path) -> None:
    params = folder / "params.yaml"

    def edit() -> None:
        mtime = params.stat().st_mtime_ns
        params.write_text("lr: 2\n")
        os.utime(params, ns=(mtime, mtime))

    assert _changes_after(folder, edit) == ["params.yaml: content"]


def test_modes_show(folder: Path) -> None:
    (folder / "params.yaml").chmod(0o644)

    assert _changes_after(folder, lambda: (folder / "params.yaml").chmod(0o600)) == ["params.yaml: mode 0o644 -> 0o600"]


def test_a_link_that_became_a_file_shows(folder: Path) -> None:
    def replace() -> None:
        (folder / "link").unlink()
        (folder / "link").write_text("lr: 1\n")

    assert _changes_after(folder, replace) == ["link: was a link, is a file"]


def test_what_was_removed_shows(folder: Path) -> None:
    assert _changes_after(folder, (folder / "link").unlink) == ["link: removed"]
