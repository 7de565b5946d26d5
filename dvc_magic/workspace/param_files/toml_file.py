"""TOML param files."""

from __future__ import annotations

import re
import tomllib
from collections.abc import Iterator
from typing import Any

import tomlkit
from msgspec import Struct

from dvc_magic.model.values import Value
from dvc_magic.workspace.param_files.changes import (
    Edit,
    KeyPath,
    RefusedError,
    append_line,
    apply_edits,
    drop_entry,
    escaped,
    insert_line,
    line_break,
    line_end,
    line_start,
    next_line,
)
from dvc_magic.workspace.param_files.toml_nodes import Entry, Node, Section, scan

_BARE_KEY = re.compile(r"[A-Za-z0-9_-]+")


def _key_text(key: str) -> str:
    return key if _BARE_KEY.fullmatch(key) else escaped(key)


def _dotted(lead: KeyPath, last: str = "") -> str:
    """A dotted key: its parts as TOML writes them, and after them `last` as it is."""
    return ".".join([*(_key_text(str(part)) for part in lead), *([last] if last else [])])


def _write(value: Value, old: str = "") -> str:
    """TOML for a value on one line; `old` is the text that it replaces, for its quotes."""
    match value:
        case None:
            raise RefusedError("TOML has no null; remove the key instead, with -S '~key'")
        case bool():
            return "true" if value else "false"
        case float():
            return repr(value)
        case str() if old.startswith("'") and value.isprintable() and "'" not in value:
            return f"'{value}'"
        case str():
            return escaped(value)
        case list():
            return "[" + ", ".join(map(_write, value)) + "]"
        case dict():
            return "{" + ", ".join(f"{_key_text(key)} = {_write(item)}" for key, item in value.items()) + "}"
    return str(value)


class _Place(Struct):
    """A written value with the array or inline table that it stands in.

    Attributes:
        lead: when the path goes on to a table that dotted keys make in the inline table `node`: the rest of it.
    """

    node: Node
    entry: Entry | None = None
    holder: Node | None = None
    lead: tuple[str, ...] = ()


def _find(sections: list[Section], path: KeyPath) -> _Place | None:
    """The written value at `path`; `None` for a table that headers or dotted keys make outside inline tables."""
    for entry in _entries(sections):
        if path[: len(entry.path)] == entry.path:
            return _descend(_Place(entry.node, entry), path[len(entry.path) :])
    return None


def _entries(sections: list[Section]) -> Iterator[Entry]:
    for section in sections:
        yield from section.entries


def _descend(place: _Place, rest: KeyPath) -> _Place:
    if not rest:
        return place
    if place.node.entries is None:
        return _descend(_Place(place.node.items[rest[0]], None, place.node), rest[1:])
    for entry in place.node.entries:
        if rest[: len(entry.key)] == entry.key:
            return _descend(_Place(entry.node, entry, place.node), rest[len(entry.key) :])
    return _Place(place.node, lead=rest)


class TomlFormat(Struct, frozen=True):
    """TOML 1.0, read by tomlkit as in DVC, and by ``tomllib``."""

    name: str = "TOML"

    def read(self, text: str) -> Any:
        """The values as plain data."""
        return tomlkit.loads(_universal(text)).unwrap()

    def read_as_program(self, text: str) -> Any:
        """The values as the standard library reads them."""
        return tomllib.loads(_universal(text))

    def put(self, text: str, path: KeyPath, value: Value) -> str:
        """The text with `value` at `path`, which must not be a table with a header."""
        place = _find(scan(text), path)
        if place is None or place.lead:
            raise RefusedError("it is a table; set the keys in it one by one")
        new = _write(value, text[place.node.start : place.node.end])
        return apply_edits(text, [Edit(place.node.start, place.node.end, new)])

    def add(self, text: str, parent: KeyPath, key: str, value: Value) -> str:
        """The text with a new entry at the end of the table at `parent`."""
        sections = scan(text)
        place = _find(sections, parent) if parent else None
        pair = f"{_key_text(key)} = {_write(value)}"
        if place is not None:
            edit = _inline_entry(place.node, _dotted(place.lead, pair))
        else:
            edit = _table_entry(text, sections, parent, pair)
        return apply_edits(text, [edit])

    def remove(self, text: str, path: KeyPath) -> str:
        """The text without the entry or table at `path`; a table that it leaves empty stays."""
        sections = scan(text)
        place = _find(sections, path)
        if place is not None and place.lead:
            return apply_edits(text, [_inline_removal(text, place.node, place.lead)])
        if place is not None and place.holder is not None and place.entry is not None:
            return apply_edits(text, [_inline_removal(text, place.holder, place.entry.key)])
        return apply_edits(text, list(_removals(text, sections, path)))


