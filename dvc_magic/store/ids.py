"""Ids of runs: 12 hex digits, the first a letter, so that an id is never taken for a number."""

from __future__ import annotations

import os
import re

_RUN_ID = re.compile(r"[a-f][0-9a-f]{11}")
LENGTH = 12


def new_run_id() -> str:
    """A random id."""
    letter, *others = os.urandom(7)  # as `secrets` does it, in a tenth of the time: a plan has thousands of ids
    return "abcdef"[letter % 6] + bytes(others).hex()[1:]


def is_run_id(text: str) -> bool:
    """Whether `text` is an id and so safe as the name of a folder."""
    return _RUN_ID.fullmatch(text) is not None
