"""Queries over runs: ``stage = train and (loss < 0.1 or "baseline" in tags)``, read by a parser of our own.

    query      = all ("or" all)*
    all        = one ("and" one)*
    one        = "not" one | "(" query ")" | comparison
    comparison = NAME op value | NAME ["not"] "in" "[" value, ... "]" | value ["not"] "in" NAME
    op         = "=" "==" "!=" "<" "<=" ">" ">=" "contains" "~"
    value      = number | quoted text | a bare word | true | false | null | "[" value, ... "]"

A name is a field (``stage``, ``status``, ``number`` or ``run``, ``label``, ``tags``, ``started``...; of ``id`` and
``call``, which the runs of one call share, a start will do: ``call = c3f2``), ``params.KEY``,
``metrics.KEY``, or an end of a key; in backquotes it may have any characters. ``contains`` is about a part of a text
or an item of a list, ``~`` searches a regular expression. Nothing is evaluated as Python. A comparison with a missing
value is false, whatever the operator, and so is an order between values of different types.
"""

from __future__ import annotations

import math
import re
from datetime import datetime
from typing import TYPE_CHECKING, Any, Protocol, TypeAlias

from msgspec import Struct

from dvc_magic.errors import ParamError, QueryError

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterable, Iterator

_DEPTH = 50  # parentheses and nots within each other
_WORDS = {"and", "or", "not", "in", "contains"}
_LITERALS = {"true": True, "false": False, "null": None, "none": None, "inf": math.inf, "nan": math.nan}
_LEXEME = r"""(?xs)\s*(?:
        (?P<number> [-+]?(?:\d+\.?\d*|\.\d+)(?:[eE][-+]?\d+)? (?![\w.:/@%+-]) | [-+]inf\b )
      | (?P<word>   \w[\w.:/@%+-]* )
      | (?P<name>   `(?:[^`]|``)*` )
      | (?P<text>   '(?:[^'\\]|\\.)*' | "(?:[^"\\]|\\.)*" )
      | (?P<mark>   == | != | <= | >= | [=<>~()\[\],] )
    )"""
_PLAIN_NAME = re.compile(r"[^\W\d][\w.:/@%+-]*")
_ESCAPES = {"n": "\n", "t": "\t", "r": "\r"}

Node: TypeAlias = "Comparison | Not | And | Or"


class Id(str):
    """The id of a run or a call, which is equal to each start of it."""

    __slots__ = ()


class RowView(Protocol):
    """What a query asks for values: a `dvc_magic.runs.RunRow`, or a mapping of names to values."""

    def get(self, name: str, /) -> Any:
        """The value of that name, None when the row has none."""


class Comparison(Struct, frozen=True):
    """A name, an operator (``=``, ``in``, ``not in``, ``~``...) and a value; a list for ``in``."""

    name: str
    operator: str
    value: Any

    def holds(self, row: RowView) -> bool:
        """Whether the comparison is true for a row."""
        actual = row.get(self.name)
        return actual is not None and _OPERATORS[self.operator](actual, self.value)


class Not(Struct, frozen=True):
    """The opposite of a part."""

    part: Node

    def holds(self, row: RowView) -> bool:
        """Whether the part is not true for a row."""
        return not self.part.holds(row)


class And(Struct, frozen=True):
    """Both of two parts; the second one is not looked at when the first is false."""

    left: Node
    right: Node

    def holds(self, row: RowView) -> bool:
        """Whether both are true for a row."""
        return self.left.holds(row) and self.right.holds(row)


class Or(Struct, frozen=True):
    """One of two parts; the second one is not looked at when the first is true."""

    left: Node
    right: Node

    def holds(self, row: RowView) -> bool:
        """Whether one of them is true for a row."""
        return self.left.holds(row) or self.right.holds(row)


class Query(Struct, frozen=True):
    """A query that was read; `str` spells it so that `parse_query` gives an equal one."""

    node: Node

    def matches(self, row: RowView) -> bool:
        """Whether the query is true for a row.

        Raises:
            QueryError: a name fits several params or metrics of the row.
        """
        try:
            return self.node.holds(row)
        except ParamError as error:
            raise QueryError(f"{error} (in the query {self})") from error

    def names(self) -> tuple[str, ...]:
        """The names that the query asks for, each once, in their order."""
        return tuple(dict.fromkeys(part.name for part in _comparisons(self.node)))

    def stages_named(self, stages: Iterable[str]) -> set[str]:
        """Which of `stages`, addresses, the query names; what it compares by ``!=`` or ``not in`` it does not name."""
        naming = [
            part for part in _comparisons(self.node) if part.name == "stage" and part.operator not in ("!=", "not in")
        ]
        return {address for address in stages if any(part.holds({"stage": address}) for part in naming)}

    def __str__(self) -> str:
        return _format(self.node)


