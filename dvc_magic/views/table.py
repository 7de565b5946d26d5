"""A table of texts."""

from __future__ import annotations

from html import escape

from msgspec import Struct

from dvc_magic.untrusted import LONGEST, lines, one_line


class Table(Struct, frozen=True, kw_only=True):
    """Rows of texts under headers.

    Attributes:
        numeric: indexes of the columns to align right.
        wrapped: indexes of those whose texts may take several lines in HTML, so that the others stay in view.
        note: a line below the table, or an empty text. empty: what stands there when there are no rows.
    """

    headers: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]
    numeric: frozenset[int] = frozenset()
    wrapped: frozenset[int] = frozenset()
    note: str = ""
    empty: str = "nothing"

    def text(self) -> str:
        """Aligned columns, two blanks apart."""
        if not self.rows:
            return lines(self.empty)
        texts = [
            [one_line(name) for name in self.headers],
            *[[_cell(cell).replace("\n", " ") for cell in row] for row in self.rows],
        ]
        widths = [max(len(line[column]) for line in texts) for column in range(len(self.headers))]
        printed = [
            "  ".join(
                cell.rjust(width) if column in self.numeric else cell.ljust(width)
                for column, (cell, width) in enumerate(zip(line, widths, strict=True))
            ).rstrip()
            for line in texts
        ]
        return "\n".join([*printed, *([lines(self.note)] if self.note else [])])

    def html(self) -> str:
        """A ``dataframe`` table, which notebooks style themselves; inline styles without colors only."""
        if not self.rows:
            return f'<p style="margin: 0">{escape(lines(self.empty))}</p>'
        head = "".join(
            f"<th{self._style(column)}>{escape(one_line(name))}</th>" for column, name in enumerate(self.headers)
        )
        body = "".join(
            "<tr>"
            + "".join(f"<td{self._style(column)}>{escape(_cell(cell))}</td>" for column, cell in enumerate(row))
            + "</tr>"
            for row in self.rows
        )
        table = f"<thead><tr>{head}</tr></thead><tbody>{body}</tbody>"
        return f'<table class="dataframe" style="margin: 0">{table}</table>{self._note_html()}'

    def _note_html(self) -> str:
        style = "margin: 0.3em 0 0 0; opacity: 0.7; white-space: pre-wrap"
        return f'<p style="{style}">{escape(lines(self.note))}</p>' if self.note else ""

    def _style(self, column: int) -> str:
        align = "right" if column in self.numeric else "left"
        space = "pre-wrap" if column in self.wrapped else "nowrap"
        return f' style="text-align: {align}; vertical-align: top; padding: 0.2em 0.6em; white-space: {space}"'


def _cell(text: str) -> str:
    """A cell that is neither long nor moves a cursor; it may have several lines."""
    return lines(text, longest=LONGEST)
