r"""A magic's line as tokens.

Blanks and newlines part tokens, except inside ``()``, ``[]``, ``{}`` and quotes. A ``#`` at the start of a token begins
a comment. Inside quotes a backslash means something only where a run of backslashes leads up to a quote of that kind,
or to the closing one, as in Hydra's override grammar: ``'it\'s'``, but ``'C:\temp'`` as it stands. Before a bracket
outside quotes it makes the bracket a plain character.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator

from msgspec import Struct
from msgspec.structs import replace

from dvc_magic.errors import LineError

_QUOTES = "'\""
_CLOSER = {"(": ")", "[": "]", "{": "}"}
_BRACKETS = frozenset("()[]{}")


class Part(Struct, frozen=True, kw_only=True):
    """A piece of a token: its text without quotes, and the quote around it (empty when there is none)."""

    text: str
    quote: str = ""


class Token(Struct, frozen=True, kw_only=True):
    """A word of a line.

    Attributes:
        raw: as written, quotes and all; after an expansion, as it could have been written.
        start, end: where it stands in `line`.
        line: the line it comes from, for error messages.
    """

    raw: str
    start: int = 0
    end: int = 0
    line: str = ""

    @property
    def parts(self) -> tuple[Part, ...]:
        """Quoted and unquoted pieces, in order."""
        return _parts(self.raw)

    @property
    def text(self) -> str:
        """The text, quotes removed."""
        return "".join(part.text for part in self.parts)

    @property
    def quoted(self) -> str:
        """The quote when one pair of them surrounds the whole token: then it is text, never a number."""
        parts = self.parts
        return parts[0].quote if len(parts) == 1 else ""

    def after(self, count: int) -> Token:
        """What is left of an unexpanded token without its first `count` characters."""
        return replace(self, raw=self.raw[count:], start=self.start + count)

    def before(self, count: int) -> Token:
        """The first `count` characters of an unexpanded token."""
        return replace(self, raw=self.raw[:count], end=self.start + count)

    def error(self, message: str) -> LineError:
        """An error that points at this token."""
        return LineError(pointed(message, self.line, self.start))


class Line(Struct, frozen=True, kw_only=True):
    """A line read: its tokens, and whether a ``;`` at its end asks for silence."""

    tokens: tuple[Token, ...]
    silent: bool = False


def pointed(message: str, text: str, column: int) -> str:
    """`message`, and below it the line of `text` that holds `column`, with a caret under that column."""
    first = text.rfind("\n", 0, column) + 1
    shown = re.sub(r"\s", " ", text[first:].split("\n", 1)[0])
    return f"{message}\n  {shown}\n  {' ' * (column - first)}^"


def skip(text: str, index: int) -> int:
    """The index after the quote or bracket that opens at `index`.

    Raises:
        LineError: it is not closed, or by a bracket of another kind.
    """
    opened: list[int] = []
    while index < len(text):
        char = text[index]
        if char in _QUOTES:
            index = _after_quote(text, index)
        elif char == "\\" and text[index + 1 : index + 2] in _BRACKETS:
            index += 2
        else:
            if char in _CLOSER:
                opened.append(index)
            elif char in _BRACKETS:
                _close(text, index, opened.pop())
            index += 1
        if not opened:
            return index
    raise LineError(pointed(f"This {text[opened[-1]]} is never closed.", text, opened[-1]))


def _after_quote(text: str, start: int) -> int:
    backslashes = 0
    for index in range(start + 1, len(text)):
        if text[index] == text[start] and backslashes % 2 == 0:
            return index + 1
        backslashes = backslashes + 1 if text[index] == "\\" else 0
    message = f"This {text[start]} is never closed. A text that has one in it goes into quotes."
    raise LineError(pointed(message, text, start))


def _close(text: str, index: int, opened: int) -> None:
    if _CLOSER[text[opened]] != text[index]:
        message = f"This {text[index]} does not close the {text[opened]} before it."
        raise LineError(pointed(message, text, index))


def unquote(raw: str) -> str:
    """The text that the quoted `raw` stands for."""
    return re.sub(
        rf"(\\+)({raw[0]}|\Z)",
        lambda match: "\\" * (len(match[1]) // 2) + match[2],
        raw[1:-1],
    )


def quote(text: str, style: str = "'") -> str:
    """`text` in quotes, single ones unless `style` says otherwise; `unquote` takes them off."""
    doubled = re.sub(rf"\\+(?={style}|\Z)", lambda match: match[0] * 2, text)
    return style + doubled.replace(style, f"\\{style}") + style


def _parts(raw: str) -> tuple[Part, ...]:
    parts: list[Part] = []
    start = index = 0
    while index < len(raw):
        if raw[index] not in _QUOTES:
            index += 1
            continue
        if start < index:
            parts.append(Part(text=raw[start:index]))
        start, index = index, _after_quote(raw, index)
        parts.append(Part(text=unquote(raw[start:index]), quote=raw[start]))
        start = index
    if start < index:
        parts.append(Part(text=raw[start:]))
    return tuple(parts)


def _token_end(line: str, index: int) -> int:
    while index < len(line) and not line[index].isspace():
        if line[index] == "\\" and line[index + 1 : index + 2] in _BRACKETS:
            index += 2
        elif line[index] in _QUOTES or line[index] in _CLOSER:
            index = skip(line, index)
        elif line[index : index + 2] == "\\\n":
            break
        else:
            index += 1
    return index


def _open_end(line: str, index: int) -> int:
    """The same for a token that is still being typed: what is not closed goes to the end of the line."""
    try:
        return _token_end(line, index)
    except LineError:
        return len(line)


def _scan(line: str, end_of: Callable[[str, int], int]) -> Iterator[Token]:
    """The tokens of a line; a comment is the last of them, and the only one that begins with ``#``."""
    index = 0
    while index < len(line):
        if line[index].isspace() or line[index : index + 2] == "\\\n":
            index += 1
            continue
        end = len(line) if line[index] == "#" else end_of(line, index)
        yield Token(raw=line[index:end], start=index, end=end, line=line)
        index = end


