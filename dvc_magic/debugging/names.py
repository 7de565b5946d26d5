"""Names that the two sides of a debugger share; those in `injected` are spelled there once more."""

from __future__ import annotations

from pathlib import Path

INJECTED = Path(__file__).parent / "injected"
"""The folder with the ``sitecustomize``."""

VARIABLE = "DVC_MAGIC_DEBUG"
"""Environment variable of a copy's commands: a private folder."""

SOCKET = "socket"
"""In that folder: where a program finds the prompt."""

SEEN = "seen"
"""In that folder: a file that the first Python makes which could be debugged."""
