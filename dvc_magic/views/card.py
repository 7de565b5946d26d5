"""A card: a title and sections of named values or tables."""

from __future__ import annotations

from dataclasses import dataclass
from html import escape

from dvc_magic.views.table import Table


@dataclass(frozen=True, slots=True, kw_only=True)
class Section:
    """A part of a card: `pairs` of name and text, or a `table`, or preformatted `block` text."""

    title: str = ""
    pairs: tuple[tuple[str, str], ...] = ()
    table: Table | None = None
    block: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Card:
    """What a run or a stage looks like."""

    title: str
    sections: tuple[Section, ...] = ()

    def text(self) -> str:
        """Plain text, sections indented under their titles."""
        return "\n".join([self.title, *(line for section in self.sections for line in _section_lines(section))])

    def html(self) -> str:
        """Static HTML; everything of the project's in it is escaped."""
        return f"<div><p><strong>{escape(self.title)}</strong></p>{''.join(map(_section_html, self.sections))}</div>"


def _section_lines(section: Section) -> list[str]:
    lines = [section.title] if section.title else []
    width = max((len(name) for name, _ in section.pairs), default=0)
    lines += [f"  {name.ljust(width)}  {value}".rstrip() for name, value in section.pairs]
    if section.table is not None:
        lines += [f"  {line}" for line in section.table.text().split("\n")]
    if section.block:
        lines += [f"  {line}" for line in section.block.split("\n")]
    return lines


def _section_html(section: Section) -> str:
    title = f"<p>{escape(section.title)}</p>" if section.title else ""
    pairs = "".join(
        f'<tr><th style="text-align: left">{escape(name)}</th><td style="text-align: left">{escape(value)}</td></tr>'
        for name, value in section.pairs
    )
    pairs = f'<table class="dataframe"><tbody>{pairs}</tbody></table>' if pairs else ""
    table = section.table.html() if section.table is not None else ""
    block = f"<pre>{escape(section.block)}</pre>" if section.block else ""
    return title + pairs + table + block
