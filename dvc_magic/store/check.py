"""Does the store hold what it promises? All of it is read for the answer.

The promises: records can be read (I1), states never went backwards (I2), objects and outs have the content that their
names and records say (I4), the index equals the records (I5), and what a record or a snapshot names is there.
"""

from __future__ import annotations

import hashlib
import os
import re
import shlex
import sqlite3
import stat
import time
from contextlib import closing, suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any

from msgspec import Struct, field

from dvc_magic.codec import decode
from dvc_magic.errors import RecordDamagedError, RecordVersionError, StoreError
from dvc_magic.model.checkup import Finding, FindingKind, Remedy
from dvc_magic.model.paths import RunPaths, object_path
from dvc_magic.model.record import Notes, OutRecord, RunRecord, RunStatus
from dvc_magic.model.relative import is_below
from dvc_magic.model.snapshot import Snapshot, snapshot_id
from dvc_magic.store.content import Hasher, read_listing, wrong_files
from dvc_magic.store.dir_listing import DIR_SUFFIX, is_hash, parsed_listing
from dvc_magic.store.lock import held
from dvc_magic.store.record_file import read_noun
from dvc_magic.untrusted import first_few

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from dvc_magic.model.paths import StorePaths
    from dvc_magic.store.directory import RunStore

_YOUNG = 60.0  # seconds: a run folder without a record may be one that a worker has just made
_LITTER_AGE = 3600.0  # seconds since the last write; no writer of ours pauses for so long
_NAMED = 3  # files that a line names
_JSON_NAME = re.compile(r"[0-9a-f]{32}\.json")
_TEMPORARY = re.compile(r"\..*\.tmp|[0-9a-f]{30}(\.dir)?\.[0-9a-f]{12}\.tmp")
_NOT_ITS_NAME = "does not hold what its name says"
_UNREADABLE = "left as it is: see to it that it can be read, then check again"
_UPGRADE = "left as it is: upgrade dvc_magic to read it (pip install -U dvc-magic)"

# What a repair comes to, or what the user can do where there is none.
_ADVICE = {
    (FindingKind.RECORD, Remedy.SET_ASIDE): "the run's folder is moved aside, with all that the run made",
    (FindingKind.NOTES, Remedy.SET_ASIDE): "moved aside; the run then has no label, tags and note",
    (FindingKind.ORDER, Remedy.SET_ASIDE): "moved aside; %dvc_debug cannot execute the run again then",
    (FindingKind.NUMBER, Remedy.NOTHING): "left as it is, since a number is never given anew: name these runs by id",
    (FindingKind.LOCK, Remedy.SET_ASIDE): "moved aside",
    (FindingKind.SNAPSHOT, Remedy.SET_ASIDE): "moved aside; the workspaces of its runs have their sources",
    (FindingKind.SNAPSHOT, Remedy.NOTHING): "nothing brings it back; the workspaces of its runs have their sources",
    (FindingKind.SOURCE, Remedy.RESTORE): "taken from a workspace or the project, where one still has it",
    (FindingKind.ENVIRONMENT, Remedy.SET_ASIDE): "moved aside; the next call in that environment makes it anew",
    (FindingKind.ENVIRONMENT, Remedy.NOTHING): "the next call in that environment makes it anew",
    (FindingKind.CACHE, Remedy.RESTORE): "taken from a workspace or the project's DVC cache, where one still has it",
    (FindingKind.OUT, Remedy.RESTORE): "taken from the runs' cache; without a copy there, the run is not used any more",
    (FindingKind.INDEX, Remedy.REBUILD): "removed, and made anew from the files",
    (FindingKind.LITTER, Remedy.REMOVE): "removed",
    (FindingKind.STORE, Remedy.REWRITE): "put right",
}


def check_store(store: RunStore) -> list[str]:
    """What is wrong in a store, one line for people each; see `examine`."""
    return [f"{finding.path} {finding.seen}" for finding in examine(store)]


def examine(store: RunStore, hasher: Hasher | None = None) -> tuple[Finding, ...]:
    """All that is not as it should be in a store. Of runs that still go, only their sources are looked at.

    Side effects: brings the index up to date.

    Args:
        store: calls may be under way in it.
        hasher: reads the contents.

    Raises:
        StoreError: the store's folders cannot be listed.
    """
    return tuple(_Examination(store, hasher or Hasher()).findings())


