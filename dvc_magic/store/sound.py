"""Whether a record is one that dvc_magic would have written: its paths stay in the run, its numbers make sense.

A store may have been copied, unpacked or edited: no record is followed out of its run.
"""

from __future__ import annotations

import math
import posixpath
from itertools import chain
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator
    from datetime import datetime

    from dvc_magic.model.record import RunRecord

MOST_RUNS = 10**15  # a larger number is damage; SQLite holds some thousand times that
_MOST_BYTES = 2**63
_LONGEST = 1e11  # seconds: 3,000 years
_YEARS = range(1970, 9000)  # a time near the ends of the calendar cannot be shown in every time zone


def fault_of(record: RunRecord) -> str:
    """What is wrong with a record, as the end of a sentence; empty when it is sound.

    It takes a fifteenth of the time that decoding takes. The keys of `metrics` and `params` are not looked at: they
    name contents that lie in the record itself. Ids and digests are checked by whoever makes a path of one.
    """
    return next(chain(_odd_numbers(record), _odd_paths(record), _odd_hashes(record), _odd_times(record)), "")


def _odd_numbers(record: RunRecord) -> Iterator[str]:
    if not 0 <= record.number <= MOST_RUNS:
        yield f"its number is {_short(record.number)}"
    for contents in (record.deps, record.outs):
        for path, content in contents.items():
            if not 0 <= content.size < _MOST_BYTES:
                yield f"{path!r} has {_short(content.size)} bytes"


def _odd_paths(record: RunRecord) -> Iterator[str]:
    """Paths, from the run's DVC root, that lead out of its workspace.

    DVC reads deps elsewhere in place, and lets a stage write outs elsewhere that it does not cache; what a run has
    written there is a dep of others.
    """
    if _leaves(".", record.root):
        yield f"its root {record.root!r} leads out of the run's workspace"
    elsewhere = {path for path, dep in record.deps.items() if dep.placed == "in place" or dep.run}
    elsewhere |= {path for path, out in record.outs.items() if not out.cache}
    for path in _paths(record):
        if _leaves(record.root, path) and not (path in elsewhere and path.startswith("/")):
            yield f"its path {path!r} leads out of the run's workspace"


def _paths(record: RunRecord) -> Iterator[str]:
    yield from chain(record.deps, record.outs, record.read, record.copied, record.import_roots)
    if record.learned is not None:
        yield from chain(record.learned.read, record.learned.found, record.learned.made)
    if record.op is not None:
        yield from (file.path for file in record.op.files)
        yield from (file.path for file in record.op.params)
        yield from (out.path for out in record.op.outs)


def _leaves(root: str, path: str) -> bool:
    """Whether a path from a DVC root, itself at `root` in the workspace, is absolute or leads out of the workspace."""
    if ".." not in path and "\0" not in path:
        return path.startswith("/")
    place = posixpath.normpath(posixpath.join(root, path))
    return "\0" in path or place == ".." or place.startswith(("../", "/"))


def _odd_hashes(record: RunRecord) -> Iterator[str]:
    """Hashes that name no object of a cache; what lies at a URL may have an etag instead."""
    hashes = {path: dep.seen for path, dep in record.deps.items()} | {path: o.hash for path, o in record.outs.items()}
    for path, text in hashes.items():
        if text and not text.removesuffix(".dir").isalnum() and "://" not in path:
            yield f"the hash of {path!r} is {text[:40]!r}"


def _odd_times(record: RunRecord) -> Iterator[str]:
    times = record.times
    for moment in (times.created, times.started, times.finished):
        if moment is not None and not _is_usual(moment):
            yield f"its time {moment.isoformat()} is not in UTC between the years {_YEARS.start} and {_YEARS.stop}"
    for seconds in (times.duration, times.total):
        if seconds is not None and not (math.isfinite(seconds) and abs(seconds) <= _LONGEST):
            yield f"it took {seconds} seconds"


def _is_usual(moment: datetime) -> bool:
    return moment.tzinfo is not None and moment.year in _YEARS


def _short(number: int) -> str:
    """An integer as text; Python refuses to spell one of more than 4,300 digits."""
    return str(number) if abs(number) < 10**30 else f"one of {number.bit_length()} bits"