def _comparisons(node: Node) -> Iterator[Comparison]:
    match node:
        case Comparison():
            yield node
        case Not():
            yield from _comparisons(node.part)
        case And() | Or():
            yield from _comparisons(node.left)
            yield from _comparisons(node.right)


# naming stages


def stage_meant(name: str, stages: Collection[str]) -> str:
    """The address that a name means among `stages`: itself, or where none has it, that of the operation ``op:NAME``."""
    return f"op:{name}" if name not in stages and f"op:{name}" in stages else name


def with_operations(query: Query, stages: Collection[str]) -> Query:
    """``stage = fit`` as ``stage = 'op:fit'`` where `stages`, a collection of addresses, has but the operation."""
    return Query(_with_operations(query.node, stages))


def _with_operations(node: Node, stages: Collection[str]) -> Node:
    match node:
        case Comparison("stage", "=" | "!=" | "in" | "not in" as operator, value):
            return Comparison("stage", operator, _value_meant(value, stages))
        case Not():
            return Not(_with_operations(node.part, stages))
        case And() | Or():
            return type(node)(_with_operations(node.left, stages), _with_operations(node.right, stages))
    return node


def _value_meant(value: Any, stages: Collection[str]) -> Any:
    if isinstance(value, list):
        return [_value_meant(item, stages) for item in value]
    return stage_meant(value, stages) if isinstance(value, str) else value


# comparing


def _equal(actual: Any, wanted: Any) -> bool:
    if isinstance(actual, bool) or isinstance(wanted, bool):
        return actual is wanted
    if isinstance(actual, datetime):
        return _order(actual, wanted) == 0
    if isinstance(actual, Id):
        return isinstance(wanted, str) and bool(wanted) and actual.startswith(wanted.lower())
    both_nan = actual != actual and wanted != wanted  # noqa: PLR0124 - NaN is what differs from itself
    return bool(actual == wanted) or both_nan


def _order(actual: Any, wanted: Any) -> int | None:
    """-1, 0 or 1; None between values that have no order."""
    if isinstance(actual, datetime):
        actual, wanted = actual.timestamp(), _timestamp(wanted)
    numbers = all(isinstance(value, int | float) and not isinstance(value, bool) for value in (actual, wanted))
    texts = isinstance(actual, str) and isinstance(wanted, str)
    if not (numbers or texts) or actual != actual or wanted != wanted:  # noqa: PLR0124
        return None
    return int(actual > wanted) - int(actual < wanted)


def _timestamp(text: Any) -> float | None:
    """Seconds of an ISO date or time, without a zone in the local one; None for anything else."""
    try:
        return datetime.fromisoformat(text).astimezone().timestamp()
    except (ValueError, TypeError, OverflowError, OSError):
        return None


def _contains(actual: Any, wanted: Any) -> bool:
    if isinstance(actual, list | tuple):
        return any(_equal(item, wanted) for item in actual)
    return isinstance(actual, str) and isinstance(wanted, str) and wanted in actual


def _is_in(actual: Any, wanted: Any) -> bool:
    return any(_equal(actual, item) for item in wanted)


def _searches(actual: Any, wanted: Any) -> bool:
    return isinstance(actual, str) and re.search(wanted, actual) is not None


def _ordered(*results: int) -> Callable[[Any, Any], bool]:
    return lambda actual, wanted: _order(actual, wanted) in results


_OPERATORS: dict[str, Callable[[Any, Any], bool]] = {
    "=": _equal,
    "!=": lambda actual, wanted: not _equal(actual, wanted),
    "<": _ordered(-1),
    "<=": _ordered(-1, 0),
    ">": _ordered(1),
    ">=": _ordered(1, 0),
    "contains": _contains,
    "~": _searches,
    "in": _is_in,
    "not in": lambda actual, wanted: not _is_in(actual, wanted),
}


# reading


class _Token(Struct, frozen=True):
    kind: str
    text: str
    start: int


