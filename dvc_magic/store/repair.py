"""Putting right what a check of the store has found.

Nothing that a run made or a user wrote is destroyed: whatever is not as it should be is moved into ``quarantine``,
under its path in the store, before anything takes its place. Each step is a rename of something whole, so that a repair
may end at any moment, and other processes may use the store meanwhile.
"""

from __future__ import annotations

import fcntl
import os
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from dvc_magic.errors import DvcMagicError, StoreError
from dvc_magic.model.checkup import Finding, FindingKind, Remedy, Repair
from dvc_magic.model.paths import object_path, objects_of
from dvc_magic.model.relative import is_below
from dvc_magic.store.check import whole_snapshots
from dvc_magic.store.content import folder_listing, read_listing
from dvc_magic.store.copying import put_file
from dvc_magic.store.dir_listing import DIR_SUFFIX, listing_hash, listing_text, parsed_listing
from dvc_magic.store.lock import RunLock
from dvc_magic.store.quarantine import check_inside, move_aside
from dvc_magic.store.remove import remove_tree
from dvc_magic.store.whole_files import sync_folder, write_whole
from dvc_magic.untrusted import first_few

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from dvc_magic.model.record import RunRecord
    from dvc_magic.store.content import Hasher
    from dvc_magic.store.directory import RunStore

_NO_COPY = "no whole copy is left"


class _LeftError(Exception):
    """A finding that stays as it is, and why."""


def repair(
    store: RunStore, findings: Iterable[Finding], hasher: Hasher, *, project: Path, caches: Sequence[Path] = ()
) -> tuple[Repair, ...]:
    """Do what each finding says; the answers are in the order in which things were done.

    Side effects: in the store alone; see the module.

    Args:
        store: calls may be under way in it.
        findings: of `dvc_magic.store.examine`, a moment ago.
        hasher: reads the contents.
        project: its files and the workspaces of runs may have whole copies.
        caches: folders of DVC caches (which hold ``files/md5``) that may have some, too.

    Raises:
        StoreError: another repair of this store goes on.
    """
    with _alone(store.home):
        listings: list[Finding] = []
        others: list[Finding] = []
        for finding in findings:
            is_listing = finding.kind is FindingKind.CACHE and finding.hash.endswith(DIR_SUFFIX)
            (listings if is_listing else others).append(finding)
        repairs: list[Repair] = []
        for wave in (listings, others):  # where the files of a folder should lie, only its listing says
            copies = _Copies(store, wave, project=project, caches=caches)
            repairs += [_repaired(finding, store, hasher, copies) for finding in wave]
        return tuple(repairs)


def kept_aside(store: RunStore) -> dict[str, int]:
    """The files in the store's quarantine, and in that of earlier versions: path from the store's folder -> bytes."""
    folders = (store.paths.quarantine, store.paths.cache / "quarantine")
    files = [Path(place, name) for folder in folders for place, _, names in os.walk(folder) for name in names]
    return {os.path.relpath(file, store.home): file.lstat().st_size for file in sorted(files)}


