from __future__ import annotations

import hashlib
import multiprocessing
import os
import sqlite3
import threading
import time
from pathlib import Path

import pytest

from dvc_magic.errors import ProjectError
from dvc_magic.model.paths import StorePaths
from dvc_magic.store import stat_table
from dvc_magic.workspace import HashCache, hash_cache
from dvc_magic.workspace.hash_cache import FileHash
from tests.support.limits import no_more_files

_LONG_AGO = 1_000_000_000_000_000_000


def _md5(content: bytes) -> str:
    return hashlib.md5(content).hexdigest()


@pytest.fixture
def file(tmp_path: Path) -> Path:
    path = tmp_path / "a b\n'\"ü.txt"
    path.write_bytes(b"one\r\n")
    return path


@pytest.fixture
def reads(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The paths that were really read; and every file is old enough to be remembered."""
    seen: list[str] = []
    original = hash_cache.hash_steady

    def counted(path):
        seen.append(path)
        return original(path)

    monkeypatch.setattr(hash_cache, "hash_steady", counted)
    monkeypatch.setattr(hash_cache, "_RACY_NS", 0)
    return seen


def test_a_hash_is_the_md5_of_the_bytes_and_their_number(hashes: HashCache, file: Path) -> None:
    assert hashes.md5(file) == FileHash(md5=_md5(b"one\r\n"), size=5)


def test_a_file_larger_than_a_chunk_is_hashed_whole(hashes: HashCache, tmp_path: Path) -> None:
    content = bytes(range(256)) * 8193
    large = tmp_path / "large"
    large.write_bytes(content)

    assert hashes.md5(large).md5 == _md5(content)


def test_an_unchanged_file_is_read_once(hashes: HashCache, file: Path, reads: list[str]) -> None:
    for _ in range(3):
        hashes.md5(file)

    assert reads == [str(file)]


def test_a_later_process_finds_what_an_earlier_one_kept(hashes: HashCache, file: Path, reads: list[str], store) -> None:
    hashes.md5(file)
    later = HashCache(store.hashes)

    assert later.md5(file).md5 == _md5(b"one\r\n")
    assert len(reads) == 1
    later.close()


def test_a_young_file_is_not_remembered(hashes: HashCache, file: Path, store) -> None:
    hashes.md5(file)

    assert sqlite3.connect(store.hashes).execute("SELECT count(*) FROM hashes").fetchone() == (0,)


def test_an_edit_of_the_same_size_with_its_mtime_restored_is_seen(hashes: HashCache, file: Path, reads) -> None:
    hashes.md5(file)
    before = file.stat()
    time.sleep(0.02)
    file.write_bytes(b"two\r\n")
    os.utime(file, ns=(before.st_atime_ns, before.st_mtime_ns))

    assert hashes.md5(file).md5 == _md5(b"two\r\n")


def test_a_file_put_in_the_place_of_another_is_seen(hashes: HashCache, file: Path, tmp_path: Path, reads) -> None:
    other = tmp_path / "other"
    for path, content in ((file, b"1"), (other, b"2")):
        path.write_bytes(content)
        os.utime(path, ns=(_LONG_AGO, _LONG_AGO))
    hashes.md5(file)
    other.replace(file)

    assert hashes.md5(file).md5 == _md5(b"2")


def test_many_files_are_hashed_at_once(hashes: HashCache, tmp_path: Path, reads: list[str]) -> None:
    files = [tmp_path / f"f{number}" for number in range(1203)]
    for number, path in enumerate(files):
        path.write_text(str(number))

    assert {path.name: found.md5 for path, found in hashes.md5_many(files).items()} == {
        f"f{number}": _md5(str(number).encode()) for number in range(1203)
    }
    assert hashes.md5_many(files)[files[7]].size == 1
    assert len(reads) == 1203


@pytest.mark.parametrize("damage", [b"", b"no database at all" * 100, None])
def test_a_damaged_file_starts_anew_without_a_word(damage: bytes | None, file: Path, store, reads) -> None:
    first = HashCache(store.hashes)
    first.md5(file)
    first.close()
    whole = store.hashes.read_bytes()
    store.hashes.write_bytes(damage if damage is not None else whole[:100] + b"\xff" * (len(whole) - 100))
    second = HashCache(store.hashes)

    assert second.md5(file).md5 == _md5(b"one\r\n")
    second.close()
    third = HashCache(store.hashes)
    third.md5(file)
    assert len(reads) == 2
    third.close()


def test_a_file_that_is_deleted_while_open_does_no_harm(hashes: HashCache, file: Path, tmp_path: Path, store) -> None:
    hashes.md5(file)
    store.hashes.unlink()
    other = tmp_path / "other"
    other.write_bytes(b"x")

    assert hashes.md5(other).size == 1


def test_a_file_that_another_process_locks_is_a_miss(
    hashes: HashCache, file: Path, tmp_path: Path, store, reads
) -> None:
    hashes.md5(file)
    blocker = sqlite3.connect(store.hashes, isolation_level=None)
    blocker.execute("BEGIN EXCLUSIVE")
    other = tmp_path / "other"
    other.write_bytes(b"x")

    assert hashes.md5(other).size == 1
    blocker.close()
    assert store.hashes.exists()


def test_a_folder_that_cannot_be_written_leaves_the_hashes_in_memory(tmp_path: Path, file: Path, reads) -> None:
    (tmp_path / "plain").write_text("")
    cache = HashCache(tmp_path / "plain" / "hashes.sqlite")

    assert [cache.md5(file).size for _ in range(2)] == [5, 5]
    assert len(reads) == 1
    cache.close()


def test_threads_may_share_it(hashes: HashCache, tmp_path: Path, reads) -> None:
    files = [tmp_path / f"f{number}" for number in range(50)]
    for path in files:
        path.write_text(path.name)
    found: list[dict] = []
    threads = [threading.Thread(target=lambda: found.append(hashes.md5_many(files))) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert len(found) == 8
    assert all(result == found[0] for result in found)


def test_a_fork_opens_the_file_for_itself(hashes: HashCache, file: Path, reads) -> None:
    hashes.md5(file)
    context = multiprocessing.get_context("fork")
    child = context.Process(target=lambda: os._exit(0 if hashes.md5(file).size == 5 else 1))
    child.start()
    child.join()

    assert child.exitcode == 0


def test_a_missing_file_says_so(hashes: HashCache, tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError):
        hashes.md5(tmp_path / "none")


def test_a_file_that_never_holds_still_is_an_error(hashes: HashCache, file: Path, monkeypatch) -> None:
    original = stat_table._hash_open_file

    def disturbed(descriptor, size):
        with file.open("ab") as stream:
            stream.write(b"more")
        return original(descriptor, size)

    monkeypatch.setattr(stat_table, "_hash_open_file", disturbed)
    with pytest.raises(ProjectError, match="keeps changing"):
        hashes.md5(file)


def test_a_file_that_cannot_be_opened_now_is_kept(
    hashes: HashCache, file: Path, reads: list[str], store: StorePaths
) -> None:
    os.utime(file, ns=(_LONG_AGO, _LONG_AGO))
    hashes.md5(file)
    hashes.close()
    inode = store.hashes.stat().st_ino
    with no_more_files(), pytest.raises(OSError, match="Too many open files"):
        HashCache(store.hashes).md5(file)
    assert store.hashes.stat().st_ino == inode
    del reads[:]
    HashCache(store.hashes).md5(file)
    assert reads == []
