"""One param file into which many sets of values are written, one for each point of a grid.

Reading a text with ruamel.yaml or tomlkit takes a millisecond for ten lines, and `set_values` does so three times. Most
points of a grid differ from each other by single values in the same places of a file. What stands around these places
is the same each time: it is found once, with stand-ins for the values, and read back in full.
"""

from __future__ import annotations

import math
import re
from collections.abc import Sequence
from typing import Any, TypeAlias

from msgspec import Struct, field
from msgspec.structs import replace
from ruamel.yaml import YAML
from ruamel.yaml.nodes import ScalarNode

from dvc_magic.errors import ParamError
from dvc_magic.model.request import ChangeKind
from dvc_magic.model.values import Value, same
from dvc_magic.workspace.param_files.changes import KeyPath, RefusedError, ValueChange
from dvc_magic.workspace.param_files.python_file import PythonFormat
from dvc_magic.workspace.param_files.rewrite import format_of, program_view, read_values, rewrite
from dvc_magic.workspace.param_files.trees import find, plain, value_at
from dvc_magic.workspace.param_files.yaml_file import YamlFormat
from dvc_magic.workspace.param_files.yaml_text import value_text

_Places: TypeAlias = "tuple[tuple[KeyPath, bool], ...]"  # and whether a text is to stand there

# One token to the scanner of either YAML, whatever stands around it: no sign of YAML in it but a minus before a digit
# or a dot, which begins neither an item of a list nor a document.
_PLAIN = re.compile(r"-?\.?[A-Za-z0-9_/][A-Za-z0-9_./+-]*(?: [A-Za-z0-9_/][A-Za-z0-9_./+-]*)*")
_MOST_SHAPES, _MOST_TOKENS = 100, 10_000  # kept for one file
_LONGEST = 500  # characters of a token; a simple key, which a flow list could be mistaken for, has up to 1,024
# A text that means itself between any quotes of JSON, TOML and Python.
_BETWEEN_QUOTES = re.compile(r"[A-Za-z0-9_./:,+-]+(?: [A-Za-z0-9_./:,+-]+)*")
_DIRECTIVE = re.compile(r"^%", re.MULTILINE)


class WrittenParams(Struct, frozen=True):
    """The text of a param file with the values of one point.

    Attributes:
        text: the whole of it.
        values: what DVC reads in it; None when it has to be asked, as for Python, of which it keeps tuples and sets.
        paths: the only places where it has other values than the file, when in each of them one single value stands
            for another one; None when nothing is said of that.
    """

    text: str
    values: dict[str, Any] | None = None
    paths: tuple[KeyPath, ...] | None = None


class _Shape(Struct):
    """What stands around the values that are set in the same places.

    Attributes:
        pieces: the text before, between and after them.
        order: which of the places comes first in the text, which one next.
        quotes: the sign in which the text of each place stands, None for a plain one.
        values: what is read, with a stand-in in each place.
        checked: the kinds of tokens with which the whole text was read back.
    """

    pieces: tuple[str, ...]
    order: tuple[int, ...]
    quotes: tuple[str | None, ...]
    values: dict[str, Any]
    checked: set[tuple[str, ...]] = field(default_factory=set)

    def text(self, tokens: Sequence[str]) -> str:
        """The text with these tokens in the places."""
        first, *others = self.pieces
        return first + "".join(f"{tokens[place]}{piece}" for place, piece in zip(self.order, others, strict=True))


