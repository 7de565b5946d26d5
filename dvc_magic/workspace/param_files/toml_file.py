"""TOML param files, edited by tomlkit, which keeps comments, order and layout."""

from __future__ import annotations

import contextlib
import tomllib
from collections.abc import Callable
from itertools import takewhile
from typing import Any

import tomlkit
from msgspec import Struct
from tomlkit.exceptions import TOMLKitError
from tomlkit.items import Item, String, Table

from dvc_magic.model.values import Value, same
from dvc_magic.workspace.param_files.changes import KeyPath, RefusedError, escaped, line_break


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

        def edit(document: Any) -> None:
            holder = _at(document, path[:-1])
            if isinstance(holder[path[-1]], Table):
                raise RefusedError("it is a table; set the keys in it one by one")
            holder[path[-1]] = _item(value, holder[path[-1]])

        return _edited(text, edit)

    def add(self, text: str, parent: KeyPath, key: str, value: Value) -> str:
        """The text with a new entry in the table at `parent`."""

        def edit(document: Any) -> None:
            _at(document, parent)[key] = _item(value)

        return _edited(text, edit)

    def remove(self, text: str, path: KeyPath) -> str:
        """The text without the entry or table at `path`; a table that it leaves empty stays."""

        def edit(document: Any) -> None:
            del _at(document, path[:-1])[path[-1]]
            if len(path) > 1 and isinstance(path[-2], str):
                left = _at(tomlkit.parse(document.as_string()), path[:-2])
                if path[-2] not in left:
                    _at(document, path[:-2])[path[-2]] = tomlkit.inline_table()

        return _edited(text, edit)


def _edited(text: str, edit: Callable[[tomlkit.TOMLDocument], None]) -> str:
    end, plain = line_break(text), _universal(text)
    if plain.replace("\n", end) != text:  # line ends of several kinds
        end, plain = "\n", text
    last = "" if plain.endswith("\n") else "\n"  # which tomlkit needs to put a line after it
    plain += last
    try:
        document = tomlkit.parse(plain)
        before = document.as_string()
        edit(document)
        after = document.as_string()
        edited = after if before == plain else _in_place(plain, before, after)
    except (TOMLKitError, tomllib.TOMLDecodeError) as error:
        raise RefusedError(f"tomlkit cannot edit it ({error})") from error
    return edited.removesuffix(last).replace("\n", end)


def _in_place(text: str, before: str, after: str) -> str:
    """The change from `before` to `after`, made in `text`, which has the same lines in another order.

    tomlkit writes the tables of an array one after the other, also where others stand between them in `text`. The lines
    that changed may be in `text` several times: the right place is the one that gives the values of `after`.
    """
    lines, new_lines = before.split("\n"), after.split("\n")
    head = max(_count_equal(lines, new_lines) - 1, 0)
    tail = _count_equal(lines[:head:-1], new_lines[:head:-1])
    old = "\n".join(lines[head : len(lines) - tail])
    new = "\n".join(new_lines[head : len(new_lines) - tail])
    wanted, position = tomllib.loads(after), text.find(old)
    while position >= 0:
        edited = text[:position] + new + text[position + len(old) :]
        with contextlib.suppress(tomllib.TOMLDecodeError):
            if same(tomllib.loads(edited), wanted):
                return edited
        position = text.find(old, position + 1)
    raise RefusedError("an array of tables has others between its tables; write these one after the other")


def _count_equal(lines: list[str], others: list[str]) -> int:
    """How many lines two texts have in common before the first difference."""
    return sum(1 for _ in takewhile(lambda pair: pair[0] == pair[1], zip(lines, others, strict=False)))


def _at(document: Any, path: KeyPath) -> Any:
    for part in path:
        document = document[part]
    return document


def _item(value: Value, old: Any = None) -> Item:
    """`value` as tomlkit has it; `old` is what it replaces, for its quotes."""
    match value:
        case None:
            raise RefusedError("TOML has no null; remove the key instead, with -S '~key'")
        case str():
            literal = isinstance(old, String) and old.as_string()[0] == "'" and value.isprintable() and "'" not in value
            return tomlkit.value(f"'{value}'" if literal else escaped(value))
        case list():
            array = tomlkit.array()
            for item in value:
                array.append(_item(item))
            return array
        case dict():
            table = tomlkit.inline_table()
            for key, item in value.items():
                table[key] = _item(item)
            return table
    return tomlkit.item(value)


def _universal(text: str) -> str:
    """The text as a file opened in text mode gives it."""
    return text.replace("\r\n", "\n").replace("\r", "\n")
