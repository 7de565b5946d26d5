"""Where the values of a TOML text lie. The text is known to be valid: tomlkit has read it."""

from __future__ import annotations

import re
import tomllib
from typing import Any

from msgspec import Struct, field

from dvc_magic.workspace.param_files.changes import KeyPath, RefusedError, line_end

_BLANK = re.compile(r"[ \t]*")
_FILLING = re.compile(r"(?:[ \t\r\n]|#[^\r\n]*)*")
_BARE = re.compile(r"[A-Za-z0-9_-]+")
_STRING = re.compile(
    r'"""(?:[^\\]|\\.)*?"{3,5}|\'\'\'.*?\'{3,5}|"(?:[^"\\]|\\.)*"|\'[^\']*\'',
    re.DOTALL,
)
_WORD = re.compile(r"\d{4}-\d\d-\d\d \d\d:[^\s,\]}#]+|[^\s,\]}#]+")


class Node(Struct):
    """A value: a scalar, an array with `items`, or an inline table with `entries`."""

    start: int
    end: int = 0
    items: list[Node] = field(default_factory=list)
    entries: list[Entry] | None = None


class Entry(Struct):
    """``key = value``, the key relative to the table that it stands in.

    Attributes:
        key: its parts.
        last_key: where the last part of the key starts.
        node: the value.
        path: all keys from the top of the file, positions in arrays of tables included.
    """

    key: tuple[str, ...]
    start: int
    last_key: int
    node: Node
    path: KeyPath = ()

    @property
    def end(self) -> int:
        """Where its value ends."""
        return self.node.end


class Section(Struct):
    """A header with the entries below it; the first section of a file has no header.

    Attributes:
        path: all keys to the table, positions in arrays of tables included.
        start, end: of the header.
        key_start: where the header's last key starts.
    """

    path: KeyPath
    start: int = 0
    end: int = 0
    key_start: int = 0
    is_array: bool = False
    entries: list[Entry] = field(default_factory=list)


def scan(text: str) -> list[Section]:
    """The sections of a valid TOML text, in its order."""
    sections, counts = [Section(())], dict[tuple[str, ...], int]()
    position = _skip(text, 0, _FILLING)
    while position < len(text):
        if text[position] == "[":
            sections.append(_header(text, position, counts))
            position = sections[-1].end
        else:
            entry = _entry(text, position)
            entry.path = (*sections[-1].path, *entry.key)
            sections[-1].entries.append(entry)
            position = entry.end
        position = _skip(text, line_end(text, position), _FILLING)
    return sections


def _skip(text: str, position: int, pattern: re.Pattern[str]) -> int:
    match = pattern.match(text, position)
    return match.end() if match else position


def _header(text: str, start: int, counts: dict[tuple[str, ...], int]) -> Section:
    is_array = text.startswith("[[", start)
    key, last_key, end = _key(text, _skip(text, start + 1 + is_array, _BLANK))
    if is_array:
        counts[key] = counts.get(key, -1) + 1
        for longer in [name for name in counts if len(name) > len(key) and name[: len(key)] == key]:
            del counts[longer]
    return Section(_numbered(key, counts), start, end + 1 + is_array, last_key, is_array)


def _numbered(key: tuple[str, ...], counts: dict[tuple[str, ...], int]) -> KeyPath:
    """The path of a header: each array of tables on the way is followed by the position of its last table."""
    path: list[Any] = []
    for length, part in enumerate(key, start=1):
        path.append(part)
        if key[:length] in counts:
            path.append(counts[key[:length]])
    return tuple(path)


def _key(text: str, position: int) -> tuple[tuple[str, ...], int, int]:
    """A dotted key: its parts, where the last part starts, where the sign after it is."""
    parts: list[str] = []
    while True:
        match = (_STRING if text[position] in "\"'" else _BARE).match(text, position)
        if match is None:
            raise RefusedError(f"the key at character {position} could not be read")
        word, start = match.group(), position
        parts.append(tomllib.loads(f"x={word}")["x"] if word[0] in "\"'" else word)
        position = _skip(text, match.end(), _BLANK)
        if text[position] != ".":
            return tuple(parts), start, position
        position = _skip(text, position + 1, _BLANK)


def _entry(text: str, start: int) -> Entry:
    key, last_key, equals = _key(text, start)
    return Entry(key, start, last_key, _value(text, _skip(text, equals + 1, _BLANK)))


def _value(text: str, start: int) -> Node:
    if text[start] not in "[{":
        match = (_STRING if text[start] in "\"'" else _WORD).match(text, start)
        if match is None:
            raise RefusedError(f"the value at character {start} could not be read")
        return Node(start, match.end())
    node = Node(start, entries=[] if text[start] == "{" else None)
    position = _skip(text, start + 1, _FILLING)
    while text[position] not in "]}":
        child = _entry(text, position) if node.entries is not None else _value(text, position)
        node.entries.append(child) if isinstance(child, Entry) and node.entries is not None else None
        node.items.append(child) if isinstance(child, Node) else None
        position = _skip(text, child.end, _FILLING)
        if text[position] == ",":
            position = _skip(text, position + 1, _FILLING)
    node.end = position + 1
    return node
