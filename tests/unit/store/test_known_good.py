"""What is known of content, by the stat at which it was last good."""

from __future__ import annotations

import fcntl
import hashlib
import os
import threading
from collections.abc import Callable
from pathlib import Path

import pytest

from dvc_magic.model.paths import StorePaths
from dvc_magic.store import KnownGood, RunStore
from dvc_magic.store import stat_table as tables

CONTENT = b"content"
MD5 = hashlib.md5(CONTENT).hexdigest()
OTHER = CONTENT.swapcase()


@pytest.fixture
def paths(tmp_path: Path) -> StorePaths:
    return StorePaths(tmp_path / "store")


@pytest.fixture
def file(tmp_path: Path) -> str:
    """A file that was known to be good, but for what a test does to it."""
    path = tmp_path / "file"
    path.write_bytes(CONTENT)
    return os.fspath(path)


@pytest.fixture
def known(paths: StorePaths, file: str) -> KnownGood:
    table = KnownGood(paths)
    table.note({file: MD5})
    return table


def _forge(file: str) -> None:
    """Other bytes of the same size, with the mtime as it was."""
    before = Path(file).stat()
    Path(file).write_bytes(OTHER)
    os.utime(file, ns=(before.st_atime_ns, before.st_mtime_ns))


def _recopy(file: str) -> None:
    Path(file).rename(f"{file}.old")
    Path(file).write_bytes(CONTENT)


def test_a_file_with_the_known_stat_is_not_read(known: KnownGood, file: str) -> None:
    assert known.altered({file: MD5}) == {}
    assert known.doubtful({file: MD5}) == []
    assert known.hashed == 0


@pytest.mark.parametrize(
    "doubt", [os.utime, lambda file: Path(file).chmod(0o600), _recopy], ids=["touch", "mode", "copy"]
)
def test_after_a_doubt_a_good_file_is_hashed_once(known: KnownGood, file: str, doubt: Callable[[str], None]) -> None:
    doubt(file)
    assert known.doubtful({file: MD5}) == [file]
    for _ in range(3):
        assert known.altered({file: MD5}) == {}

    assert known.hashed == len(CONTENT)


def test_other_bytes_of_the_same_size_and_mtime_are_found(known: KnownGood, file: str) -> None:
    _forge(file)

    assert "its md5 is" in known.altered({file: MD5})[file]
    assert known.altered({file: hashlib.md5(OTHER).hexdigest()}) == {}


def test_what_is_gone_or_no_file_is_said_in_words(known: KnownGood, file: str, tmp_path: Path) -> None:
    (tmp_path / "link").symlink_to(file)
    asked = {str(tmp_path / "none"): MD5, str(tmp_path / "link"): MD5, str(tmp_path): MD5, f"{file}/below": MD5}

    assert list(known.altered(asked).values()) == ["is gone", "is a link now", "is no file any more", "is gone"]


def test_a_hardlink_and_its_file_are_one(known: KnownGood, file: str, tmp_path: Path) -> None:
    link = str(tmp_path / "link")
    os.link(file, link)
    known.note({file: MD5})

    assert known.altered({file: MD5, link: MD5}) == {}
    assert known.hashed == 0


def test_another_process_knows_what_was_noted_for_all(known: KnownGood, file: str, paths: StorePaths) -> None:
    os.utime(file)
    known.note({file: MD5}, in_file=False)
    assert KnownGood(paths).doubtful({file: MD5}) == [file]

    known.note({file: MD5})
    other = KnownGood(paths)
    assert other.altered({file: MD5}) == {}
    assert other.hashed == 0


def test_what_another_process_noted_later_counts(known: KnownGood, file: str, paths: StorePaths) -> None:
    other = KnownGood(paths)
    assert other.doubtful({file: MD5}) == []
    os.utime(file)
    known.note({file: MD5})

    assert other.altered({file: MD5}) == {}
    assert other.hashed == 0


def test_a_file_that_cannot_be_read_is_not_good(known: KnownGood, file: str, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: object) -> None:
        raise OSError(5, "Input/output error")

    os.utime(file)
    monkeypatch.setattr("dvc_magic.store.known_good.hash_steady", refuse)

    assert known.altered({file: MD5}) == {file: "cannot be read: Input/output error"}
    monkeypatch.undo()
    assert known.altered({file: MD5}) == {}


