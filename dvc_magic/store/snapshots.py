"""Reading what calls kept of the project: its source files, and the lists of installed packages."""

from __future__ import annotations

import json
import re
from functools import lru_cache
from pathlib import Path

from dvc_magic import codec
from dvc_magic.errors import RecordDamagedError, StoreError
from dvc_magic.model.paths import StorePaths
from dvc_magic.model.snapshot import Snapshot, snapshot_id
from dvc_magic.store.stat_table import file_facts

__all__ = ["load_snapshot", "read_packages", "snapshot_file"]

_ID = re.compile(r"[0-9a-f]{32}")


def load_snapshot(paths: StorePaths, id: str) -> Snapshot:  # noqa: A002
    """The snapshot with this id.

    Raises:
        StoreError: the store does not have it. RecordDamagedError: its file is damaged.
    """
    file = snapshot_file(paths, id)
    try:
        return _loaded(file, id, file_facts(file.stat()))
    except FileNotFoundError:
        message = f"the store has no snapshot {id}; expected {file}"
        raise StoreError(message) from None
    except OSError as error:
        message = f"Cannot read the snapshot {file}: {error.strerror}."
        raise StoreError(message) from error


@lru_cache(maxsize=2)  # the runs of a call have one: 10,000 sources take 0.1 s to read, 4 MB to keep
def _loaded(file: Path, id: str, _: tuple[int, int, int, int]) -> Snapshot:  # noqa: A002
    """The snapshot in a file, for as long as the file's stat stays."""
    try:
        snapshot = codec.decode(file.read_bytes(), Snapshot)
    except ValueError as error:
        raise _damaged(file, str(error)) from None
    if snapshot_id(snapshot.files, snapshot.linked) != id:
        raise _damaged(file, "it lists other contents than its name says")
    return snapshot


def _damaged(file: Path, why: str) -> RecordDamagedError:
    message = f"the snapshot {file} is damaged ({why}); its runs keep their workspaces, new runs take a new one"
    return RecordDamagedError(message)


def snapshot_file(paths: StorePaths, id: str) -> Path:  # noqa: A002
    """Where the snapshot with this id is kept.

    Raises:
        StoreError: the text is no such id.
    """
    if not _ID.fullmatch(id):
        message = f"{id!r} is not the id of a snapshot; expected 32 hex digits"
        raise StoreError(message)
    return paths.snapshots / f"{id}.json"


def read_packages(paths: StorePaths, digest: str) -> dict[str, str]:
    """The distributions of an environment: name -> version.

    Raises:
        StoreError: the store has no such list, or it is damaged.
    """
    file = paths.environments / f"{digest}.json"
    try:
        if _ID.fullmatch(digest):
            return {str(name): str(version) for name, version in json.loads(file.read_bytes()).items()}
    except (FileNotFoundError, ValueError, AttributeError):
        pass
    except OSError as error:
        message = f"Cannot read {file}: {error.strerror}."
        raise StoreError(message) from error
    message = f"the store has no list of packages {digest!r}; expected JSON in {file}"
    raise StoreError(message)
