"""Placing data into workspaces: reflink, hardlink or copy; and keeping data in the runs' DVC cache."""

from __future__ import annotations

import contextlib
import json
import os
import re
import stat
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from dvc_magic.errors import ProjectError, StoreError
from dvc_magic.workspace.copying import clone_content, copy_content, put_object
from dvc_magic.workspace.relative import is_below, parent_folders

__all__ = ["LinkPolicy", "link_policy", "make_read_only", "place_file", "place_object", "store_file"]

_LARGE = 1 << 20  # bytes: below it a copy costs no more than a link
_WRITE_BITS = 0o222
_MD5 = re.compile(r"[0-9a-f]{32}")
_KEPT_WRITABLE = (".dvc", ".git")


@dataclass(frozen=True, slots=True, kw_only=True)
class LinkPolicy:
    """How a file may be placed: what is allowed is tried in the order reflink, hardlink, copy.

    Attributes:
        reflink: blocks may be shared where the file system can; a change of one file never shows in the other.
        hardlink: a read-only source may be the placed file itself.
        hardlink_from: bytes; smaller files are not hardlinked.
    """

    reflink: bool = True
    hardlink: bool = False
    hardlink_from: int = _LARGE


def link_policy(cache_types: Sequence[str] | None, *, is_root: bool) -> LinkPolicy:
    """The policy for a run's inputs, given DVC's ``cache.type`` of the project (None when it is not set).

    For root a mode of 0444 protects nothing, so root gets hardlinks only where the project's own setting names them;
    a setting of ``copy`` alone forbids them.
    """
    types = tuple(cache_types or ())
    if "hardlink" in types:
        return LinkPolicy(hardlink=True, hardlink_from=0)
    return LinkPolicy(hardlink=not is_root and types != ("copy",))


def place_file(source: Path, target: Path, *, links: LinkPolicy) -> str:
    """Place a file; whatever file or link was at `target` is replaced, its folder must exist.

    Returns:
        ``reflink``, ``hardlink`` or ``copy``. The first and the last are writable files of their own (0644).

    Raises:
        OSError: the source is missing, the disk is full, or the like.
    """
    with contextlib.suppress(FileNotFoundError):
        os.unlink(target)
    descriptor = os.open(source, os.O_RDONLY | os.O_CLOEXEC)
    try:
        facts = os.fstat(descriptor)
        if links.reflink and _reflinked(descriptor, target):
            return "reflink"
        if _may_hardlink(facts, links) and _hardlinked(source, target):
            return "hardlink"
        _copied(descriptor, target)
        return "copy"
    finally:
        os.close(descriptor)


def _may_hardlink(facts: os.stat_result, links: LinkPolicy) -> bool:
    return links.hardlink and facts.st_size >= links.hardlink_from and not facts.st_mode & _WRITE_BITS


def _new_file(target: Path) -> int:
    return os.open(target, os.O_RDWR | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o644)


def _reflinked(source: int, target: Path) -> bool:
    descriptor = _new_file(target)
    try:
        done = clone_content(source, descriptor)
    finally:
        os.close(descriptor)
    if not done:
        os.unlink(target)
    return done


def _hardlinked(source: Path, target: Path) -> bool:
    try:
        os.link(source, target)
    except OSError:  # another file system, too many links, a policy of the kernel
        return False
    return True


def _copied(source: int, target: Path) -> None:
    descriptor = _new_file(target)
    try:
        copy_content(source, descriptor)
    except BaseException:
        os.unlink(target)
        raise
    finally:
        os.close(descriptor)


def cache_object(cache: Path, md5: str) -> Path:
    """Where a DVC cache keeps the object of this hash (``.dir`` at the end for a listing).

    Raises:
        StoreError: the text is no such hash.
    """
    if not _MD5.fullmatch(md5.removesuffix(".dir")):
        message = f"{md5!r} is not an md5 hash of DVC; the record or the listing that names it is damaged"
        raise StoreError(message)
    return cache / "files" / "md5" / md5[:2] / md5[2:]


