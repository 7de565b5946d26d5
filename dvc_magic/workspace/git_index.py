"""Marking entries of a git index "assume unchanged", without starting git.

The format is described in git's ``gitformat-index``: a header, the entries, extensions, a checksum. The mark is one bit
of an entry, so nothing moves.
"""

from __future__ import annotations

import hashlib
import os
import struct
from collections.abc import Callable, Iterator
from pathlib import Path

__all__ = ["hide"]

_STAT = 40  # bytes of times, ids, mode and size before an entry's hash
_ASSUME_UNCHANGED = 0x80  # in the upper byte of an entry's flags, as is the next
_EXTENDED = 0x40
_VERSIONS = (2, 3, 4)
_PREFIX_COMPRESSED = 4


def hide(index: Path, hidden: Callable[[str, str], bool], *, sha256: bool = False) -> None:
    """Mark the entries that `hidden` chooses by path and blob: git then takes them for unchanged, even when missing.

    An index that is split over two files, or in a format newer than this, is left as it is.

    Side effects: the file is rewritten in place; its mtime stays.
    """
    try:
        content, facts = bytearray(index.read_bytes()), index.stat()
    except FileNotFoundError:
        return
    size = 32 if sha256 else 20
    magic, version, count = struct.unpack_from(">4sII", content) if len(content) > size else (b"", 0, 0)
    if magic != b"DIRC" or version not in _VERSIONS or (index.parent / _shared(content, size)).exists():
        return
    entries = _entries(content, version, count, size)
    chosen = [flags for path, flags in entries if hidden(path, content[flags - size : flags].hex())]
    if not chosen:
        return
    for flags in chosen:
        content[flags] |= _ASSUME_UNCHANGED
    if any(content[-size:]):  # all zeros: written without a checksum, which git takes as well
        algorithm = hashlib.sha256 if sha256 else hashlib.sha1
        content[-size:] = algorithm(content[:-size], usedforsecurity=False).digest()
    index.write_bytes(content)
    os.utime(index, ns=(facts.st_atime_ns, facts.st_mtime_ns))


def _shared(content: bytearray, size: int) -> str:
    """The name of the file with the larger part of a split index; of no file when it is whole."""
    at = content.find(b"link", 12)
    return f"sharedindex.{content[at + 8 : at + 8 + size].hex()}" if at >= 0 else "sharedindex.none"


def _entries(content: bytearray, version: int, count: int, size: int) -> Iterator[tuple[str, int]]:
    """Path and place of the flags of each entry."""
    at, path = 12, b""
    for _ in range(count):
        flags = at + _STAT + size
        start = flags + (4 if content[flags] & _EXTENDED else 2)
        kept = 0
        if version == _PREFIX_COMPRESSED:
            removed, start = _variable(content, start)
            kept = len(path) - removed
        end = content.index(0, start)
        path = path[:kept] + bytes(content[start:end])
        # Before version 4, one to eight NULs fill an entry up to a multiple of eight bytes.
        at = end + 1 if version == _PREFIX_COMPRESSED else at + (end - at + 8) // 8 * 8
        yield os.fsdecode(path), flags


def _variable(content: bytearray, at: int) -> tuple[int, int]:
    """A number of variable length (7 bits a byte, as in pack files), and where it ends."""
    value = content[at] & 0x7F
    while content[at] & 0x80:
        at += 1
        value = ((value + 1) << 7) | (content[at] & 0x7F)
    return value, at + 1
