"""Marking entries of a git index "assume unchanged", without starting git.

The format is described in git's ``gitformat-index``: a header, the entries, extensions, a checksum. The mark is one bit
of an entry, so nothing moves.
"""

from __future__ import annotations

import hashlib
import struct
from collections.abc import Callable, Iterator
from functools import lru_cache
from pathlib import Path

__all__ = ["GitIndex", "kept_index"]

_STAT = 40  # bytes of times, ids, mode and size before an entry's hash
_ASSUME_UNCHANGED = 0x80  # in the upper byte of an entry's flags, as is the next
_EXTENDED = 0x40
_VERSIONS = (2, 3, 4)
_PREFIX_COMPRESSED = 4


class GitIndex:
    """One git index, taken apart once.

    Args:
        content: of the file.
        sha256: whether the repository names objects by SHA-256.

    Attributes:
        content: of the file.
        entries: path, blob and place of the flags of each tracked file. Empty when the format is newer than this.
        shared: the name of the file with the larger part, should the index be split over two; a whole index may have
            one as well, of a file that is not there.
    """

    def __init__(self, content: bytes, *, sha256: bool = False) -> None:
        self.content = content
        self._size = 32 if sha256 else 20
        self.shared = self._shared()
        self.entries: tuple[tuple[str, str, int], ...] = ()
        if len(content) > self._size:
            magic, version, count = struct.unpack_from(">4sII", content)
            if magic == b"DIRC" and version in _VERSIONS:
                self.entries = tuple(self._each_entry(version, count))

    def hiding(self, hidden: Callable[[str, str], bool]) -> bytes:
        """The content with the entries marked that `hidden` chooses by path and blob.

        Git then takes them for unchanged, even when they are missing.
        """
        chosen = [flags for path, blob, flags in self.entries if hidden(path, blob)]
        if not chosen:
            return self.content
        content = bytearray(self.content)
        for flags in chosen:
            content[flags] |= _ASSUME_UNCHANGED
        if any(content[-self._size :]):  # all zeros: written without a checksum, which git takes as well
            algorithm = hashlib.sha256 if self._size == 32 else hashlib.sha1  # noqa: PLR2004 - bytes of SHA-256
            content[-self._size :] = algorithm(content[: -self._size], usedforsecurity=False).digest()
        return bytes(content)

    def _shared(self) -> str:
        at = self.content.find(b"link", 12)
        return f"sharedindex.{self.content[at + 8 : at + 8 + self._size].hex()}" if at >= 0 else ""

    def _each_entry(self, version: int, count: int) -> Iterator[tuple[str, str, int]]:
        content, size = self.content, self._size
        at, path = 12, b""
        for _ in range(count):
            flags = at + _STAT + size
            start = flags + (4 if content[flags] & _EXTENDED else 2)
            kept = 0
            if version == _PREFIX_COMPRESSED:
                removed, start = _variable(content, start)
                kept = len(path) - removed
            end = content.index(0, start)
            path = path[:kept] + content[start:end]
            # Before version 4, one to eight NULs fill an entry up to a multiple of eight bytes.
            at = end + 1 if version == _PREFIX_COMPRESSED else at + (end - at + 8) // 8 * 8
            yield path.decode("utf-8", "surrogateescape"), content[flags - size : flags].hex(), flags


@lru_cache(maxsize=1)  # calls and their runs mostly have one; of 100,000 files it takes 0.15 s and 35 MB
def kept_index(path: str, sha256: bool) -> GitIndex:  # noqa: FBT001 - a key of the cache
    """The index in a file whose content never changes: an object of the store."""
    return GitIndex(Path(path).read_bytes(), sha256=sha256)


def _variable(content: bytes, at: int) -> tuple[int, int]:
    """A number of variable length (7 bits a byte, as in pack files), and where it ends."""
    value = content[at] & 0x7F
    while content[at] & 0x80:
        at += 1
        value = ((value + 1) << 7) | (content[at] & 0x7F)
    return value, at + 1