def place_object(
    cache: Path,
    hash: str,  # noqa: A002
    target: Path,
    links: LinkPolicy,
    *,
    size: int | None = None,
    executable: bool = False,
) -> str:
    """Place the file or the directory of a hash from a DVC cache; a directory is placed whole.

    Args:
        cache: the cache's folder, which holds ``files/md5``.
        hash: md5, ``.dir`` at the end for a directory.
        target: where; missing parent folders are made.
        links: how files may be placed.
        size: bytes that are expected, None for any.
        executable: whether a file gets the execute bits; it is then no hardlink, whose bits would be the cache's too.

    Returns:
        How it was placed; for a directory ``hardlink`` if any file was, else ``copy`` if any was.

    Raises:
        StoreError: the cache does not have it, or not as it should be.
    """
    if hash.endswith(".dir"):
        entries = _listing(cache, hash)
        target.mkdir(parents=True, exist_ok=True)
    else:
        entries = {"": hash}
        target.parent.mkdir(parents=True, exist_ok=True)
    sources = {path: cache_object(cache, md5) for path, md5 in entries.items()}
    _check_sizes(sources.values(), hash, size)
    if not executable:
        return _place_all(sources, target, links)
    placed = _place_all(sources, target, replace(links, hardlink=False))
    target.chmod(0o755)
    return placed


def _check_sizes(sources: Iterable[Path], hash: str, size: int | None) -> None:  # noqa: A002
    if size is None:
        return
    try:
        found = sum(os.stat(source).st_size for source in sources)
    except FileNotFoundError as error:
        raise _missing(error) from None
    if found != size:
        message = f"object {hash} of the runs' cache has {found} bytes, expected {size}; run %dvc_doctor to repair it"
        raise StoreError(message)


def _place_all(sources: Mapping[str, Path], target: Path, links: LinkPolicy) -> str:
    placed: set[str] = set()
    for folder in parent_folders(sources):
        _make_folder(target / folder)
    for path, source in sources.items():
        try:
            how = place_file(source, target / path if path else target, links=links)
        except FileNotFoundError as error:
            raise _missing(error) from None
        placed.add(how)
        if how != "reflink" and links.reflink:  # this file system has none: do not try each file of a large directory
            links = replace(links, reflink=False)
    return next((how for how in ("hardlink", "copy", "reflink") if how in placed), "copy")


def _make_folder(folder: Path) -> None:
    """Make one folder; a symlink in its place would lead the data out of the workspace."""
    folder.mkdir(exist_ok=True)
    if folder.is_symlink():
        message = f"{folder} is a link, expected a folder to place data in"
        raise StoreError(message)


def _missing(error: FileNotFoundError) -> StoreError:
    return StoreError(f"the runs' cache has no {error.filename}; run the stage that made it again, or %dvc_doctor")


def _listing(cache: Path, hash: str) -> dict[str, str]:  # noqa: A002
    """The files of a directory's listing: path below the directory -> md5."""
    file = cache_object(cache, hash)
    try:
        entries = {entry["relpath"]: entry["md5"] for entry in json.loads(file.read_bytes())}
    except FileNotFoundError as error:
        raise _missing(error) from None
    except (ValueError, TypeError, KeyError) as error:
        message = f"{file} is not a directory listing of DVC ({error}); run %dvc_doctor to repair the cache"
        raise StoreError(message) from None
    for path, md5 in entries.items():
        if not isinstance(path, str) or not isinstance(md5, str) or not is_below(path) or md5.endswith(".dir"):
            message = f"{file} lists {path!r}, which is no path below the directory; it is not to be trusted"
            raise StoreError(message)
    return entries


def store_file(cache: Path, source: Path, md5: str) -> None:
    """Keep a file in a DVC cache (``cache/files/md5/ab/cdef...``, mode 0444); it appears whole or not at all.

    Raises:
        ProjectError: the content of `source` is not, or no longer, `md5`.
        OSError: it cannot be read or written.
    """
    cache_object(cache, md5)  # refuses what is no hash
    if not put_object(cache / "files" / "md5", source, md5, source.stat().st_size):
        message = f"{source} changed while it was stored; run again when nothing writes it"
        raise ProjectError(message)


def make_read_only(root: Path) -> None:
    """Take the write bits from the regular files below `root`, ``.dvc`` and ``.git`` apart; links are not followed."""
    folders = [str(root)]
    while folders:
        with os.scandir(folders.pop()) as entries:
            for entry in entries:
                if entry.is_dir(follow_symlinks=False):
                    if entry.name not in _KEPT_WRITABLE:
                        folders.append(entry.path)
                else:
                    _take_write_bits(entry)


def _take_write_bits(entry: os.DirEntry[str]) -> None:
    mode = entry.stat(follow_symlinks=False).st_mode
    if stat.S_ISREG(mode) and mode & _WRITE_BITS:
        with contextlib.suppress(FileNotFoundError, PermissionError):  # gone, or another user's
            os.chmod(entry.path, stat.S_IMODE(mode) & ~_WRITE_BITS)
