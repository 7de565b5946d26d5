"""The values of a flag: Hydra's override grammar with a few functions more, exact types kept.

``0.1,0.01``, ``choice(..)``, ``range(first,end,step)`` (end excluded), ``linspace(a,b,n)``, ``logspace(a,b,n)`` (both
ends are values, not exponents, and included) are grids. ``interval(a,b)``, ``tag(log,interval(a,b))``,
``int(interval(a,b))``, ``uniform(a,b)`` and ``loguniform(a,b)`` are ranges to search.
"""

from __future__ import annotations

import ast
import contextlib
import re
from typing import TYPE_CHECKING

from dvc_magic.errors import LineError
from dvc_magic.line.formatting import WORD
from dvc_magic.line.spaces import Grid, Space
from dvc_magic.line.tokens import pointed
from dvc_magic.model.values import Value

if TYPE_CHECKING:
    from dvc_magic.line.grammar import GrammarError

_INTEGER = r"(?:0|[1-9](?:_?[0-9])*)"
_POINT = rf"(?:{_INTEGER}\.|{_INTEGER}?\.[0-9](?:_?[0-9])*)"
_IS_INT = rf"[+-]?{_INTEGER}"
_IS_FLOAT = rf"(?i)[+-]?(?:{_POINT}|(?:{_POINT}|{_INTEGER})[eE][+-]?[0-9](?:_?[0-9])*|inf|nan)"
_RESERVED: dict[str, Value] = {"true": True, "false": False, "null": None}
_PREFIX = "x="
_LONGEST_INT = 4000  # digits; Python refuses to read more than 4300 at once

_NUMBER = r"[+-]?[0-9.][0-9.eE_+-]*"
_QUOTE_IT = "A text with special characters goes into quotes: '..'."
_HINTS: tuple[tuple[str, str], ...] = (
    (r"^(?:uniform|loguniform|range|linspace|logspace)\[", "Functions take parentheses and commas: range(0,1,0.5)."),
    (
        rf"^\[\s*{_NUMBER}:{_NUMBER}(?::{_NUMBER})?\]$",
        "Write interval(a,b) for a range to search, range(a,b,step) for values.",
    ),
    (r"^\[.*\]\s*\*\s*\d+$", "To run the same values again, call again; values to try are written a,b,c."),
    (r"[{,]\s*['\"]", "Keys of a map go without quotes: {a:1}; JSON goes into json('..')."),
    (r",\s*$|,\s*,|^\s*,", "There is a comma with no value beside it; an empty text is ''."),
    (r"[^\x00-\x7f]|[=&#;!~<>^`'\"]", _QUOTE_IT),
)
_FUNCTIONS = (
    " The functions are choice, range, linspace, logspace, interval, uniform, loguniform, tag, int, float, str, bool, "
    "sort, shuffle and json."
)


def parse_values(text: str, *, where: str) -> Grid | Space:
    """Read the text of a flag's value.

    Args:
        text: the text, quotes and brackets in it.
        where: what it is the value of, for messages: ``--lr``.

    Raises:
        LineError: text outside the grammar; the message points at the place and says what to write.
    """
    return _fast(text) or _slow(text, where=where)


def _fast(text: str) -> Grid | None:
    """Plain scalars and words, and comma lists of them, without Hydra; None when there is more to it."""
    items = re.split(r"[ \t]*,[ \t]*", text)
    values = []
    for item in items:
        known, value = _scalar(item)
        if not known:
            return None
        values.append(value)
    return Grid(values=tuple(values), texts=tuple(items))


def _scalar(item: str) -> tuple[bool, Value]:
    if item.lower() in _RESERVED:
        return True, _RESERVED[item.lower()]
    if len(item) > _LONGEST_INT:
        return False, None
    if re.fullmatch(_IS_INT, item):
        return True, int(item)
    if re.fullmatch(_IS_FLOAT, item):
        return True, float(item)
    if item.lower() == "none" or WORD.fullmatch(item):
        return True, item
    return False, None


def _slow(text: str, *, where: str) -> Grid | Space:
    from dvc_magic.line.grammar import GrammarError, parse_override  # noqa: PLC0415 (Hydra takes 0.1 s)

    try:
        _refuse_slices(text)
        return parse_override(_PREFIX + text, aliases=True).value
    except GrammarError as error:
        raise LineError(explained(f"The value of {where}", text, error=error, shift=-len(_PREFIX))) from error
    except LineError as error:
        raise LineError(f"{where} {text}: {error}") from error


def _refuse_slices(text: str) -> None:
    """Refuse ``[0.1:0.5]``, a range in Guild AI, which the grammar takes for a list of a text."""
    pattern, hint = _HINTS[1]
    if re.search(pattern, text):
        raise LineError(hint)


def explained(what: str, text: str, *, error: GrammarError, shift: int) -> str:
    """The message for `text` that the grammar refuses: why, a hint, and a caret when the place is known."""
    if error.column is None:
        functions = _FUNCTIONS if str(error).startswith("Unknown function") else ""
        return f"{what} cannot be read: {text}. {error}{functions}"
    message = f"{what} cannot be read. {value_hint(text)}"
    return pointed(message, text, min(max(error.column + shift, 0), len(text)))


def value_hint(text: str) -> str:
    """What to write instead of a text that the grammar does not take; empty when nothing is known to help."""
    for braces in re.finditer(r"\{([^{}]+)\}", text):
        with contextlib.suppress(SyntaxError, ValueError, RecursionError, MemoryError):
            ast.parse(braces[1].strip(), mode="eval")
            return (
                "In braces only names, attributes and items are put in. Give the result a name in a line above, "
                f"values = {braces[1].strip()}, and write {{values}} here."
            )
    return next((hint for pattern, hint in _HINTS if re.search(pattern, text)), _QUOTE_IT)