@contextmanager
def _alone(home: Path) -> Iterator[None]:
    descriptor = os.open(home, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        os.close(descriptor)
        message = f"{home} is being repaired by another process; wait until that ends, then: %dvc_doctor --repair"
        raise StoreError(message) from None
    except OSError:  # a file system without such locks
        pass
    try:
        yield
    finally:
        os.close(descriptor)


def _repaired(finding: Finding, store: RunStore, hasher: Hasher, copies: _Copies) -> Repair:
    path = store.home / finding.path
    try:
        match finding.remedy:
            case Remedy.NOTHING:
                return Repair(finding=finding, done=False, said=finding.advice)
            case Remedy.SET_ASIDE:
                said = _set_aside(finding, path, store)
            case Remedy.RESTORE if finding.kind is FindingKind.OUT:
                said = _restore_out(finding, path, store, hasher, copies)
            case Remedy.RESTORE:
                said = _restore_object(finding, path, store, hasher, copies)
            case Remedy.REMOVE:
                said = _remove(path)
            case Remedy.REBUILD:
                said = _rebuild(path, store)
            case Remedy.REWRITE:
                said = _rewrite(path)
    except (_LeftError, DvcMagicError) as error:
        return Repair(finding=finding, done=False, said=str(error))
    except OSError as error:
        where = f": {error.filename}" if error.filename else ""
        return Repair(finding=finding, done=False, said=f"{error.strerror or error}{where}")
    return Repair(finding=finding, done=True, said=said)


def _set_aside(finding: Finding, path: Path, store: RunStore) -> str:
    if finding.kind is not FindingKind.RECORD:
        said = _move_aside(path, store)
        if finding.run:
            store.index.put(finding.run)
        return said
    folder = store.paths.run(finding.run)
    with RunLock(folder.lock):  # refused while a worker holds it
        said = _move_aside(folder.folder, store)
    store.index.drop(finding.run)
    return said


def _move_aside(path: Path, store: RunStore) -> str:
    target = move_aside(path, store.paths)
    sync_folder(target.parent)
    sync_folder(path.parent)
    return f"moved to {target.relative_to(store.home)}"


def _restore_object(finding: Finding, path: Path, store: RunStore, hasher: Hasher, copies: _Copies) -> str:
    check_inside(path, store.paths)
    copy = copies.whole(finding.hash, but=path, hasher=hasher)
    with store.known.locked([finding.hash]):
        if _is_whole(path, finding.hash, hasher):
            return "whole again"  # a call needed it and made it anew
        said = _move_aside(path, store) if os.path.lexists(path) else ""
        if copy is not None and _put(path, copy, finding.hash, store, hasher):
            place = copy.relative_to(store.home) if copy.is_relative_to(store.home) else copy
            return f"taken from {place}" + (said and f"; the damaged one was {said}")
    if not said:
        raise _LeftError(f"{_NO_COPY}; the next run that makes the same content brings it back")
    return f"{said}; {_NO_COPY}, so that it is made anew when a run needs it"


def _restore_out(finding: Finding, place: Path, store: RunStore, hasher: Hasher, copies: _Copies) -> str:
    """Put the files that a run made in the place of others; mark the run where that cannot be done."""
    listing = read_listing(store.paths, finding.hash) if finding.hash.endswith(DIR_SUFFIX) else {"": finding.hash}
    record = store.read(finding.run)
    path = place.relative_to(store.paths.run(record.id).dvc_root(record.root)).as_posix()
    lost = [] if listing is not None else [path]
    for inner, md5 in (listing or {}).items():
        file = place / inner if inner else place
        check_inside(file, store.paths)
        if hasher.holds(file, md5):
            continue
        copy = copies.whole(md5, but=file, hasher=hasher)
        if copy is None:
            lost.append(f"{path}/{inner}" if inner else path)
            continue
        if os.path.lexists(file):
            _move_aside(file, store)
        _put(file, copy, md5, store, hasher, mode=0o555 if record.outs[path].executable else 0o444)
    if not lost:
        return f"taken from whole copies; what lay there was moved to quarantine/{finding.path}"
    what = first_few(lost, 1)
    store.mark_spoiled(record.id, {path: f"{what} was altered or removed after the run, and {_NO_COPY}"})
    return f"{_NO_COPY} of {what}: {record.name} is marked, and neither reused nor used upstream any more"


def _is_whole(place: Path, md5: str, hasher: Hasher) -> bool:
    """Whether a file has the content of a hash; for a directory's, whether a folder has, or a file is its listing."""
    if not md5.endswith(DIR_SUFFIX):
        return hasher.holds(place, md5)
    try:
        if place.is_dir():
            return listing_hash(folder_listing(place, hasher)) == md5
        parsed_listing(place.read_bytes(), md5)
    except (OSError, StoreError):
        return False
    return True


def _put(target: Path, copy: Path, md5: str, store: RunStore, hasher: Hasher, *, mode: int = 0o444) -> bool:
    """Put a whole copy in its place; False when it is not whole any more."""
    if md5.endswith(DIR_SUFFIX) and copy.is_dir():
        write_whole(target, listing_text(folder_listing(copy, hasher)), mode=0o444)
    elif not put_file(str(target), copy, md5.removesuffix(DIR_SUFFIX)):
        return False
    if mode != target.stat().st_mode & 0o777:
        target.chmod(mode)
    store.known.note({str(target): md5.removesuffix(DIR_SUFFIX)})
    return True


def _remove(path: Path) -> str:
    if path.is_dir() and not path.is_symlink():
        remove_tree(path)
    else:
        path.unlink(missing_ok=True)
    return "removed"


def _rebuild(path: Path, store: RunStore) -> str:
    for end in ("", "-wal", "-shm", "-journal"):
        path.with_name(path.name + end).unlink(missing_ok=True)
    if path == store.paths.index:
        store.index.refresh()
    return "made anew"


def _rewrite(path: Path) -> str:
    if path.is_dir():
        path.chmod(0o700)
        return "has mode 700 now"
    path.unlink(missing_ok=True)
    path.write_text("*\n", encoding="utf-8")
    return "written anew"


class _Copies:
    """Where whole copies of some contents may lie."""

    def __init__(self, store: RunStore, findings: Iterable[Finding], *, project: Path, caches: Sequence[Path]) -> None:
        paths = store.paths
        self._wanted = _wanted(store, findings)
        self._folders = (paths.cache_objects, paths.objects, *map(objects_of, caches), *caches)
        self._places: dict[str, dict[Path, None]] = {}
        if not self._wanted:
            return
        records = [entry.nouns()[0] for entry in store.index.refresh() if entry.record]
        for record in records:
            root = paths.run(record.id).dvc_root(record.root)
            contents = [(path, out.hash) for path, out in record.outs.items()]
            contents += [(path, dep.seen) for path, dep in record.deps.items()]
            for path, md5 in contents:
                if is_below(path):
                    self._note(store, path, md5, (root, project))
        by_snapshot: dict[str, list[RunRecord]] = {}
        for record in records:
            by_snapshot.setdefault(record.snapshot, []).append(record)
        for snapshot in whole_snapshots(paths):
            roots = [paths.run(record.id).dvc_root(record.root) for record in by_snapshot.get(snapshot.id, ())]
            for path, file in snapshot.files.items():
                if file.link is None and is_below(path):
                    self._note(store, path, file.md5, (*roots, project))

    def _note(self, store: RunStore, path: str, md5: str, roots: Sequence[Path]) -> None:
        contents = {path: md5}
        if md5.endswith(DIR_SUFFIX):
            contents |= {f"{path}/{inner}": member for inner, member in (read_listing(store.paths, md5) or {}).items()}
        for where, content in contents.items():
            if content in self._wanted:
                self._places.setdefault(content, {}).update(dict.fromkeys(root / where for root in roots))

    def whole(self, md5: str, *, but: Path, hasher: Hasher) -> Path | None:
        """A place that has the content of a hash now; the caches are looked at first."""
        places = [*(Path(object_path(folder, md5)) for folder in self._folders), *self._places.get(md5, ())]
        return next((place for place in places if place != but and _is_whole(place, md5, hasher)), None)


def _wanted(store: RunStore, findings: Iterable[Finding]) -> set[str]:
    """The contents that some findings need, the files of folders among them."""
    wanted = {finding.hash for finding in findings if finding.remedy is Remedy.RESTORE}
    folders = {finding.hash for finding in findings if finding.kind is FindingKind.OUT} & {
        md5 for md5 in wanted if md5.endswith(DIR_SUFFIX)
    }
    return wanted | {member for md5 in folders for member in (read_listing(store.paths, md5) or {}).values()}
