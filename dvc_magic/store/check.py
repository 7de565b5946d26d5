"""Does the store hold what it promises? One list of problems, empty when it does.

The promises are those of the store alone: records that can be read (I1), states that never went backwards (I2), cache
objects named by their content (I4), an index that equals the records (I5).
"""

from __future__ import annotations

import hashlib
import os
import re
from pathlib import Path
from typing import TYPE_CHECKING

from dvc_magic.errors import StoreError
from dvc_magic.model.record import RunStatus

if TYPE_CHECKING:
    from collections.abc import Iterator

    from dvc_magic.model.record import RunRecord
    from dvc_magic.store.directory import RunStore
    from dvc_magic.store.index import Entry

_BLOCK = 1 << 20


def check_store(store: RunStore) -> list[str]:
    """What is wrong in a store, one line for people each. Reads every cache object; writes nothing but the index.

    Raises:
        StoreError: the store's folders cannot be listed.
    """
    return [*_records(store), *_states(store), *_objects(store), *_index(store)]


def _records(store: RunStore) -> list[str]:
    return [f"run {run.id}: {run.problem}" for run in store.damaged()]


def _states(store: RunStore) -> list[str]:
    """Contradictions that no allowed sequence of writes leaves behind."""
    records = [entry.nouns()[0] for entry in store.index.refresh() if entry.record]
    problems = [f"run {record.id}: {problem}" for record in records for problem in _contradictions(record)]
    numbers: dict[int, str] = {}
    for record in records:
        other = numbers.setdefault(record.number, record.id)
        if other != record.id:
            problems.append(f"runs {other} and {record.id} both have number {record.number}")
    return problems


def _contradictions(record: RunRecord) -> Iterator[str]:
    if record.status is RunStatus.LOST:
        yield "its record says lost, which only readers say"
    if not record.status.final and record.times.finished is not None:
        yield f"it is {record.status} but has a time of its end"


def _objects(store: RunStore) -> Iterator[str]:
    """Objects of the runs' DVC cache whose name is not the md5 of their content."""
    root = store.paths.cache / "files" / "md5"
    for folder, _, names in os.walk(root):
        for name in sorted(names):
            path = Path(folder, name)
            expected = (path.parent.name + name).removesuffix(".dir")
            if re.fullmatch(r"[0-9a-f]{32}", expected) and _md5(path) != expected:
                yield f"cache object {path.relative_to(store.home)} does not hold what its name says"


def _md5(path: Path) -> str:
    digest = hashlib.md5(usedforsecurity=False)
    try:
        with path.open("rb") as file:
            while block := file.read(_BLOCK):
                digest.update(block)
    except OSError as error:
        raise StoreError(f"Cannot read {path}: {error.strerror}.") from error
    return digest.hexdigest()


def _differs(store: RunStore, entry: Entry) -> bool:
    now = store.index.parse(entry.id)
    return now.signature == entry.signature and now != entry  # else a worker wrote it meanwhile


def _index(store: RunStore) -> list[str]:
    """Differences between the index, brought up to date, and the records."""
    entries = {entry.id: entry for entry in store.index.refresh()}
    rows = store.index.rows()
    return [
        *(f"run {name}: the index differs from its files" for name in entries if _differs(store, entries[name])),
        *(f"run {name}: the index does not have it" for name in entries if rows is not None and name not in rows),
        *(f"run {name}: the index has it, but no folder does" for name in rows or {} if name not in entries),
    ]