class ParamFile:
    """A param file of a project, read once.

    Args:
        text: the content, with its line ends.
        suffix: of the file's name, with its dot.
        path: the file's name for messages.

    Attributes:
        values: as `read_values` gives them.

    Raises:
        PipelineError: DVC cannot read the file, or it holds no map.
    """

    def __init__(self, text: str, suffix: str, *, path: str) -> None:
        self._text = text
        self._path = path
        self._format = format_of(suffix)
        self.values = read_values(text, suffix, path)
        self._program_values = program_view(text, self._format)
        self._is_yaml = isinstance(self._format, YamlFormat)
        self._is_python = isinstance(self._format, PythonFormat)
        # A directive may name the version of YAML, by which DVC's reader takes words for values.
        self._has_shapes = not (self._is_yaml and _DIRECTIVE.search(text))
        self._shapes: dict[_Places, _Shape | None] = {}
        self._reader = YAML(typ="safe")
        self._tokens: dict[str, tuple[Any, Any]] = {}  # what both readers take a token for

    def with_changes(self, changes: Sequence[ValueChange]) -> WrittenParams:
        """The file with these changes, as `set_values` makes them.

        Raises:
            ParamError: as for `set_values`.
        """
        single = self._single_values(changes) if self._has_shapes else None
        if single is None:
            return self._in_full(changes)
        if not single:
            return WrittenParams(self._text, self._as_dvc_reads(self.values), ())
        written = self._in_shape(single)
        if written is None:
            written = replace(self._in_full(changes), paths=tuple(path for path, _ in single))
        return written

    def _as_dvc_reads(self, values: Any) -> Any:
        """The values of a text of this format, unless DVC reads others."""
        return None if self._is_python else values

    def _in_full(self, changes: Sequence[ValueChange]) -> WrittenParams:
        text, seen = rewrite(
            self._text,
            self._format,
            changes,
            path=self._path,
            values=self.values,
            program_values=self._program_values,
        )
        return WrittenParams(text, self._as_dvc_reads(seen))

    def _single_values(self, changes: Sequence[ValueChange]) -> list[tuple[KeyPath, ValueChange]] | None:
        """Where the changes put another single value in the place of one; None when they do anything else."""
        single: dict[KeyPath, ValueChange | None] = {}  # None for a value that is there already
        for change in changes:
            parts = change.key.split(".")
            path = find(self.values, parts) if all(parts) else None
            if change.kind not in (ChangeKind.SET, ChangeKind.FORCE) or not path or path in single:
                return None
            old = value_at(self.values, path)
            try:
                value = plain(change.value)
                programs = old if self._program_values is None else value_at(self._program_values, path)
            except RefusedError:
                return None
            if isinstance(old, dict | list) or isinstance(value, dict | list):
                return None
            is_there = same(old, value) and (self._program_values is None or same(programs, value))
            single[path] = None if is_there else ValueChange(key=change.key, value=value, kind=change.kind)
        return [(path, change) for path, change in single.items() if change is not None]

    def _in_shape(self, single: Sequence[tuple[KeyPath, ValueChange]]) -> WrittenParams | None:
        """The file with these values in their places; None when only `_in_full` can tell."""
        places = tuple((path, isinstance(change.value, str)) for path, change in single)
        if places not in self._shapes:
            if len(self._shapes) >= _MOST_SHAPES:
                self._shapes.clear()
            self._shapes[places] = self._shape(single)
        shape = self._shapes[places]
        if shape is None:
            return None
        found = [self._token(change.value, quote) for (_, change), quote in zip(single, shape.quotes, strict=True)]
        tokens, kinds = [token for token, _ in found], tuple(kind for _, kind in found)
        if not all(kinds):
            return None
        text = shape.text(tokens)
        if kinds not in shape.checked:
            # To the scanners one token of a kind is as good as another. The first one is read back with all around it.
            if self._in_full([change for _, change in single]).text != text:
                self._shapes[places] = None
                return None
            shape.checked.add(kinds)
        values = shape.values
        for path, change in single:
            values = _with_value(values, path, change.value)
        # A set swallows a value that it has already.
        if self._is_python and not same(self._format.read(text), values):
            return None
        return WrittenParams(text, self._as_dvc_reads(values), tuple(path for path, _ in single))

    def _token(self, value: Value, quote: str | None) -> tuple[str, str]:
        """The text of a value, and its kind, which is empty where only `_in_full` can tell how it is written."""
        if not self._is_yaml:
            return _simple_token(value, quote, is_python=self._is_python)
        token = value_text(value, quote)
        return token, _kind(token) if self._reads(token, value) else ""

    def _shape(self, single: Sequence[tuple[KeyPath, ValueChange]]) -> _Shape | None:
        """What stands around these values; None when the file cannot take others there."""
        stand_ins = _stand_ins([isinstance(change.value, str) for _, change in single], self._text)
        changes = [
            ValueChange(key=change.key, value=stand_in, kind=change.kind)
            for (_, change), stand_in in zip(single, stand_ins, strict=True)
        ]
        try:
            written = self._in_full(changes)
        except ParamError:
            return None
        text, spans = written.text, []
        for place, stand_in in enumerate(stand_ins):
            if text.count(str(stand_in)) != 1:
                return None
            start = text.index(str(stand_in))
            end = start + len(str(stand_in))
            quote = text[start - 1 : start]
            is_quoted = quote in ("'", '"') and text[end : end + 1] == quote
            spans.append((start - is_quoted, end + is_quoted, place, quote if is_quoted else None))
        quotes = tuple(quote for _, _, _, quote in spans)
        spans.sort()
        starts, ends = [start for start, *_ in spans], [end for _, end, *_ in spans]
        return _Shape(
            pieces=tuple(text[end:start] for end, start in zip([0, *ends], [*starts, len(text)], strict=True)),
            order=tuple(place for _, _, place, _ in spans),
            quotes=quotes,
            values=self._format.read(text),
        )

    def _reads(self, token: str, value: Value) -> bool:
        """Whether both readers take a token for this value."""
        if token not in self._tokens:
            if len(self._tokens) >= _MOST_TOKENS:
                self._tokens.clear()
            line = f"- {token}\n"
            try:
                dvcs = [self._plain_value(token)] if _kind(token) == "plain" else self._reader.load(line)
                self._tokens[token] = (dvcs, self._format.read_as_program(line))
            except Exception:  # noqa: BLE001 -- as for whole files; `_in_full` says what is wrong
                self._reader = YAML(typ="safe")  # which may have stopped half way
                self._tokens[token] = (None, None)
        dvcs, programs = self._tokens[token]
        return same(dvcs, [value]) and (self._program_values is None or same(programs, [value]))

    def _plain_value(self, token: str) -> Any:
        """What DVC takes a plain token for, without the scanner, which takes 0.2 ms."""
        node = ScalarNode(self._reader.resolver.resolve(ScalarNode, token, (True, False)), token)
        return self._reader.constructor.construct_document(node)


