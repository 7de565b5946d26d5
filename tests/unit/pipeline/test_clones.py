from __future__ import annotations

import errno
import os
from pathlib import Path

import pytest
from dvc_objects.fs import system

from dvc_magic.pipeline.clones import without_vain_clones


def refusing(code, tried):
    def reflink(source, target):
        tried.append(source)
        Path(target).touch()
        raise OSError(code, os.strerror(code))

    return reflink


def test_where_clones_fail_dvc_tries_none_after_the_first(tmp_path, monkeypatch):
    tried: list[str] = []
    monkeypatch.setattr(system, "reflink", refusing(errno.EOPNOTSUPP, tried))
    mine = system.reflink
    for _ in range(3):
        with without_vain_clones(tmp_path, tmp_path), pytest.raises(OSError, match="not supported") as caught:
            system.reflink("a", "b")
        assert caught.value.errno == errno.ENOTSUP
        assert system.reflink is mine
    assert len(tried) == 1
    assert list(tmp_path.iterdir()) == []


def test_where_clones_work_dvc_makes_them(tmp_path, monkeypatch):
    made = []
    monkeypatch.setattr(system, "reflink", lambda *paths: made.append(paths[1]))
    with without_vain_clones(tmp_path, tmp_path):
        system.reflink("a", "b")
    assert made[-1] == "b"


@pytest.mark.parametrize("folder", [".", "missing"])
def test_what_cannot_be_tried_is_left_to_dvc_and_tried_again(tmp_path, monkeypatch, folder):
    tried: list[str] = []
    monkeypatch.setattr(system, "reflink", refusing(errno.ENOSPC, tried))
    mine = system.reflink
    for _ in range(2):
        with without_vain_clones(tmp_path / folder, tmp_path):
            assert system.reflink is mine
    assert len(tried) == (2 if folder == "." else 0)
