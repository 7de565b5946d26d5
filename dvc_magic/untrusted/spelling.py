"""Text from strangers as people see it: what a terminal would obey, and what shows as nothing, is spelled out.

Control characters move a cursor and write window titles, bidi controls turn a text around, and zero-width ones make two
names look like one. All of them, and lone surrogates, are what `str.isprintable` says no to.
The passwords of URLs are hidden.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Any

from dvc_magic.untrusted.urls import hidden

LONGEST = 200
"""Characters of a name or a value where it stands among others."""

_LONGEST_LINE = 1_000  # of a message
_LONGEST_TEXT = 20_000  # of a text of several lines
_END = 200  # of a message's line that is cut: what to do next stands there

# Control sequences, strings for the terminal (titles, links, images) with their ends, and the bell.
_COLOUR = re.compile(r"\x1b\[[0-9;:]*m")
_LONE = re.compile(r"\x1b(?!\[[0-9;:]*m)")
_ESCAPE = re.compile(r"\x1b(?:\[[0-?]*[ -/]*[@-~]|[\]PX^_][^\x07\x1b]*(?:\x07|\x1b\\)|[ -/]*[0-OQ-WYZ\\`-~])|\x07")
_BEGUN = re.compile(r"\x1b(?:\[[0-?]*[ -/]*|[\]PX^_][^\x07\x1b]*\x1b?|[ -/]*)?\Z")
_HELD = 4_096  # characters: what looks like an escape sequence for longer is text


def one_line(text: str, *, longest: int = LONGEST) -> str:
    """A name or a value for people, on one line whatever is in it."""
    return _spelled(abridged(hidden(text), longest), keep="")


def lines(text: str, *, longest: int = _LONGEST_TEXT) -> str:
    """The same for a text of several lines; tabs stay too."""
    return _spelled(abridged(hidden(text), longest), keep="\n\t")


def message(text: str) -> str:
    """The same for a message; of a line that is cut the end stays, which says what to do."""
    kept = [abridged(line, _LONGEST_LINE, end=_END) for line in hidden(text).split("\n")]
    return lines("\n".join(kept))


def abridged(text: str, longest: int = LONGEST, *, end: int = 0) -> str:
    """`text`, or the beginning of a longer one (with `end` characters of its end), and how long it is."""
    if len(text) <= longest:
        return text
    rest = f" ... {text[-end:]}" if end else ""
    return f"{text[: longest - end]}... ({len(text):,} characters){rest}"


def first_few(names: Sequence[str], most: int) -> str:
    """``a, b and 3 more``: the first `most` names, and how many others there are."""
    more = f" and {len(names) - most} more" if len(names) > most else ""
    return ", ".join(names[:most]) + more


def short_repr(values: Mapping[str, Any]) -> str:
    """The `repr` of a dict, each key and value cut, and not too many of them."""
    texts = ((hidden(repr(key)), hidden(repr(value))) for key, value in values.items())
    pairs = ", ".join(f"{abridged(key)}: {abridged(value)}" for key, value in texts)
    return f"{{{abridged(pairs, _LONGEST_TEXT)}}}"


def coloured(log: str) -> str:
    """What a program printed, with its colours and line ends; other escape sequences are left out."""
    kept = _ESCAPE.sub(lambda escape: escape.group() if _COLOUR.fullmatch(escape.group()) else "", log)
    return _spelled(_LONE.sub(r"\\x1b", kept), keep="\n\t\r\b\x1b")


def uncoloured(log: str) -> str:
    """What a program printed, without any escape sequence."""
    return _spelled(_ESCAPE.sub("", log), keep="\n\t\r\b")


def whole_escapes(text: str) -> tuple[str, str]:
    """`text` in two: up to an escape sequence that its end has only begun, and that."""
    begun = _BEGUN.search(text, max(0, len(text) - _HELD))
    return (text[: begun.start()], text[begun.start() :]) if begun is not None else (text, "")


def _spelled(text: str, *, keep: str) -> str:
    if all(map(str.isprintable, re.split(f"[{keep}]", text) if keep else [text])):
        return text
    return "".join(char if char.isprintable() or char in keep else _spelling(char) for char in text)


def _spelling(char: str) -> str:
    return char.encode("unicode_escape").decode("ascii")
