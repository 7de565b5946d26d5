r"""Numbers in what an operation prints: Guild AI's output scalars.

**Which.** By default the numbers of lines such as ``loss: 0.5`` and ``loss: 0.5 (step 3)``, less those that are called
as a flag is. Else those that the operation's regular expressions find anywhere in a line.

**Over what.** The number called ``step`` is not one of them. It holds for its own line and for all that follow, until
there is another. While there is none, steps count from 0, and a name that comes again begins the next.
"""

from __future__ import annotations

import json
import math
import re
import warnings
from collections.abc import Collection, Iterable, Iterator, Mapping
from contextlib import suppress
from pathlib import Path
from typing import TypeAlias

from dvc_magic.model.operation import PrintedScalars, ScalarPattern
from dvc_magic.untrusted import uncoloured

Number: TypeAlias = "int | float"
Point: TypeAlias = "tuple[str, Number, Number]"
"""Name, step and value."""

STEP = "step"
LONGEST_LINE = 4096  # bytes: an expression that looks at each pair of places in a line still takes milliseconds
MOST_NAMES = 1000
_LONGEST_NAME = 200
_LONGEST_NUMBER = 64
_LONGEST_PATTERN = 1000
_FILE_LIMIT = 8 * 2**20  # bytes of a file of points

_KEY = r"[^ \t]+"
_VALUE = r"(?:[-+]?(?:[0-9]+\.?[0-9]*|\.[0-9]+)(?:[eE][-+]?[0-9]+)?|[-+]?[iI][nN][fF]|[nN][aA][nN])"
_ALIASES = {"\\key": _KEY, "\\value": _VALUE, "\\step": "[0-9]+"}
_LINE = rf"({_KEY}):\s+({_VALUE})(?:\s+\(.*\))?"
# The step in brackets, also in lines with words before the key. A key begins where a word does: without that, a line
# of one long word takes quadratic time.
_STEP_BEHIND = rf"(?<![^ \t]){_KEY}: +{_VALUE}\s+\((?:step\s+)?([0-9]+)\)\Z"


def compiled(pattern: ScalarPattern) -> re.Pattern[str]:
    """The regular expression of a pattern.

    Raises:
        ValueError: it is none, or its groups do not tell names and values; the message says which.
    """
    if len(pattern.pattern) > _LONGEST_PATTERN:
        message = f"it has {len(pattern.pattern):,} characters, more than {_LONGEST_PATTERN:,}"
        raise ValueError(message)
    text = pattern.pattern
    for alias, stands_for in _ALIASES.items():
        text = text.replace(alias, stands_for)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # of what a later Python may read in another way
            expression = re.compile(text)
    except (re.error, RecursionError, OverflowError) as error:
        message = f"it is no regular expression: {error}"
        raise ValueError(message) from error
    _check_groups(expression, pattern.key)
    return expression


def _check_groups(expression: re.Pattern[str], key: str) -> None:
    if expression.groupindex or expression.groups == 2 or (expression.groups == 1 and key):  # noqa: PLR2004
        return
    if expression.groups == 1:
        message = r"nothing names its number: write NAME: 'loss is (\value)', or (?P<NAME>\value) in it"
    else:
        message = rf"it has {expression.groups} groups; expected one, (\value), or two, (\key) and (\value)"
    raise ValueError(message)


class ScalarReader:
    """Finds the scalars of a run in its output, line by line.

    Args:
        scalars: how to find them.
        flags: of the run; by default what is called like one is left out.

    Attributes:
        too_many: whether there were more names than are kept.
    """

    def __init__(self, scalars: PrintedScalars, *, flags: Collection[str] = ()) -> None:
        self._patterns = {pattern: compiled(pattern) for pattern in scalars.patterns}
        self._by_default = not scalars.patterns
        self._line, self._step_behind = re.compile(_LINE), re.compile(_STEP_BEHIND)
        self._flags = frozenset(flags) if self._by_default else frozenset()
        self._at: ScalarPattern | None = None
        self._names: set[str] = set()
        self._step: int | None = None
        self._counted: int | None = None
        self._since: set[str] = set()  # names that came since the counted step began
        self.too_many = False

    def drop_current(self) -> ScalarPattern | None:
        """Use no more the pattern at which `points` was interrupted, if that was at one; returns it."""
        dropped, self._at = self._at, None
        if dropped is not None:
            self._patterns.pop(dropped)
        return dropped

    def points(self, line: str) -> list[Point]:
        """The scalars in a line of text, which has no line end."""
        values = self._default_values(line) if self._by_default else self._matched_values(line)
        if not values:
            return []
        step = values.pop(STEP, None)
        if step is not None and math.isfinite(step):
            self._step = int(step)
        if not self._names.issuperset(values):
            values = {name: value for name, value in values.items() if self._is_kept(name)}
        if not values:
            return []
        at = self._count(values) if self._step is None else self._step
        return [(name, at, value) for name, value in values.items() if name not in self._flags]

    def _default_values(self, line: str) -> dict[str, Number]:
        if ":" not in line:
            return {}
        values: dict[str, Number] = {}
        if line.endswith(")") and (behind := self._step_behind.search(line)):
            values |= _numbers([(STEP, behind[1])])
        if whole := self._line.fullmatch(line):
            values |= _numbers([(whole[1], whole[2])])
        return values

    def _matched_values(self, line: str) -> dict[str, Number]:
        values: dict[str, Number] = {}
        for pattern, expression in self._patterns.items():
            self._at = pattern
            for match in expression.finditer(line):
                values |= _numbers(_named(match, pattern.key))
        self._at = None
        return values

    def _is_kept(self, name: str) -> bool:
        if name in self._names:
            return True
        if not name or len(name) > _LONGEST_NAME:
            return False
        if len(self._names) >= MOST_NAMES:
            self.too_many = True
            return False
        self._names.add(name)
        return True

    def _count(self, names: Collection[str]) -> int:
        """The step of a line in output that names none."""
        if self._counted is None:
            self._counted = 0
        if self._since.isdisjoint(names):
            self._since.update(names)
        else:
            self._counted += 1
            self._since = set(names)
        return self._counted


