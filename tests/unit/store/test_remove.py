"""Removing what a program has left."""

from __future__ import annotations

from pathlib import Path

from dvc_magic.store import remove_tree


def test_folders_without_permissions_are_removed_and_what_a_link_leads_to_is_not(tmp_path: Path) -> None:
    outside = tmp_path / "outside"
    outside.mkdir(mode=0o500)
    closed = tmp_path / "left" / "a" / "b"
    closed.mkdir(parents=True)
    (closed / "file").write_text("x")
    (closed / "link").symlink_to(outside)
    closed.chmod(0o000)
    closed.parent.chmod(0o500)

    remove_tree(tmp_path / "left")

    assert list(tmp_path.iterdir()) == [outside]
    assert outside.stat().st_mode & 0o777 == 0o500


def test_a_folder_that_is_not_there_is_no_error(tmp_path: Path) -> None:
    remove_tree(tmp_path / "nothing")
