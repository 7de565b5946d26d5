"""A snapshot: the project's source files at the moment of a call, by content."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence

from msgspec import Struct, field


class SourceFile(Struct, frozen=True, kw_only=True):
    """One source file.

    Attributes:
        md5: of its content, which the store's ``objects`` folder holds; for a symlink, of the link's text.
        size: bytes.
        mtime_ns: modification time in nanoseconds, kept in every workspace.
        executable: the owner's execute bit.
        link: the target of a symlink, as text, or None for a regular file.
    """

    md5: str
    size: int
    mtime_ns: int
    executable: bool = False
    link: str | None = None


class Snapshot(Struct, frozen=True, kw_only=True):
    """The sources of one call.

    Attributes:
        id: digest over paths, contents and modes; equal sources have equal ids.
        files: POSIX path from the project's root -> file.
        copied: those of them that git ignores and the user named (``-C``, ``copy-paths:``).
        linked: named files that look secret: path -> True; placed as links to the project, never stored.
        skipped: undeclared data left out for its size: path -> bytes.
        commit: the git commit, None without git. dirty: whether tracked files differ from it. edited: which do.
    """

    id: str
    files: dict[str, SourceFile] = field(default_factory=dict)
    copied: tuple[str, ...] = ()
    linked: tuple[str, ...] = ()
    skipped: dict[str, int] = field(default_factory=dict)
    commit: str | None = None
    dirty: bool = False
    edited: tuple[str, ...] = ()


def snapshot_id(files: Mapping[str, SourceFile], linked: Sequence[str]) -> str:
    """The id of a snapshot: a digest over paths, contents and modes; a NUL can be in none of them."""
    digest = hashlib.sha256()
    for path in sorted(files):
        file = files[path]
        kind = "l" if file.link is not None else "x" if file.executable else "f"
        digest.update(f"{kind}\0{path}\0{file.md5}\0".encode())
    for path in sorted(linked):
        digest.update(f"s\0{path}\0\0".encode())
    return digest.hexdigest()[:32]
