"""What to change in a param file, and where: the nouns of this package."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any, Protocol, TypeAlias

from msgspec import Struct

from dvc_magic.model.request import ChangeKind
from dvc_magic.model.values import Value

KeyPath: TypeAlias = tuple[Any, ...]
"""The keys and list positions from the top of a file down to a value, as its reader gives them."""


class ValueChange(Struct, frozen=True, kw_only=True):
    """One change of a param file.

    Attributes:
        key: dotted path as DVC spells it, list positions included: ``train.layers.0``.
        value: the new value; a map is merged into a map, as ``-S`` does in DVC. Not looked at by a removal.
        kind: set, add, set or add, remove.
    """

    key: str
    value: Value = None
    kind: ChangeKind = ChangeKind.SET


class Edit(Struct, frozen=True):
    """Put `text` in the place of the characters from `start` to before `end`."""

    start: int
    end: int
    text: str = ""


class RefusedError(ValueError):
    """A change that a format cannot take; the text says why, and becomes part of a `ParamError`."""


class Format(Protocol):
    """How one kind of param file is read and rewritten. Writers get paths that `read` has shown to exist."""

    @property
    def name(self) -> str:
        """The format as people call it."""

    def read(self, text: str) -> Any:
        """The values as DVC reads them; any exception means that DVC cannot."""

    def read_as_program(self, text: str) -> Any:
        """The values as the usual library of a stage's program reads them; any exception means that it cannot."""

    def put(self, text: str, path: KeyPath, value: Value) -> str:
        """The text with `value` at `path`, which exists."""

    def add(self, text: str, parent: KeyPath, key: str, value: Value) -> str:
        """The text with a new `key` in the map at `parent`."""

    def remove(self, text: str, path: KeyPath) -> str:
        """The text without the map entry at `path`."""


def apply_edits(text: str, edits: Sequence[Edit]) -> str:
    """The text after edits that do not overlap, in any order."""
    for edit in sorted(edits, key=lambda edit: (edit.start, edit.end), reverse=True):
        text = text[: edit.start] + edit.text + text[edit.end :]
    return text


def line_start(text: str, position: int) -> int:
    """The start of the line that `position` is on."""
    return max(text.rfind("\n", 0, position), text.rfind("\r", 0, position)) + 1


def line_end(text: str, position: int) -> int:
    """The end of the line that `position` is on, before its line break."""
    ends = [end for end in (text.find("\n", position), text.find("\r", position)) if end >= 0]
    return min(ends, default=len(text))


def next_line(text: str, position: int) -> int:
    """The start of the line after the one that `position` is on."""
    end = line_end(text, position)
    return end + (2 if text[end : end + 2] == "\r\n" else 1 if end < len(text) else 0)


def line_break(text: str) -> str:
    """The line break that the text uses, by its first one."""
    end = line_end(text, 0)
    return text[end : next_line(text, 0)] or "\n"


def stands_alone(text: str, position: int) -> bool:
    """Whether only blanks precede `position` on its line."""
    return not text[line_start(text, position) : position].strip()


def insert_line(text: str, position: int, line: str) -> Edit:
    """Put `line` on a line of its own after the one that `position` is on."""
    end = line_end(text, position)
    return Edit(end, end, line_break(text) + line)


def append_line(text: str, line: str) -> Edit:
    """Put `line` at the end; a text that ends without a line break goes on to do so."""
    if text and text[-1] not in "\r\n":
        return Edit(len(text), len(text), line_break(text) + line)
    return Edit(len(text), len(text), line + line_break(text))


def escaped(text: str) -> str:
    """A text in double quotes as YAML and TOML both read it, all that is not printable escaped."""
    return "".join(char if char.isprintable() else _escape(char) for char in json.dumps(text, ensure_ascii=False))


def _escape(char: str) -> str:
    return f"\\u{ord(char):04x}" if char <= "\uffff" else f"\\U{ord(char):08x}"


def drop_entry(spans: Sequence[tuple[int, int]], index: int, inner: tuple[int, int]) -> Edit:
    """Take entry `index` and one comma out of a bracketed collection.

    Args:
        spans: start and end of each entry.
        index: the entry to take out.
        inner: what lies between the brackets.
    """
    if index + 1 < len(spans):
        return Edit(spans[index][0], spans[index + 1][0])
    if index:
        return Edit(spans[index - 1][1], spans[index][1])
    return Edit(*inner)
