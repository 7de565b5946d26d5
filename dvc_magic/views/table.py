"""A table of texts."""

from __future__ import annotations

from dataclasses import dataclass
from html import escape


@dataclass(frozen=True, slots=True, kw_only=True)
class Table:
    """Rows of texts under headers.

    Attributes:
        numeric: indexes of the columns to align right.
        note: a line below the table, or an empty text. empty: what stands there when there are no rows.
    """

    headers: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]
    numeric: frozenset[int] = frozenset()
    note: str = ""
    empty: str = "nothing"

    def text(self) -> str:
        """Aligned columns, two blanks apart."""
        if not self.rows:
            return self.empty
        lines = [self.headers, *[tuple(cell.replace("\n", " ") for cell in row) for row in self.rows]]
        widths = [max(len(line[column]) for line in lines) for column in range(len(self.headers))]
        printed = [
            "  ".join(
                cell.rjust(width) if column in self.numeric else cell.ljust(width)
                for column, (cell, width) in enumerate(zip(line, widths, strict=True))
            ).rstrip()
            for line in lines
        ]
        return "\n".join([*printed, *([self.note] if self.note else [])])

    def html(self) -> str:
        """A ``dataframe`` table, which notebooks style themselves; inline alignment only."""
        if not self.rows:
            return f"<p>{escape(self.empty)}</p>"
        head = "".join(f"<th{self._align(column)}>{escape(name)}</th>" for column, name in enumerate(self.headers))
        body = "".join(
            "<tr>"
            + "".join(f"<td{self._align(column)}>{escape(cell)}</td>" for column, cell in enumerate(row))
            + "</tr>"
            for row in self.rows
        )
        note = f"<p>{escape(self.note)}</p>" if self.note else ""
        return f'<table class="dataframe"><thead><tr>{head}</tr></thead><tbody>{body}</tbody></table>{note}'

    def _align(self, column: int) -> str:
        return f' style="text-align: {"right" if column in self.numeric else "left"}; white-space: nowrap"'
