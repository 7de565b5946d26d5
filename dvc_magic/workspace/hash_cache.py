"""File hashes that an unchanged file gives for a stat."""

from __future__ import annotations

import os
import time
from collections.abc import Iterable, Mapping
from pathlib import Path

from msgspec import Struct

from dvc_magic.store import Facts, StatTable, file_facts, hash_steady

__all__ = ["FileHash", "HashCache"]

_RACY_NS = 2_000_000_000  # a younger file may change again without its times showing it


class FileHash(Struct, frozen=True, kw_only=True):
    """The md5 of a file's content, and its size in bytes."""

    md5: str
    size: int


def _is_racy(facts: Facts, now: int) -> bool:
    """Whether a file is so young that it may change again within one tick of its times."""
    _, _, mtime, ctime = facts
    return now - ctime < _RACY_NS or 0 <= now - mtime < _RACY_NS


class HashCache:
    """Hashes of the user's files by absolute path and stat; safe to use from several threads.

    Side effects: those of `StatTable`.
    """

    def __init__(self, path: Path) -> None:
        self._table = StatTable(path, "hashes")

    def md5(self, file: Path) -> FileHash:
        """The hash of one file; a symlink is followed.

        Raises:
            OSError: the file cannot be read. ProjectError: it never holds still.
        """
        return self.md5_many([file])[file]

    def md5_many(self, files: Iterable[Path]) -> dict[Path, FileHash]:
        """The hashes of many files, looked up and kept in one transaction each.

        Raises:
            OSError: a file cannot be read. ProjectError: one never holds still.
        """
        absolute = {file: os.path.abspath(file) for file in files}
        hashes = self.md5_known({path: os.stat(path) for path in absolute.values()})
        return {file: hashes[path] for file, path in absolute.items()}

    def md5_known(self, stats: Mapping[str, os.stat_result]) -> dict[str, FileHash]:
        """The hashes of files whose stats are at hand: absolute path -> hash; only a file not known is opened.

        Raises:
            OSError: a file cannot be read. ProjectError: one never holds still.
        """
        facts = {os.fsencode(path): file_facts(stat) for path, stat in stats.items()}
        md5s = self._table.matching(facts)
        fresh = {key: hash_steady(os.fsdecode(key)) for key in facts.keys() - md5s.keys()}
        self._keep(fresh)
        hashes = {key: FileHash(md5=md5, size=facts[key][1]) for key, md5 in md5s.items()}
        hashes |= {key: FileHash(md5=md5, size=steady[1]) for key, (steady, md5) in fresh.items()}
        return {path: hashes[os.fsencode(path)] for path in stats}

    def forget(self, path: str) -> None:
        """Drop what is known of one absolute path, so that it is read again."""
        self._table.drop([os.fsencode(path)])

    def close(self) -> None:
        """Close the file; the next use opens it again."""
        self._table.close()

    def _keep(self, fresh: Mapping[bytes, tuple[Facts, str]]) -> None:
        now = time.time_ns()
        steady = {key: row for key, row in fresh.items() if not _is_racy(row[0], now)}
        self._table.drop(fresh.keys() - steady.keys(), in_file=False)
        self._table.keep(steady)
