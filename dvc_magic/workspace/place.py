"""Placing data into workspaces: reflink, hardlink or copy."""

from __future__ import annotations

import contextlib
import os
import stat
from collections.abc import Iterable, Mapping, Sequence
from contextlib import nullcontext
from pathlib import Path

from msgspec import Struct
from msgspec.structs import replace

from dvc_magic.errors import StoreError
from dvc_magic.model.relative import parent_folders
from dvc_magic.store import DIR_SUFFIX, RunCache, clone_content, copy_content

__all__ = ["LackingError", "LinkPolicy", "link_policy", "make_read_only", "place_file", "place_object"]

_LARGE = 1 << 20  # bytes: below it a copy costs no more than a link
_WRITE_BITS = 0o222
_KEPT_WRITABLE = (".dvc", ".git")


class LackingError(StoreError):
    """The runs' cache does not have all of a content whole.

    Attributes:
        lacking: the md5s of what it does not have.
    """

    def __init__(self, hash: str, lacking: Sequence[str], *, why: str = "") -> None:  # noqa: A002
        seen = why or f"{lacking[0]} is gone or was changed"
        super().__init__(f"the runs' cache does not have {hash} whole ({seen}): run the stage that made it again")
        self.lacking = tuple(lacking)


class LinkPolicy(Struct, frozen=True, kw_only=True):
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
        ``reflink``, ``hardlink`` or ``copy``. The first and the last are writable files of their own (0644) with the
        source's mtime, so that any later write shows in it, and atime 0, so that any later read shows.

    Raises:
        OSError: the source is missing, the disk is full, or the like.
    """
    with contextlib.suppress(FileNotFoundError):
        os.unlink(target)
    descriptor = os.open(source, os.O_RDONLY | os.O_CLOEXEC)
    try:
        facts = os.fstat(descriptor)
        if links.reflink and _reflinked(descriptor, target):
            os.utime(target, ns=(0, facts.st_mtime_ns))
            return "reflink"
        if _may_hardlink(facts, links) and _hardlinked(source, target):
            return "hardlink"
        _copied(descriptor, target)
        os.utime(target, ns=(0, facts.st_mtime_ns))
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


def place_object(
    cache: RunCache,
    hash: str,  # noqa: A002
    target: Path,
    links: LinkPolicy,
    *,
    executable: bool = False,
) -> str:
    """Place the file or the directory of a hash from the runs' cache, each object checked; a directory is placed whole.

    Args:
        cache: the runs'.
        hash: md5, ``.dir`` at the end for a directory.
        target: where; missing parent folders are made.
        links: how files may be placed.
        executable: whether a file gets the execute bits; it is then no hardlink, whose bits would be the cache's too.

    Returns:
        How it was placed; for a directory ``hardlink`` if any file was, else ``copy`` if any was.

    Raises:
        LackingError: the cache does not have all of it whole.
        StoreError: a link stands in the way.
    """
    try:
        listing = cache.listing(hash)
    except FileNotFoundError as error:
        raise LackingError(hash, [hash], why=error.strerror or "") from None
    (target if hash.endswith(DIR_SUFFIX) else target.parent).mkdir(parents=True, exist_ok=True)
    for folder in parent_folders(listing):
        _make_folder(target / folder)
    targets = {target / path if path else target: md5 for path, md5 in listing.items()}
    return _place_all(
        cache, hash, targets, replace(links, hardlink=links.hardlink and not executable), executable=executable
    )


def _place_all(
    cache: RunCache,
    hash: str,  # noqa: A002
    targets: Mapping[Path, str],
    links: LinkPolicy,
    *,
    executable: bool,
) -> str:
    ways: set[str] = set()
    for group in _groups(targets, links):
        with cache.known.locked(group.values()) if links.hardlink else nullcontext():
            if lacking := cache.lacking(group.values()):
                raise LackingError(hash, lacking)
            for place, md5 in group.items():
                way = place_file(Path(cache.path(md5)), place, links=links)
                ways.add(way)
                if way != "reflink" and links.reflink:  # this file system has none: do not try for each file
                    links = replace(links, reflink=False)
                if executable:
                    place.chmod(0o755)
            places = {os.fspath(place): md5 for place, md5 in group.items()}
            cache.known.note(places, in_file=links.hardlink)
    return next((way for way in ("hardlink", "copy", "reflink") if way in ways), "copy")


def _groups(targets: Mapping[Path, str], links: LinkPolicy) -> Iterable[Mapping[Path, str]]:
    """What is placed under one lock: everything where no object gets a link, else the objects that share a lock."""
    if not links.hardlink:
        return [targets]
    groups: dict[str, dict[Path, str]] = {}
    for place, md5 in targets.items():
        groups.setdefault(md5[0], {})[place] = md5
    return groups.values()


def _make_folder(folder: Path) -> None:
    """Make one folder; a symlink in its place would lead the data out of the workspace."""
    folder.mkdir(exist_ok=True)
    if folder.is_symlink():
        message = f"{folder} is a link, expected a folder to place data in"
        raise StoreError(message)


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
