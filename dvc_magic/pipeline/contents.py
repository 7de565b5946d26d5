"""What the project holds at a path, by hash, and how it gets into the runs' cache."""

from __future__ import annotations

import json
import os
import posixpath
import re
import shlex
import stat
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import NoReturn

from dvc_data.hashfile.hash import file_md5
from msgspec import Struct
from msgspec.structs import replace

from dvc_magic.errors import MissingInputError, ProjectError, StoreError
from dvc_magic.model.inputs import InputFacts, RemoteData, Taking
from dvc_magic.model.paths import object_path
from dvc_magic.pipeline.remotes import Remotes
from dvc_magic.pipeline.repos import StillRepo
from dvc_magic.pipeline.scan import Owned
from dvc_magic.store import DirListing, RunStore, check_md5, is_directory, is_hash, listing_hash

_URL = re.compile(r"[A-Za-z][A-Za-z0-9+.-]*://")
_LEGACY = "md5-dos2unix"
_LEFT_OUT = "__pycache__"  # Python writes it into source directories while a stage runs
_SHOWN = 3  # paths in a message


class _File(Struct, frozen=True):
    """One file of some content: where it lies (None: on no disk here), its md5, its size in bytes."""

    source: Path | None
    md5: str
    size: int = 0


class _Content(Struct, frozen=True):
    """A file (`single`), or the files of a directory by their path in it.

    What has to be pulled has the origin ``remote``; `files` is None when even the listing is in the remote alone.
    """

    origin: str
    files: dict[str, _File] | None
    single: bool = False
    remote: RemoteData | None = None

    def listing(self) -> DirListing:
        """The files of the directory."""
        return {name: file.md5 for name, file in (self.files or {}).items()}

    @property
    def hash(self) -> str:
        """The md5 of the file, or of the listing, with ``.dir`` at its end; empty when only the remote can tell."""
        if self.files is None:
            whole = self.remote is not None and not self.remote.part
            return self.remote.hash if self.remote is not None and whole else ""
        if self.single:
            return next(iter(self.files.values())).md5
        return listing_hash(self.listing())


