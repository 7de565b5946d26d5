"""How a message spells what to write: as a line of a magic has it, or as Python does."""

from __future__ import annotations

from enum import Enum


class Wording(Enum):
    """Whom a message speaks to: the writer of a line, or of Python."""

    LINE = "line"
    API = "api"

    def param(self, name: str) -> str:
        """A param by its name: ``--lr`` or ``'lr'``."""
        return f"--{name}" if self is Wording.LINE else repr(name)

    def given(self, name: str, value: str, *, python: str) -> str:
        """A param with a value: ``--lr 0.1``, or ``'lr': `` and the value as `python`."""
        return f"--{name} {value}" if self is Wording.LINE else f"{name!r}: {python}"
