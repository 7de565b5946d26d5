"""What the project holds at a path, by hash, and how it gets into the runs' cache."""

from __future__ import annotations

import os
import posixpath
import re
import tempfile
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from dvc_data.hashfile.hash import file_md5
from dvc_data.hashfile.hash_info import HashInfo
from dvc_data.hashfile.meta import Meta
from dvc_data.hashfile.tree import Tree
from dvc_objects.errors import ObjectFormatError

from dvc_magic.model.inputs import InputFacts
from dvc_magic.pipeline.repos import StillRepo
from dvc_magic.pipeline.scan import Owned

_URL = re.compile(r"[A-Za-z][A-Za-z0-9+.-]*://")
_LEFT_OUT = "__pycache__"  # Python writes it into source directories while a stage runs
_READ_ONLY = 0o444


@dataclass(frozen=True, slots=True)
class _File:
    """One file of some content: where it lies, its md5, its size in bytes."""

    source: Path
    md5: str
    size: int


@dataclass(frozen=True, slots=True)
class _Content:
    """A file (`single`), or the files of a directory by their path in it."""

    origin: str
    files: dict[str, _File]
    single: bool = False

    def tree(self) -> Any:
        """DVC's listing of the directory."""
        tree = Tree()  # type: ignore[no-untyped-call]
        for name, file in self.files.items():
            tree.add(tuple(name.split("/")), Meta(size=file.size, md5=file.md5), HashInfo("md5", file.md5))
        tree.digest()
        return tree

    @property
    def hash(self) -> str:
        """The md5 of the file, or of the listing, with ``.dir`` at its end."""
        if self.single:
            return next(iter(self.files.values())).md5
        return str(self.tree().hash_info.value)


def object_path(cache: Path, md5: str) -> Path:
    """Where a DVC cache keeps the object."""
    return cache / "files" / "md5" / md5[:2] / md5[2:]


class Contents:
    """Finds contents in the workspace and, where that has nothing, in the project's DVC cache.

    Args:
        owned: what ``.dvc`` files and ``dvc.lock`` files know by hash.
        hash_file: md5 and size in bytes of one file.
    """

    def __init__(
        self, *, repo: StillRepo, root: Path, owned: Sequence[Owned], hash_file: Callable[[Path], tuple[str, int]]
    ) -> None:
        self._repo = repo
        self._root = root
        self._owned = owned
        self._hash_file = hash_file

    def facts(self, path: str) -> InputFacts:
        """What is at `path`, by hash."""
        if _URL.match(path):
            return InputFacts(path=path, present=True)
        return self._facts(path, self._find(path))

    def ingest(self, path: str, *, cache: Path, put: Callable[[Path, str], None]) -> InputFacts:
        """Put what is at `path` into `cache` and return its facts."""
        content = self._find(path)
        if content is not None:
            for file in content.files.values():
                if not object_path(cache, file.md5).exists():
                    put(file.source, file.md5)
            if not content.single:
                _write_listing(content.tree(), cache)
        return self._facts(path, content)

    def _facts(self, path: str, content: _Content | None) -> InputFacts:
        owner = next((owned for owned in self._owners(path) if owned.dvcfile), None)
        facts = InputFacts(path=path, dvcfile=owner.dvcfile if owner else None)
        if content is None:
            return facts
        return replace(
            facts,
            present=True,
            hash=content.hash,
            size=sum(file.size for file in content.files.values()),
            files=len(content.files),
            origin=content.origin,
            differs=content.origin == "project" and owner is not None and self._differs(path, owner, content),
        )

    def _find(self, path: str) -> _Content | None:
        place = self._root / path
        if place.is_dir():
            return self._folder(place)
        if place.is_file():
            return _Content("project", {place.name: self._file(place)}, single=True)
        found = (self._cached(path, owned) for owned in self._owners(path))
        return next((content for content in found if content is not None), None)

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
        yield from (owned for owned in self._owned if owned.path == path or path.startswith(f"{owned.path}/"))

    def _object(self, md5: str, *, legacy: bool) -> Path:
        store = self._repo.cache.legacy if legacy else self._repo.cache.local
        return Path(store.oid_to_path(md5))

    def _listing(self, owned: Owned) -> dict[str, str] | None:
        """The files of an owned directory and their recorded hashes, when the project's cache has the listing."""
        store = self._repo.cache.legacy if owned.legacy else self._repo.cache.local
        try:
            tree = Tree.load(store, HashInfo("md5-dos2unix" if owned.legacy else "md5", owned.hash))
        except (FileNotFoundError, ObjectFormatError):
            return None
        return {"/".join(key): str(info.value) for key, _, info in tree if info}

    def _cached(self, path: str, owned: Owned) -> _Content | None:
        if not owned.hash.endswith(".dir"):
            if owned.path != path:
                return None
            file = self._cached_file(owned.hash, legacy=owned.legacy)
            return _Content("cache", {posixpath.basename(path): file}, single=True) if file else None
        listing = self._listing(owned)
        if listing is None:
            return None
        return self._cached_part(path[len(owned.path) + 1 :], listing, legacy=owned.legacy)

    def _cached_part(self, part: str, listing: dict[str, str], *, legacy: bool) -> _Content | None:
        if part in listing:
            file = self._cached_file(listing[part], legacy=legacy)
            return _Content("cache", {posixpath.basename(part): file}, single=True) if file else None
        prefix = f"{part}/" if part else ""
        inside = {name[len(prefix) :]: md5 for name, md5 in listing.items() if name.startswith(prefix)}
        found = {name: self._cached_file(md5, legacy=legacy) for name, md5 in inside.items()}
        files = {name: file for name, file in found.items() if file is not None}
        missing = len(files) < len(inside) or (part and not files)
        return None if missing else _Content("cache", files)

    def _cached_file(self, md5: str, *, legacy: bool) -> _File | None:
        place = self._object(md5, legacy=legacy)
        if not place.is_file():
            return None
        return self._file(place) if legacy else _File(place, md5, place.stat().st_size)

    def _differs(self, path: str, owned: Owned, content: _Content) -> bool:
        recorded = self._recorded(path, owned)
        if recorded is None:
            return path == owned.path and content.single == owned.hash.endswith(".dir")
        now = {name: self._recorded_kind(file, owned) for name, file in content.files.items()}
        return now != recorded

    def _recorded_kind(self, file: _File, owned: Owned) -> str:
        """The md5 of a file in the way in which the ``.dvc`` file has it."""
        return file_md5(os.fspath(file.source), name="md5-dos2unix") if owned.legacy else file.md5

    def _recorded(self, path: str, owned: Owned) -> dict[str, str] | None:
        """The files at `path` by their recorded hashes; None when the project has no listing of the directory."""
        if not owned.hash.endswith(".dir"):
            return {posixpath.basename(path): owned.hash}
        listing = self._listing(owned)
        if listing is None:
            return None
        part = path[len(owned.path) + 1 :]
        if part in listing:
            return {posixpath.basename(part): listing[part]}
        prefix = f"{part}/" if part else ""
        return {name[len(prefix) :]: md5 for name, md5 in listing.items() if name.startswith(prefix)}


def _write_listing(tree: Any, cache: Path) -> None:
    target = object_path(cache, tree.hash_info.value)
    if target.exists():
        return
    target.parent.mkdir(parents=True, exist_ok=True)
    handle, name = tempfile.mkstemp(dir=target.parent, prefix=".new-")
    with os.fdopen(handle, "wb") as stream:
        stream.write(tree.as_bytes())
        os.fchmod(stream.fileno(), _READ_ONLY)
    os.replace(name, target)
