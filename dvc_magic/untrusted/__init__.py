"""Text from strangers (names, params, logs, files, addresses), made fit to be read and to be shown."""

from dvc_magic.untrusted.documents import DEEPEST, LONGEST_JSON, UnreadableError, check_document, check_yaml
from dvc_magic.untrusted.screen import Screen, screen_of
from dvc_magic.untrusted.spelling import (
    LONGEST,
    abridged,
    coloured,
    first_few,
    lines,
    message,
    one_line,
    short_repr,
    uncoloured,
    whole_escapes,
)
from dvc_magic.untrusted.urls import bare_url, hidden, scrubbed, url_secrets, without_secrets

__all__ = [
    "DEEPEST",
    "LONGEST",
    "LONGEST_JSON",
    "Screen",
    "UnreadableError",
    "abridged",
    "bare_url",
    "check_document",
    "check_yaml",
    "coloured",
    "first_few",
    "hidden",
    "lines",
    "message",
    "one_line",
    "screen_of",
    "scrubbed",
    "short_repr",
    "uncoloured",
    "url_secrets",
    "whole_escapes",
    "without_secrets",
]
