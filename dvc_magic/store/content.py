"""The content of files by md5, read in full: what a check goes by, whatever is known of a file's stat."""

from __future__ import annotations

import errno
import hashlib
import os
import stat
import time
from pathlib import Path
from typing import TYPE_CHECKING

from dvc_magic.errors import StoreError
from dvc_magic.model.checkup import CheckProgress
from dvc_magic.model.paths import object_path
from dvc_magic.store.dir_listing import DIR_SUFFIX, DirListing, listing_hash, parsed_listing

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from dvc_magic.model.paths import StorePaths

_BLOCK = 1 << 20  # bytes


class Hasher:
    """Hashes files, each inode once, and tells how far it has come.

    Args:
        tell: is called every now and then; what it raises ends the check.
        pause: seconds between two such calls.
    """

    def __init__(self, tell: Callable[[CheckProgress], None] = lambda _: None, *, pause: float = 0.2) -> None:
        self._tell = tell
        self._pause = pause
        self._began = self._told = time.monotonic()
        self._files = self._size = 0
        self._md5: dict[tuple[int, ...], str] = {}

    @property
    def progress(self) -> CheckProgress:
        """What was read until now."""
        return CheckProgress(files=self._files, size=self._size, seconds=round(time.monotonic() - self._began, 3))

    def md5(self, path: Path) -> str:
        """The md5 of a file; a link is followed.

        Raises:
            OSError: it cannot be read, or is no regular file.
        """
        facts = path.stat()
        if not stat.S_ISREG(facts.st_mode):  # a named pipe would be waited for
            raise OSError(errno.EINVAL, "it is no regular file", os.fspath(path))
        # An object and its hardlink in a workspace are read once.
        key = (facts.st_dev, facts.st_ino, facts.st_size, facts.st_mtime_ns, facts.st_ctime_ns)
        if key not in self._md5:
            self._md5[key] = self._read(path)
            self._files += 1
        return self._md5[key]

    def holds(self, path: Path, md5: str) -> bool:
        """Whether a file is there and has this content."""
        try:
            return self.md5(path) == md5
        except OSError:
            return False

    def _read(self, path: Path) -> str:
        digest = hashlib.md5(usedforsecurity=False)
        with path.open("rb") as file:
            while block := file.read(_BLOCK):
                digest.update(block)
                self._size += len(block)
                self.pulse()
        self.pulse()
        return digest.hexdigest()

    def pulse(self) -> None:
        """Say how far it has come, unless that was said a moment ago."""
        if (now := time.monotonic()) - self._told >= self._pause:
            self._told = now
            self._tell(self.progress)


def read_listing(paths: StorePaths, md5: str) -> DirListing | None:
    """The files of a directory's hash; None when the runs' cache has no such listing in order, which is left there."""
    try:
        return parsed_listing(Path(object_path(paths.cache_objects, md5)).read_bytes(), md5)
    except (OSError, StoreError):
        return None


def folder_listing(folder: Path, hasher: Hasher) -> DirListing:
    """The listing that a folder would have now.

    Raises:
        OSError: a file in it cannot be read.
    """
    files = [Path(place, name) for place, _, names in os.walk(folder) for name in names]
    return {file.relative_to(folder).as_posix(): hasher.md5(file) for file in files}


def wrong_files(place: Path, md5: str, listing: Mapping[str, str] | None, hasher: Hasher) -> list[str]:
    """What is missing or altered of an out.

    Args:
        place: where it lies.
        md5: its hash.
        listing: of a directory, None when nobody has it any more; files beside those in it are not looked at.
        hasher: reads them.

    Returns:
        Paths in the out, ``""`` for the out itself.
    """
    if not md5.endswith(DIR_SUFFIX):
        return [] if hasher.holds(place, md5) else [""]
    if listing is not None:
        return [path for path, member in sorted(listing.items()) if not hasher.holds(place / path, member)]
    try:
        return [] if listing_hash(folder_listing(place, hasher)) == md5 else [""]
    except OSError:
        return [""]
