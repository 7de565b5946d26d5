"""The long form of a cell's settings: a comment block in the cell, which stays Python.

    # /// dvc_magic
    # requires:
    #   - dvcfile: data.csv
    #     remote: s3
    # metrics: [m.json: {cache: false}]
    # ///

The frame is that of inline script metadata (PEP 723): a line that names the type, lines that begin with ``#``, a line
that ends it. What stands in ours is YAML.
"""

from __future__ import annotations

import ast
import re
from collections.abc import Callable, Mapping
from typing import Any

from msgspec import Struct

from dvc_magic.operations.cell_code import parse_cell
from dvc_magic.operations.cell_settings import CellSettings, plain_source, read_script
from dvc_magic.operations.fields import check_key, read_bool, read_map, read_text, refusal
from dvc_magic.operations.files import read_outs
from dvc_magic.operations.sources import read_source
from dvc_magic.operations.yaml_text import check_numbers, check_text

KEYS = frozenset({"requires", "deps", "outs", "metrics", "stage", "script", "learn", "scalars", "desc"})
"""What a block can have: what the options of these names say."""

_FIRST, _LAST = "# /// dvc_magic", "# ///"
_MARK = re.compile(r"\s*#+\s*///\s*dvc[-_]?magic\b.*", re.IGNORECASE)
_EXAMPLE = "'requires: [dvcfile: data.csv]'"


class _Block(Struct, frozen=True, kw_only=True):
    """A block as it stands: its YAML, and the number of the YAML's first line in the cell."""

    text: str
    first: int


def read_block(code: str, *, first_line: int = 1) -> CellSettings:
    r"""What the block in a cell says; nothing when it has none.

        >>> read_block("# /// dvc_magic\n# stage: train\n# ///\n")

    Args:
        code: the cell's.
        first_line: the number that people see beside its first line.

    Raises:
        OperationError: the code is no plain Python, or the block is not closed, not the only one, no YAML, or has what
            it cannot have; names the line.
    """
    block = _find(code, first_line)
    return CellSettings() if block is None else _read(block)


def _find(code: str, first_line: int) -> _Block | None:
    """The block in a text.

    Raises:
        OperationError: it has several, or one that is in disorder.
    """
    lines = code.split("\n")
    inside = _inside_texts(parse_cell(code, first_line=first_line))
    begins = [index for index, line in enumerate(lines) if _MARK.fullmatch(line) and index + 1 not in inside]
    for index in begins:
        if lines[index].rstrip() != _FIRST:
            raise refusal(_at(index + first_line), f"a block begins with the line '{_FIRST}', without blanks before it")
    if len(begins) > 1:
        raise refusal(_at(begins[1] + first_line), f"there is a block in line {begins[0] + first_line} already")
    return _taken_out(lines, begins[0], first_line) if begins else None


def _inside_texts(tree: ast.Module) -> set[int]:
    """The numbers of lines that lie in a text of several lines, from 1."""
    texts = [node for node in ast.walk(tree) if isinstance(node, ast.Constant | ast.JoinedStr)]
    return {line for node in texts for line in range(node.lineno + 1, (node.end_lineno or node.lineno) + 1)}


def _taken_out(lines: list[str], begin: int, first_line: int) -> _Block:
    text: list[str] = []
    for index, line in enumerate(lines[begin + 1 :], start=begin + 1):
        if line.rstrip() == _LAST:
            return _Block(text="\n".join(text), first=begin + 1 + first_line)
        if not line.startswith("#"):
            break
        if "\t" in line:
            raise refusal(_at(index + first_line), "there is a tab in the block; YAML is indented with blanks")
        if line.rstrip() != "#" and not line.startswith("# "):
            raise refusal(_at(index + first_line), "a line of the block begins with '# ', a hash and a blank")
        text.append(line[2:])
    raise refusal(_at(begin + first_line), f"the block that begins here is never closed: its last line is '{_LAST}'")


def _read(block: _Block) -> CellSettings:
    entries = _entries(block)
    found: dict[str, Any] = {}
    for key, (line, value, _) in entries.items():
        check_key(key, KEYS, at=_at(line), of="the block")
        if key in _READERS:
            found[key] = _READERS[key](value, key, at=_at(line))
    outs = tuple(
        out
        for key in ("outs", "metrics")
        for line, item in _items(entries, key)
        for out in read_outs({key: [item]}, at=_at(line))
    )
    sources = [
        *(_dep(item, line) for line, item in _items(entries, "deps")),
        *(read_source(item, where=_at(line)) for line, item in _items(entries, "requires")),
    ]
    return CellSettings(requires=tuple(sources), outs=outs, **found)


_Entries = Mapping[str, tuple[int, Any, list[int]]]  # key -> its line, its value, the lines of the value's items


def _entries(block: _Block) -> _Entries:
    """The entries of a block with the lines that they stand in.

    Raises:
        OperationError: it is no YAML, no map, or has a key twice.
    """
    import yaml  # noqa: PLC0415 - 10 ms that loading the extension need not take

    check_text(block.text, at=_at(block.first))
    try:
        loader = yaml.SafeLoader(block.text)
        node = loader.get_single_node()
        if node is None:
            return {}
        content = read_map(loader.construct_document(node), at=_at(block.first), such_as=_EXAMPLE)
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        line = block.first + (mark.line if mark is not None else 0)
        raise refusal(_at(line), f"the block is not valid YAML: {error.problem or error}") from error
    except (yaml.YAMLError, ValueError, LookupError, AttributeError, TypeError, RecursionError) as error:
        problem = (str(error) or type(error).__name__).split("\n")[0]
        raise refusal(_at(block.first), f"the block is not valid YAML: {problem}") from error
    check_numbers(content, at=_at(block.first))
    entries: dict[str, tuple[int, Any, list[int]]] = {}
    for key_node, value_node in node.value:
        line, key = block.first + key_node.start_mark.line, key_node.value
        if key in entries:
            raise refusal(_at(line), f"the block has {key!r} in line {entries[key][0]} already")
        items = value_node.value if isinstance(value_node, yaml.SequenceNode) else []
        entries[key] = (line, content.get(key), [block.first + item.start_mark.line for item in items])
    return entries


def _items(entries: _Entries, key: str) -> list[tuple[int, Any]]:
    """The items of a list, or its only one, each with its line."""
    if key not in entries:
        return []
    line, value, lines = entries[key]
    if isinstance(value, list):
        return list(zip(lines, value, strict=True))
    return [] if value is None else [(line, value)]


def _dep(item: object, line: int) -> Any:
    path = read_text(item, "deps", at=_at(line))
    return plain_source(path, where=f"{_at(line)}, deps", instead=f"'requires: [{path}]'")


def _desc(value: object, key: str, *, at: str) -> str:
    return read_text(value, key, at=at).split("\n")[0].strip()


_READERS: Mapping[str, Callable[..., Any]] = {
    "stage": read_text,
    "script": read_script,
    "learn": read_bool,
    "scalars": read_bool,
    "desc": _desc,
}


def _at(line: int) -> str:
    return f"line {line} of the cell"
