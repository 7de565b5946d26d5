"""Text from strangers (names, params, logs, files, addresses), made fit to be read and to be shown."""

from dvc_magic.untrusted.documents import DEEPEST, LONGEST_JSON, UnreadableError, check_document, check_yaml
from dvc_magic.untrusted.spelling import (
    LONGEST,
    abridged,
    coloured,
    lines,
    message,
    one_line,
    short_repr,
    uncoloured,
    whole_escapes,
)

__all__ = [
    "DEEPEST",
    "LONGEST",
    "LONGEST_JSON",
    "UnreadableError",
    "abridged",
    "check_document",
    "check_yaml",
    "coloured",
    "lines",
    "message",
    "one_line",
    "short_repr",
    "uncoloured",
    "whole_escapes",
]
