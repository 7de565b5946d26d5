"""Bringing recorded content from remotes into the runs' cache.

Every object is copied beside the cache, checked against its md5 and renamed into place, several at once. Threads do the
copying; the caller's thread watches them, so that a remote that falls silent, or a stop, ends the pull at once.
"""

from __future__ import annotations

import fcntl
import os
import queue
import shutil
import threading
import time
from collections import deque
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any, Self

from dvc_data.hashfile.hash import file_md5
from msgspec import Struct
from msgspec.structs import replace

from dvc_magic.errors import MissingInputError, StoreError
from dvc_magic.model.inputs import InputFacts, PullProgress, RemoteData
from dvc_magic.model.paths import object_path
from dvc_magic.pipeline.contents import Contents, import_hint
from dvc_magic.pipeline.remotes import Beats, OpenRemote, RefusedError, Remotes
from dvc_magic.store import DIR_SUFFIX, RunStore

_ATTEMPTS = 2
_TICK = 0.05  # seconds between looks at the threads
_TELL = 0.5  # seconds between words on the progress
_READ_ONLY = 0o444
_LOCK = "lock"


class Watch(Struct, frozen=True, kw_only=True):
    """How a pull is watched.

    Attributes:
        tell: is told how far it has come. stopped: whether to give up.
        deadline: seconds that may pass without a sign of life.
    """

    tell: Callable[[PullProgress], None]
    stopped: Callable[[], bool]
    deadline: float


class _Object(Struct, frozen=True, kw_only=True):
    """One object to fetch: its recorded md5, and what it belongs to."""

    oid: str
    data: RemoteData


