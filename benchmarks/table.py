"""Tables of plain text."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from benchmarks.rounds import Times


def table(header: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """Columns side by side, the first to the left, the others to the right; a row of two cells is a name and a note."""
    full = [header, *(row for row in rows if len(row) == len(header))]
    widths = [max(len(row[column]) for row in full) for column in range(len(header))]
    widths[0] = max(len(row[0]) for row in (header, *rows))
    return "\n".join(_line(row, widths).rstrip() for row in (header, *rows))


def _line(row: Sequence[str], widths: Sequence[int]) -> str:
    name, *cells = row
    if len(row) == len(widths):
        cells = [cell.rjust(width) for cell, width in zip(cells, widths[1:], strict=True)]
    return "  ".join([name.ljust(widths[0]), *cells])


def plain_table(title: str, times: Mapping[str, Times]) -> str:
    """One row for each thing measured."""
    rows = [(name, *_spread(found), str(len(found.values))) for name, found in times.items()]
    return table((title, "median", "quartiles", "min", "max", "n"), rows)


def cost_table(title: str, times: Mapping[str, Times], missing: Mapping[str, str], *, bare: str, ours: str) -> str:
    """What each way took, what of that is beyond the bare command, and how many times the cost of `ours` that is."""
    cost = {name: found.over(times[bare]) for name, found in times.items() if name != bare}
    rows = [
        (name, *_spread(found), *(_beyond(cost[name], cost[ours]) if name in cost else ("", "", "")))
        for name, found in times.items()
    ]
    notes = [(name, f"not measured: {reason}") for name, reason in missing.items()]
    return table((title, "median", "quartiles", "min", "max", "over bare", "quartiles", "ratio"), [*rows, *notes])


def _spread(times: Times) -> tuple[str, str, str, str]:
    return _ms(times.median), _quartiles(times), _ms(min(times.values)), _ms(max(times.values))


def _beyond(cost: Times, ours: Times) -> tuple[str, str, str]:
    ratio = f"{cost.median / ours.median:.1f}" if ours.median > 0 else ""
    return _ms(cost.median), _quartiles(cost), ratio


def _quartiles(times: Times) -> str:
    first, third = times.quartiles
    return f"{_ms(first)} to {_ms(third)}"


def _ms(value: float) -> str:
    return f"{value:.1f}" if abs(value) < 100 else f"{value:.0f}"  # noqa: PLR2004 - three digits are what is known
