"""Folders of objects by content, and the runs' DVC cache, which is one; each object is checked before it is trusted."""

from __future__ import annotations

import contextlib
import hashlib
import os
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import TypeAlias

from dvc_magic.errors import DvcMagicError, StoreError
from dvc_magic.model.paths import StorePaths, object_path
from dvc_magic.store.copying import put_file
from dvc_magic.store.dir_listing import DIR_SUFFIX, DirListing, is_hash, listing_hash, listing_text, parsed_listing
from dvc_magic.store.known_good import KnownGood
from dvc_magic.store.quarantine import move_aside
from dvc_magic.store.whole_files import write_whole

__all__ = ["Objects", "RunCache", "check_md5"]

Sources: TypeAlias = Mapping[str, Path | str]


def check_md5(md5: str, refuse: type[DvcMagicError] = StoreError) -> str:
    """`md5` itself, ``.dir`` at its end or not: it names a path, and comes from files that anybody can write.

    Args:
        md5: as a record, a listing, a ``.dvc`` file or ``dvc.lock`` has it.
        refuse: the error to raise.

    Raises:
        DvcMagicError: it is something else.
    """
    if not is_hash(md5):
        message = (
            f"{md5!r} is not an md5 hash of DVC; the record, .dvc file, dvc.lock or listing that has it is damaged"
        )
        raise refuse(message)
    return md5


class Objects:
    """Files by the md5 of their content: ``ab/cdef...`` below one folder, mode 0444.

    Args:
        folder: where they are.
        paths: of the store, in whose quarantine those go whose content is not what their name says.
        known: what is known of them.
    """

    def __init__(self, folder: Path, *, paths: StorePaths, known: KnownGood) -> None:
        self.folder = folder
        self.known = known
        self._paths = paths

    def path(self, md5: str) -> str:
        """Where the object of this md5 is, if it is there.

        Raises:
            StoreError: the text is no such hash.
        """
        return object_path(self.folder, check_md5(md5))

    def lacking(self, md5s: Iterable[str]) -> list[str]:
        """Those of `md5s` that are not here whole.

        Side effects: an object with other bytes than its name promises goes into quarantine.
        """
        paths = {self.path(md5): md5 for md5 in md5s}
        wrong = self.known.altered({path: md5.removesuffix(DIR_SUFFIX) for path, md5 in paths.items()})
        return [paths[path] for path in wrong if self._is_lost(path, paths[path])]

    def _is_lost(self, path: str, md5: str) -> bool:
        """Whether an object that looked wrong is so when nobody is making it: DVC makes one empty, then fills it.

        Side effects: a wrong one goes into quarantine.
        """
        if not os.path.lexists(path):
            return True
        with self.known.locked([md5]):
            lost = bool(self.known.altered({path: md5.removesuffix(DIR_SUFFIX)}))
            if lost:
                self.set_aside(path)
        return lost

    def put(self, sources: Sources) -> list[str]:
        """Keep a copy of each source under its md5, unless the object is here whole already.

        Args:
            sources: md5 -> the file that has this content.

        Returns:
            The md5s whose source has other content (by now); of these nothing is kept.

        Raises:
            OSError: a source cannot be read, the disk is full, or the like.
        """
        changed = []
        for md5 in self.lacking(sources):
            path = self.path(md5)
            if put_file(path, sources[md5], md5):
                self.known.note({path: md5})
            else:
                changed.append(md5)
        return changed

    def keep(self, content: bytes) -> str:
        """Keep a content of which there is no file; returns its md5."""
        md5 = hashlib.md5(content, usedforsecurity=False).hexdigest()
        if self.lacking([md5]):
            path = self.path(md5)
            os.makedirs(os.path.dirname(path), exist_ok=True)
            write_whole(path, content, mode=0o444)
            self.known.note({path: md5})
        return md5

    def set_aside(self, path: str) -> None:
        """Move a file or folder that is not what it should be into quarantine; one that is gone is no matter.

        Raises:
            StoreError: it lies behind a link out of the store.
        """
        with contextlib.suppress(
            FileNotFoundError, NotADirectoryError
        ):  # somebody else may have found it at the same moment
            move_aside(Path(path), self._paths)


class RunCache(Objects):
    """The runs' own DVC cache: files, and listings of directories (``.dir``), by md5."""

    def listing(self, hash: str) -> DirListing:  # noqa: A002
        """The files of a hash, relative path -> md5; of a file's hash it is ``{"": hash}`` and nothing is read.

        Raises:
            StoreError: the listing cannot be read now.
            FileNotFoundError: the listing is not here, or was not what its name says and is in quarantine now.
        """
        if not hash.endswith(DIR_SUFFIX):
            return {"": check_md5(hash)}
        path = self.path(hash)
        try:
            with open(path, "rb") as file:
                text = file.read()
        except FileNotFoundError:
            raise
        except OSError as error:
            raise StoreError(f"Cannot read {path}: {error.strerror}.") from error
        try:
            return parsed_listing(text, hash)
        except StoreError as error:
            self.set_aside(path)
            raise FileNotFoundError(2, str(error), path) from error

    def put_listing(self, listing: DirListing) -> str:
        """Keep a directory's listing as DVC would, so that its hash can be placed; returns the hash."""
        digest = listing_hash(listing)
        if digest.endswith(DIR_SUFFIX) and self.lacking([digest]):
            path = self.path(digest)
            Path(path).parent.mkdir(parents=True, exist_ok=True)
            write_whole(path, listing_text(listing), mode=0o444)
            self.known.note({path: digest.removesuffix(DIR_SUFFIX)})
        return digest

    def whole(self, hash: str) -> bool:  # noqa: A002
        """Whether the listing and every file of a hash are here whole.

        Side effects: what is damaged goes into quarantine.
        """
        try:
            return not self.lacking(self.listing(hash).values())
        except FileNotFoundError:
            return False