class Puller:
    """Pulls for one project.

    Args:
        contents: what is on disks here. remotes: of the project.
        store: has the runs' cache. incoming: a folder beside it for what is on its way; made, and removed again.
        seen: what remotes were found to have, by url and hash; added to.
        watch: on it.
    """

    def __init__(
        self,
        *,
        contents: Contents,
        remotes: Remotes,
        store: RunStore,
        incoming: Path,
        seen: set[tuple[str, str]],
        watch: Watch,
    ) -> None:
        self._contents = contents
        self._remotes = remotes
        self._store = store
        self._incoming = incoming
        self._seen = seen
        self._watch = watch

    def look(self, wanted: Sequence[RemoteData]) -> None:
        """Bring the listings of directories, and nothing else, into the runs' cache.

        Raises:
            MissingInputError: a remote does not have one, or cannot be asked.
        """
        for name, group in _by_remote(wanted).items():
            with _named(group):
                self._listings(self._open(name), group)

    def missing(self, wanted: Sequence[RemoteData]) -> dict[str, str]:
        """Which of these the remotes lack, or lack in part: path -> why it cannot be asked, empty when it can."""
        found: dict[str, str] = {}
        for name, group in _by_remote(wanted).items():
            try:
                found |= self._missing_at(self._open(name), group)
            except MissingInputError as error:
                found |= dict.fromkeys((data.path for data in group), str(error))
        return found

    def pull(self, wanted: Sequence[RemoteData]) -> list[InputFacts]:
        """Bring recorded content into the runs' cache and return what it is; what a disk here has is not fetched.

        Raises:
            MissingInputError: a remote does not have it, has it damaged, cannot be asked, or falls silent.
        """
        for name, group in _by_remote(wanted).items():
            with _named(group):
                remote = self._open(name)
                self._listings(remote, group)
                absent = [item for item in _objects(self._contents, group) if not self._sound(item)]
                if absent:
                    self._fetch_all(remote, absent, group)
        return [self._contents.keep(data) for data in wanted]

    def _open(self, name: str) -> OpenRemote:
        """Opening may load a package, or ask for credentials: watched as well."""
        label = f"remote {name!r} ({self._remotes.url(name)})"
        opened: OpenRemote = self._watched(lambda: self._remotes.open(name), label)
        return opened

    def _held(self, item: _Object) -> bool:
        return self._contents.held(item.oid, legacy=item.data.legacy) is not None

    def _sound(self, item: _Object) -> bool:
        return self._contents.sound(item.oid, legacy=item.data.legacy) is not None

    def _listings(self, remote: OpenRemote, group: Sequence[RemoteData]) -> None:
        absent = {
            data.hash: _Object(oid=data.hash, data=data) for data in group if self._contents.listing(data) is None
        }
        if absent:
            self._transfer(remote, list(absent.values()))

    def _missing_at(self, remote: OpenRemote, group: Sequence[RemoteData]) -> dict[str, str]:
        found: dict[str, str] = {}
        for data in group:
            try:
                if self._is_missing(remote, data):
                    found[data.path] = ""
            except NotThereError:
                found[data.path] = ""
            except MissingInputError as error:
                found[data.path] = str(error)
        return found

    def _is_missing(self, remote: OpenRemote, data: RemoteData) -> bool:
        mark = (remote.url, f"{data.hash} {data.part}")
        if mark in self._seen:
            return False
        self._listings(remote, [data])
        oids = [item.oid for item in _objects(self._contents, [data]) if not self._held(item)]
        missing = self._watched(lambda: remote.missing(oids, legacy=data.legacy), remote.label)
        if not missing:
            self._seen.add(mark)
        return bool(missing)

    def _watched(self, work: Callable[[], Any], label: str) -> Any:
        """Do something short in a thread, and give it up when it takes too long."""
        outcome: list[Any] = []
        problem: list[BaseException] = []

        def attempt() -> None:
            try:
                outcome.append(work())
            except BaseException as error:  # noqa: BLE001 - raised again in the thread that waits
                problem.append(error)

        thread = threading.Thread(target=attempt, daemon=True)
        thread.start()
        began = time.monotonic()
        while thread.is_alive():
            thread.join(_TICK)
            self._check(label, time.monotonic() - began)
        if problem:
            raise problem[0]
        return outcome[0]

    def _check(self, label: str, silence: float) -> None:
        if self._watch.stopped():
            message = f"pulling from {label} was stopped"
            raise MissingInputError(message)
        if silence > self._watch.deadline:
            message = (
                f"{label} is silent: nothing came for {self._watch.deadline:g} s; try again later, or let it take "
                "longer with 'pull-timeout: SECONDS' in dvc_magic.yaml"
            )
            raise MissingInputError(message)

    @contextmanager
    def _folder(self) -> Iterator[Path]:
        """A folder for what is on its way; those that a killed process left behind are removed."""
        self._incoming.mkdir(parents=True, exist_ok=True, mode=0o700)
        _sweep(self._incoming.parent, self._incoming)
        lock = os.open(self._incoming / _LOCK, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        try:
            fcntl.flock(lock, fcntl.LOCK_SH)
            yield self._incoming
        finally:
            os.close(lock)
            shutil.rmtree(self._incoming, ignore_errors=True)

    def _fetch_all(self, remote: OpenRemote, items: Sequence[_Object], group: Sequence[RemoteData]) -> None:
        fetched = {item.data.path for item in items}
        whole = all(data.size and not data.part for data in group) and len(_objects(self._contents, group)) == len(
            items
        )
        progress = PullProgress(
            paths=tuple(dict.fromkeys(data.path for data in group if data.path in fetched)),
            remote=remote.name,
            files=0,
            total_files=len(items),
            total_size=sum({data.path: data.size for data in group}.values()) if whole else 0,
        )
        self._watch.tell(progress)
        self._transfer(remote, items, progress)

    def _transfer(self, remote: OpenRemote, items: Sequence[_Object], progress: PullProgress | None = None) -> None:
        """Fetch objects, several at once, telling of it when there is a `progress` to tell."""
        with _own_disk(self._store.paths.cache), self._folder() as folder:
            crew = _Crew(
                items, lambda item, beats, alone: self._fetch(remote, item, folder, beats, alone), threads=remote.jobs
            )
            with crew:
                self._watch_crew(crew, len(items), folder, progress, remote.label)

    def _watch_crew(self, crew: _Crew, count: int, folder: Path, progress: PullProgress | None, label: str) -> None:
        began = heard = told = time.monotonic()
        signs: tuple[int, ...] = ()
        while crew.finished < count:
            crew.wait(_TICK)
            now = time.monotonic()
            size = crew.size + _size_below(folder)
            if (crew.beats.count, crew.finished, size) != signs:
                signs, heard = (crew.beats.count, crew.finished, size), now
            self._check(label, now - heard)
            done = crew.finished == count
            if progress is not None and (done or now - told >= _TELL):
                told = now
                size = crew.size if done else size
                self._watch.tell(replace(progress, files=crew.finished, size=size, seconds=now - began, done=done))

    def _fetch(self, remote: OpenRemote, item: _Object, folder: Path, beats: Beats, alone: bool) -> int:
        """Copy, check and keep one object; returns its size in bytes."""
        target = folder / item.oid
        for attempt in range(1, _ATTEMPTS + 1):
            try:
                remote.fetch(item.oid, target, legacy=item.data.legacy, alone=alone, beats=beats)
                break
            except FileNotFoundError:
                raise NotThereError(_not_there(item, remote)) from None
            except MissingInputError as error:
                given_up = not folder.exists()
                if given_up or attempt == _ATTEMPTS or isinstance(error, RefusedError):
                    raise
        _verify(target, item, remote, beats)
        size = target.stat().st_size
        self._place(target, item, beats)
        return size

    def _place(self, file: Path, item: _Object, beats: Beats) -> None:
        """Rename a good object into the runs' cache; one of DVC 2 gets both names, the old one as a link."""
        file.chmod(_READ_ONLY)
        alias = Path(object_path(self._store.paths.cache, item.oid)) if item.data.legacy else None
        if alias is not None and item.oid.endswith(DIR_SUFFIX):
            alias.parent.mkdir(parents=True, exist_ok=True)
            file.replace(alias)
            return
        md5 = item.oid if alias is None else file_md5(os.fspath(file), callback=beats)
        place = Path(self._store.cache.path(md5))
        place.parent.mkdir(parents=True, exist_ok=True)
        file.replace(place)
        if alias is not None:
            alias.parent.mkdir(parents=True, exist_ok=True)
            with suppress(FileExistsError):
                os.link(place, alias)
        self._store.known.note({os.fspath(place): md5.removesuffix(DIR_SUFFIX)})


class _Crew:
    """Threads that fetch objects; leaving the block lets them end after what they have in hand.

    Attributes:
        finished: objects fetched. size: their bytes. beats: signs of life of the others.
    """

    def __init__(self, items: Sequence[_Object], fetch: Callable[[_Object, Beats, bool], int], *, threads: int) -> None:
        self._todo = deque(items)
        self._threads = min(threads, len(items))
        self._fetch = fetch
        self._done: queue.SimpleQueue[int | BaseException] = queue.SimpleQueue()
        self._alone = len(items) == 1
        self.finished = 0
        self.size = 0
        self.beats = Beats()

    def __enter__(self) -> Self:
        # Daemons: a thread that hangs in a connection must not keep the process from ending.
        for _ in range(self._threads):
            threading.Thread(target=self._work, daemon=True).start()
        return self

    def __exit__(self, *_: object) -> None:
        self._todo.clear()

    def wait(self, seconds: float) -> None:
        """Take note of what has finished; sleeps when there is nothing.

        Raises:
            MissingInputError: what a thread met with.
        """
        with suppress(queue.Empty):
            outcome = self._done.get(timeout=seconds)
            while True:
                if isinstance(outcome, BaseException):
                    raise outcome
                self.finished += 1
                self.size += outcome
                outcome = self._done.get_nowait()

    def _work(self) -> None:
        while True:
            try:
                item = self._todo.popleft()
            except IndexError:
                return
            try:
                self._done.put(self._fetch(item, self.beats, self._alone))
            except BaseException as error:  # noqa: BLE001 - raised again in the thread that waits
                self._todo.clear()
                self._done.put(error)


@contextmanager
def _own_disk(kept: Path) -> Iterator[None]:
    """What goes wrong with a remote is a `MissingInputError`: any other error is of the disk here."""
    try:
        yield
    except OSError as error:
        message = f"what is pulled cannot be stored in the runs' cache ({kept}): {error.strerror or error}"
        raise StoreError(message) from error


def _by_remote(wanted: Sequence[RemoteData]) -> dict[str, list[RemoteData]]:
    groups: dict[str, list[RemoteData]] = {}
    for data in wanted:
        groups.setdefault(data.remote, []).append(data)
    return groups


def _objects(contents: Contents, group: Sequence[RemoteData]) -> list[_Object]:
    """The files of some content, each object once."""
    found: dict[tuple[str, bool], _Object] = {}
    for data in group:
        listing: Mapping[str, str] | None = contents.listing(data)
        if listing is None:
            message = f"the listing of {data.path!r} ({data.hash}, in {data.file}) is damaged"
            raise MissingInputError(message)
        for md5 in listing.values():
            found.setdefault((md5, data.legacy), _Object(oid=md5, data=data))
    return list(found.values())


def _verify(file: Path, item: _Object, remote: OpenRemote, beats: Beats) -> None:
    """Make sure that what came is what was asked for; of large files that takes long, and is no silence of the remote.

    Raises:
        MissingInputError: it is not; the file is removed.
    """
    expected = item.oid.removesuffix(".dir")
    found = file_md5(os.fspath(file), name="md5-dos2unix" if item.data.legacy else "md5", callback=beats)
    if found == expected:
        return
    file.unlink()
    place = remote.place(item.oid, legacy=item.data.legacy)
    message = (
        f"{item.data.path!r} is damaged in {remote.label}: its object {place} has md5 {found}, expected {expected}, as "
        f"{item.data.file} says; remove that object, and dvc push it again from where the data is good"
    )
    raise MissingInputError(message)


class NotThereError(MissingInputError):
    """A remote lacks an object."""


@contextmanager
def _named(group: Sequence[RemoteData]) -> Iterator[None]:
    """Say of an error of a whole remote what was wanted of it; the classes of this package stay in it."""
    try:
        yield
    except MissingInputError as error:
        first = group[0]
        named = any(repr(data.path) in str(error) for data in group)
        said = "" if named else f"{first.path!r}, which {first.file} records, cannot be pulled: "
        raise MissingInputError(f"{said}{error}") from None


def _not_there(item: _Object, remote: OpenRemote) -> str:
    data = item.data
    lacks = f"which lacks object {item.oid}" if remote.there else "a folder that does not exist here"
    nowhere = "neither" if data.recorded else "neither in the project, nor"
    return (
        f"{data.path!r}, which {data.file} records, is {nowhere} in its DVC cache, nor in "
        f"{remote.label}, {lacks}; dvc push it from where the data is{import_hint(data.imported, data.file)}"
    )


def _size_below(folder: Path) -> int:
    """Bytes of what is on its way."""
    size = 0
    with suppress(FileNotFoundError), os.scandir(folder) as entries:
        for entry in entries:
            with suppress(FileNotFoundError):  # finished, and renamed, meanwhile
                size += entry.stat().st_size
    return size


def _sweep(folder: Path, own: Path) -> None:
    """Remove what pulls left behind whose process was killed: nobody holds their lock."""
    for other in folder.glob("pull-*"):
        if other == own:
            continue
        with suppress(OSError):
            lock = os.open(other / _LOCK, os.O_RDWR | os.O_CLOEXEC)
            try:
                fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
                shutil.rmtree(other, ignore_errors=True)
            finally:
                os.close(lock)
