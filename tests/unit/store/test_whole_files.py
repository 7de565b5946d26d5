from __future__ import annotations

import errno
import os
import re
import stat
import threading

import pytest

from dvc_magic.store import aside, cannot, is_full, write_whole
from dvc_magic.store.whole_files import ASIDE


def names(folder):
    return sorted(path.name for path in folder.iterdir())


def test_a_file_appears_whole_with_its_mode_whatever_the_umask(tmp_path):
    before = os.umask(0o777)
    try:
        write_whole(tmp_path / "a", b"content", mode=0o444, durable=True)
    finally:
        os.umask(before)
    assert (tmp_path / "a").read_bytes() == b"content"
    assert stat.S_IMODE((tmp_path / "a").stat().st_mode) == 0o444


def test_without_a_mode_a_file_has_the_rights_of_any_new_file(tmp_path):
    (tmp_path / "other").touch()
    with aside(tmp_path / "a", mode=None) as file:
        file.keep()
    assert (tmp_path / "a").stat().st_mode == (tmp_path / "other").stat().st_mode


def test_what_is_not_kept_is_gone_and_the_old_file_stays(tmp_path):
    (tmp_path / "a").write_text("old")
    with aside(tmp_path / "a") as file:
        file.write(b"new")
        assert ASIDE.fullmatch(file.path.name)
        assert len(names(tmp_path)) == 2
    assert (names(tmp_path), (tmp_path / "a").read_text()) == (["a"], "old")


def test_any_number_of_writers_write_one_file_at_once(tmp_path):
    failures = []

    def write(content):
        try:
            for _ in range(50):
                write_whole(tmp_path / "a", content)
        except OSError as error:
            failures.append(error)

    threads = [threading.Thread(target=write, args=(bytes([65 + n]) * 5000,)) for n in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert (failures, names(tmp_path)) == ([], ["a"])
    assert re.fullmatch(rb"(.)\1{4999}", (tmp_path / "a").read_bytes())


@pytest.mark.parametrize(
    ("code", "hint"),
    [
        (errno.ENOSPC, r"\d+ bytes are free there; make room, then try again\."),
        (errno.EDQUOT, "make room"),
        (errno.EROFS, "%env DVC_MAGIC_HOME=~/dvc_magic_runs, then %dvc_project"),
        (errno.EACCES, "a folder that you can write"),
        (errno.ENOLCK, "has no locks"),
        (errno.EIO, r"error\.$"),
    ],
)
def test_an_error_says_what_to_do_next(tmp_path, code, hint):
    error = OSError(code, os.strerror(code))
    message = str(cannot("write x", error, at=tmp_path / "not" / "there"))
    assert message.startswith(f"Cannot write x: {os.strerror(code)}.")
    assert re.search(hint, message)


def test_a_full_disk_is_told_behind_other_errors():
    error = ValueError("DVC failed")
    error.__cause__ = OSError(errno.ENOSPC, "No space left on device")
    assert is_full(error)
    assert not is_full(ValueError())