class _Parser:
    """Recursive descent over the tokens of one text; with a `meaning` of names alone, what was probably meant by it."""

    def __init__(self, text: str, meaning: Callable[[str], Query | None] | None = None) -> None:
        self._text = text
        self._meaning = meaning
        self._tokens = list(self._split())
        self._at = 0
        self._depth = 0

    def _split(self) -> Iterable[_Token]:
        token = re.compile(_LEXEME)
        position, end = 0, len(self._text.rstrip())
        while position < end:
            match = token.match(self._text, position)
            if match is None or match.lastgroup is None:
                start = position + len(self._text[position:]) - len(self._text[position:].lstrip())
                raise self._error(start, _odd(self._text[start]))
            yield _Token(match.lastgroup, match[match.lastgroup], match.start(match.lastgroup))
            position = match.end()
        yield _Token("end", "", end)

    def read(self) -> Node:
        node = self._or()
        if self._peek.kind != "end":
            raise self._error(self._peek.start, "expected 'and', 'or' or the end")
        return node

    @property
    def _peek(self) -> _Token:
        return self._tokens[self._at]

    def _next(self) -> _Token:
        token = self._peek
        self._at += token.kind != "end"
        return token

    def _skip(self, *spellings: str) -> bool:
        """Go past the next token if it is one of these marks or words."""
        token = self._peek
        found = (token.text if token.kind == "mark" else token.text.lower()) in spellings
        found = found and token.kind in ("mark", "word")
        self._at += found
        return found

    def _error(self, position: int, message: str) -> QueryError:
        text = self._text.replace("\n", " ").replace("\t", " ")
        return QueryError(f"Cannot read the query: {message}.\n  {text}\n  {' ' * position}^")

    def _or(self) -> Node:
        node = self._and()
        while self._skip("or"):
            node = Or(node, self._and())
        return node

    def _and(self) -> Node:
        node = self._one()
        while self._skip("and") or (self._meaning is not None and self._begins()):
            right = self._one()
            node = And(node, right) if self._meaning is None else _joined(node, right)
        return node

    def _begins(self) -> bool:
        """Whether another comparison begins here, without the ``and`` before it."""
        token = self._peek
        return token.text == "(" if token.kind == "mark" else token.kind != "end" and token.text.lower() != "or"

    def _one(self) -> Node:
        self._depth += 1
        if self._depth > _DEPTH:
            raise self._error(self._peek.start, f"more than {_DEPTH} levels of parentheses and nots")
        node = self._negated() if self._skip("not") else self._group()
        self._depth -= 1
        return node

    def _negated(self) -> Node:
        return Not(self._one())

    def _group(self) -> Node:
        start = self._peek.start
        if not self._skip("("):
            return self._comparison()
        node = self._or()
        if not self._skip(")"):
            raise self._error(start, "this parenthesis is never closed")
        return node

    def _comparison(self) -> Node:
        if self._peek.kind in ("text", "number") or self._peek.text == "[":
            return self._value_in_name()
        name = self._name()
        start = self._peek.start
        if self._meaning is not None and not self._compares() and (meant := self._meaning(name)) is not None:
            return meant.node
        if self._skip("not"):
            if not self._skip("in"):
                raise self._error(self._peek.start, "expected 'in' after 'not'")
            return Comparison(name, "not in", self._list())
        if self._skip("in"):
            return Comparison(name, "in", self._list())
        operator = self._operator(name, start)
        at = self._peek.start
        value = self._value()
        if operator == "~":
            self._check_pattern(value, at)
        elif name == "started" and _timestamp(value) is None:
            raise self._error(at, "expected a date or time, such as 2026-01-31 or '2026-01-31 18:00'")
        return Comparison(name, operator, value)

    def _compares(self) -> bool:
        token = self._peek
        marks = ("=", "==", "!=", "<", "<=", ">", ">=", "~")
        return token.text in marks if token.kind == "mark" else token.text.lower() in ("contains", "in", "not")

    def _value_in_name(self) -> Node:
        """``"baseline" in tags``: what ``tags contains "baseline"`` says."""
        start = self._peek.start
        value = self._value()
        negated = self._skip("not")
        if not self._skip("in"):
            raise self._error(start, "a comparison begins with a name: loss < 0.1, not 0.1 > loss")
        comparison = Comparison(self._name(), "contains", value)
        return Not(comparison) if negated else comparison

    def _name(self) -> str:
        token = self._next()
        if token.kind == "name" and token.text != "``":
            return token.text[1:-1].replace("``", "`")
        if token.kind != "word" or token.text.lower() in _WORDS or not _PLAIN_NAME.fullmatch(token.text):
            raise self._error(token.start, "expected the name of a field, param or metric")
        return token.text

    def _operator(self, name: str, start: int) -> str:
        token = self._next()
        if token.kind == "mark" and token.text in ("=", "==", "!=", "<", "<=", ">", ">=", "~"):
            return "=" if token.text == "==" else token.text
        if token.kind == "word" and token.text.lower() == "contains":
            return "contains"
        hint = f"expected a comparison after {name!r}, such as {name} = 1"
        if start == len(self._text.rstrip()):
            hint = f"{hint}; for the runs of a stage of that name write stage = {_format_value(name)}"
        raise self._error(start, hint)

    def _list(self) -> list[Any]:
        start = self._peek.start
        if self._peek.text != "[":
            raise self._error(start, "expected a list after 'in', such as [1, 2]")
        self._next()
        return self._items(start)

    def _value(self) -> Any:
        token = self._next()
        if token.kind == "number":
            return _number(token.text)
        if token.kind == "text":
            return re.sub(r"\\(.)", _unescape, token.text[1:-1], flags=re.DOTALL)
        if token.text == "[" and token.kind == "mark":
            return self._items(token.start)
        if token.kind == "word" and token.text.lower() not in _WORDS:
            return _LITERALS.get(token.text.lower(), token.text)
        raise self._error(token.start, "expected a value: a number, a text, true, false, null or a list")

    def _items(self, start: int) -> list[Any]:
        self._depth += 1
        if self._depth > _DEPTH:
            raise self._error(start, f"more than {_DEPTH} lists within each other")
        items: list[Any] = []
        while not self._skip("]"):
            if self._peek.kind == "end":
                raise self._error(start, "this list is never closed")
            if items and not self._skip(","):
                raise self._error(self._peek.start, "expected ',' or ']'")
            items.append(self._value())
        self._depth -= 1
        return items

    def _check_pattern(self, value: Any, start: int) -> None:
        if not isinstance(value, str):
            raise self._error(start, "expected a quoted regular expression after '~'")
        try:
            re.compile(value)
        except (re.error, OverflowError, RecursionError) as error:
            raise self._error(start, f"not a regular expression ({error})") from error


