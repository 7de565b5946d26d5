"""What was found altered, kept aside: nothing that a run made or a user wrote is destroyed."""

from __future__ import annotations

import os
import secrets
from pathlib import Path

from dvc_magic.errors import StoreError
from dvc_magic.model.paths import StorePaths


def move_aside(path: Path, paths: StorePaths) -> Path:
    """Move a file or folder of the store into its quarantine, where it lies under the path that it had.

    Returns:
        The path that it has now; ``mv`` undoes it.

    Raises:
        FileNotFoundError: it is gone.
        StoreError: it lies behind a link out of the store.
    """
    check_inside(path, paths)
    target = paths.quarantine / path.relative_to(paths.home)
    if os.path.lexists(target):
        target = target.with_name(f"{target.name}.{secrets.token_hex(3)}")
    paths.quarantine.mkdir(mode=0o700, parents=True, exist_ok=True)
    target.parent.mkdir(parents=True, exist_ok=True)
    path.rename(target)
    return target


def check_inside(path: Path, paths: StorePaths) -> None:
    """Refuse what lies behind a link out of the store: a command may have put one into its workspace.

    Raises:
        StoreError: it does.
    """
    if not Path(os.path.realpath(path.parent)).is_relative_to(os.path.realpath(paths.home)):
        raise StoreError(f"a folder on the way to {path} is a link out of the store; nothing was written there")
