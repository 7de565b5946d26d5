"""Ids of runs: 12 hex digits, the first a letter, so that an id is never taken for a number."""

from __future__ import annotations

import re
import secrets

_RUN_ID = re.compile(r"[a-f][0-9a-f]{11}")
LENGTH = 12


def new_run_id() -> str:
    """A random id."""
    return secrets.choice("abcdef") + secrets.token_hex(6)[1:]


def is_run_id(text: str) -> bool:
    """Whether `text` is an id and so safe as the name of a folder."""
    return _RUN_ID.fullmatch(text) is not None
