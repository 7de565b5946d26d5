"""Python names in a line: ``{lr}``, ``{run.metrics["loss"]}``, ``{grid[0]}``.

Only names, attributes and subscripts with literal keys are followed, by hand: nothing is evaluated. Every other brace
stays as it is, ``${..}`` and what stands in single quotes too.
"""

from __future__ import annotations

import ast
import os
from collections.abc import Collection, Mapping
from enum import Enum
from typing import Any

from msgspec import Struct
from msgspec.structs import replace

from dvc_magic.errors import LineError, close_matches
from dvc_magic.line.formatting import format_value
from dvc_magic.line.spaces import Space
from dvc_magic.line.tokens import Token, quote, skip, unquote
from dvc_magic.model.values import Value


class Passed(Struct, frozen=True, kw_only=True):
    """The Python value of an expression that was alone in its token.

    Attributes:
        values: exact values; runs as their ids.
        many: True for a collection that makes a grid, False for one value.
        token: the token as written.
    """

    values: tuple[Value | Space, ...]
    many: bool
    token: Token

    @property
    def text(self) -> str:
        """The values as text, parted by commas."""
        return ",".join(str(value) for value in self.values)


def expand(token: Token, namespace: Mapping[str, object], *, scalar: bool = False) -> Token | Passed:
    """Put Python values in the place of the names in `token`.

    Args:
        token: as it was typed. namespace: the names that ``{name}`` can mean.
        scalar: whether a single value is wanted here: then a list makes a grid, as a tuple always does.

    Raises:
        LineError: a name, attribute or key that does not exist, or a value that no param can hold.
    """
    _refuse_dollar(token, namespace)
    alone = _alone(token.raw)
    if alone is None:
        return replace(token, raw=_expand_raw(token, namespace, scalar=scalar))
    value = _follow(alone, namespace, token)
    values, many = _values(value, token, scalar=scalar)
    return Passed(values=values, many=many, token=token)


def _refuse_dollar(token: Token, namespace: Mapping[str, object]) -> None:
    """Refuse ``$lr``, which IPython's own magics expand, where it is a variable's name."""
    name = token.raw[1:]
    if token.raw.startswith("$") and name.isidentifier() and name in namespace:
        raise token.error(f"A Python variable is put in with braces: {{{name}}}. The text itself is '${name}', quoted.")


def expand_text(token: Token, namespace: Mapping[str, object]) -> str:
    """The text of a token after expansion, as options take it."""
    return expand(token, namespace).text


def expand_texts(token: Token, namespace: Mapping[str, object]) -> list[str]:
    """The texts of the value of an option that may be given more than once: a variable may hold several of them."""
    read = expand(token, namespace, scalar=True)
    return [str(value) for value in read.values] if isinstance(read, Passed) else [read.text]


def expand_literals(token: Token, namespace: Mapping[str, object]) -> str:
    """The raw text of a token with each expression as a literal: texts in quotes. For query expressions."""

    def literal(value: object) -> str:
        values, many = _values(value, token)
        spelled = ", ".join(quote(item) if isinstance(item, str) else _spelled(item) for item in values)
        return f"[{spelled}]" if many else spelled

    return _scan(token, namespace, token.raw, spell=literal, quotes=True)


def _alone(raw: str) -> ast.expr | None:
    if not raw.startswith("{") or skip(raw, 0) != len(raw):
        return None
    return _reference(raw[1:-1])


def _reference(text: str) -> ast.expr | None:
    """The expression in `text`, if it is of the kind that is followed."""
    try:
        expression = ast.parse(text.strip(), mode="eval").body
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        return None
    return expression if _followable(expression) else None


def _followable(expression: ast.expr) -> bool:
    while not isinstance(expression, ast.Name):
        if isinstance(expression, ast.Subscript):
            try:
                ast.literal_eval(expression.slice)
            except (ValueError, TypeError):
                return False
        elif not isinstance(expression, ast.Attribute):
            return False
        expression = expression.value
    return True


def _follow(expression: ast.expr, namespace: Mapping[str, object], token: Token) -> Any:
    if isinstance(expression, ast.Name):
        if expression.id not in namespace:
            hint = close_matches(expression.id, [name for name in namespace if not name.startswith("_")])
            message = f"There is no variable {expression.id!r}.{hint} To have the braces as text, use single quotes."
            raise token.error(message)
        return namespace[expression.id]
    assert isinstance(expression, ast.Attribute | ast.Subscript)
    owner = _follow(expression.value, namespace, token)
    try:
        if isinstance(expression, ast.Attribute):
            return getattr(owner, expression.attr)
        return owner[ast.literal_eval(expression.slice)]
    except (AttributeError, LookupError, TypeError, ValueError) as error:
        message = f"{{{ast.unparse(expression)}}} cannot be had: {type(error).__name__}: {error}."
        raise token.error(message) from error


