"""What the text of a flag can stand for: values to try, or a range to search."""

from __future__ import annotations

import math
from typing import Literal

from msgspec import Struct

from dvc_magic.errors import LineError
from dvc_magic.model.values import Value


class Grid(Struct, frozen=True, kw_only=True):
    """Values to try, in order; a single value is a grid of one.

    Attributes:
        values: exact values.
        texts: for each value its unquoted spelling on the line, or None when it was quoted or computed. A text param
            takes the spelling: ``1.10`` stays ``1.10``.
    """

    values: tuple[Value, ...]
    texts: tuple[str | None, ...] = ()

    @property
    def pairs(self) -> tuple[tuple[Value, str | None], ...]:
        """Each value with its spelling."""
        texts = self.texts or (None,) * len(self.values)
        return tuple(zip(self.values, texts, strict=True))


class Space(Struct, frozen=True, kw_only=True):
    """A range to search.

    Attributes:
        kind: ``float`` or ``int``.
        low, high: the ends, both included, of that type.
        log: whether the search is even on a logarithmic scale.

    Raises:
        LineError: ends that make no range.
    """

    kind: Literal["float", "int"]
    low: float
    high: float
    log: bool = False

    def __post_init__(self) -> None:
        if not (math.isfinite(self.low) and math.isfinite(self.high)):
            raise LineError(f"{self.text}: both ends must be finite.")
        if self.low >= self.high:
            raise LineError(f"{self.text}: the low end comes first and must be below the high end.")
        if self.log and self.low <= 0:
            raise LineError(f"{self.text}: a logarithmic range must begin above 0.")

    @property
    def text(self) -> str:
        """The range as it is written on a line."""
        ends = f"interval({self.low!r},{self.high!r})"
        typed = f"int({ends})" if self.kind == "int" else ends
        return f"tag(log,{typed})" if self.log else typed

    def grid(self, count: int) -> str:
        """At most `count` values over the range, as they are written on a line."""
        if self.kind == "int":
            step = math.ceil((self.high - self.low) / (count - 1))
            return f"range({self.low:.0f},{self.high + 1:.0f},{step})"
        return f"{'logspace' if self.log else 'linspace'}({self.low!r},{self.high!r},{count})"