def _named(match: re.Match[str], key: str) -> Iterable[tuple[str, str | None]]:
    """Names and texts of a match: of its groups with names, of two as they come, or of its only group."""
    named = match.groupdict()
    if "_key" in named and "_val" in named:
        return [(named["_key"] or "", named["_val"])]
    if named:
        return named.items()
    if match.re.groups == 1:
        return [(key, match[1])]
    return [(match[1] or "", match[2])]


def _numbers(found: Iterable[tuple[str, str | None]]) -> dict[str, Number]:
    numbers = ((name, _number(text or "")) for name, text in found)
    return {name: number for name, number in numbers if number is not None}


def _number(text: str) -> Number | None:
    """An exact number; None for any other text."""
    if not text or len(text) > _LONGEST_NUMBER or "_" in text:  # Python would read 1_000 as a number
        return None
    for kind in (float,) if "." in text else (int, float):
        try:
            return kind(text)
        except ValueError:
            continue
    return None


class LineCutter:
    r"""Cuts output that comes in pieces into lines, as a terminal shows them at last: what a ``\r`` takes back is gone.

    Args:
        in_line: whether the output is read from within a line, whose beginning is missing.
    """

    def __init__(self, *, in_line: bool = False) -> None:
        self._begun = b""
        self._is_cut = in_line  # the line that comes lacks its beginning, or was too long to be kept

    def lines(self, data: bytes) -> Iterator[str]:
        """The lines that `data` ends, without colours and line ends; a line that is too long is left out."""
        *parts, self._begun = (self._begun + data).split(b"\n")
        for part in parts:
            line = _visible(part, from_start=not self._is_cut)
            self._is_cut = False
            if line:
                yield line
        if len(self._begun) > LONGEST_LINE:
            _, taken_back, shown = self._begun.rpartition(b"\r")
            self._is_cut = len(shown) > LONGEST_LINE or (self._is_cut and not taken_back)
            self._begun = b"" if self._is_cut else shown

    def rest(self) -> str:
        """What has come of a line that never ended."""
        return _visible(self._begun, from_start=not self._is_cut)


def _visible(line: bytes, *, from_start: bool) -> str:
    """The text of a line; empty when it is too long, or when its beginning is missing."""
    line = line.rstrip()
    if b"\r" in line:
        line, from_start = line.rpartition(b"\r")[2], True
    if not from_start or len(line) > LONGEST_LINE:
        return ""
    text = line.decode("utf-8", errors="replace")
    return text if text.isprintable() else uncoloured(text).rstrip()


# the file of a run's points


def written_points(points: Iterable[Point]) -> bytes:
    """Points as they stand in a run's file, those that came together on a line."""
    return f"{json.dumps(list(points))}\n".encode()


class PointsFile:
    """The points of a run that goes, as they come: each is read once."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._position = 0
        self._last: dict[str, Number] = {}

    def new(self) -> list[Point]:
        """What has been written since the last look; a file that is missing has none."""
        try:
            with self._path.open("rb") as file:
                file.seek(self._position)
                data = file.read(max(0, _FILE_LIMIT - self._position))
        except OSError:
            return []
        data = data[: data.rfind(b"\n") + 1]
        self._position += len(data)
        return list(_points(data))

    def last(self) -> Mapping[str, Number]:
        """The last value of each name, as of now."""
        self._last |= {name: value for name, _, value in self.new()}
        return self._last


def _points(data: bytes) -> Iterator[Point]:
    for line in data.decode("utf-8", errors="replace").split("\n"):
        with suppress(ValueError, TypeError, RecursionError):  # what something else wrote there
            yield from [
                (name, step, value)
                for name, step, value in json.loads(line)
                if isinstance(name, str) and isinstance(step, int | float) and isinstance(value, int | float)
            ]