def test_after_another_boot_what_was_noted_shortly_before_is_hashed_again(
    paths: StorePaths, file: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    old = tmp_path / "old"
    old.write_bytes(CONTENT)
    before = KnownGood(paths, boot_id="one")
    with monkeypatch.context() as patch:
        patch.setattr(tables.time, "time_ns", lambda: 1_000_000_000_000)
        before.note({os.fspath(old): MD5})
        patch.setattr(tables.time, "time_ns", lambda: 1_400_000_000_000)
        before.note({file: MD5})
    before.close()
    assert KnownGood(paths, boot_id="one").doubtful({file: MD5, os.fspath(old): MD5}) == []
    after = KnownGood(paths, boot_id="two")

    assert after.doubtful({file: MD5, os.fspath(old): MD5}) == [file]


def test_a_damaged_table_starts_anew(paths: StorePaths, file: str) -> None:
    paths.home.mkdir()
    paths.hashes.write_bytes(b"no database at all" * 1000)
    known = KnownGood(paths)

    assert known.altered({file: MD5}) == {}
    assert known.altered({file: MD5}) == {}
    assert known.hashed == len(CONTENT)


def test_one_process_at_a_time_links_an_object(known: KnownGood, paths: StorePaths) -> None:
    steps: list[str] = []

    def link() -> None:
        with KnownGood(paths).locked([MD5]):
            steps.append("second")

    with known.locked([MD5, "0" * 32]):
        thread = threading.Thread(target=link)
        thread.start()
        thread.join(0.2)
        steps.append("first")
    thread.join()

    assert steps == ["first", "second"]


def test_without_locks_things_go_on(known: KnownGood, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: object) -> None:
        raise OSError(37, "No locks available")

    monkeypatch.setattr(fcntl, "flock", refuse)
    with known.locked([MD5]):
        pass


class TestObjects:
    """The folders of content."""

    @pytest.fixture
    def store(self, tmp_path: Path) -> RunStore:
        return RunStore.open(tmp_path / "store")

    def test_what_was_put_is_there_read_only_and_not_read_again(self, store: RunStore, file: str) -> None:
        assert store.cache.put({MD5: file}) == []
        kept = Path(store.cache.path(MD5))

        assert (kept.read_bytes(), kept.stat().st_mode & 0o777) == (CONTENT, 0o444)
        assert store.cache.lacking([MD5]) == []
        assert store.known.hashed == 0

    def test_a_source_with_other_content_is_named_and_not_kept(self, store: RunStore, file: str) -> None:
        _forge(file)

        assert store.cache.put({MD5: file}) == [MD5]
        assert [path for path in store.paths.cache_objects.rglob("*") if path.is_file()] == []

    def test_an_object_that_is_just_being_made_is_waited_for(self, store: RunStore) -> None:
        kept = Path(store.cache.path(MD5))
        kept.parent.mkdir(parents=True)
        answers: list[list[str]] = []
        with store.known.locked([MD5]):
            kept.touch()  # as DVC does before it fills it
            thread = threading.Thread(target=lambda: answers.append(RunStore(store.home).cache.lacking([MD5])))
            thread.start()
            thread.join(0.2)
            kept.write_bytes(CONTENT)
            assert store.cache.lacking([MD5]) == []  # whoever holds the lock may ask as well
        thread.join()

        assert answers == [[]]
        assert not store.paths.quarantine.exists() or not list(store.paths.quarantine.iterdir())

    @pytest.mark.parametrize("content", [b"", OTHER, b"longer than before"])
    def test_a_damaged_object_is_set_aside_and_put_anew(self, store: RunStore, file: str, content: bytes) -> None:
        store.cache.put({MD5: file})
        kept = Path(store.cache.path(MD5))
        kept.unlink()
        kept.write_bytes(content)
        kept.chmod(0o444)

        assert store.cache.put({MD5: file}) == []
        assert kept.read_bytes() == CONTENT
        assert [path.read_bytes() for path in store.paths.quarantine.rglob("*") if path.is_file()] == [content]
        assert store.paths.quarantine.stat().st_mode & 0o777 == 0o700
