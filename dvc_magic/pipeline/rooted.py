"""A local file system for DVC whose working directory is a folder of our choice, with some files replaced.

DVC resolves a ``dvc.yaml`` with paths relative to its file system's working directory. With the project's root in
that place the result is the same wherever the process stands.
"""

from __future__ import annotations

import io
import os
import time
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import IO, Any, TypeAlias

from dvc_objects.fs.local import FsspecLocalFileSystem, LocalFileSystem

from dvc_magic.errors import PipelineError
from dvc_magic.untrusted import LONGEST_JSON, UnreadableError, check_document

Version: TypeAlias = "tuple[int, int, int, int] | None"

_UNSETTLED_NS = 20_000_000


def version(path: str) -> Version:
    """What changes when the file or folder does: mtime, ctime (ns), size, inode; None when there is nothing."""
    try:
        found = os.stat(path)
    except OSError:
        return None
    return found.st_mtime_ns, found.st_ctime_ns, found.st_size, found.st_ino


def settled(known: Version) -> bool:
    """Whether a later change must show in the version: file systems stamp times some milliseconds apart."""
    return known is None or known[1] < time.time_ns() - _UNSETTLED_NS


def unchanged(seen: Mapping[str, Version]) -> bool:
    """Whether all that was seen is still in the version that it had."""
    return all(version(path) == known for path, known in seen.items())


def _open_unseen(path: str, flags: int) -> int:
    """Open without renewing the access time: what a stage reads, and which folders it lists, is told from these."""
    try:
        return os.open(path, flags | getattr(os, "O_NOATIME", 0))
    except PermissionError:  # somebody else's file, whose times we may not leave alone
        return os.open(path, flags)


def _list_unseen(folder: str) -> tuple[list[str], list[str]]:
    """The names of the folders, links to folders among them, and of what else is in a folder."""
    descriptor = _open_unseen(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        with os.scandir(descriptor) as entries:
            kinds = {entry.name: entry.is_dir(follow_symlinks=False) or entry.is_symlink() for entry in entries}
    finally:
        os.close(descriptor)
    folders = {name for name, may_be in kinds.items() if may_be and os.path.isdir(os.path.join(folder, name))}
    return [name for name in kinds if name in folders], [name for name in kinds if name not in folders]


class _ParsedText(io.TextIOWrapper):
    """A text file, which DVC reads in order to parse it: every YAML file that DVC loads for us comes through here."""

    def __init__(self, binary: IO[bytes], *, encoding: str, name: str) -> None:
        super().__init__(binary, encoding=encoding)
        self._name = name

    def read(self, size: int | None = -1, /) -> str:
        """The text.

        Raises:
            PipelineError: it means or nests more than a parser can take.
        """
        if size is not None and size >= 0:
            return super().read(size)
        text = super().read(LONGEST_JSON + 1)
        try:
            check_document(text, os.path.splitext(self._name)[1])
        except UnreadableError as error:
            raise PipelineError(f"{self._name}: {error}") from error
        return text


class _RootedLocal(FsspecLocalFileSystem):
    cachable = False  # fsspec would hand out one object for equal arguments

    def __init__(self, *, root: str, overlay: Mapping[str, bytes], seen: dict[str, Version] | None) -> None:
        super().__init__()  # type: ignore[no-untyped-call]
        self._root = root
        self._seen = seen
        self._overlay = {self._place(path): content for path, content in overlay.items()}
        self.looked_at: set[str] = set()

    def _place(self, path: str) -> str:
        return os.path.normpath(os.path.join(self._root, path))

    def _replaced(self, path: str) -> bytes | None:
        place = self._place(path)
        self.looked_at.add(place)
        return self._overlay.get(place)

    def _on_disk(self, path: str) -> str:
        place = path if os.path.isabs(path) else self._place(path)
        if self._seen is not None and place not in self._seen:
            self._seen[place] = version(place)
        return place

    def open(self, path: str, mode: str = "r", encoding: str | None = None, **kwargs: Any) -> IO[Any]:
        content = self._replaced(path)
        if content is None and mode in ("r", "rb") and not kwargs:
            binary: IO[bytes] = open(self._on_disk(path), "rb", opener=_open_unseen)  # noqa: SIM115 - the caller closes it
        elif content is None:
            return super().open(self._on_disk(path), mode=mode, encoding=encoding, **kwargs)  # type: ignore[no-any-return, no-untyped-call]
        elif set(mode) & set("wax+"):
            raise PermissionError(f"{path} is replaced for reading only")
        else:
            binary = io.BytesIO(content)
        if "b" in mode:
            return binary
        return _ParsedText(binary, encoding=encoding or "utf-8", name=os.path.relpath(self._place(path), self._root))

    def walk(
        self, path: str, maxdepth: Any = None, topdown: bool = True, detail: bool = False, **kwargs: Any
    ) -> Iterator[Any]:
        """As DVC walks a tree, but unseen: it lists folders of a run to find ``.dvcignore`` files and repositories."""
        if detail or not topdown:
            yield from super().walk(path, maxdepth, topdown, detail, **kwargs)  # type: ignore[no-untyped-call]
            return
        try:
            folders, files = _list_unseen(path)
        except OSError:  # gone, or not to be read: passed over, as `os.walk` does
            return
        yield os.path.normpath(path), folders, files
        for name in folders:
            if not os.path.islink(place := os.path.join(path, name)):
                yield from self.walk(place, **kwargs)

    def lexists(self, path: str, **kwargs: Any) -> bool:
        return self._replaced(path) is not None or os.path.lexists(self._on_disk(path))

    def exists(self, path: str, **kwargs: Any) -> bool:
        return self.lexists(path)

    def isfile(self, path: str) -> bool:
        return self._replaced(path) is not None or os.path.isfile(self._on_disk(path))

    def isdir(self, path: str) -> bool:
        return self._replaced(path) is None and os.path.isdir(self._on_disk(path))

    def info(self, path: str, **kwargs: Any) -> dict[str, Any]:
        content = self._replaced(path)
        if content is None:
            return super().info(self._on_disk(path), **kwargs)  # type: ignore[no-any-return, no-untyped-call]
        return {"name": self._place(path), "size": len(content), "type": "file", "islink": False}


class RootedFileSystem(LocalFileSystem):
    """DVC's local file system as seen from `root`.

    Args:
        root: the folder that relative paths start from.
        overlay: POSIX path from `root` -> content that is read instead of the file on disk.
        seen: filled with every path on disk that is looked at, in the version that it had before.
    """

    def __init__(
        self, root: Path, *, overlay: Mapping[str, bytes] | None = None, seen: dict[str, Version] | None = None
    ) -> None:
        self._cwd = os.path.abspath(root)
        super().__init__(fs=_RootedLocal(root=self._cwd, overlay=overlay or {}, seen=seen))  # type: ignore[no-untyped-call]

    def getcwd(self) -> str:
        """The root, whatever the working directory of the process."""
        return self._cwd

    @property
    def looked_at(self) -> set[str]:
        """Every path that was asked for, absolute, whether it is there or not; to be cleared by whoever reads it."""
        found: set[str] = self.fs.looked_at
        return found