def _universal(text: str) -> str:
    """The text as a file opened in text mode gives it."""
    return text.replace("\r\n", "\n").replace("\r", "\n")


def _inline_entry(node: Node, pair: str) -> Edit:
    if node.entries is None:
        raise RefusedError("it is no table")
    if not node.entries:
        return Edit(node.start, node.end, "{" + pair + "}")
    return Edit(node.entries[-1].end, node.entries[-1].end, f", {pair}")


def _inline_removal(text: str, holder: Node, key: tuple[str, ...]) -> Edit:
    """Take all at or below `key` out of an inline table; a table that it leaves empty stays."""
    entries = holder.entries or []
    spans = [(entry.start, entry.end) for entry in entries]
    if len(key) == 1 and sum(entry.key[:1] == key for entry in entries) == 1:
        index = next(index for index, entry in enumerate(entries) if entry.key[:1] == key)
        return drop_entry(spans, index, (holder.start + 1, holder.end - 1))
    kept = [entry for entry in entries if entry.key[: len(key)] != key]
    words = [text[entry.start : entry.end] for entry in kept]
    if len(key) > 1 and not any(entry.key[: len(key) - 1] == key[:-1] for entry in kept):
        words.append(f"{_dotted(key[:-1])} = {{}}")
    return Edit(holder.start, holder.end, "{" + ", ".join(words) + "}")


def _table_entry(text: str, sections: list[Section], parent: KeyPath, pair: str) -> Edit:
    """A new line in the table at `parent`: with the entries of its section, else with its dotted keys."""
    for section in reversed(sections):
        if section.path == parent and (parent or section.entries):
            last = section.entries[-1] if section.entries else None
            indent = text[line_start(text, last.start) : last.start] if last else ""
            return insert_line(text, last.end if last else section.end, indent + pair)
    if not parent:
        return _first_root_entry(text, sections, pair)
    for entry in reversed(list(_entries(sections))):
        above = len(entry.path) - len(entry.key)
        if above < len(parent) < len(entry.path) and entry.path[: len(parent)] == parent:
            return _dotted_entry(text, entry, entry.key[: len(parent) - above], pair)
    return _new_section(text, sections, parent, pair)


def _first_root_entry(text: str, sections: list[Section], pair: str) -> Edit:
    if len(sections) == 1:
        return append_line(text, pair)
    start = line_start(text, sections[1].start)
    while start and text[line_start(text, start - 1) :].startswith("#"):  # comments that belong to the header
        start = line_start(text, start - 1)
    return Edit(start, start, pair + line_break(text) * 2)


def _dotted_entry(text: str, entry: Entry, lead: tuple[str, ...], pair: str) -> Edit:
    """A line after `entry`, with the part of its dotted key that leads to the table."""
    return insert_line(text, entry.end, text[line_start(text, entry.start) : entry.start] + _dotted(lead, pair))


def _new_section(text: str, sections: list[Section], parent: KeyPath, pair: str) -> Edit:
    """A header for a table that so far only has tables in it, before the first of these."""
    if not all(isinstance(part, str) for part in parent):
        raise RefusedError("its table is in an array of tables and has no header; write one")
    first = next(section for section in sections if section.path[: len(parent)] == parent)
    start = line_start(text, first.start)
    end = line_break(text)
    return Edit(start, start, f"[{_dotted(parent)}]{end}{pair}{end * 2}")


def _removals(text: str, sections: list[Section], path: KeyPath) -> Iterator[Edit]:
    """Take out the lines of all that is at or below `path`, comment lines excepted."""
    gone = [item for item in _statements(sections) if item.path[: len(path)] == path]
    parent_stays = len(path) == 1 or any(
        item.path[: len(path) - 1] == path[:-1] and item not in gone for item in _statements(sections)
    )
    for number, item in enumerate(gone):
        start, end = line_start(text, item.start), next_line(text, item.end)
        if number or parent_stays:
            yield Edit(start, end)
        else:
            yield Edit(start, line_end(text, item.end), _emptied(item, path[:-1]))


def _statements(sections: list[Section]) -> Iterator[Section | Entry]:
    for section in sections:
        if section.path:
            yield section
        yield from section.entries


def _emptied(item: Section | Entry, parent: KeyPath) -> str:
    """What keeps the table at `parent` when its last content goes."""
    if isinstance(item, Section):
        return f"[{_dotted(parent)}]"
    return f"{_dotted(parent[len(item.path) - len(item.key) :])} = {{}}"
