"""The names that a query or a sort key may use: those that mean something for at least one of the runs."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from operator import itemgetter
from typing import Any

from msgspec import Struct

from dvc_magic.errors import QueryError, close_matches
from dvc_magic.runs.lineage import FIELDS, RunRow
from dvc_magic.untrusted import first_few

_LISTED = 12
_NEAR = 3


def check_names(names: Iterable[str], rows: Sequence[RunRow]) -> None:
    """Refuse names that are neither fields nor params or metrics of any of `rows`; without rows every name will do.

    Raises:
        QueryError: a name means nothing here; names those that are like it.
    """
    for name in names:
        if rows and not any(row.knows(name) for row in rows):
            raise QueryError(_unknown(name, rows))


class ClearRow(Struct, frozen=True):
    """A row that has no value for a name which means one thing in other rows and several things in this one.

    `evaluate` on two models has the loss of neither: ``loss < 0.1`` is about the runs that have one.
    """

    row: RunRow
    clear: frozenset[str]

    def get(self, name: str, /) -> Any:
        """The value of that name, None when the row has none, or several that other stages made.

        Raises:
            ParamError: the name fits several keys of the run itself, or of every run.
        """
        return None if name in self.clear and self.row.is_vague(name) else self.row.get(name)


def clear_rows(names: Iterable[str], rows: Sequence[RunRow]) -> list[ClearRow]:
    """The rows, to be asked for `names`: see `ClearRow`.

    Raises:
        QueryError: a name means nothing for any of them.
    """
    asked = tuple(names)
    check_names(asked, rows)
    clear = frozenset(name for name in asked if any(row.knows(name) and not row.is_vague(name) for row in rows))
    return [ClearRow(row, clear) for row in rows]


def in_order(rows: Sequence[RunRow], name: str, *, descending: bool = False) -> list[RunRow]:
    """The rows sorted by a param, metric or field; those without it, or with NaN, last.

    Raises:
        QueryError: no row has it.
    """
    keyed = [(each.get(name), each.row) for each in clear_rows([name], rows)]
    valued = [(value, row) for value, row in keyed if value is not None and value == value]  # noqa: PLR0124 - NaN
    try:
        valued.sort(key=itemgetter(0), reverse=descending)
    except TypeError:  # texts among numbers
        valued.sort(key=lambda pair: str(pair[0]), reverse=descending)
    without = [row for value, row in keyed if value is None or value != value]  # noqa: PLR0124
    return [*(row for _, row in valued), *without]


def _unknown(name: str, rows: Sequence[RunRow]) -> str:
    columns = list(dict.fromkeys(column for row in rows for column in row.columns()))
    known = [column for column in columns if column not in FIELDS]
    keys = [column.partition(".")[2] for column in known]
    ends = [key.rpartition(".")[2] for key in keys]
    hint = close_matches(name, list(dict.fromkeys([*columns, *keys, *ends])))
    if not hint:  # `acc` is too far from `accuracy` for `close_matches`
        longer = [column for column, end in zip(known, ends, strict=True) if end.startswith(name)][:_NEAR]
        hint = f" Did you mean {' or '.join(map(repr, longer))}?" if longer else ""
    runs, they = ("this run", "It has") if len(rows) == 1 else (f"these {len(rows)} runs", "They have")
    listed = f" {they} {first_few(known, _LISTED)}." if known else f" {they} neither params nor metrics."
    return f"{name!r} is no field of runs, and no param or metric of {runs}.{hint or listed}"
