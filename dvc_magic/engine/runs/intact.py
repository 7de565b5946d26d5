"""Whether what a run made is still what it made; put right where a whole copy is at hand, marked where none is."""

from __future__ import annotations

import os
import stat
from collections.abc import Iterable
from pathlib import Path

from dvc_magic.errors import StoreError
from dvc_magic.model.record import RunRecord, RunStatus
from dvc_magic.store import DirListing, RunStore, check_inside, listing_hash
from dvc_magic.workspace import LinkPolicy, place_file

_SHARED = LinkPolicy(hardlink=True, hardlink_from=0)
_OWN = LinkPolicy(hardlink=False)  # execute bits of a hardlink would be the cache's, too


def altered_outs(record: RunRecord, store: RunStore) -> dict[str, str]:
    """The outs of a completed run that are not what it made any more, and cannot be put right: path -> why.

    A file in the workspace and its object in the runs' cache mend each other; both are one file where they are a
    hardlink. Outs with absolute paths lie outside the store, and are not looked at.

    Side effects: what was altered goes into quarantine, a whole copy takes its place; what has none is written into
    the record.
    """
    root = store.paths.run(record.id).dvc_root(record.root)
    hashes = {path: out.hash for path, out in record.outs.items() if out.hash and not Path(path).is_absolute()}
    reasons = {
        path: why
        for path, hash in hashes.items()  # noqa: A001
        if (why := _mend(store, root / path, hash, executable=record.outs[path].executable))
    }
    store.mark_spoiled(record.id, reasons)
    return reasons


def mend_runs_with(md5s: Iterable[str], store: RunStore) -> None:
    """Mend or mark all completed runs that made or were given content which was altered through one of its links.

    Side effects: as `altered_outs`; the inputs of runs are mended and marked in the same way.
    """
    wanted = set(md5s)
    records = [run.record for run in store.all() if run.record.status is RunStatus.COMPLETED]
    for record in records:
        if any(_has(store, out.hash, wanted) for out in record.outs.values() if out.hash):
            altered_outs(record, store)
    for record in records:  # after the outs, from which an object may have come back
        root = store.paths.run(record.id).dvc_root(record.root)
        linked = {path: dep.seen for path, dep in record.deps.items() if dep.placed == "hardlink" and not dep.changed}
        reasons = {
            path: why
            for path, hash in linked.items()  # noqa: A001
            if _has(store, hash, wanted) and (why := _mend(store, root / path, hash))
        }
        store.mark_spoiled(record.id, reasons)


def _has(store: RunStore, hash: str, md5s: set[str]) -> bool:  # noqa: A002
    try:
        return not md5s.isdisjoint(store.cache.listing(hash).values())
    except FileNotFoundError:
        return True  # nobody can tell: look at the files


def _mend(store: RunStore, place: Path, hash: str, *, executable: bool = False) -> str:  # noqa: A002
    """What is wrong with the content at `place` that cannot be put right, or an empty text."""
    try:
        check_inside(place / "_", store.paths)
    except StoreError as error:
        return str(error)
    cache, known = store.cache, store.known
    listing = _listing(store, place, hash)
    if listing is None:
        return "the list of its files is gone, and they are not as they were"
    files = {os.fspath(place / name if name else place): md5 for name, md5 in listing.items()}
    altered = known.altered(files)
    lacking = cache.lacking(listing.values())
    whole = {md5: file for file, md5 in files.items() if file not in altered}
    cache.put({md5: whole[md5] for md5 in lacking if md5 in whole})
    for file in altered:
        if files[file] in whole or files[file] not in lacking:
            _replace(store, Path(file), files[file], _OWN if executable else _SHARED)
    hopeless = [file for file in altered if files[file] in lacking and files[file] not in whole]
    if not hopeless:
        return ""
    name = os.path.relpath(hopeless[0], place)
    what = "it" if name == "." else name
    more = f" (and {len(hopeless) - 1} more files)" if len(hopeless) > 1 else ""
    return f"{what} {altered[hopeless[0]]}{more}"


def _listing(store: RunStore, place: Path, hash: str) -> DirListing | None:  # noqa: A002
    """The files of a hash, from the runs' cache, else from the files at `place` if they are what it names."""
    try:
        return store.cache.listing(hash)
    except FileNotFoundError:
        pass
    names = [file.relative_to(place).as_posix() for file in place.rglob("*") if file.is_file()]
    listing = {name: md5 for name in names if (md5 := store.known.hash(place / name))}
    if listing_hash(listing) != hash:
        return None
    store.cache.put_listing(listing)
    return listing


def _replace(store: RunStore, file: Path, md5: str, links: LinkPolicy) -> None:
    """Put the object's content in the place of an altered file, which is kept in quarantine."""
    source = Path(store.cache.path(md5))
    with store.known.locked([md5]):
        if store.cache.lacking([md5]):
            return
        store.cache.set_aside(os.fspath(file))
        file.parent.mkdir(parents=True, exist_ok=True)
        place_file(source, file, links=links)
        mode = 0o555 if links is _OWN else 0o444
        if stat.S_IMODE(file.stat().st_mode) != mode:
            file.chmod(mode)
        store.known.note({os.fspath(file): md5, os.fspath(source): md5})
