"""Python param files: literals that are assigned to names, class attributes and ``self.x`` in ``__init__``."""

from __future__ import annotations

import ast
import math
import re
from typing import Any, TypeAlias

from msgspec import Struct, field

from dvc_magic.model.values import Value
from dvc_magic.workspace.param_files.changes import (
    Edit,
    KeyPath,
    RefusedError,
    append_line,
    apply_edits,
    drop_entry,
    insert_line,
    line_end,
    line_start,
    next_line,
    stands_alone,
)

_LINE_BREAK = re.compile(r"\r\n|\r|\n")
_Assign: TypeAlias = ast.Assign | ast.AnnAssign


class _Slot(Struct):
    """A param: where it is assigned, and the literal."""

    statement: _Assign
    literal: ast.expr


class _Scope(Struct):
    """The params of a module or class."""

    body: list[ast.stmt]
    members: dict[str, _Slot | _Scope] = field(default_factory=dict)


def _scope(body: list[ast.stmt], *, of_self: bool = False) -> _Scope:
    """What DVC takes for params in a module, class or ``__init__``; the last of several assignments counts."""
    scope = _Scope(body)
    for statement in body:
        if isinstance(statement, ast.Assign | ast.AnnAssign):
            name = _param_name(statement, of_self=of_self)
            if name is not None and statement.value is not None and _is_literal(statement.value):
                scope.members[name] = _Slot(statement, statement.value)
        elif isinstance(statement, ast.ClassDef):
            scope.members[statement.name] = _scope(statement.body)
        elif isinstance(statement, ast.FunctionDef) and statement.name == "__init__":
            scope.members |= _scope(statement.body, of_self=True).members
    return scope


def _param_name(statement: _Assign, *, of_self: bool) -> str | None:
    targets = statement.targets if isinstance(statement, ast.Assign) else [statement.target]
    match targets:
        case [ast.Name(id=name)] if not of_self:
            return name
        case [ast.Attribute(value=ast.Name(id="self"), attr=name)]:
            return name
    return None


def _is_literal(node: ast.expr) -> bool:
    try:
        ast.literal_eval(node)
    except (ValueError, TypeError, MemoryError, RecursionError):
        return False
    return True


def _literal(node: ast.expr) -> Any:
    """The value of a literal, with lists for tuples and sets, a set's items in the order of the text."""
    if isinstance(node, ast.Dict):
        return {ast.literal_eval(key): _literal(item) for key, item in zip(node.keys, node.values, strict=True) if key}
    if isinstance(node, ast.Set):
        return list(dict.fromkeys(ast.literal_eval(item) for item in node.elts))
    if isinstance(node, ast.List | ast.Tuple):
        return [_literal(item) for item in node.elts]
    return ast.literal_eval(node)


def _values(scope: _Scope) -> dict[str, Any]:
    return {
        name: _values(member) if isinstance(member, _Scope) else _literal(member.literal)
        for name, member in scope.members.items()
    }


class _Lines:
    """Turns the positions of `ast` (line, column in UTF-8 bytes) into positions in the text."""

    def __init__(self, text: str) -> None:
        self.text = text
        self.starts = [0, *(match.end() for match in _LINE_BREAK.finditer(text))]

    def position(self, line: int, column: int) -> int:
        start = self.starts[line - 1]
        end = self.starts[line] if line < len(self.starts) else len(self.text)
        return start + len(self.text[start:end].encode()[:column].decode())

    def span(self, node: ast.expr | ast.stmt) -> tuple[int, int]:
        if node.end_lineno is None or node.end_col_offset is None:
            raise RefusedError("Python gives no end of it")
        return self.position(node.lineno, node.col_offset), self.position(node.end_lineno, node.end_col_offset)


def _write(value: Value, old: ast.expr | None = None, quote: str = '"') -> str:
    """A literal for a value; a list in the place of a tuple or set becomes one. `quote` is for text."""
    if isinstance(value, float) and not math.isfinite(value):
        return _write_infinite(value)
    if isinstance(value, str):
        return _write_text(value, quote)
    if isinstance(value, dict):
        return "{" + ", ".join(f"{_write(key)}: {_write(item)}" for key, item in value.items()) + "}"
    if isinstance(value, list):
        return _write_list(value, old)
    return repr(value)


def _write_infinite(value: float) -> str:
    if math.isnan(value):
        raise RefusedError("Python has no literal for nan")
    return "1e999" if value > 0 else "-1e999"  # too large for a float, which makes it the literal of infinity


def _write_text(value: str, quote: str) -> str:
    """A string literal, in double quotes unless `quote` is the single one or saves escapes."""
    written = repr(value)
    if written[0] == '"' or quote == "'":
        return written
    return '"' + written[1:-1].replace("\\'", "'").replace('"', '\\"') + '"'


def _write_list(value: list[Value], old: ast.expr | None) -> str:
    items = ", ".join(map(_write, value))
    if isinstance(old, ast.Tuple):
        return f"({items},)" if len(value) == 1 else f"({items})"
    if isinstance(old, ast.Set):
        if not value:
            raise RefusedError("Python has no literal for an empty set")
        return "{" + items + "}"
    return f"[{items}]"