def read_line(line: str) -> Line:
    """Read a line.

    Raises:
        LineError: a quote or a bracket is not closed; the message points at it.
    """
    return _without_semicolon([token for token in _scan(line, _token_end) if not token.raw.startswith("#")])


def read_partial(line: str) -> tuple[tuple[Token, ...], str | None]:
    """The whole tokens of a line that is still being typed, and the begun one at its end.

    The begun one is empty after a blank, and None inside a comment; in it quotes and brackets may be open.
    """
    tokens = tuple(_scan(line, _open_end))
    if not tokens or tokens[-1].end < len(line):
        return tokens, ""
    last = tokens[-1].raw
    return tokens[:-1], None if last.startswith("#") else last


def _without_semicolon(tokens: list[Token]) -> Line:
    if not tokens or not tokens[-1].raw.endswith(";"):
        return Line(tokens=tuple(tokens))
    last = tokens[-1]
    kept = last.before(len(last.raw.rstrip(";")))
    return Line(tokens=(*tokens[:-1], *([kept] if kept.raw else [])), silent=True)


def split(line: str) -> tuple[Token, ...]:
    """The tokens of a line, without a comment and a ``;`` at its end.

    Raises:
        LineError: a quote or a bracket is not closed.
    """
    return read_line(line).tokens


def partition(token: Token, mark: str) -> tuple[Token, Token | None]:
    """What stands before and after the first `mark` outside quotes and brackets; None without one."""
    index = 0
    while index < len(token.raw):
        char = token.raw[index]
        if char == mark:
            return token.before(index), token.after(index + 1)
        index = skip(token.raw, index) if char in _QUOTES or char in _CLOSER else index + 1
    return token, None
