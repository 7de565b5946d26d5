"""The answers that spare DVC a hash: the md5 of files that the run has placed or hashed itself."""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator
from typing import Any

from dvc_data.hashfile.hash_info import HashInfo
from dvc_data.hashfile.meta import Meta
from dvc_data.hashfile.state import StateNoop

from dvc_magic.store import KnownGood


class KnownState(StateNoop):
    """DVC's table of hashes by stat, without a table of its own.

    DVC's own compares inode, mtime and size; this one the ctime as well. Links are hashed, as their stat is not that of
    what they lead to.
    """

    def __init__(self, root: str, known: KnownGood) -> None:
        self._root = root  # paths may be relative to it
        self._known = known

    def get(self, path: str, fs: Any, info: dict[str, Any] | None = None) -> Any:
        """What DVC asks of one file: its meta and hash, or two times None."""
        if fs.protocol != "local":
            return None, None
        md5 = self._known.md5(os.lstat(os.path.join(self._root, path)))
        return (Meta.from_info(info or fs.info(path)), HashInfo("md5", md5)) if md5 else (None, None)

    def get_many(self, items: Iterable[str], fs: Any, infos: dict[str, dict[str, Any]]) -> Iterator[Any]:
        """The same of many files."""
        for path in items:
            yield (path, *self.get(path, fs, infos.get(path)))

    def save(self, path: str, fs: Any, hash_info: Any, info: dict[str, Any] | None = None) -> None:
        """Know what DVC has hashed, until the run is over."""
        self.save_many([(path, hash_info, info)], fs)

    def save_many(self, items: Iterable[tuple[str, Any, dict[str, Any] | None]], fs: Any) -> None:
        """The same of many files."""
        if fs.protocol == "local":
            named = [(path, hash_info.value) for path, hash_info, _ in items if hash_info.name == "md5"]
            hashed = {os.path.join(self._root, path): md5 for path, md5 in named}
            self._known.note(hashed, in_file=False)
