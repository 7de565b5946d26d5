"""Hydra's override grammar, read by Hydra's own lexer and parser; import this module late, Hydra takes 0.1 s.

What is added for flags (never for ``-S``, which is DVC's grammar and no more) are functions: ``uniform(a,b)``,
``loguniform(a,b)``, ``linspace(a,b,n)``, ``logspace(a,b,n)`` and ``json('..')``. Map keys are always text, as spelled.
"""

from __future__ import annotations

import inspect
import json
import math
import random
from collections.abc import Callable
from decimal import Decimal
from typing import Any, Literal, NoReturn

from hydra.core.override_parser.overrides_parser import create_functions
from hydra.core.override_parser.overrides_visitor import HydraErrorListener, HydraOverrideVisitor
from hydra.core.override_parser.types import (
    ChoiceSweep,
    Glob,
    IntervalSweep,
    Override,
    OverrideType,
    QuotedString,
    RangeSweep,
    Sweep,
)
from hydra.errors import HydraException
from hydra.grammar.gen.OverrideLexer import (  # type: ignore[attr-defined]
    CommonTokenStream,
    InputStream,
    OverrideLexer,
)
from hydra.grammar.gen.OverrideParser import OverrideParser
from msgspec import Struct

from dvc_magic.errors import LineError
from dvc_magic.line.spaces import Grid, Space
from dvc_magic.model.request import ChangeKind
from dvc_magic.model.values import Value

MOST_VALUES = 10_000
"""A grid of more values than this is taken for a slip."""

_KINDS = {
    OverrideType.CHANGE: ChangeKind.SET,
    OverrideType.ADD: ChangeKind.ADD,
    OverrideType.FORCE_ADD: ChangeKind.FORCE,
    OverrideType.DEL: ChangeKind.REMOVE,
}


class GrammarError(LineError):
    """A text outside the grammar.

    Attributes:
        column: where in the text, from 0, or None when the parser does not say.
    """

    def __init__(self, message: str, *, column: int | None = None) -> None:
        super().__init__(message)
        self.column = column


class Parsed(Struct, frozen=True, kw_only=True):
    """An override read: what it does, to which key, with what."""

    kind: ChangeKind
    key: str
    value: Grid | Space


class _Listener(HydraErrorListener):
    def syntaxError(  # noqa: N802, PLR0917
        self,
        recognizer: Any,  # noqa: ARG002
        offending_symbol: Any,
        line: Any,  # noqa: ARG002
        column: Any,
        msg: Any,
        e: Any,
    ) -> NoReturn:
        start = getattr(e, "startIndex", getattr(offending_symbol, "start", column))
        raise GrammarError(str(msg or e), column=start)


class _Visitor(HydraOverrideVisitor):
    def visitDictKey(self, ctx: Any) -> str:  # noqa: N802
        key = super().visitDictKey(ctx)
        return key if isinstance(key, str) else str(ctx.getText()).strip()


def parse_override(text: str, *, aliases: bool, packages: bool = False) -> Parsed:
    """Read an override such as ``lr=0.1`` or ``+model.depth=choice(2,3)``.

    Args:
        text: the override.
        aliases: whether the functions that we add are known.
        packages: whether a config group may have the package that its choice goes to: ``db@source=mysql``.

    Raises:
        LineError: outside the grammar (a `GrammarError`), or values that make no sense.
    """
    listener = _Listener()
    lexer = OverrideLexer(InputStream(text))
    parser = OverrideParser(CommonTokenStream(lexer))
    for recognizer in (lexer, parser):
        recognizer.removeErrorListeners()
        recognizer.addErrorListener(listener)
    try:
        tree = parser.override()  # type: ignore[no-untyped-call]
        override = _Visitor(_functions(aliases=aliases)).visit(tree)
    except HydraException as error:
        raise _root(error) from error
    except RecursionError as error:
        raise GrammarError("nested too deeply") from error
    if override.package is not None and not packages:
        raise GrammarError(f"{override.get_key_element()}: there are no config groups here")
    key = override.key_or_group if override.package is None else f"{override.key_or_group}@{override.package}"
    return Parsed(kind=_KINDS[override.type], key=key, value=_meaning(override, _source_texts(tree)))


def _root(error: BaseException) -> LineError:
    """What went wrong in the innermost function of an override."""
    while error.__cause__ is not None and not isinstance(error, LineError):
        error = error.__cause__
    if isinstance(error, LineError):
        return error
    reason = str(error).split("\n", 1)[0].rstrip(".") or type(error).__name__
    return GrammarError(f"{reason[:1].upper()}{reason[1:]}.")


def _meaning(override: Override, texts: tuple[str | None, ...]) -> Grid | Space:
    value: Any = override._value  # noqa: SLF001 (`value()` takes the quotes off, and with them what tells text from word)
    if isinstance(value, IntervalSweep):
        return _space(value)
    if isinstance(value, Glob):
        raise LineError("glob(..) picks config groups, which params files do not have. List the values.")
    if isinstance(value, Sweep) and value.tags:
        raise LineError("tag(..) says something about an interval(..) only, as in tag(log,interval(1,100)).")
    quoted: list[Any] = [value]
    if isinstance(value, RangeSweep):
        quoted = _range(value)
    elif isinstance(value, ChoiceSweep):
        quoted = list(override.sweep_iterator())
    _check_count(len(quoted))
    values = tuple(map(_plain, quoted))
    return Grid(values=values, texts=_spellings(quoted, texts))


def _spellings(values: list[Any], texts: tuple[str | None, ...]) -> tuple[str | None, ...]:
    if len(texts) != len(values):
        return (None,) * len(values)
    return tuple(None if isinstance(value, QuotedString) else text for value, text in zip(values, texts, strict=True))


