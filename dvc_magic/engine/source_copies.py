"""Data that operations and notebooks take from the runs' cache, as files under their own names."""

from __future__ import annotations

import os
import shutil
import tempfile
from pathlib import Path

from dvc_magic.store import RunStore
from dvc_magic.workspace import LinkPolicy, make_read_only, place_object


def place_source(store: RunStore, md5: str, path: str, *, executable: bool) -> Path:
    """A read-only copy in the store, made once for each content and name, and again when something altered it.

    Args:
        store: has the content in its cache. md5: of the content, ``.dir`` at the end for a directory.
        path: POSIX, relative: the name that the copy has below the folder of its content.
    """
    home, cache = store.paths.sources, store.cache
    target = home / md5.removesuffix(".dir") / path
    files = {os.fspath(target / name if name else target): one for name, one in cache.listing(md5).items()}
    if target.exists():
        if not cache.known.altered(files):
            return target
        cache.set_aside(os.fspath(target))
    home.mkdir(mode=0o700, exist_ok=True)
    aside = Path(tempfile.mkdtemp(dir=home, prefix=".new-"))
    try:
        (aside / path).parent.mkdir(parents=True, exist_ok=True)
        place_object(cache, md5, aside / path, LinkPolicy(hardlink=False), executable=executable)
        make_read_only(aside)
        target.parent.mkdir(parents=True, exist_ok=True)
        if not target.exists():  # another thread may have been faster
            (aside / path).rename(target)
            cache.known.note(files)
    finally:
        shutil.rmtree(aside, ignore_errors=True)
    return target
