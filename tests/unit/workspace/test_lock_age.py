from __future__ import annotations

import os
from pathlib import Path

import pytest

from dvc_magic.workspace import changed_since_lock
from tests.support.commands import git
from tests.support.projects import write


@pytest.fixture
def locked(project: Path) -> Path:
    write(project, {"dvc.lock": "schema: '2.0'\n", "same.py": ""})
    git(project, "add", "--all")
    git(project, "commit", "--quiet", "-m", "lock")
    return project


def test_sources_that_differ_from_the_locks_commit_are_told(locked: Path, snap) -> None:
    os.utime(locked / "same.py")
    (locked / "train.py").write_text("committed later")
    git(locked, "commit", "--quiet", "-am", "later")
    write(locked, {"src/model.py": "not committed", "new.py": ""})

    assert set(changed_since_lock(locked, "dvc.lock", snap()[0])) == {"train.py", "src/model.py", "new.py"}


def test_a_lock_that_is_not_committed_is_compared_by_time(locked: Path, snap) -> None:
    (locked / "dvc.lock").write_text("schema: '2.0'\nstages: {}\n")
    written = (locked / "dvc.lock").stat().st_mtime_ns
    os.utime(locked / "train.py", ns=(written + 1, written + 1))
    os.utime(locked / "same.py", ns=(written - 1, written - 1))

    assert changed_since_lock(locked, "dvc.lock", snap()[0]) == ("train.py",)


def test_without_a_lock_nothing_changed_since(project: Path, snap) -> None:
    assert changed_since_lock(project, "dvc.lock", snap()[0]) == ()


def test_asking_what_changed_neither_writes_the_index_nor_minds_files_that_were_touched(locked: Path, snap) -> None:
    index = locked / ".git" / "index"
    for path in locked.rglob("*.py"):
        os.utime(path, ns=(10**18, 10**18))
    snapshot = snap()[0]
    before = (index.read_bytes(), index.stat().st_mtime_ns)

    assert changed_since_lock(locked, "dvc.lock", snapshot) == ()
    assert (index.read_bytes(), index.stat().st_mtime_ns) == before


def test_a_file_that_was_staged_and_one_that_was_committed_are_both_told_of_once(locked: Path, snap) -> None:
    (locked / "train.py").write_text("committed later")
    git(locked, "commit", "--quiet", "-am", "later")
    write(locked, {"train.py": "and edited since", "src/model.py": "staged"})
    git(locked, "add", "src/model.py")

    assert sorted(changed_since_lock(locked, "dvc.lock", snap()[0])) == ["src/model.py", "train.py"]


def test_a_lock_that_is_staged_and_not_committed_is_compared_by_time(locked: Path, snap) -> None:
    (locked / "dvc.lock").write_text("schema: '2.0'\nstages: {}\n")
    git(locked, "add", "dvc.lock")
    for path in locked.rglob("*.py"):
        os.utime(path, ns=(10**18, 10**18))

    assert changed_since_lock(locked, "dvc.lock", snap()[0]) == ()


def test_gits_own_settings_change_nothing_about_the_answer(locked: Path, snap) -> None:
    for name, value in (("log.showSignature", "true"), ("diff.noprefix", "true"), ("diff.external", "/bin/false")):
        git(locked, "config", name, value)
    (locked / "train.py").write_text("edited")

    assert changed_since_lock(locked, "dvc.lock", snap()[0]) == ("train.py",)
