"""Taking a snapshot: the project's sources at one moment, by content."""

from __future__ import annotations

import contextlib
import hashlib
import os
import stat
import time
from collections.abc import Collection, Iterator, Mapping, Sequence
from pathlib import Path

from msgspec import Struct, field

from dvc_magic import codec
from dvc_magic.errors import ProjectError
from dvc_magic.model.paths import StorePaths
from dvc_magic.model.relative import in_any
from dvc_magic.model.snapshot import Snapshot, SourceFile, snapshot_id
from dvc_magic.store import Objects, RunStore, cannot, file_facts, snapshot_file, write_whole
from dvc_magic.workspace.hash_cache import FileHash, HashCache
from dvc_magic.workspace.sources import Listing, NamedFiles, SourceRules, list_sources, named_files

__all__ = ["SIZE_LIMIT", "take_snapshot"]

SIZE_LIMIT = 50_000_000  # bytes
_ATTEMPTS = 6
_TICK_NS = 12_000_000  # file times move in steps of up to 10 ms


def take_snapshot(
    project: Path,
    store: RunStore,
    *,
    outs: Collection[str],
    named: Collection[str],
    copy_paths: Sequence[str] = (),
    size_limit: int = SIZE_LIMIT,
    hashes: HashCache,
) -> tuple[Snapshot, tuple[str, ...]]:
    """Keep the project's sources as they are at one moment, and describe them.

    All files were unchanged from before the first until after the last was read. An unchanged project costs two stats
    a file. The project is only read, git's index included.

    Args:
        project: its root.
        store: gets new contents and the snapshot. A kept content that was changed is kept anew.
        outs: what DVC makes or tracks, from the root: no sources, nor is anything below.
        named: what stages name, from the root: kept whatever its size or suffix.
        copy_paths: ignored files and folders that the user wants as well; those that look secret are not stored,
            but listed in ``linked``.
        size_limit: bytes; larger files that nothing names are left out.
        hashes: makes an unchanged file cost a stat.

    Returns:
        The snapshot, and warnings for people.

    Raises:
        MissingInputError: one of `copy_paths` is missing or outside the project.
        ProjectError: files keep changing while they are read.
        StoreError: they cannot be kept.
    """
    paths = store.paths
    dvc = project / ".dvc"
    linked_dvc = _folder_in(project, dvc) if dvc.is_symlink() else None  # has DVC's cache, and secrets in config.local
    left_out = frozenset([*outs, linked_dvc] if linked_dvc else outs)
    rules = SourceRules(outs=left_out, named=frozenset(named), store=_folder_in(project, paths.home))
    extra = named_files(project, copy_paths, rules)
    _make_private(paths)
    listing = list_sources(project, rules)
    reader = _Reader(project, store.sources, hashes, limit=size_limit, kept=frozenset({*named, *extra.plain}))
    files, skipped, warnings = reader.read(sorted({*listing.paths, *extra.plain}))
    snapshot = _described(files, skipped, listing, extra)
    _keep(paths, snapshot)
    return snapshot, (*listing.warnings, *warnings)


def _folder_in(project: Path, folder: Path) -> str | None:
    """The path of a folder from the project's root, None when it lies elsewhere."""
    root, place = os.path.realpath(project), os.path.realpath(folder)
    return os.path.relpath(place, root).replace(os.sep, "/") if place.startswith(root + os.sep) else None


def _described(files: dict[str, SourceFile], skipped: dict[str, int], listing: Listing, extra: NamedFiles) -> Snapshot:
    listed = set(listing.paths)
    linked = tuple(path for path in extra.secret if path not in listed)  # what git shows is no secret: it is code
    return Snapshot(
        id=snapshot_id(files, linked),
        files=files,
        copied=tuple(path for path in extra.plain if path not in listed and path in files),
        linked=linked,
        skipped=skipped,
        commit=listing.commit,
        dirty=listing.dirty,
        edited=listing.edited,
    )


def _keep(paths: StorePaths, snapshot: Snapshot) -> None:
    """Write the snapshot's file whole, unless it is there already just like this."""
    content = codec.encode(snapshot).encode("utf-8")
    file = snapshot_file(paths, snapshot.id)
    with contextlib.suppress(FileNotFoundError):
        if file.read_bytes() == content:
            return
    write_whole(file, content)


def _make_private(paths: StorePaths) -> None:
    try:
        paths.home.mkdir(mode=0o700, parents=True, exist_ok=True)
        paths.snapshots.mkdir(exist_ok=True)
    except OSError as error:  # the first to write: root is refused only now where the mode of a folder says nothing
        raise cannot(f"make the run store {paths.home}", error, at=paths.home) from error


class _Seen(Struct):
    """One look at the wanted files."""

    regular: dict[str, os.stat_result] = field(default_factory=dict)
    links: dict[str, os.stat_result] = field(default_factory=dict)
    skipped: dict[str, int] = field(default_factory=dict)

    def facts(self) -> dict[str, tuple[int, int, int, int]]:
        """What must not change until everything is read."""
        return {path: file_facts(known) for path, known in (*self.regular.items(), *self.links.items())}

    def newest(self) -> int:
        """The time of the last change, in nanoseconds."""
        return max((known.st_ctime_ns for known in self.regular.values()), default=0)


