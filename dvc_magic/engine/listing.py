"""The content of a file or directory as a listing: relative path -> md5, and DVC's hash over it.

A file's listing has the one key ``""``. DVC's hash of a directory is the md5 of the JSON list of its files, sorted by
relative path, with ``.dir`` behind it (rule taken from ``dvc_data.hashfile.tree``; the objects of such hashes in a DVC
cache hold that JSON).
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from pathlib import Path
from typing import TypeAlias

from dvc_magic.model.snapshot import Snapshot, SourceFile

Listing: TypeAlias = dict[str, str]

DIR_SUFFIX = ".dir"


def object_path(cache: Path, digest: str) -> Path:
    """Where the runs' cache keeps the object of this hash."""
    return cache / "files" / "md5" / digest[:2] / digest[2:]


def read_listing(cache: Path, digest: str) -> Listing:
    """The listing of a hash whose content the cache holds (for a file nothing is read).

    Raises:
        FileNotFoundError: a directory's object is not in the cache.
    """
    if not digest.endswith(DIR_SUFFIX):
        return {"": digest}
    entries = json.loads(object_path(cache, digest).read_text(encoding="utf-8"))
    return {entry["relpath"]: entry["md5"] for entry in entries}


def _tree_text(listing: Mapping[str, str]) -> str:
    entries = [{"md5": listing[path], "relpath": path} for path in sorted(listing)]
    return json.dumps(entries, sort_keys=True)


def listing_hash(listing: Mapping[str, str]) -> str:
    """DVC's hash of a listing."""
    if set(listing) == {""}:
        return listing[""]
    return hashlib.md5(_tree_text(listing).encode(), usedforsecurity=False).hexdigest() + DIR_SUFFIX


def write_listing(cache: Path, listing: Mapping[str, str]) -> str:
    """Keep a directory's listing in the cache as DVC would, so that its hash can be placed; returns the hash."""
    digest = listing_hash(listing)
    target = object_path(cache, digest)
    if digest.endswith(DIR_SUFFIX) and not target.exists():
        target.parent.mkdir(parents=True, exist_ok=True)
        aside = target.with_name(f".{target.name}.tmp")
        aside.write_text(_tree_text(listing), encoding="utf-8")
        aside.chmod(0o444)
        aside.replace(target)
    return digest


def quarantine(cache: Path, md5: str) -> None:
    """Take an object that is no longer what its name says out of the cache; it is kept aside, in ``quarantine``."""
    folder = cache / "quarantine"
    folder.mkdir(exist_ok=True, mode=0o700)
    object_path(cache, md5).replace(folder / md5)


def source_mark(file: SourceFile) -> str:
    """What stands for a source in a read set: the md5 of its content, or of where a link leads."""
    if file.link is None:
        return file.md5
    return hashlib.md5(f"link to {file.link}".encode(), usedforsecurity=False).hexdigest()


def source_marks(snapshot: Snapshot, texts: Mapping[str, str]) -> dict[str, str]:
    """What stands for each source of a run: those of the snapshot, with the run's own texts of param files."""
    return {**{path: source_mark(file) for path, file in snapshot.files.items()}, **text_marks(texts)}


def text_marks(texts: Mapping[str, str]) -> dict[str, str]:
    """What stands for texts that are written into a run."""
    return {file: hashlib.md5(text.encode(), usedforsecurity=False).hexdigest() for file, text in texts.items()}


def below(listing: Mapping[str, str], folder: str) -> Listing:
    """The part of a listing that lies at `folder`, relative to it; the whole for ``""``."""
    if not folder:
        return dict(listing)
    if folder in listing:
        return {"": listing[folder]}
    start = f"{folder}/"
    return {path.removeprefix(start): md5 for path, md5 in listing.items() if path.startswith(start)}


def moved(listing: Mapping[str, str], folder: str) -> Listing:
    """The same content one or more folders deeper."""
    if not folder:
        return dict(listing)
    return {f"{folder}/{path}" if path else folder: md5 for path, md5 in listing.items()}


def without(listing: Mapping[str, str], paths: tuple[str, ...]) -> Listing:
    """The listing less some files and folders."""
    return {
        path: md5
        for path, md5 in listing.items()
        if not any(path == gone or path.startswith(f"{gone}/") for gone in paths)
    }