class Contents:
    """Finds contents in the workspace, else in a DVC cache (the project's or the runs' own), else knows their remote.

    Args:
        owned: what ``.dvc`` files and ``dvc.lock`` files know by hash.
        store: has the runs' cache.
        remotes: of the project.
        hash_file: md5 and size in bytes of one file.
    """

    def __init__(
        self,
        *,
        repo: StillRepo,
        root: Path,
        owned: Sequence[Owned],
        store: RunStore,
        remotes: Remotes,
        hash_file: Callable[[Path], tuple[str, int]],
    ) -> None:
        self._repo = repo
        self._root = root
        self._owned = owned
        self._cache = store.cache
        self._folder_of_cache = store.paths.cache
        self._remotes = remotes
        self._hash_file = hash_file

    def facts(self, path: str, taking: Taking | None = None) -> InputFacts:
        """What is at `path`, by hash.

        Raises:
            MissingInputError: `taking` names a remote that there is not.
        """
        how = self._checked(path, taking)
        if _URL.match(path) and not how.recorded:
            return InputFacts(path=path, present=True, taking=taking)
        return replace(self._facts(path, self._find(how), how), taking=taking)

    def ingest(self, path: str, taking: Taking | None = None) -> InputFacts:
        """Put what is at `path` and on a disk here into the runs' cache, a known listing too, and return its facts.

        Raises:
            MissingInputError: as `facts`; or an object in the project's cache is damaged.
        """
        how = self._checked(path, taking)
        content = self._find(how)
        if content is not None and content.files is not None:
            self._keep(content)
        return replace(self._facts(path, content, how), taking=taking)

    def _checked(self, path: str, taking: Taking | None) -> Taking:
        if taking is not None and taking.remote:
            self._remotes.check(taking.remote, path)
        return taking or Taking(path=path)

    def keep(self, data: RemoteData) -> InputFacts:
        """The same for recorded content that was pulled, whatever the project holds by now."""
        content = self._recorded_content(data)
        assert content is not None
        self._keep(content)
        how = Taking(path=data.path, remote=data.remote, recorded=data.recorded)
        return self._facts(data.path, replace(content, origin="remote", remote=data), how)

    def listing(self, data: RemoteData) -> dict[str, str] | None:
        """The files of recorded content and their recorded hashes; None when a directory's listing is not here.

        The one key of a file is its name.
        """
        if not data.hash.endswith(".dir"):
            return {posixpath.basename(data.path): data.hash}
        whole = self._tree(data.hash, legacy=data.legacy)
        if whole is None or not data.part:
            return whole
        if data.part in whole:
            return {posixpath.basename(data.part): whole[data.part]}
        prefix = f"{data.part}/"
        return {name[len(prefix) :]: md5 for name, md5 in whole.items() if name.startswith(prefix)}

    def held(self, md5: str, *, legacy: bool) -> Path | None:
        """The file of an object in the runs' cache, where it is whole, else in the project's."""
        own, projects = self._places(md5, legacy=legacy)
        if own.is_file() if legacy else not self._cache.lacking([md5]):
            return own
        return projects if projects.is_file() else None

    def sound(self, md5: str, *, legacy: bool) -> Path | None:
        """The same, but one in the project's cache only when it has the bytes that its name promises."""
        place = self.held(md5, legacy=legacy)
        own, _ = self._places(md5, legacy=legacy)
        return place if place is None or place == own or self._has_md5(place, md5, legacy=legacy) else None

    def _places(self, md5: str, *, legacy: bool) -> tuple[Path, Path]:
        own = Path(object_path(self._folder_of_cache, md5) if legacy else self._cache.path(md5))
        return own, Path((self._repo.cache.legacy if legacy else self._repo.cache.local).oid_to_path(md5))

    def _has_md5(self, place: Path, md5: str, *, legacy: bool) -> bool:
        # The hash of today is remembered, and is that of DVC 2 for all but texts with foreign line ends.
        return self._hash_file(place)[0] == md5 or (legacy and file_md5(os.fspath(place), name=_LEGACY) == md5)

    def _keep(self, content: _Content) -> None:
        sources = {file.md5: file.source for file in (content.files or {}).values() if file.source is not None}
        sources = {md5: source for md5, source in sources.items() if os.fspath(source) != self._cache.path(md5)}
        try:
            changed = self._cache.put(sources)
            if not content.single:
                self._cache.put_listing(content.listing())
        except OSError as error:
            message = f"{error.filename} cannot be stored in the runs' cache ({self._cache.folder}): {error.strerror}"
            raise StoreError(message) from error
        for md5 in changed:
            self._refuse(sources[md5], md5, is_object=content.origin != "project")

    @staticmethod
    def _refuse(source: Path, md5: str, *, is_object: bool) -> NoReturn:
        """Say what is wrong with a file whose content is not its md5; an object of a cache is written by nobody."""
        if not is_object:
            raise ProjectError(f"{source} changed while it was stored; run again when nothing writes it")
        message = (
            f"{source} in the project's DVC cache is damaged: it has not the md5 {md5} of its name; "
            "remove it, then run again, which pulls it from its remote"
        )
        raise MissingInputError(message)

    def _facts(self, path: str, content: _Content | None, taking: Taking) -> InputFacts:
        owner = next((owned for owned in self._owners(path) if owned.dvcfile), None)
        facts = InputFacts(path=path, dvcfile=owner.dvcfile if owner else None)
        if content is None:
            return replace(facts, problem=self._problem(taking))
        files = content.files or {}
        return replace(
            facts,
            present=True,
            hash=content.hash,
            size=sum(file.size for file in files.values()),
            files=len(files),
            origin=content.origin,
            remote=content.remote,
            executable=self._is_executable(path, content),
            differs=content.origin == "project" and owner is not None and self._differs(path, owner, content),
        )

    def _is_executable(self, path: str, content: _Content) -> bool:
        """Whether a file has execute bits: on disk, or as recorded, since objects in a cache have none."""
        if content.origin == "project":
            return content.single and bool((self._root / path).stat().st_mode & stat.S_IXUSR)
        return any(owned.executable for owned in self._owners(path) if owned.path == path)

    def _problem(self, taking: Taking) -> str:
        """Why recorded content can neither be found nor pulled; empty when nothing is recorded, and need not be."""
        owned = next(self._owners(taking.path), None)
        if owned is None:
            return self._unrecorded(taking.path) if taking.recorded else ""
        cache = self._repo.cache.legacy.path
        data = self._data(taking, owned)
        if data.part and self.listing(data) == {}:
            return f"the directory {owned.path!r}, as {owned.file} has it, does not have it"
        hint = import_hint(owned.imported, owned.file)
        other = "leave out always-pull" if taking.recorded else "put the data there yourself"
        return (
            f"{owned.file} records it, but it is not in the project's DVC cache ({cache}), and "
            f"{self._remotes.problem(data.remote)}; bring it here with dvc pull once a remote has it, or {other}{hint}"
        )

    def _unrecorded(self, path: str) -> str:
        """What to say of content that is wanted as DVC has recorded it, which it has not."""
        uncached = next((owned.file for owned in self._owned if owned.path == path), "")
        if uncached:
            return f"always-pull cannot take {path!r}: {uncached} has it as cache: false, so that no remote gets it"
        below = [owned.path for owned in self._owned if owned.path.startswith(f"{path}/")]
        hint = f", or take what DVC tracks in it: {', '.join(below[:_SHOWN])}" if below else ""
        add = f"dvc add {shlex.quote(path)}"
        return f"always-pull needs a .dvc file or dvc.lock entry for {path!r}, and there is none; {add}{hint}"

    def _find(self, taking: Taking) -> _Content | None:
        content = None if taking.recorded else self._in_workspace(taking.path)
        return content if content is not None else self._in_records(taking)

    def _in_workspace(self, path: str) -> _Content | None:
        place = self._root / path
        if place.is_dir():
            return self._folder(place)
        if place.is_file():
            return _Content("project", {place.name: self._file(place)}, single=True)
        return None

    def _in_records(self, taking: Taking) -> _Content | None:
        """What DVC has recorded: rather what is here than what is in a remote."""
        owners = self._owners(taking.path)
        found = [self._recorded_content(self._data(taking, owned)) for owned in owners]
        contents = [content for content in found if content is not None]
        here = (content for content in contents if content.origin != "remote")
        return next(here, next((content for content in contents if self._can_pull(content)), None))

    def _can_pull(self, content: _Content) -> bool:
        return content.remote is not None and not self._remotes.problem(content.remote.remote)

    def _file(self, place: Path) -> _File:
        md5, size = self._hash_file(place)
        return _File(place, md5, size)

    def _folder(self, place: Path) -> _Content:
        files = {name: self._file(place / name) for name in self._names(place)}
        return _Content("project", files)

    def _names(self, place: Path) -> Iterator[str]:
        """The files of a directory that DVC hashes: not what a ``.dvcignore`` names."""
        top = os.fspath(place)
        for folder, folders, files in self._repo.dvcignore.walk(self._repo.fs, top):
            folders[:] = [name for name in folders if name != _LEFT_OUT]
            relative = os.path.relpath(folder, top)
            yield from (name if relative == "." else f"{relative}/{name}" for name in files)

    def _owners(self, path: str) -> Iterator[Owned]:
        """What DVC knows of `path`; a part of a file is nothing."""
        for owned in self._owned:
            inside = path.startswith(f"{owned.path}/") and owned.hash.endswith(".dir")
            if owned.cached and (owned.path == path or inside):
                yield owned

    def _data(self, taking: Taking, owned: Owned) -> RemoteData:
        return RemoteData(
            path=taking.path,
            hash=check_md5(owned.hash, MissingInputError),
            file=owned.file,
            remote=taking.remote or owned.remote or self._remotes.default,
            part=taking.path[len(owned.path) + 1 :],
            legacy=owned.legacy,
            size=owned.size,
            imported=owned.imported,
            recorded=taking.recorded,
        )

    def _tree(self, md5: str, *, legacy: bool) -> dict[str, str] | None:
        """The files of a recorded directory and their recorded hashes, when a cache has the listing."""
        place = self.held(md5, legacy=legacy)
        if place is None or file_md5(os.fspath(place), name=_kind(legacy)) != md5.removesuffix(".dir"):
            return None
        try:
            files = json.loads(place.read_bytes())
            entries = {file["relpath"]: check_md5(file["md5"], MissingInputError) for file in files}
        except (ValueError, TypeError, KeyError, RecursionError):
            return None
        return entries if is_directory(entries) else None

    def _recorded_content(self, data: RemoteData) -> _Content | None:
        """What DVC has recorded, as far as it is here; None when it has no such part."""
        listing = self.listing(data)
        if listing is None:
            return _Content("remote", None, remote=data)
        if not listing and data.part:
            return None
        if not data.legacy:
            self._cache.lacking(listing.values())  # looks them all up at once; each is then known
        files = {name: self._held_file(md5, data) for name, md5 in listing.items()}
        single = not data.hash.endswith(".dir") or (len(listing) == 1 and self._names_a_file(data))
        if all(file.source for file in files.values()):
            return _Content("cache", files, single=single)
        return _Content("remote", files, single=single, remote=data)

    def _names_a_file(self, data: RemoteData) -> bool:
        return bool(data.part) and data.part in (self._tree(data.hash, legacy=data.legacy) or {})

    def _held_file(self, md5: str, data: RemoteData) -> _File:
        place = (self.sound if data.recorded else self.held)(md5, legacy=data.legacy)
        if place is None:
            return _File(None, md5)
        return self._file(place) if data.legacy else _File(place, md5, place.stat().st_size)

    def _differs(self, path: str, owned: Owned, content: _Content) -> bool:
        recorded = self.listing(self._data(Taking(path=path), owned)) if is_hash(owned.hash) else {}
        if recorded is None:
            return path == owned.path and content.single == owned.hash.endswith(".dir")
        now = {name: self._recorded_kind(file, owned) for name, file in (content.files or {}).items()}
        return now != recorded

    def _recorded_kind(self, file: _File, owned: Owned) -> str:
        """The md5 of a file in the way in which the ``.dvc`` file has it."""
        if owned.legacy and file.source is not None:
            return str(file_md5(os.fspath(file.source), name=_LEGACY))
        return file.md5


def _kind(legacy: bool) -> str:
    """DVC's name for the hash of an object."""
    return _LEGACY if legacy else "md5"


def import_hint(source: str, file: str) -> str:
    """What to do about content that was imported; empty for other content."""
    return f" (it was imported from {source}; dvc pull {shlex.quote(file)} fetches it from there)" if source else ""