def _source_texts(tree: Any) -> tuple[str | None, ...]:
    """The source of each element of a plain value, ``a,b`` or ``choice(a,b)``; nothing for other functions."""
    value = tree.value()
    if value is None:
        return ("",)
    sweep = value.simpleChoiceSweep()
    elements = sweep.element() if sweep is not None else [value.element()]
    if len(elements) == 1 and elements[0].function() is not None:
        function = elements[0].function()
        elements = function.element() if function.ID().getText() == "choice" else []
    return tuple(_spelling(element) for element in elements)


def _spelling(element: Any) -> str | None:
    text = str(element.getText()).strip()
    return None if element.function() is not None or text[:1] in ("'", '"') else text


def _plain(value: Any) -> Value:
    if isinstance(value, QuotedString):
        return value.text
    if isinstance(value, Sweep | Glob):
        raise LineError("A choice(..), range(..) or interval(..) stands alone, not in a list, a map or another one.")
    if isinstance(value, list):
        return [_plain(item) for item in value]
    if isinstance(value, dict):
        return {str(key): _plain(item) for key, item in value.items()}
    return value  # type: ignore[no-any-return]


def _space(sweep: IntervalSweep) -> Space:
    unknown = sorted(sweep.tags - {"log"})
    if unknown:
        raise LineError(f"tag({unknown[0]},..) is not known; the one tag is log, as in tag(log,interval(1,100)).")
    low, high = sweep.start, sweep.end
    assert low is not None
    assert high is not None
    kind: Literal["int", "float"] = "int" if isinstance(low, int) and isinstance(high, int) else "float"
    return Space(kind=kind, low=low, high=high, log="log" in sweep.tags)


def _check_count(count: int) -> None:
    if not count:
        raise LineError("That range is empty. It runs from the first number up to, and without, the second.")
    if count > MOST_VALUES:
        raise LineError(
            f"That is a grid of {count} values; {MOST_VALUES} is the most. Use interval(a,b) to search a range."
        )


def _range(sweep: RangeSweep) -> list[Any]:
    """The values of a range. Counted in decimals, so that 0.1 + 0.2 is 0.3 (Hydra adds what floats really hold)."""
    ends: list[Any] = [sweep.start, sweep.stop, sweep.step]
    if not all(type(end) in (int, float) and math.isfinite(end) for end in ends):
        raise LineError("range(first,end,step) takes numbers.")
    start, stop, step = (Decimal(repr(end)) for end in ends)
    if not step:
        raise LineError("range(..) with a step of 0 never ends.")
    count = max(0, math.ceil((stop - start) / step))
    _check_count(count)
    kind = int if all(isinstance(end, int) for end in ends) else float
    values: list[Any] = [kind(start + index * step) for index in range(count)]
    if sweep.shuffle:
        random.shuffle(values)
    return values


def _functions(*, aliases: bool) -> Any:
    functions = create_functions()
    if aliases:
        # Hydra's own choice refuses null, though `1,null` is fine.
        functions.definitions["choice"] = inspect.signature(_choice, eval_str=True)
        for name, function in _ALIASES.items():
            functions.register(name=name, func=function)
            # Hydra compares types with the annotations themselves, not with their names.
            functions.definitions[name] = inspect.signature(function, eval_str=True)
    return functions


def _choice(*args: Any) -> None:
    """The signature of a choice among anything."""


def _uniform(low: Any, high: Any) -> IntervalSweep:
    return IntervalSweep(start=float(_decimal(low)), end=float(_decimal(high)))


def _loguniform(low: Any, high: Any) -> IntervalSweep:
    return IntervalSweep(start=float(_decimal(low)), end=float(_decimal(high)), tags={"log"})


def _linspace(low: Any, high: Any, n: Any) -> ChoiceSweep:
    """`n` values, evenly from `low` to `high`, both included."""
    first, span, steps = _decimal(low), _decimal(high) - _decimal(low), _number_of(n) - 1
    inner = [float(first + span * index / steps) for index in range(1, steps)]
    return ChoiceSweep(list=[float(low), *inner, float(high)])


def _logspace(low: Any, high: Any, n: Any) -> ChoiceSweep:
    """`n` values from `low` to `high`, both included, each the same multiple of the one before. The ends are values."""
    first, last, steps = _decimal(low), _decimal(high), _number_of(n) - 1
    if first <= 0 or last <= 0:
        raise LineError("logspace(a,b,n) takes values, both above 0: logspace(0.001,1,4) is 0.001,0.01,0.1,1.")
    ratio = last / first
    inner = [float(first * ratio ** (Decimal(index) / steps)) for index in range(1, steps)]
    return ChoiceSweep(list=[float(low), *inner, float(high)])


def _decimal(value: Any) -> Decimal:
    if type(value) not in (int, float) or not math.isfinite(value):
        raise LineError(f"Expected a number, got {value!r}.")
    return Decimal(repr(value))


def _number_of(n: Any) -> int:
    if type(n) is not int or not 2 <= n <= MOST_VALUES:  # noqa: PLR2004
        raise LineError(f"The third number says how many values there are, 2 or more; got {n!r}.")
    return n


def _json(text: Any) -> Any:
    """The value that a quoted JSON text stands for."""
    try:
        return json.loads(text)
    except (TypeError, ValueError) as error:
        raise LineError(f"json('..') takes JSON text in quotes: {error}.") from error


_ALIASES: dict[str, Callable[..., Any]] = {
    "uniform": _uniform,
    "loguniform": _loguniform,
    "linspace": _linspace,
    "logspace": _logspace,
    "json": _json,
}
