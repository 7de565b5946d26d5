"""Values as Guild AI spells them, written as ours: ``[0.1,0.2]``, ``range[0:1:0.5]``, ``[1]*3``, ``[0.1:0.5]``.

The rules are Guild's: a list is a grid, the end of a range is included, the ends of ``logspace`` are exponents, and
``uniform`` is what two numbers in brackets are as well.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from decimal import Decimal
from typing import TypeGuard

from msgspec import Struct

from dvc_magic.errors import DvcMagicError
from dvc_magic.line.formatting import format_value, format_values
from dvc_magic.line.spaces import Grid, Space
from dvc_magic.line.tokens import Token, partition, quote, skip
from dvc_magic.line.values import parse_values
from dvc_magic.model.stage import Param

_BOOLEANS = {"yes": "true", "on": "true", "no": "false", "off": "false"}
_COUNT = 5  # values of a linspace or logspace of Guild AI, and of a grid over a range
_MOST_REPEATS = 1000


class Spelled(Struct, frozen=True, kw_only=True):
    """A value as it is written here.

    Attributes:
        text: what to write.
        why: what differs, to stand behind a colon; may be empty.
        plain: whether the two spellings differ in their brackets only, which needs no word about Guild AI.
    """

    text: str
    why: str = ""
    plain: bool = False


def respelled(value: Token, param: Param) -> Spelled | None:
    """What a value of Guild AI's is for `param`; None when it is none, or makes no sense there."""
    try:
        return next((found for rule in _RULES if (found := rule(value, param)) is not None), None)
    except (DvcMagicError, ArithmeticError, ValueError):
        return None


def is_boolean_word(text: str) -> bool:
    """Whether a text is a boolean in YAML 1.1, and so in Guild AI, and not here."""
    return text.lower() in _BOOLEANS


def _boolean(value: Token, param: Param) -> Spelled | None:
    word = _BOOLEANS.get(value.raw.lower()) if param.type == "bool" else None
    return None if word is None else Spelled(text=word, why="booleans are true and false")


def _function(value: Token, param: Param) -> Spelled | None:
    name, bracket, rest = value.raw.partition("[")
    function = _FUNCTIONS.get(name)
    arguments = rest.removesuffix("]").split(":")
    if function is None or not bracket or not rest.endswith("]") or (not name and len(arguments) == 1):
        return None
    return function([_number(text) for text in arguments], param)


def _number(text: str) -> int | float:
    """An argument of a function, as ``5`` or ``n=5``.

    Raises:
        ValueError: not a finite number.
    """
    spelled = text.rpartition("=")[2].strip()
    number = float(spelled)
    if not math.isfinite(number):
        raise ValueError(text)
    return int(spelled) if spelled.lstrip("+-").isdecimal() else number


def _range(numbers: list[int | float], param: Param) -> Spelled:  # noqa: ARG001 - one signature for all functions
    first, end, step = _padded(numbers, 1)
    start, stride = Decimal(repr(first)), Decimal(repr(step))
    steps = (Decimal(repr(end)) - start) / stride
    if steps < 0:
        raise ValueError(numbers)
    beyond = start + (int(steps) + 1) * stride
    shown = int(beyond) if isinstance(first, int) and isinstance(step, int) else float(beyond)
    text = f"range({first!r},{shown!r},{step!r})"
    return Spelled(text=text, why="the end of a range is left out")


def _padded(numbers: list[int | float], *defaults: int) -> list[int | float]:
    """Two numbers, and what may follow them."""
    return [*numbers, *defaults[max(len(numbers) - 2, 0) :]]


def _linspace(numbers: list[int | float], param: Param) -> Spelled:
    low, high, count = _padded(numbers, _COUNT)
    return Spelled(text=_spread("linspace", low, high, count, param), why="functions have parentheses and commas")


def _logspace(numbers: list[int | float], param: Param) -> Spelled:
    low, high, count, base = _padded(numbers, _COUNT, 10)
    first, last = (float(Decimal(repr(base)) ** Decimal(repr(end))) for end in (low, high))
    return Spelled(
        text=_spread("logspace", first, last, count, param), why="the ends of logspace are values, not exponents"
    )


def _spread(name: str, low: float, high: float, count: float, param: Param) -> str:
    if count == 1:
        return format_value(low)
    text = f"{name}({low!r},{high!r},{count!r})"
    read = parse_values(text, where=name)
    assert isinstance(read, Grid)
    whole = param.type == "int" and all(_is_whole(value) for value in read.values)
    return format_values(int(value) for value in read.values if _is_whole(value)) if whole else text


def _is_whole(number: object) -> TypeGuard[int | float]:
    return isinstance(number, int | float) and number == int(number)


def _uniform(numbers: list[int | float], param: Param, *, log: bool = False) -> Spelled:
    low, high, *_ = numbers
    if param.type == "int" and _is_whole(low) and _is_whole(high):
        space = Space(kind="int", low=int(low), high=int(high), log=log)
    else:
        space = Space(kind="float", low=float(low), high=float(high), log=log)
    return Spelled(text=space.grid(_COUNT), why="this version does not search a range; that is a grid over it")


def _loguniform(numbers: list[int | float], param: Param) -> Spelled:
    return _uniform(numbers, param, log=True)


_FUNCTIONS: Mapping[str, Callable[[list[int | float], Param], Spelled]] = {
    "range": _range,
    "linspace": _linspace,
    "logspace": _logspace,
    "uniform": _uniform,
    "loguniform": _loguniform,
    "": _uniform,
}


def _repeated(value: Token, param: Param) -> Spelled | None:
    listed, star, times = value.raw.rpartition("*")
    if not (star and times.isdecimal() and 0 < int(times) <= _MOST_REPEATS and _is_list(listed)):
        return None
    items = _items(Token(raw=listed), param) * int(times)
    if param.type == "list":
        return Spelled(text=f"[{','.join(items)}]", why="a list is written out")
    return Spelled(text=",".join(items), why="a value given again runs again")


def _listed(value: Token, param: Param) -> Spelled | None:
    if param.type == "list" or not _is_list(value.raw):
        return None
    items = _items(value, param)
    return Spelled(text=",".join(items), why="several values have no brackets", plain=True) if items else None


def _is_list(raw: str) -> bool:
    return raw.startswith("[") and skip(raw, 0) == len(raw)


def _items(value: Token, param: Param) -> list[str]:
    rest: Token | None = Token(raw=value.raw[1:-1])
    items: list[str] = []
    while rest is not None:
        item, rest = partition(rest, ",")
        items.append(_item(item.raw.strip(), param))
    return [item for item in items if item]


def _item(raw: str, param: Param) -> str:
    if param.type == "bool":
        return _BOOLEANS.get(raw.lower(), raw)
    return quote(raw) if param.type == "text" and not _is_readable(raw) else raw


def _is_readable(raw: str) -> bool:
    if "{" in raw or Token(raw=raw).quoted:
        return True
    try:
        read = parse_values(raw, where="")
    except DvcMagicError:
        return False
    return isinstance(read, Grid) and len(read.values) == 1


def _spaced(value: Token, param: Param) -> Spelled | None:
    """A list as Guild AI's flags have it: ``"4 5"``."""
    words = value.text.split() if value.quoted and param.type == "list" else []
    if not words:
        return None
    read = parse_values(",".join(words), where="")
    assert isinstance(read, Grid)
    return Spelled(text=format_value(list(read.values)), why="a list has brackets and commas")


_RULES = (_boolean, _function, _repeated, _listed, _spaced)
