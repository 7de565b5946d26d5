"""A card: a title and sections of named values or tables."""

from __future__ import annotations

from html import escape
from textwrap import wrap

from msgspec import Struct

from dvc_magic.untrusted import lines, one_line
from dvc_magic.views.table import Table

_CELL = "text-align: left; vertical-align: top; padding: 0.2em 0.6em"
_NAME = f"{_CELL}; white-space: nowrap; font-weight: normal; opacity: 0.7"
_VALUE = f"{_CELL}; white-space: pre-wrap"
_BLOCK = "margin: 0; white-space: pre-wrap; word-break: normal; overflow-wrap: break-word"  # JupyterLab breaks in words
_PATCH = {"+": "rgba(46, 160, 67, 0.25)", "-": "rgba(248, 81, 73, 0.25)"}  # on light and on dark pages
_LINE = 110  # characters of a line of prose in text
_LONGEST = 2_000  # characters of a named value: a command or a note may be long


class Section(Struct, frozen=True, kw_only=True):
    """A part of a card: `pairs` of name and text, or a `table`, preformatted `block` text, a `patch`, or `prose`.

    Attributes:
        title: alone, it heads the sections after it.
        patch: lines of a unified diff; in HTML, those that came and went have a background.
        prose: paragraphs, each in one line; they are broken where there is no more room.
        empty: what stands there when there is nothing else.
    """

    title: str = ""
    pairs: tuple[tuple[str, str], ...] = ()
    table: Table | None = None
    block: str = ""
    patch: tuple[str, ...] = ()
    prose: tuple[str, ...] = ()
    empty: str = ""


class Card(Struct, frozen=True, kw_only=True):
    """What a run or a stage looks like."""

    title: str
    sections: tuple[Section, ...] = ()

    def text(self) -> str:
        """Plain text, sections indented under their titles."""
        return "\n".join(
            [one_line(self.title), *(line for section in self.sections for line in _section_lines(section))]
        )

    def html(self) -> str:
        """Static HTML; everything of the project's in it is escaped.

        Sections stand side by side where there is room. Of colors there are none, so that every theme suits; styles are
        among those that JupyterLab leaves in notebooks that it does not trust.
        """
        sections = "".join(map(_section_html, self.sections))
        style = "display: flex; flex-wrap: wrap; gap: 0.7em 2em"
        return f'{_heading(self.title)}<div style="{style}">{sections}</div>'


def _section_lines(section: Section) -> list[str]:
    texts = [one_line(section.title)] if section.title else []
    pairs = [(one_line(name), lines(value, longest=_LONGEST)) for name, value in section.pairs]
    width = max((len(name) for name, _ in pairs), default=0)
    hang = f"\n{' ' * (width + 4)}"  # a further line of a value stands below its first
    texts += [f"  {name.ljust(width)}  {hang.join(value.splitlines())}".rstrip() for name, value in pairs]
    if section.table is not None:
        texts += [f"  {line}" for line in section.table.text().split("\n")]
    if text := section.block or _words_for_nothing(section):
        texts += [f"  {line}" for line in lines(text).split("\n")]
    texts += [f"  {lines(line)}".rstrip() for line in section.patch]
    texts += [f"  {line}" for paragraph in section.prose for line in wrap(lines(paragraph), width=_LINE)]
    return texts


def _words_for_nothing(section: Section) -> str:
    filled = section.pairs or section.block or section.patch or section.prose or section.table is not None
    return "" if filled else section.empty


def _section_html(section: Section) -> str:
    title = _heading(section.title) if section.title else ""
    table = section.table.html() if section.table is not None else ""
    block = f'<pre style="{_BLOCK}">{escape(lines(section.block))}</pre>' if section.block else ""
    prose = "".join(f'<p style="margin: 0 0 0.3em 0">{escape(lines(paragraph))}</p>' for paragraph in section.prose)
    words = _words_for_nothing(section)
    empty = f'<p style="margin: 0">{escape(lines(words))}</p>' if words else ""
    content = _pairs_html(section.pairs) + table + block + _patch_html(section.patch) + prose + empty
    return f"<div>{title}{content}</div>" if content else f'<div style="width: 100%">{title}</div>'


def _patch_html(patch: tuple[str, ...]) -> str:
    """The lines of a diff, each in the colour of its first character; all of it can be copied as text."""
    shown = []
    for line in patch:
        colour = _PATCH.get(line[:1], "")
        text = escape(lines(line))
        shown.append(f'<span style="background-color: {colour}">{text}</span>' if colour else text)
    return f'<pre style="{_BLOCK}">{"<br>".join(shown)}</pre>' if patch else ""


def _heading(text: str) -> str:
    return f'<p style="margin: 0 0 0.3em 0"><strong>{escape(one_line(text))}</strong></p>'


def _pairs_html(pairs: tuple[tuple[str, str], ...]) -> str:
    rows = "".join(
        f'<tr><th style="{_NAME}">{escape(one_line(name))}</th>'
        f'<td style="{_VALUE}">{escape(lines(value, longest=_LONGEST))}</td></tr>'
        for name, value in pairs
    )
    return f'<table class="dataframe" style="margin: 0"><tbody>{rows}</tbody></table>' if rows else ""