class _Reader:
    """Reads the wanted files, all of one moment, and keeps their contents."""

    def __init__(self, project: Path, objects: Objects, hashes: HashCache, *, limit: int, kept: frozenset[str]) -> None:
        self._root = os.path.abspath(project)
        self._real = os.path.realpath(project)
        self._objects = objects
        self._hashes = hashes
        self._limit = limit
        self._kept = kept
        self._unreadable: dict[str, None] = {}

    def read(self, wanted: Sequence[str]) -> tuple[dict[str, SourceFile], dict[str, int], tuple[str, ...]]:
        """The files, those skipped for their size, and warnings."""
        for attempt in range(_ATTEMPTS):
            if attempt:
                time.sleep(0.01 * attempt)
            seen = self._look(wanted)
            if self._wait_for_tick(seen):
                seen = self._look(wanted)
            files = self._read_once(seen)
            if files is not None and self._look(wanted).facts() == seen.facts():
                return files, seen.skipped, tuple(self._warnings(seen))
        message = (
            f"files of the project keep changing while they are read ({_ATTEMPTS} tries); "
            "run again when nothing writes them, or let .gitignore name what is no source"
        )
        raise ProjectError(message)

    def _look(self, wanted: Sequence[str]) -> _Seen:
        """Stat every wanted file; what is gone, or neither a file nor a link, is no source."""
        seen = _Seen()
        for path in wanted:
            try:
                known = os.lstat(f"{self._root}/{path}")
            except (FileNotFoundError, NotADirectoryError):
                continue
            if path in self._unreadable:
                continue
            if stat.S_ISLNK(known.st_mode):
                seen.links[path] = known
            elif stat.S_ISREG(known.st_mode):
                if known.st_size > self._limit and not in_any(path, self._kept):
                    seen.skipped[path] = known.st_size
                else:
                    seen.regular[path] = known
        return seen

    def _wait_for_tick(self, seen: _Seen) -> bool:
        """Wait until a change from now on would show in the times of the youngest file; False: no need."""
        age = time.time_ns() - seen.newest()
        if not 0 <= age < _TICK_NS:
            return False
        time.sleep((_TICK_NS - age) / 1e9)
        return True

    def _read_once(self, seen: _Seen) -> dict[str, SourceFile] | None:
        """The files as seen, contents kept; None when one was gone, unreadable or changed meanwhile."""
        try:
            known = self._hashes.md5_known({f"{self._root}/{path}": facts for path, facts in seen.regular.items()})
            found = {path: known[f"{self._root}/{path}"] for path in seen.regular}
            if self._changed_meanwhile(found):
                return None
            files = {path: _regular(seen.regular[path], found[path]) for path in found}
            return files | dict(self._link(path, facts) for path, facts in seen.links.items())
        except PermissionError as error:
            self._unreadable[os.path.relpath(error.filename, self._root)] = None
        except (FileNotFoundError, IsADirectoryError, NotADirectoryError):
            pass
        return None

    def _changed_meanwhile(self, hashes: Mapping[str, FileHash]) -> bool:
        """Keep the contents; whether a file has another one by now."""
        sources = {entry.md5: f"{self._root}/{path}" for path, entry in hashes.items()}
        try:
            changed = self._objects.put(sources)
        except OSError as error:
            if error.filename in sources.values():
                raise
            folder = Path(self._objects.folder)
            raise cannot(f"keep the project's sources in {folder}", error, at=folder) from error
        for md5 in changed:
            self._hashes.forget(os.fspath(sources[md5]))
        return bool(changed)

    def _link(self, path: str, facts: os.stat_result) -> tuple[str, SourceFile]:
        text = self._relative_link(path, os.readlink(f"{self._root}/{path}"))
        content = text.encode("utf-8", "backslashreplace")  # a record holds nothing but UTF-8
        md5 = hashlib.md5(content, usedforsecurity=False).hexdigest()
        return path, SourceFile(md5=md5, size=len(content), mtime_ns=facts.st_mtime_ns, link=content.decode())

    def _relative_link(self, path: str, text: str) -> str:
        """The link's text; an absolute one into the project is made relative, or a run would see the live project."""
        if not os.path.isabs(text):
            return text
        for root in (self._root, self._real):
            if text == root or text.startswith(root + os.sep):
                return os.path.relpath(text, os.path.dirname(f"{root}/{path}"))
        return text

    def _warnings(self, seen: _Seen) -> Iterator[str]:
        for path, size in seen.skipped.items():
            yield (
                f"{path} ({size / 1e6:,.0f} MB) is left out of the run's sources: nothing declares it and it is above "
                f"{self._limit / 1e6:,.0f} MB; make it a dep of the stage, or name it with -C"
            )
        for path in seen.links:
            if self._leads_out(path):
                yield f"{path} is a link out of the project; runs get the link alone: declare what it leads to as a dep"
        for path in self._unreadable:
            yield f"{path} is left out of the run's sources: it cannot be read"

    def _leads_out(self, path: str) -> bool:
        real = os.path.realpath(f"{self._real}/{path}")
        return real != self._real and not real.startswith(self._real + os.sep)


def _regular(facts: os.stat_result, known: FileHash) -> SourceFile:
    executable = bool(facts.st_mode & stat.S_IXUSR)
    return SourceFile(md5=known.md5, size=known.size, mtime_ns=facts.st_mtime_ns, executable=executable)