class _Place(Struct):
    """Where a path leads: a scope, or a literal with the ones around it."""

    scope: _Scope
    slot: _Slot | None = None
    literal: ast.expr | None = None
    holder: ast.expr | None = None
    index: int = 0


def _locate(tree: ast.Module, path: KeyPath) -> _Place:
    place = _Place(_scope(tree.body))
    for part in path:
        if place.literal is not None:
            place.holder, place.index = place.literal, _item_index(place.literal, part)
            place.literal = _items(place.literal)[place.index]
            continue
        member = place.scope.members[part]
        if isinstance(member, _Scope):
            place.scope = member
        else:
            place.slot, place.literal = member, member.literal
    return place


def _items(node: ast.expr) -> list[ast.expr]:
    if isinstance(node, ast.Dict):
        return node.values
    return node.elts if isinstance(node, ast.List | ast.Tuple | ast.Set) else []


def _item_index(node: ast.expr, part: Any) -> int:
    if not isinstance(node, ast.Dict):
        return int(part)
    found = [index for index, key in enumerate(node.keys) if key is not None and ast.literal_eval(key) == part]
    return found[-1]


class PythonFormat(Struct, frozen=True):
    """Python; DVC reads only its literals."""

    name: str = "Python"

    def read(self, text: str) -> Any:
        """The values as DVC's reader finds them (``utils.serialize._py``)."""
        return _values(_scope(ast.parse(text).body))

    def read_as_program(self, text: str) -> Any:
        """The same: a program runs the file, which must not happen here."""
        return self.read(text)

    def put(self, text: str, path: KeyPath, value: Value) -> str:
        """The text with `value` for the literal at `path`."""
        literal = _locate(ast.parse(text), path).literal
        if literal is None:
            raise RefusedError("it is a class")
        start, end = _Lines(text).span(literal)
        new = _write(value, literal, text[start])
        before = " " if start and (text[start - 1].isalnum() or text[start - 1] == "_") else ""
        return apply_edits(text, [Edit(start, end, before + new)])

    def add(self, text: str, parent: KeyPath, key: str, value: Value) -> str:
        """The text with a new entry of a dict, or a new assignment after the last one of its module or class."""
        place = _locate(ast.parse(text), parent)
        if place.literal is not None:
            return apply_edits(text, [_dict_entry(text, place.literal, key, value)])
        return apply_edits(text, [_assignment(text, place.scope, parent, key, value)])

    def remove(self, text: str, path: KeyPath) -> str:
        """The text without the dict entry or assignment at `path`."""
        place = _locate(ast.parse(text), path)
        if place.holder is not None:
            return apply_edits(text, [_entry_removal(text, place.holder, place.index)])
        if place.slot is None:
            raise RefusedError("it is a class")
        return apply_edits(text, [_statement_removal(text, place.slot.statement)])


def _entry_spans(text: str, node: ast.expr) -> list[tuple[int, int]]:
    if not isinstance(node, ast.Dict):
        raise RefusedError("only a dict has entries to remove")
    lines = _Lines(text)
    pairs = zip(node.keys, node.values, strict=True)
    return [(lines.span(key or item)[0], lines.span(item)[1]) for key, item in pairs]


def _dict_entry(text: str, literal: ast.expr, key: str, value: Value) -> Edit:
    pair = f"{_write(key)}: {_write(value)}"
    spans = _entry_spans(text, literal)
    start, end = _Lines(text).span(literal)
    return Edit(spans[-1][1], spans[-1][1], f", {pair}") if spans else Edit(start, end, "{" + pair + "}")


def _entry_removal(text: str, holder: ast.expr, index: int) -> Edit:
    start, end = _Lines(text).span(holder)
    return drop_entry(_entry_spans(text, holder), index, (start + 1, end - 1))


def _assignment(text: str, scope: _Scope, parent: KeyPath, key: str, value: Value) -> Edit:
    """A new assignment: after the last param of the scope, else at its end."""
    if not key.isidentifier():
        raise RefusedError(f"{key!r} is no name in Python")
    new = f"{key} = {_write(value)}"
    if not scope.body:
        return append_line(text, new)
    lines = _Lines(text)
    first = lines.span(scope.body[0])[0]
    if parent and not stands_alone(text, first):
        raise RefusedError("the class is written on one line; give it lines of its own")
    start, end = lines.span((_own_statements(scope) or scope.body)[-1])
    _check_alone(text, start, end)
    return insert_line(text, end, text[line_start(text, first) : first] + new)


def _own_statements(scope: _Scope) -> list[ast.stmt]:
    """The assignments of params that stand in the scope itself, not in its ``__init__``."""
    slots = {id(member.statement) for member in scope.members.values() if isinstance(member, _Slot)}
    return [statement for statement in scope.body if id(statement) in slots]


def _check_alone(text: str, start: int, end: int) -> None:
    """Refuse a statement that shares its line with another."""
    if not stands_alone(text, start) or text[end : line_end(text, end)].strip()[:1] not in ("", "#"):
        raise RefusedError("the line there holds several statements; write one a line")


def _statement_removal(text: str, statement: _Assign) -> Edit:
    start, end = _Lines(text).span(statement)
    _check_alone(text, start, end)
    return Edit(line_start(text, start), next_line(text, end))
