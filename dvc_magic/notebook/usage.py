"""What all magics have in common: how their lines are taken, and how they explain themselves."""

from __future__ import annotations

import functools
import inspect
import re
from collections.abc import Callable, Mapping
from typing import Any

from IPython.core.magic import (
    line_cell_magic,
    line_magic,
    needs_local_scope,
    no_var_expand,
    output_can_be_silenced,
)
from msgspec import Struct

from dvc_magic.errors import LineError
from dvc_magic.line import Usage, asks_for_help
from dvc_magic.notebook.forms import CardView
from dvc_magic.views import Card, Section


def dvc_line_magic(usage: Usage) -> Callable[[Callable[..., Any]], Callable[..., Any]]:
    """Make a method ``(self, line, local_ns)`` a line magic.

    Its braces are ours to expand, ``;`` silences it, ``--help`` shows its docstring, and completion knows its
    `usage`. Where flags of stages are taken, a ``--help`` beside a stage is left to the method.
    """

    def decorate(method: Callable[..., Any]) -> Callable[..., Any]:
        @functools.wraps(method)
        def answer(self: Any, line: str, local_ns: Mapping[str, Any] | None = None) -> Any:
            if asks_for_help(line, alone=usage.flags):
                return CardView(help_card(method.__name__, method.__doc__))
            return method(self, line, local_ns)

        answer.usage = usage  # type: ignore[attr-defined]
        made: Callable[..., Any] = line_magic(needs_local_scope(no_var_expand(output_can_be_silenced(answer))))
        return made

    return decorate


def dvc_cell_magic(usage: Usage) -> Callable[[Callable[..., Any]], Callable[..., Any]]:
    """Make a method ``(self, line, cell, local_ns)`` a cell magic.

    The rest is as with `dvc_line_magic`, but that a ``;`` at the end of the cell belongs to its code. As a line magic
    the name answers that it is none.
    """

    def decorate(method: Callable[..., Any]) -> Callable[..., Any]:
        name = method.__name__

        @functools.wraps(method)
        def answer(self: Any, line: str, cell: str | None = None, local_ns: Mapping[str, Any] | None = None) -> Any:
            if asks_for_help(line, alone=usage.flags and cell is not None):
                return CardView(help_card(name, method.__doc__, sign="%%"))
            if cell is None:
                message = f"%%{name} stands in the first line of a cell, with two percent signs; its code is below it"
                raise LineError(message)
            return method(self, line, cell, local_ns)

        answer.usage = usage  # type: ignore[attr-defined]
        answer.sign = "%%"  # type: ignore[attr-defined]
        made: Callable[..., Any] = line_cell_magic(needs_local_scope(no_var_expand(answer)))
        return made

    return decorate


def sign_of(magic: object) -> str:
    """The percent signs before the name of a registered magic."""
    sign = getattr(magic, "sign", "%")
    return sign if isinstance(sign, str) else "%"


def usage_of(magic: object) -> Usage | None:
    """The usage of a registered magic, None when it has not told it."""
    usage = getattr(magic, "usage", None)
    return usage if isinstance(usage, Usage) else None


class Explained(Struct, frozen=True, kw_only=True):
    """A magic's docstring, taken apart.

    Attributes:
        summary: its first paragraph in one line.
        examples: the lines below ``Examples::``.
        options: the lines below ``Options::``: what to write, what it does.
        text: its other paragraphs, each in one line.
    """

    summary: str
    examples: tuple[str, ...] = ()
    options: tuple[tuple[str, str], ...] = ()
    text: tuple[str, ...] = ()


def explained(doc: str | None) -> Explained:
    """Take a docstring apart."""
    first, *rest = re.split(r"\n\s*\n", inspect.cleandoc(doc or "").strip())
    blocks: dict[str, tuple[str, ...]] = {}
    text: list[str] = []
    heading = ""
    for paragraph in rest:
        if paragraph.startswith(" "):
            blocks[heading] = (*blocks.get(heading, ()), *inspect.cleandoc(f"\n{paragraph}").split("\n"))
        elif paragraph in ("Examples::", "Options::"):
            heading = paragraph.removesuffix("::")
        else:
            text.append(" ".join(paragraph.split()))
    return Explained(
        summary=" ".join(first.split()),
        examples=blocks.get("Examples", ()),
        options=tuple(map(_option, blocks.get("Options", ()))),
        text=tuple(text),
    )


def _option(line: str) -> tuple[str, str]:
    """``--jobs N      runs at the same time``: two blanks or more part the two."""
    name, _, text = line.strip().partition("  ")
    return name, text.strip()


def help_card(name: str, doc: str | None, *, sign: str = "%") -> Card:
    """The usage of a magic, from its docstring: examples first."""
    said = explained(doc)
    sections = (
        Section(title="examples", block="\n".join(said.examples)),
        Section(title="notes", prose=tuple(paragraph.replace("``", "") for paragraph in said.text)),
        Section(title="options", pairs=said.options),
    )
    return Card(title=f"{sign}{name}: {said.summary}", sections=tuple(filter(_filled, sections)))


def _filled(section: Section) -> bool:
    return bool(section.block or section.pairs or section.prose)
