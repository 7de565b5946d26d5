"""The columns that a project's table of runs had last: a convenience, which may be lost."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import suppress

import msgspec

from dvc_magic.errors import StoreError
from dvc_magic.model.paths import StorePaths
from dvc_magic.store import write_whole

_MOST = 200


def kept_columns(paths: StorePaths) -> tuple[str, ...]:
    """The names, in their order; none where nothing was kept or the file cannot be read."""
    with suppress(OSError, msgspec.MsgspecError):
        return msgspec.json.decode(paths.columns.read_bytes(), type=tuple[str, ...])[:_MOST]
    return ()


def keep_columns(paths: StorePaths, names: Sequence[str]) -> None:
    """Keep the names, as far as the store can be written.

    Side effects: writes ``columns.json`` of the store.
    """
    with suppress(OSError, StoreError):
        write_whole(paths.columns, msgspec.json.encode(list(names)))
