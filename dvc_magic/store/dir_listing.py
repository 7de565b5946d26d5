"""The content of a file or directory as a listing: relative path -> md5, and DVC's hash over it.

A file's listing has the one key ``""``. DVC's hash of a directory is the md5 of the JSON list of its files, sorted by
relative path, with ``.dir`` behind it (rule taken from ``dvc_data.hashfile.tree``; the objects of such hashes in a DVC
cache hold that JSON).
"""

from __future__ import annotations

import hashlib
import json
import os
import re
from collections.abc import Collection, Mapping
from pathlib import PurePosixPath
from typing import Any, TypeAlias

from dvc_magic.errors import StoreError
from dvc_magic.model.relative import is_below

DirListing: TypeAlias = dict[str, str]

DIR_SUFFIX = ".dir"
_MD5 = re.compile(r"[0-9a-f]{32}(\.dir)?")


def is_hash(text: str) -> bool:
    """Whether this is an md5, with or without ``.dir`` behind it: some remotes' etags in a lock are not."""
    return _MD5.fullmatch(text) is not None


def listing_text(listing: Mapping[str, str]) -> bytes:
    """The JSON that DVC's cache has of a directory."""
    entries = [{"md5": listing[path], "relpath": path} for path in sorted(listing)]
    return json.dumps(entries, sort_keys=True).encode()


def listing_hash(listing: Mapping[str, str]) -> str:
    """DVC's hash of a listing."""
    if set(listing) == {""}:
        return listing[""]
    return hashlib.md5(listing_text(listing), usedforsecurity=False).hexdigest() + DIR_SUFFIX


def parsed_listing(text: bytes, hash: str) -> DirListing:  # noqa: A002
    """The listing in the content of a directory's object.

    Raises:
        StoreError: it is not what `hash` names, or no listing of files below one directory.
    """
    if hashlib.md5(text, usedforsecurity=False).hexdigest() + DIR_SUFFIX != hash:
        raise StoreError(f"the listing {hash} was changed: it has not the md5 of its name")
    try:
        listing = {entry["relpath"]: entry["md5"] for entry in json.loads(text)}
    except (ValueError, TypeError, KeyError, RecursionError) as error:
        raise StoreError(f"{hash} is not a directory listing of DVC ({error})") from None
    if not is_directory(listing) or not all(
        isinstance(md5, str) and is_hash(md5) and not md5.endswith(DIR_SUFFIX) for md5 in listing.values()
    ):
        raise StoreError(f"{hash} lists what cannot be the files of one directory; it is not to be trusted")
    return listing


def is_directory(paths: Collection[Any]) -> bool:
    """Whether these can be the files of one directory: anybody may have written the listing."""
    if not all(map(_names_a_file, paths)):
        return False
    folders = {PurePosixPath(path).parent for path in paths}
    return not any(above.as_posix() in paths for folder in folders for above in (folder, *folder.parents))


def _names_a_file(path: Any) -> bool:
    if not isinstance(path, str) or not is_below(path):
        return False
    try:
        return bool(os.fsencode(path))
    except UnicodeEncodeError:  # half of a surrogate pair: no name of a file
        return False


def below(listing: Mapping[str, str], folder: str) -> DirListing:
    """The part of a listing that lies at `folder`, relative to it; the whole for ``""``."""
    if not folder:
        return dict(listing)
    if folder in listing:
        return {"": listing[folder]}
    start = f"{folder}/"
    return {path.removeprefix(start): md5 for path, md5 in listing.items() if path.startswith(start)}


def moved(listing: Mapping[str, str], folder: str) -> DirListing:
    """The same content one or more folders deeper."""
    if not folder:
        return dict(listing)
    return {f"{folder}/{path}" if path else folder: md5 for path, md5 in listing.items()}


def without(listing: Mapping[str, str], paths: tuple[str, ...]) -> DirListing:
    """The listing less some files and folders."""
    return {
        path: md5
        for path, md5 in listing.items()
        if not any(path == gone or path.startswith(f"{gone}/") for gone in paths)
    }