class _Examination(Struct):
    """The findings of one store.

    Attributes:
        records: those that can be relied on.
        unlisted: why folders could not be looked into.
    """

    store: RunStore
    hasher: Hasher
    records: list[RunRecord] = field(default_factory=list)
    unlisted: list[OSError] = field(default_factory=list)

    def findings(self) -> Iterator[Finding]:
        if not self._paths.home.is_dir():
            return
        yield from self._databases()  # first: whoever opens a damaged one makes it anew without a word
        for run_id in sorted(self.store.index.ids()):
            yield from self._run(run_id)
            self.hasher.pulse()
        self.records.sort(key=lambda record: (record.number, record.id))
        yield from self._numbers()
        yield from self._snapshots()
        yield from self._sources()
        yield from self._environments()
        yield from self._cache()
        yield from self._outs()
        yield from self._index()
        yield from self._litter()
        yield from self._home()
        for error in {str(error.filename): error for error in self.unlisted}.values():
            yield self._finding(
                FindingKind.STORE, error.filename, f"cannot be looked into: {error.strerror}", advice=_UNREADABLE
            )

    @property
    def _paths(self) -> StorePaths:
        return self.store.paths

    def _finding(
        self, kind: FindingKind, path: Path | str, seen: str, remedy: Remedy = Remedy.NOTHING, **more: Any
    ) -> Finding:
        advice = more.pop("advice", None) or _ADVICE[kind, remedy]
        place = os.path.relpath(path, self._paths.home)
        return Finding(kind=kind, path=place, seen=seen, remedy=remedy, advice=advice, **more)

    def _unreadable(self, kind: FindingKind, path: Path | str, error: OSError, **more: Any) -> Finding:
        return self._finding(kind, path, f"cannot be read: {error.strerror}", advice=_UNREADABLE, **more)

    # runs

    def _run(self, run_id: str) -> Iterator[Finding]:
        """What is wrong with the small files of a run; a good record is added to `records`."""
        paths = self._paths.run(run_id)
        yield from self._lock(paths, run_id)
        _, fault = self._noun(paths.notes, Notes, FindingKind.NOTES, run_id)
        if fault is not None:
            yield fault
        _, fault = self._noun(paths.order, object, FindingKind.ORDER, run_id)
        if fault is not None:
            yield fault
        record, fault = self._noun(paths.record, RunRecord, FindingKind.RECORD, run_id)
        if fault is not None:
            yield fault
        elif record is None:
            yield from self._without_record(paths, run_id)
        elif said := _contradiction(record, run_id):
            yield self._finding(FindingKind.RECORD, paths.record, said, Remedy.SET_ASIDE, run=run_id)
        else:
            self.records.append(record)

    def _noun(self, path: Path, kind: type, about: FindingKind, run_id: str) -> tuple[Any, Finding | None]:
        try:
            return read_noun(path, kind), None
        except FileNotFoundError:
            return None, None
        except RecordDamagedError as error:
            return None, self._finding(about, path, _reason(error, path), Remedy.SET_ASIDE, run=run_id)
        except RecordVersionError as error:
            return None, self._finding(about, path, _reason(error, path), run=run_id, advice=_UPGRADE)
        except StoreError as error:
            return None, self._finding(about, path, _reason(error, path), run=run_id, advice=_UNREADABLE)

    def _without_record(self, paths: RunPaths, run_id: str) -> Iterator[Finding]:
        with suppress(OSError, StoreError):
            if time.time() - paths.folder.stat().st_mtime < _YOUNG or held(paths.lock):
                return
            if {entry.name for entry in paths.folder.iterdir()} <= {paths.lock.name, paths.stop.name}:
                yield self._finding(FindingKind.LITTER, paths.folder, "is empty", Remedy.REMOVE, run=run_id)
            else:
                yield self._finding(FindingKind.RECORD, paths.folder, "has no record", Remedy.SET_ASIDE, run=run_id)

    def _lock(self, paths: RunPaths, run_id: str) -> Iterator[Finding]:
        with suppress(OSError):
            if not stat.S_ISREG(paths.lock.lstat().st_mode):
                said = "is no regular file, so that nobody can tell whether the run still goes"
                yield self._finding(FindingKind.LOCK, paths.lock, said, Remedy.SET_ASIDE, run=run_id)
                return
        try:
            held(paths.lock)
        except StoreError as error:
            yield self._finding(FindingKind.LOCK, paths.lock, f"cannot be tested ({error})", advice=_UNREADABLE)

    def _numbers(self) -> Iterator[Finding]:
        by_number: dict[int, RunRecord] = {}
        for record in self.records:
            first = by_number.setdefault(record.number, record)
            if first is not record:
                said = f"and runs/{first.id} both have number {record.number}"
                yield self._finding(FindingKind.NUMBER, self._paths.run(record.id).folder, said, run=record.id)

    # sources and environments

    def _snapshots(self) -> Iterator[Finding]:
        def is_whole(file: Path) -> bool:
            snapshot = decode(file.read_bytes(), Snapshot)
            return snapshot.id == file.stem == snapshot_id(snapshot.files, snapshot.linked)

        users = self._names_by(lambda record: record.snapshot)
        yield from self._named_by_content(FindingKind.SNAPSHOT, self._paths.snapshots, users, is_whole)

    def _sources(self) -> Iterator[Finding]:
        """Contents of source files that are missing or other than their names say."""
        objects = self._paths.objects
        needed = {md5 for snapshot in whole_snapshots(self._paths) for md5 in _contents(snapshot)}
        wrong = dict(self._wrong_objects(objects))
        wrong |= {md5: "is missing" for md5 in needed if not os.path.lexists(object_path(objects, md5))}
        if not wrong:
            return
        by_snapshot = self._names_by(lambda record: record.snapshot)
        users: dict[str, dict[str, None]] = {}
        for snapshot in whole_snapshots(self._paths):
            for md5 in wrong.keys() & _contents(snapshot):
                users.setdefault(md5, {}).update(dict.fromkeys(by_snapshot.get(snapshot.id, ())))
        yield from self._objects(FindingKind.SOURCE, objects, wrong, users)

    def _environments(self) -> Iterator[Finding]:
        def is_whole(file: Path) -> bool:
            return hashlib.sha256(file.read_bytes()).hexdigest()[:32] == file.stem

        users = self._names_by(lambda record: record.environment.packages)
        yield from self._named_by_content(FindingKind.ENVIRONMENT, self._paths.environments, users, is_whole)

    def _named_by_content(
        self, kind: FindingKind, folder: Path, users: dict[str, tuple[str, ...]], is_whole: Callable[[Path], bool]
    ) -> Iterator[Finding]:
        """JSON files whose content is not what their name says, and those that runs name and that are missing.

        Args:
            kind: of the findings.
            folder: where the files are.
            users: the name of a file -> the runs that name it.
            is_whole: whether a file has the content of its name; a `ValueError` says no.
        """
        files = self._json_files(folder)
        for file in files:
            try:
                whole = is_whole(file)
            except OSError as error:
                yield self._unreadable(kind, file, error)
                continue
            except (ValueError, RecursionError):
                whole = False
            if not whole:
                runs = users.get(file.stem, ())
                yield self._finding(kind, file, _NOT_ITS_NAME, Remedy.SET_ASIDE, runs=runs)
        for name in sorted(users.keys() - {file.stem for file in files}):
            yield self._finding(kind, folder / f"{name}.json", "is missing", runs=users[name])

    def _names_by(self, key: Callable[[RunRecord], str]) -> dict[str, tuple[str, ...]]:
        """The runs by something that each names, or leaves empty."""
        names: dict[str, list[str]] = {}
        for record in self.records:
            names.setdefault(key(record), []).append(record.name)
        return {value: tuple(several) for value, several in names.items() if value}

    # the runs' cache, and what runs made

    def _cache(self) -> Iterator[Finding]:
        """Objects of the runs' cache that are damaged, and those that outs need and that are missing.

        A listing without its files is no fault in itself: `RemoteData` that is not pulled yet is such a one.
        """
        objects = self._paths.cache_objects
        wrong = dict(self._wrong_objects(objects))
        users: dict[str, dict[str, None]] = {}
        for record, _, out in self._outs_to_keep():
            files = read_listing(self._paths, out.hash) if out.hash.endswith(DIR_SUFFIX) else {}
            for md5 in (out.hash, *(files or {}).values()):
                if out.cache and not os.path.lexists(object_path(objects, md5)):
                    wrong[md5] = "is missing"
                if md5 in wrong:
                    users.setdefault(md5, {})[record.name] = None
        yield from self._objects(FindingKind.CACHE, objects, wrong, users)

    def _outs(self) -> Iterator[Finding]:
        for record, path, out in self._outs_to_keep():
            place = self._paths.run(record.id).dvc_root(record.root) / path
            listing = read_listing(self._paths, out.hash) if out.hash.endswith(DIR_SUFFIX) else None
            wrong = wrong_files(place, out.hash, listing, self.hasher)
            if wrong:
                said = "is gone" if not os.path.lexists(place) else "is not what the run made"
                if listing is not None and "" not in wrong and os.path.lexists(place):
                    said += f" in {len(wrong)} of {len(listing)} files: {first_few(wrong, _NAMED)}"
                yield self._finding(
                    FindingKind.OUT,
                    place,
                    said,
                    Remedy.RESTORE,
                    hash=out.hash,
                    run=record.id,
                    runs=(record.name,),
                )

    def _outs_to_keep(self) -> Iterator[tuple[RunRecord, str, OutRecord]]:
        """The outs of completed runs, less those that the run is marked for."""
        for record in self.records:
            if record.status is RunStatus.COMPLETED and (record.root == "." or is_below(record.root)):
                for path, out in record.outs.items():
                    if is_below(path) and is_hash(out.hash) and path not in record.spoiled:
                        yield record, path, out

    def _wrong_objects(self, folder: Path) -> Iterator[tuple[str, str]]:
        """The objects in a folder that are not what their names say: md5 -> what was seen."""
        for place, _, names in os.walk(folder, onerror=self._note_unlisted):
            for name in sorted(names):
                file, md5 = Path(place, name), f"{Path(place).name}{name}"
                if not is_hash(md5) or file.parent.parent != folder:
                    continue
                try:
                    if not self._holds(file, md5.removesuffix(DIR_SUFFIX)):
                        yield md5, _NOT_ITS_NAME
                    elif md5.endswith(DIR_SUFFIX):
                        parsed_listing(file.read_bytes(), md5)
                except FileNotFoundError:
                    continue  # a call has taken it out meanwhile
                except OSError as error:
                    yield md5, f"cannot be read: {error.strerror}"
                except StoreError:
                    yield md5, "is no listing of files in one directory"

    def _holds(self, file: Path, md5: str) -> bool:
        """Whether an object has its content, now or once the run that makes it has unlocked it.

        DVC's reflink makes an object empty, then fills it or falls back to a hardlink.
        """
        if self.hasher.md5(file) == md5:
            return True
        with self.store.known.locked([md5]):
            return self.hasher.md5(file) == md5

    def _objects(
        self, kind: FindingKind, folder: Path, wrong: dict[str, str], users: dict[str, dict[str, None]]
    ) -> Iterator[Finding]:
        for md5, seen in sorted(wrong.items()):
            path = object_path(folder, md5)
            yield self._finding(kind, path, seen, Remedy.RESTORE, hash=md5, runs=tuple(users.get(md5, ())))

    # caches of other files

    def _databases(self) -> Iterator[Finding]:
        for path in (self._paths.index, self._paths.hashes):
            if path.exists() and (said := _damage(path)):
                yield self._finding(FindingKind.INDEX, path, f"is damaged: {said}", Remedy.REBUILD)

    def _index(self) -> Iterator[Finding]:
        """Differences between the index, brought up to date, and the records."""
        index = self.store.index
        entries = {entry.id: entry for entry in index.refresh()}
        rows = index.rows()
        differing = {
            run_id
            for run_id, entry in entries.items()
            if (now := index.parse(run_id)).signature == entry.signature and now != entry  # else written meanwhile
        }
        if rows is not None:
            differing |= (entries.keys() - rows.keys()) | (rows.keys() - set(index.ids()))
        if differing:
            said = f"is out of step with the files of {len(differing)} runs: {first_few(sorted(differing), _NAMED)}"
            yield self._finding(FindingKind.INDEX, self._paths.index, said, Remedy.REBUILD)

    # the store itself

    def _litter(self) -> Iterator[Finding]:
        """What killed processes left: temporary files, half-made folders, copies under a debugger."""
        going = [record for record in self.records if not record.status.final and self.store.alive(record.id)]
        oldest = min([time.time() - _LITTER_AGE, *(record.times.created.timestamp() for record in going)])
        for path in self._temporary():
            with suppress(OSError, StoreError):
                if last_write(path) < oldest and not held(RunPaths(path).lock):
                    yield self._finding(FindingKind.LITTER, path, "was left by a process that ended", Remedy.REMOVE)

    def _home(self) -> Iterator[Finding]:
        home = self._paths.home
        facts = home.stat()
        if facts.st_mode & 0o077 and not facts.st_mode & stat.S_ISGID:  # with it, a group was given the folder
            said = f"has mode {facts.st_mode & 0o777:o}, expected 700: others may look into it"
            yield self._finding(FindingKind.STORE, home, said, Remedy.REWRITE)
        for name in (".gitignore", ".dvcignore"):
            if said := _ignore_fault(home / name):
                yield self._finding(FindingKind.STORE, home / name, said, Remedy.REWRITE)
        owner = os.geteuid() or facts.st_uid  # root may look after another user's store
        for path in (home, *self._entries(home), *self._folders(self._paths.runs)):
            with suppress(FileNotFoundError):
                if (user := path.lstat().st_uid) != owner:
                    advice = f"left as it is: sudo chown -R {owner} {shlex.quote(str(path))}"
                    said = f"belongs to user {user}, expected {owner}"
                    yield self._finding(FindingKind.STORE, path, said, advice=advice)

    def _temporary(self) -> Iterator[Path]:
        """Everything that its name says to be temporary; workspaces are the user's and not looked into."""
        paths = self._paths
        objects = [*self._folders(paths.objects), *self._folders(paths.cache_objects)]
        for folder in (paths.home, *self._folders(paths.runs), paths.snapshots, paths.environments, *objects):
            yield from (entry for entry in self._entries(folder) if _TEMPORARY.fullmatch(entry.name))
        yield from self._folders(paths.debug)
        yield from (folder for folder in self._folders(paths.sources) if folder.name.startswith(".new-"))
        yield from (folder for folder in self._folders(paths.dvc_site / "tmp") if folder.name.startswith("pull-"))

    def _json_files(self, folder: Path) -> list[Path]:
        return [file for file in self._entries(folder) if _JSON_NAME.fullmatch(file.name)]

    def _folders(self, parent: Path) -> list[Path]:
        return [entry for entry in self._entries(parent) if entry.is_dir() and not entry.is_symlink()]

    def _entries(self, folder: Path) -> list[Path]:
        try:
            return sorted(folder.iterdir())
        except OSError as error:
            self._note_unlisted(error)
            return []

    def _note_unlisted(self, error: OSError) -> None:
        if not isinstance(error, FileNotFoundError):  # folders are made when they are needed
            self.unlisted.append(error)


