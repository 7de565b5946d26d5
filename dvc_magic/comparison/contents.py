"""The lines in which two texts differ, as far as the store still has them and they are short enough to read."""

from __future__ import annotations

import difflib
import hashlib
import stat
from collections.abc import Iterable
from contextlib import suppress
from pathlib import Path

from dvc_magic.errors import StoreError
from dvc_magic.store import Objects, StoredRun

_LARGEST = 1_000_000  # bytes
_MOST_LINES = 10_000  # difflib takes about a second for two such texts
_CONTEXT = 3

Diff = tuple[tuple[str, ...], str]


def kept_content(objects: Objects, md5: str, run: StoredRun, path: str) -> bytes | str:
    """The content of a file that a run had, or in words why it cannot be shown.

    Args:
        objects: where contents of its kind are kept.
        md5: of the content.
        run: its workspace is looked at where there is no object: scripts of operations lie there alone.
        path: from the DVC root.
    """
    places = [run.paths.dvc_root(run.record.root) / path]
    with suppress(StoreError):  # a damaged record has something else in the place of a hash
        places.insert(0, Path(objects.path(md5)))
    return _first_whole(md5, places)


def unified(path: str, a: bytes | str, b: bytes | str) -> Diff:
    """The lines of a unified diff, and why there are none.

    Args:
        path: of both.
        a, b: contents, empty for a file that is not there; a text says why one cannot be shown.
    """
    for content in (a, b):
        if isinstance(content, str):
            return (), content
    texts = [_decoded(content) for content in (a, b) if isinstance(content, bytes)]
    if None in texts:
        return (), "binary"
    one, other = (text.splitlines() for text in texts if text is not None)
    if max(len(one), len(other)) > _MOST_LINES:
        return (), f"more than {_MOST_LINES:,} lines"
    lines = tuple(difflib.unified_diff(one, other, f"a/{path}", f"b/{path}", n=_CONTEXT, lineterm=""))
    return lines, "" if lines else "only the ends of lines differ"


def _first_whole(md5: str, places: Iterable[Path]) -> bytes | str:
    """The content at the first place that has it still, each checked by its hash: a workspace can be written to."""
    for place in places:
        try:
            facts = place.stat()
            if not stat.S_ISREG(facts.st_mode):  # a named pipe would be waited for
                continue
            if facts.st_size > _LARGEST:
                return f"{facts.st_size / 1e6:,.1f} MB"
            content = place.read_bytes()
        except OSError:
            continue
        if hashlib.md5(content, usedforsecurity=False).hexdigest() == md5:
            return content
    return "the store no longer has its content"


def _decoded(content: bytes) -> str | None:
    if b"\0" in content:
        return None
    try:
        return content.decode("utf-8")
    except UnicodeDecodeError:
        return None
