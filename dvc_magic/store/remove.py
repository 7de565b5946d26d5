"""Removing a folder, whatever a program has left in it."""

from __future__ import annotations

import contextlib
import os
import shutil
from pathlib import Path


def remove_tree(folder: Path) -> None:
    """Remove a folder with all that is in it, folders without write permission too; what cannot be removed stays."""
    for place, _, _ in os.walk(folder):  # a folder is opened for writing before os.walk goes on to those in it
        with contextlib.suppress(OSError):
            Path(place).chmod(0o700)
    shutil.rmtree(folder, ignore_errors=True)