def _expand_raw(token: Token, namespace: Mapping[str, object], *, scalar: bool) -> str:
    def spell(value: object) -> str:
        values, _ = _values(value, token, scalar=scalar)
        return ",".join(_spelled(item) for item in values)

    return _scan(token, namespace, token.raw, spell=spell, quotes=True)


def _spelled(value: Value | Space) -> str:
    if isinstance(value, str):
        return value
    return value.text if isinstance(value, Space) else format_value(value)


def _scan(token: Token, namespace: Mapping[str, object], raw: str, *, spell: Any, quotes: bool) -> str:
    done: list[str] = []
    index = 0
    while index < len(raw):
        end = _piece_end(raw, index, quotes=quotes)
        done.append(_piece(token, namespace, raw[index:end], spell=spell, quotes=quotes))
        # A brace that is no expression may hold one: go on inside it.
        inside = done[-1] == raw[index:end] and raw[index] == "{"
        if inside:
            done[-1] = "{"
        index = index + 1 if inside else end
    return "".join(done)


def _piece_end(raw: str, index: int, *, quotes: bool) -> int:
    opening = index + 1 if raw[index] in "$\\" and raw[index + 1 : index + 2] == "{" else index
    if raw[index] == "\\" and opening != index:
        return index + 2
    if raw[opening] != "{" and not (quotes and raw[opening] in "'\""):
        return index + 1
    try:
        return skip(raw, opening)
    except LineError:  # inside double quotes braces need not match
        return opening + 1


def _piece(token: Token, namespace: Mapping[str, object], piece: str, *, spell: Any, quotes: bool) -> str:
    if quotes and piece[0] == '"':
        inner = _scan(token, namespace, unquote(piece), spell=lambda value: _inner_text(value, token), quotes=False)
        return quote(inner, '"')
    expression = _reference(piece[1:-1]) if piece[0] == "{" and len(piece) > 1 else None
    return piece if expression is None else str(spell(_follow(expression, namespace, token)))


def _inner_text(value: object, token: Token) -> str:
    values, many = _values(value, token)
    return ",".join(map(str, values)) if many else str(values[0])


def _values(value: Any, token: Token, *, scalar: bool = False) -> tuple[tuple[Value | Space, ...], bool]:
    """What a Python value passes: its values, and whether they are a grid; `scalar` as in `expand`."""
    if _is_run(value):
        return (str(value.id),), False
    if _is_call(value):
        return (f"call:{value.id}",), False
    if isinstance(value, Space):
        return (value,), False
    if isinstance(value, tuple | range) or (scalar and isinstance(value, list)) or _is_array(value):
        items = value.tolist() if _is_array(value) else value
        return tuple(_plain(item, token) for item in items), True
    if isinstance(value, list) and not (value and all(map(_is_run, value))):
        return (_plain(value, token),), False
    if isinstance(value, Collection) and not isinstance(value, str | Mapping) and not hasattr(value, "shape"):
        runs = [item for item in value if _is_run(item)]
        if runs and len(runs) == len(value):
            return tuple(str(run.id) for run in runs), True
    return (_plain(value, token),), False


def _is_run(value: object) -> bool:
    return not isinstance(value, type | Mapping) and hasattr(value, "id") and hasattr(value, "number")


def _is_call(value: object) -> bool:
    return not isinstance(value, type | Mapping) and hasattr(value, "id") and hasattr(value, "runs")


def _is_array(value: object) -> bool:
    return hasattr(value, "tolist") and bool(getattr(value, "shape", ()))


def _plain(value: Any, token: Token) -> Value:
    """`value` as a param file can hold it: numpy scalars as Python's, tuples in lists as lists, paths as text."""
    if getattr(value, "shape", None) == () and hasattr(value, "item"):
        value = value.item()
    if isinstance(value, Enum):
        value = value.value
    if value is None or type(value) in (bool, int, float, str):
        return value  # type: ignore[no-any-return]
    if _is_run(value):
        return str(value.id)
    if isinstance(value, list | tuple) or _is_array(value):
        return [_plain(item, token) for item in value]
    if isinstance(value, Mapping):
        return {str(key): _plain(item, token) for key, item in value.items()}
    return _subclass(value, token)


def _subclass(value: Any, token: Token) -> Value:
    if isinstance(value, os.PathLike):
        return os.fspath(value) if isinstance(os.fspath(value), str) else os.fsdecode(value)
    for kind in (int, float, str):
        if isinstance(value, kind):
            return kind(value)
    message = (
        f"The value of {token.raw} is a {type(value).__name__}. A param takes numbers, texts, booleans, None, "
        "lists and maps of them; a list, a tuple, a range or an array makes a grid."
    )
    raise token.error(message)
