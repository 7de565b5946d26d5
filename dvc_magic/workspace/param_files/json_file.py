"""JSON param files."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterator
from json import decoder
from typing import Any

from msgspec import Struct, field

from dvc_magic.model.values import Value
from dvc_magic.workspace.param_files.changes import Edit, KeyPath, RefusedError, apply_edits, drop_entry

_read_string: Callable[[str, int], tuple[str, int]] = decoder.scanstring  # type: ignore[attr-defined]
_BLANK = re.compile(r"[ \t\r\n]*")
_WORD = re.compile(r"[^ \t\r\n,\]}]+")


class _Node(Struct):
    start: int
    end: int = 0
    entries: list[_Entry] = field(default_factory=list)


class _Entry(Struct):
    key: Any
    start: int
    key_end: int
    node: _Node


def _skip(text: str, position: int) -> int:
    match = _BLANK.match(text, position)
    return match.end() if match else position


def _scan(text: str, position: int = 0) -> _Node:
    """The spans of a valid JSON text, from `position`."""
    start = _skip(text, position)
    if text[start] == '"':
        return _Node(start, _read_string(text, start + 1)[1])
    if text[start] not in "{[":
        word = _WORD.match(text, start)
        return _Node(start, word.end() if word else start)
    node = _Node(start)
    position = _skip(text, start + 1)
    while text[position] not in "}]":
        entry = _scan_entry(text, position, len(node.entries) if text[start] == "[" else None)
        node.entries.append(entry)
        position = _skip(text, entry.node.end)
        if text[position] == ",":
            position = _skip(text, position + 1)
    node.end = position + 1
    return node


def _scan_entry(text: str, start: int, index: int | None) -> _Entry:
    if index is not None:
        return _Entry(index, start, start, _scan(text, start))
    key, key_end = _read_string(text, start + 1)
    return _Entry(key, start, key_end, _scan(text, _skip(text, key_end) + 1))


def _walk(node: _Node, path: KeyPath) -> Iterator[tuple[_Node, int]]:
    """The containers along `path`, each with the position of the entry that is taken."""
    for part in path:
        found = [index for index, entry in enumerate(node.entries) if entry.key == part]
        if len(found) != 1:
            raise RefusedError(f"the key {part!r} is there {len(found)} times in one object; keep one of them")
        yield node, found[0]
        node = node.entries[found[0]].node


def _node_at(text: str, path: KeyPath) -> _Node:
    node = _scan(text)
    for holder, index in _walk(node, path):
        node = holder.entries[index].node
    return node


def _dump(text: str, value: Value) -> str:
    """JSON for a value; only a file that has characters beyond ASCII gets more of them."""
    return json.dumps(value, ensure_ascii=text.isascii())


def _gap(text: str, node: _Node) -> str:
    """The blanks before an object's last entry, without those before its comma."""
    if len(node.entries) == 1:
        return text[node.start + 1 : node.entries[0].start] or " "
    return text[node.entries[-2].node.end : node.entries[-1].start].partition(",")[2]


class JsonFormat(Struct, frozen=True):
    """JSON as Python's ``json`` reads and writes it, NaN and infinity included."""

    name: str = "JSON"

    def read(self, text: str) -> Any:
        """The values; an empty list or the like counts as an empty map, as in DVC."""
        return json.loads(text) or {}

    def read_as_program(self, text: str) -> Any:
        """The values; a program in Python uses the same reader."""
        return self.read(text)

    def put(self, text: str, path: KeyPath, value: Value) -> str:
        """The text with `value` at `path`."""
        node = _node_at(text, path)
        return apply_edits(text, [Edit(node.start, node.end, _dump(text, value))])

    def add(self, text: str, parent: KeyPath, key: str, value: Value) -> str:
        """The text with a new last entry, laid out as the one before it."""
        node = _node_at(text, parent)
        pair = f"{_dump(text, key)}: {_dump(text, value)}"
        if not node.entries:
            return apply_edits(text, [Edit(node.start, node.end, "{" + pair + "}")])
        last = node.entries[-1]
        pair = _dump(text, key) + text[last.key_end : last.node.start] + _dump(text, value)
        return apply_edits(text, [Edit(last.node.end, last.node.end, f",{_gap(text, node)}{pair}")])

    def remove(self, text: str, path: KeyPath) -> str:
        """The text without the entry at `path`."""
        node, index = list(_walk(_scan(text), path))[-1]
        spans = [(entry.start, entry.node.end) for entry in node.entries]
        return apply_edits(text, [drop_entry(spans, index, (node.start + 1, node.end - 1))])
