"""Deleting runs for good, and giving back the contents that no run needs any more.

A run that is purged loses its name first, in one step, so that a process killed in the middle leaves either the run or
something that no reader takes for one. Contents go under the exclusive use lock, and only when every record can be
read: what a record does not name is needed by nobody.
"""

from __future__ import annotations

import json
import os
import re
import stat
from collections.abc import Iterable, Iterator
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING

from msgspec import Struct, field

from dvc_magic.codec import decode
from dvc_magic.errors import CallNotFoundError, RecordDamagedError, RunNotFoundError, StoreError
from dvc_magic.model.paths import RunPaths, object_path
from dvc_magic.model.record import RunRecord
from dvc_magic.model.surroundings import Surroundings
from dvc_magic.store.content import read_listing
from dvc_magic.store.dir_listing import DIR_SUFFIX, is_hash
from dvc_magic.store.ids import is_run_id
from dvc_magic.store.record_file import read_noun
from dvc_magic.store.remove import remove_tree
from dvc_magic.store.snapshots import load_snapshot
from dvc_magic.store.use_lock import alone

if TYPE_CHECKING:
    from dvc_magic.store.directory import RunStore
    from dvc_magic.store.objects import Objects

_NAMELESS = "purged-"  # in the trash, before the id of a run that is being deleted
_JSON = re.compile(r"([0-9a-f]{32})\.json")


class Freed(Struct, frozen=True, kw_only=True):
    """What a purge has given back.

    Attributes:
        size: bytes, of files that nothing else links to.
        kept: why contents that no run needs were left, or an empty text.
    """

    size: int = 0
    kept: str = ""


def purge(store: RunStore, run_ids: Iterable[str]) -> Freed:
    """Delete runs for good, from the store or from its trash, and what only they needed.

    Args:
        store: the store.
        run_ids: of runs that do not go. What another process has deleted meanwhile is passed over.

    Raises:
        RunError: a run goes; those before it are deleted. StoreError: one cannot be moved.

    Side effects: removes the runs' folders, contents of sources, of the runs' cache, snapshots and lists of packages.
    """
    size = 0
    for run_id in run_ids:
        if (store.paths.runs / run_id).is_dir():
            with suppress(RunNotFoundError):
                store.trash.put(run_id)
        size += _delete(store, run_id)
    freed = give_back(store)
    return Freed(size=size + freed.size, kept=freed.kept)


def _delete(store: RunStore, run_id: str) -> int:
    folder, nameless = store.paths.trash / run_id, store.paths.trash / f"{_NAMELESS}{run_id}"
    shared = _objects_of(store, folder)
    try:
        folder.rename(nameless)
    except FileNotFoundError:
        return 0
    size = size_of(nameless)
    # Unlinking a hardlink changes the ctime of the object, which would be hashed anew at its next use.
    known = {path: md5 for path, md5 in shared.items() if path not in set(store.known.doubtful(shared))}
    with store.known.locked(known.values()):
        remove_tree(nameless)
        store.known.note(known)
    return size


def _objects_of(store: RunStore, folder: Path) -> dict[str, str]:
    """Path -> md5 of the objects that the workspace of a run may link to."""
    try:
        hashes = _hashes(read_noun(RunPaths(folder).record, RunRecord))
    except (OSError, StoreError):
        return {}
    md5s = {md5.removesuffix(DIR_SUFFIX) for md5 in _with_members(store, hashes) if not md5.endswith(DIR_SUFFIX)}
    return {path: md5 for md5 in md5s if os.path.lexists(path := object_path(store.paths.cache_objects, md5))}


def give_back(store: RunStore) -> Freed:
    """Remove the contents that no run needs, those in the trash included, unless a call goes or a record is unread.

    Raises:
        StoreError: the store cannot be listed.
    """
    with alone(store.paths) as is_alone:
        if not is_alone:
            return Freed(kept="calls go on, which may need contents of removed runs: purge again when they have ended")
        _delete_leftovers(store)
        try:
            needed = _needed(store)
        except (RecordDamagedError, StoreError) as error:
            return Freed(kept=f"contents were left, as not every record can be read ({error}): see %dvc_doctor")
        size = _remove_objects(store, store.cache, needed.cache) + _remove_objects(store, store.sources, needed.sources)
        size += _remove_lists(store.paths.snapshots, needed.snapshots)
        size += _remove_lists(store.paths.environments, needed.environments)
        return Freed(size=size)


class _Needed(Struct, kw_only=True):
    """Names of what the records of runs name: md5s of contents, ids of snapshots, digests of package lists."""

    cache: set[str] = field(default_factory=set)
    sources: set[str] = field(default_factory=set)
    snapshots: set[str] = field(default_factory=set)
    environments: set[str] = field(default_factory=set)


