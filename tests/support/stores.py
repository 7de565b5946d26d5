"""A run store with everything in it that a store can have, made without DVC."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from dvc_magic import codec
from dvc_magic.model.operation import SourceKind
from dvc_magic.model.paths import object_path
from dvc_magic.model.record import CallInfo, DepRecord, Environment, Notes, OutRecord, RunRecord
from dvc_magic.model.snapshot import Snapshot, SourceFile, snapshot_id
from dvc_magic.store import RunStore
from dvc_magic.store.dir_listing import listing_text
from tests.support.records import make_record

SOURCES = {"src/train.py": b"print('train')\n", "params.yaml": b"lr: 0.1\n"}
MODEL, SCORES = b"model" * 1000, b"0.91\n"
PARTS = {"a.csv": b"1,2\n", "deep/b.csv": b"3,4\n"}
DATA = b"x,y\n" * 50


def md5_of(content: bytes) -> str:
    """As DVC has it."""
    return hashlib.md5(content, usedforsecurity=False).hexdigest()


def put(folder: Path, content: bytes, end: str = "") -> str:
    """Keep an object, and return its hash."""
    md5 = md5_of(content) + end
    path = Path(object_path(folder, md5))
    path.parent.mkdir(parents=True, exist_ok=True)
    if not path.exists():
        path.write_bytes(content)
        path.chmod(0o444)
    return md5


def put_tree(folder: Path, files: Mapping[str, bytes]) -> str:
    """Keep a directory: its files and their listing."""
    listing = {path: put(folder, content) for path, content in files.items()}
    return put(folder, listing_text(listing), ".dir")


def full_store(place: Path) -> RunStore:
    """A store in `place` with three runs: two of ``train`` that made the same model, and one of ``evaluate``.

    Beside it, ``project`` has the sources and the data, and a DVC cache with the scores.
    """
    store = RunStore.open(place / "store")
    project = place / "project"
    for path, content in {**SOURCES, "data.csv": DATA}.items():
        _write(project / path, content)
    put(project / ".dvc" / "cache" / "files" / "md5", SCORES)
    files = {
        path: SourceFile(md5=put(store.paths.objects, content), size=len(content), mtime_ns=1)
        for path, content in SOURCES.items()
    }
    files["latest"] = SourceFile(md5=md5_of(b"src"), size=3, mtime_ns=1, link="src")
    snapshot = Snapshot(id=snapshot_id(files, ()), files=files)
    (store.paths.snapshots / f"{snapshot.id}.json").write_text(codec.encode(snapshot))
    packages = json.dumps({"numpy": "2.0"}).encode()
    digest = hashlib.sha256(packages).hexdigest()[:32]
    (store.paths.environments / f"{digest}.json").write_bytes(packages)
    common: dict[str, Any] = {"snapshot": snapshot.id, "environment": Environment(packages=digest)}
    cache = store.paths.cache_objects
    model = OutRecord(hash=put(cache, MODEL), size=len(MODEL))
    parts = OutRecord(hash=put_tree(cache, PARTS), files=2)
    data = DepRecord(source=SourceKind.FILE, hash=put(cache, DATA), seen=md5_of(DATA))
    made = {"model.bin": MODEL, **{f"parts/{path}": content for path, content in PARTS.items()}}
    for number in (1, 2):
        _run(
            store,
            number,
            {**made, "data.csv": DATA},
            outs={"model.bin": model, "parts": parts},
            deps={"data.csv": data},
            **common,
        )
    scores = OutRecord(hash=put(cache, SCORES), size=len(SCORES), executable=True)
    last = _run(store, 3, {"scores.txt": SCORES}, stage="evaluate", outs={"scores.txt": scores}, **common)
    store.write_notes(last.id, Notes(label="best"))
    return store


def _run(store: RunStore, number: int, made: Mapping[str, bytes], **fields: Any) -> RunRecord:
    record = make_record(number, call=CallInfo(id="cd" * 6), **fields)
    with store.claim(record.id):
        root = store.paths.run(record.id).workspace
        for path, content in {**SOURCES, **made}.items():
            _write(root / path, content)
        store.write(record, durable=False)
    return record


def _write(file: Path, content: bytes) -> None:
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_bytes(content)