def _ignore_fault(file: Path) -> str:
    try:
        lines = file.read_text(encoding="utf-8", errors="replace").split()
    except OSError as error:
        return f"cannot be read: {error.strerror}"
    whole = "*" in lines and not any(line.startswith("!") for line in lines)
    return "" if whole else "does not keep git and DVC from all of the store"


def last_write(path: Path) -> float:
    """When a file, or anything in a folder, was written last; a link is not followed.

    Raises:
        OSError: it is gone.
    """
    times = [path.lstat().st_mtime]
    for place, _, names in os.walk(path):
        for entry in (Path(place), *(Path(place, name) for name in names)):
            with suppress(OSError):
                times.append(entry.lstat().st_mtime)
    return max(times)


def _contradiction(record: RunRecord, run_id: str) -> str:
    """What no allowed sequence of writes leaves behind, or an empty text."""
    if record.id != run_id:
        return f"is the record of another run, {record.id}"
    if record.status is RunStatus.LOST:
        return "says lost, which only readers say"
    if not record.status.final and record.times.finished is not None:
        return f"says that the run is {record.status} but has a time of its end"
    return ""


def _reason(error: StoreError, path: Path) -> str:
    """The first sentence of an error about a file, without its name."""
    sentence = str(error).split(". ")[0].rstrip(".")
    return sentence.replace(f"Cannot read {path}", "cannot be read").removeprefix(f"{path} ")


def whole_snapshots(paths: StorePaths) -> Iterator[Snapshot]:
    """The snapshots that can be read, one after the other, as all of them at once may take much memory."""
    for file in sorted(paths.snapshots.glob("*.json")):
        with suppress(OSError, ValueError, RecursionError):
            yield decode(file.read_bytes(), Snapshot)


def _contents(snapshot: Snapshot) -> set[str]:
    return {file.md5 for file in snapshot.files.values() if file.link is None and is_hash(file.md5)}


def _damage(path: Path) -> str:
    """What SQLite says of a damaged file; empty when it is in order, or busy."""
    try:
        with closing(sqlite3.connect(f"{path.absolute().as_uri()}?mode=ro", uri=True)) as base:
            said = base.execute("PRAGMA integrity_check(1)").fetchone()[0]
    except sqlite3.OperationalError:
        return ""
    except sqlite3.DatabaseError as error:
        return str(error)
    return "" if said == "ok" else str(said)