def _needed(store: RunStore) -> _Needed:
    """What the runs need.

    Raises:
        StoreError: a record or a snapshot cannot be read: what it needs cannot be known.
    """
    needed, calls, surroundings = _Needed(), set(), set()
    for folder in _run_folders(store):
        paths = RunPaths(folder)
        try:
            record = read_noun(paths.record, RunRecord)
        except FileNotFoundError:
            continue  # a worker was killed before it wrote one: there is nothing to need
        calls.add(record.call.id)
        hashes = _hashes(record)
        _check_listings(store, hashes)
        needed.cache |= _with_members(store, hashes)
        needed.snapshots |= {record.snapshot} - {""}
        needed.environments |= {record.environment.packages} - {""}
        with suppress(FileNotFoundError, ValueError, AttributeError):
            surroundings.add(json.loads(paths.order.read_bytes()).get("surroundings"))
    for call in calls:
        with suppress(CallNotFoundError, StoreError):  # of an earlier version, or damaged: its runs say the rest
            surroundings.add(store.calls.plan(call).surroundings)
    for snapshot in needed.snapshots:
        if (store.paths.snapshots / f"{snapshot}.json").exists():
            needed.sources |= {file.md5 for file in load_snapshot(store.paths, snapshot).files.values()}
    for md5 in surroundings:
        if isinstance(md5, str) and is_hash(md5):
            needed.sources |= {md5, *_of_surroundings(store, md5)}
    return needed


def _run_folders(store: RunStore) -> Iterator[Path]:
    for place in (store.paths.runs, store.paths.trash):
        try:
            yield from [folder for folder in place.iterdir() if is_run_id(folder.name)]
        except FileNotFoundError:
            continue
        except OSError as error:
            raise StoreError(f"Cannot list {place}: {error.strerror}.") from error


def _hashes(record: RunRecord) -> set[str]:
    outs = (out.hash for out in record.outs.values())
    deps = (md5 for dep in record.deps.values() for md5 in (dep.hash, dep.seen))
    return {md5 for md5 in (*outs, *deps) if is_hash(md5)}


def _check_listings(store: RunStore, hashes: set[str]) -> None:
    """Check that each listing in the runs' cache can be read; a folder that is not cached has none there.

    Raises:
        StoreError: one cannot: which files the run needs cannot be known.
    """
    for md5 in hashes:
        path = object_path(store.paths.cache_objects, md5)
        if md5.endswith(DIR_SUFFIX) and os.path.lexists(path) and read_listing(store.paths, md5) is None:
            raise StoreError(f"The listing of a folder, {path}, is damaged.")


def _with_members(store: RunStore, hashes: set[str]) -> set[str]:
    listings = (read_listing(store.paths, md5) for md5 in hashes if md5.endswith(DIR_SUFFIX))
    return hashes.union(*(listing.values() for listing in listings if listing is not None))


def _of_surroundings(store: RunStore, md5: str) -> set[str]:
    """The copies of git's index that go with what a project was.

    Raises:
        StoreError: it is damaged.
    """
    place = Path(store.sources.path(md5))
    try:
        facts = decode(place.read_bytes(), Surroundings).git
    except FileNotFoundError:
        return set()
    except (OSError, ValueError) as error:
        raise StoreError(f"What the project was at a call, {place}, cannot be read.") from error
    index = facts.index if facts is not None else None
    return {index.md5, *index.shared.values()} if index is not None else set()


def _remove_objects(store: RunStore, objects: Objects, needed: set[str]) -> int:
    """Remove the objects that are not `needed`; bytes that this gives back.

    One that a workspace still links to stays: nothing would be given back, and the run may need it without saying so,
    as when the listing of a folder is gone.
    """
    size = 0
    for folder in _subfolders(objects.folder):
        with store.known.locked([folder.name]):
            for file in list(folder.iterdir()):
                md5 = f"{folder.name}{file.name}"
                if is_hash(md5) and md5 not in needed and not _is_linked(file):
                    size += _unlink(file)
            with suppress(OSError):
                folder.rmdir()  # when nothing is left in it
    return size


def _subfolders(folder: Path) -> list[Path]:
    try:
        return sorted(place for place in folder.iterdir() if re.fullmatch(r"[0-9a-f]{2}", place.name))
    except FileNotFoundError:
        return []


def _remove_lists(folder: Path, needed: set[str]) -> int:
    with suppress(FileNotFoundError):
        lists = [(match[1], file) for file in folder.iterdir() if (match := _JSON.fullmatch(file.name))]
        return sum(_unlink(file) for name, file in lists if name not in needed)
    return 0


def _is_linked(file: Path) -> bool:
    with suppress(OSError):
        return file.lstat().st_nlink > 1
    return False


def _unlink(file: Path) -> int:
    with suppress(OSError):
        facts = file.lstat()
        file.unlink()
        return facts.st_size if facts.st_nlink == 1 else 0
    return 0


def size_of(folder: Path) -> int:
    """The bytes of the files below a folder that nothing else links to."""
    size = 0
    for place, _, names in os.walk(folder):
        for name in names:
            with suppress(OSError):
                facts = os.lstat(f"{place}/{name}")
                size += facts.st_size if stat.S_ISREG(facts.st_mode) and facts.st_nlink == 1 else 0
    return size


def _delete_leftovers(store: RunStore) -> None:
    """Delete what a purge that was killed has left."""
    with suppress(FileNotFoundError):
        for folder in list(store.paths.trash.iterdir()):
            if folder.name.startswith(_NAMELESS):
                remove_tree(folder)