def _kind(token: str) -> str:
    """The kind of a token to a scanner, empty for one that is not known to be one."""
    if len(token) > _LONGEST:
        return ""
    return token[0] if token[0] in "'\"" else "plain" if _PLAIN.fullmatch(token) else ""


def _simple_token(value: Value, quote: str | None, *, is_python: bool) -> tuple[str, str]:
    """The text of a value that JSON, TOML and Python read alike wherever it stands, and its kind; else no kind."""
    if isinstance(value, bool):
        return str(value) if is_python else str(value).lower(), "word"
    if (isinstance(value, int) and abs(value) < 1 << 63) or (isinstance(value, float) and math.isfinite(value)):
        return repr(value), f"{type(value).__name__} {value < 0}"
    if isinstance(value, str) and quote and len(value) < _LONGEST and _BETWEEN_QUOTES.fullmatch(value):
        return f"{quote}{value}{quote}", "text"
    return "", ""


def _stand_ins(are_texts: Sequence[bool], text: str) -> list[Value]:
    """For each value one that the text does not have, and that no other one is a part of."""
    found: list[Value] = []
    number = 7_310_000_000_019
    for is_text in are_texts:
        while str(number) in text:
            number += 1
        found.append(f"t{number}t" if is_text else number)
        number += 1
    return found


def _with_value(tree: Any, path: KeyPath, value: Value) -> Any:
    """The tree with another value in one place; all else is shared with the old tree."""
    if not path:
        return value
    copy = tree.copy()
    copy[path[0]] = _with_value(tree[path[0]], path[1:], value)
    return copy
