"""Writing the small files of a workspace: a dozen for each run, so without the cost of path objects and text layers."""

from __future__ import annotations

import os

from dvc_magic.store import write_all

__all__ = ["write_file"]

_FLAGS = os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_NOFOLLOW | os.O_CLOEXEC


def write_file(file: str, content: bytes) -> None:
    """Write a whole file; nothing is written through a link, and what was there is replaced."""
    descriptor = os.open(file, _FLAGS, 0o666)
    try:
        write_all(descriptor, content)
    finally:
        os.close(descriptor)