def _odd(character: str) -> str:
    if character in "'\"`":
        return "this quote is never closed"
    return f"{character!r} means nothing here"


def _number(text: str) -> int | float:
    return int(text) if re.fullmatch(r"[-+]?\d{1,1000}", text) else float(text)


def _unescape(match: re.Match[str]) -> str:
    return _ESCAPES.get(match[1], match[1])


def parse_query(text: str) -> Query:
    """The query that `text` spells.

    Raises:
        QueryError: it cannot be read; the message shows where.
    """
    if not text.strip():
        raise QueryError("The query is empty; write one such as: status = completed and duration < 60")
    return Query(_Parser(text).read())


def probable_query(text: str, meaning: Callable[[str], Query | None]) -> Query:
    """The query that was probably meant by a text which is none: ``train failed``, ``train loss < 1``.

    Args:
        text: names alone and comparisons, with or without an ``and`` between them.
        meaning: what a name that is not compared with anything stands for, if it stands for anything.

    Raises:
        QueryError: it cannot be read in this way either.
    """
    return Query(_Parser(text, meaning).read())


def _joined(left: Node, right: Node) -> Node:
    """Both; of two stages or two statuses either, as no run has both."""
    match left, right:
        case Comparison(name, "=" | "in", first), Comparison(other, "=" | "in", second) if name == other:
            values = [item for value in (first, second) for item in (value if isinstance(value, list) else [value])]
            return Comparison(name, "in", values)
    return And(left, right)


# writing


def _format(node: Node) -> str:
    match node:
        case Comparison():
            return f"{_format_name(node.name)} {node.operator} {_format_value(node.value)}"
        case Not():
            return f"not {_inner(node.part, Not, Comparison)}"
        case And():
            return f"{_inner(node.left, And, Not, Comparison)} and {_inner(node.right, Not, Comparison)}"
        case Or():
            return f"{_inner(node.left, Or, And, Not, Comparison)} or {_inner(node.right, And, Not, Comparison)}"


def _inner(node: Node, *bare: type) -> str:
    return _format(node) if isinstance(node, bare) else f"({_format(node)})"


def _format_name(name: str) -> str:
    plain = _PLAIN_NAME.fullmatch(name) and name.lower() not in _WORDS
    return name if plain else f"`{name.replace('`', '``')}`"


def _format_value(value: Any) -> str:
    if isinstance(value, list):
        return f"[{', '.join(map(_format_value, value))}]"
    if isinstance(value, str):
        return f"'{_escape(value)}'"
    return (
        {None: "null", True: "true", False: "false"}[value]
        if value is None or value is True or value is False
        else repr(value)
    )


def _escape(text: str) -> str:
    escaped = text.replace("\\", "\\\\").replace("'", "\\'")
    return escaped.replace("\n", "\\n").replace("\t", "\\t").replace("\r", "\\r")


# ordering


def order_key(value: Any) -> tuple[int, Any]:
    """What to sort values of any types by: numbers, then texts, then everything else, NaN and missing ones last."""
    if value is None:
        return 9, 0
    if isinstance(value, datetime):
        return 0, value.timestamp()
    if isinstance(value, int | float):
        return (8, 0) if math.isnan(value) else (0, value)
    return (1, value) if isinstance(value, str) else (2, repr(value))
