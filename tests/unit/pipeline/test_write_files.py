from __future__ import annotations

import re

import pytest

from dvc_magic.errors import ProjectError
from dvc_magic.model.promotion import FileChange
from dvc_magic.pipeline import write_files as module
from dvc_magic.pipeline.write_files import write_files


def _names(root):
    return sorted(path.relative_to(root).as_posix() for path in root.rglob("*"))


def _then_fails(place):
    """A change that cannot be made: a link to nowhere is in the way."""
    place.symlink_to("nowhere")
    return FileChange(path=place.name, after="x", before="y")


def test_files_are_made_and_changed(tmp_path):
    (tmp_path / "a").write_text("old")
    write_files(tmp_path, [FileChange(path="a", after="new", before="old"), FileChange(path="b/c.py", after="c")])
    assert ((tmp_path / "a").read_text(), (tmp_path / "b/c.py").read_text()) == ("new", "c")
    assert _names(tmp_path) == ["a", "b", "b/c.py"]


def test_a_new_file_has_the_rights_that_any_new_file_has(tmp_path):
    (tmp_path / "other").write_text("x")
    write_files(tmp_path, [FileChange(path="a", after="x")])
    assert (tmp_path / "a").stat().st_mode == (tmp_path / "other").stat().st_mode


@pytest.mark.parametrize("links", [True, False])
def test_a_new_file_is_whole_from_the_beginning_and_takes_no_other_ones_place(tmp_path, monkeypatch, links):
    def come_first(*_, **__):
        (tmp_path / "a").write_text("theirs")
        raise FileExistsError(17, "File exists", "a") if links else PermissionError(1, "Operation not permitted")

    monkeypatch.setattr(module.os, "link", come_first)
    with pytest.raises(ProjectError, match=r"a cannot be written \(File exists\); everything is as it was"):
        write_files(tmp_path, [FileChange(path="a", after="ours")])
    assert (tmp_path / "a").read_text() == "theirs"
    assert _names(tmp_path) == ["a"]


def test_a_file_system_without_links_gets_new_files_too(tmp_path, monkeypatch):
    def refuse(*_, **__):
        raise PermissionError(1, "Operation not permitted")

    monkeypatch.setattr(module.os, "link", refuse)
    write_files(tmp_path, [FileChange(path="a", after="x")])
    assert (_names(tmp_path), (tmp_path / "a").read_text()) == (["a"], "x")


def test_what_can_be_put_back_is_when_something_else_cannot(tmp_path, monkeypatch):
    (tmp_path / "kept").write_text("old")
    before = (tmp_path / "kept").stat().st_mtime_ns
    bad = _then_fails(tmp_path / "z")
    unlink = module.Path.unlink

    def stubborn(self, *args, **kwargs):
        if self.name == "stuck.py":
            raise PermissionError(13, "Permission denied", str(self))
        unlink(self, *args, **kwargs)

    monkeypatch.setattr(module.Path, "unlink", stubborn)
    changes = [FileChange(path="kept", after="new", before="old"), FileChange(path="d/stuck.py", after="x"), bad]
    message = r"z cannot be written \(.*\); d/stuck.py, d could not be put back: see git status, and take away"
    with pytest.raises(ProjectError, match=message):
        write_files(tmp_path, changes)
    assert ((tmp_path / "kept").read_text(), (tmp_path / "kept").stat().st_mtime_ns) == ("old", before)


def test_a_file_that_somebody_changed_is_told_with_what_could_not_be_put_back(tmp_path, monkeypatch):
    (tmp_path / "a").write_text("theirs")
    monkeypatch.setattr(module.Path, "rmdir", lambda self: (self / "gone").stat())
    with pytest.raises(ProjectError, match=re.escape("a was changed by somebody else just now; promote again")) as told:
        write_files(tmp_path, [FileChange(path="d/b", after="b"), FileChange(path="a", after="x", before="old")])
    assert "; d could not be put back" in str(told.value)
    assert not (tmp_path / "d/b").exists()
