"""What a terminal shows of a text that moves its cursor: progress bars stay bars, colours stay.

Programs redraw a bar by going back to the line's beginning, several bars by going up. A notebook obeys the first of
these at most. `pyte` would be the library for it: it wraps lines at a width, keeps no text as it was, and is LGPL.
"""

from __future__ import annotations

import re
from collections import deque
from html import escape
from itertools import groupby

from msgspec import Struct, field

from dvc_magic.untrusted.spelling import lines as spelled
from dvc_magic.untrusted.spelling import whole_escapes

_LINES, _WIDTH = 200, 2_000
_TAB = 8
_PIECE = re.compile(
    r"(?P<csi>\x1b\[(?P<params>[0-?]*)[ -/]*(?P<final>[@-~]))"
    r"|(?P<other>\x1b(?:[\]PX^_][^\x07\x1b]*(?:\x07|\x1b\\)|[ -/]*[0-OQ-WYZ\\`-~])?)"
    r"|(?P<control>[\x00-\x1f\x7f])"
    r"|(?P<text>[^\x00-\x1f\x7f]+)"
)
_FLAGS = {1: "1", 2: "2", 3: "3", 4: "4", 7: "7", 9: "9"}
_OFF = {22: "12", 23: "3", 24: "4", 27: "7", 29: "9"}
_EXTENDED = {5: 2, 2: 4}  # kind of a colour -> how many numbers it takes


class Style(Struct, frozen=True):
    """How a character looks: SGR numbers of its attributes, of its colour and of the colour behind it."""

    flags: str = ""
    front: str = ""
    back: str = ""

    def numbers(self) -> list[str]:
        """All SGR numbers."""
        return [*self.flags, *filter(None, (self.front, self.back))]

    def after(self, params: str) -> Style:
        """The style after a sequence of SGR numbers, those that nobody knows left out."""
        if not re.fullmatch(r"[0-9;:]*", params):
            return self
        numbers = [int(number) if number else 0 for number in re.split("[;:]", params[:100])]
        flags, front, back = self.flags, self.front, self.back
        while numbers:
            number = numbers.pop(0)
            if number == 0:
                flags = front = back = ""
            elif number in _FLAGS:
                flags = "".join(sorted({*flags, _FLAGS[number]}))
            elif number in _OFF:
                flags = "".join(flag for flag in flags if flag not in _OFF[number])
            elif number in (38, 48):
                taken = numbers[: _EXTENDED.get(numbers[0], 1)] if numbers else []
                del numbers[: len(taken)]
                colour = ";".join(map(str, [number, *taken]))
                front, back = (colour, back) if number == 38 else (front, colour)  # noqa: PLR2004
            elif 30 <= number <= 39 or 90 <= number <= 97:  # noqa: PLR2004
                front = "" if number == 39 else str(number)  # noqa: PLR2004
            elif 40 <= number <= 49 or 100 <= number <= 107:  # noqa: PLR2004
                back = "" if number == 49 else str(number)  # noqa: PLR2004
        return Style(flags, front, back)


_PLAIN = Style()


class _Line(Struct):
    """One line: a character and a style for each column."""

    chars: list[str] = field(default_factory=list)
    styles: list[Style] = field(default_factory=list)
    is_cut: bool = False

    def put(self, column: int, text: str, style: Style, *, width: int) -> None:
        """Write over what is there, from a column on."""
        room = max(width - column, 0)
        self.is_cut |= len(text) > room
        text = text[:room]
        if (gap := column - len(self.chars)) > 0 and text:
            self.chars += " " * gap
            self.styles += [_PLAIN] * gap
        self.chars[column : column + len(text)] = text
        self.styles[column : column + len(text)] = [style] * len(text)

    def erase(self, start: int, end: int | None) -> None:
        """Blank the columns from `start` to before `end`, or to the line's end."""
        if end is None:
            del self.chars[start:], self.styles[start:]
            self.is_cut = False
        else:
            end = min(end, len(self.chars))
            self.chars[start:end] = " " * (end - start)
            self.styles[start:end] = [_PLAIN] * (end - start)

    def pieces(self) -> list[tuple[Style, str]]:
        """The text in pieces of one style, blanks at the end left out."""
        found: list[tuple[Style, str]] = []
        place = 0
        for style, alike in groupby(self.styles):
            size = sum(1 for _ in alike)
            found.append((style, spelled("".join(self.chars[place : place + size]), longest=_WIDTH)))
            place += size
        if found and found[-1][0] == _PLAIN:
            found[-1] = (_PLAIN, found[-1][1].rstrip(" "))
        return [*found, *([(_PLAIN, "…")] if self.is_cut else [])]


class Screen:
    """A terminal of any width that shows the last lines of what is fed to it.

    Args:
        lines: how many lines it keeps. width: characters of a line that it keeps.

    Attributes:
        dropped: lines that are shown no longer.
    """

    def __init__(self, *, lines: int = _LINES, width: int = _WIDTH) -> None:
        self._lines: deque[_Line] = deque([_Line()])
        self._most = lines
        self._width = width
        self._row = self._column = 0
        self._style = _PLAIN
        self._begun = ""  # of an escape sequence
        self.dropped = 0

    def feed(self, text: str) -> None:
        """Take the next piece of text, which may end anywhere."""
        text, self._begun = whole_escapes(self._begun + text)
        styles: dict[tuple[Style, str], Style] = {}  # programs repeat a few: half of the time of a flood of colours
        for piece in _PIECE.finditer(text):
            if written := piece["text"]:
                self._lines[self._row].put(self._column, written, self._style, width=self._width)
                self._column += len(written)
            elif control := piece["control"]:
                self._obey(control)
            elif piece["csi"] and piece["final"] == "m":
                change = self._style, piece["params"]
                if change not in styles:
                    styles[change] = self._style.after(piece["params"])
                self._style = styles[change]
            elif piece["csi"]:
                self._move(piece["params"], piece["final"])

    def _obey(self, control: str) -> None:
        if control == "\n":
            self._row, self._column = self._row + 1, 0
            if self._row == len(self._lines):
                self._lines.append(_Line())
            if len(self._lines) > self._most:
                self._lines.popleft()
                self._row -= 1
                self.dropped += 1
        elif control == "\r":
            self._column = 0
        elif control == "\b":
            self._column = max(self._column - 1, 0)
        elif control == "\t":
            gap = _TAB - self._column % _TAB
            self._lines[self._row].put(self._column, " " * gap, self._style, width=self._width)
            self._column += gap

    def _move(self, params: str, final: str) -> None:
        number = int(params[:6]) if params.isascii() and params.isdigit() else 0
        if final in "AF":
            self._row = max(self._row - max(number, 1), 0)
        elif final in "BE":
            self._row = min(self._row + max(number, 1), len(self._lines) - 1)
        elif final == "C":
            self._column = min(self._column + max(number, 1), self._width)
        elif final == "D":
            self._column = max(self._column - max(number, 1), 0)
        elif final == "G":
            self._column = min(max(number, 1) - 1, self._width)
        elif final == "K":
            start, end = ((self._column, None), (0, self._column + 1), (0, None))[min(number, 2)]
            self._lines[self._row].erase(start, end)
        elif final == "J":
            self._erase_screen(number)
        if final in "EF":
            self._column = 0

    def _erase_screen(self, number: int) -> None:
        if number in (2, 3):  # what a program does that draws a whole page anew
            self._lines = deque([_Line()])
            self._row = self._column = 0
        elif number == 0:
            self._lines[self._row].erase(self._column, None)
            while len(self._lines) > self._row + 1:
                self._lines.pop()

    def _shown(self) -> list[list[tuple[Style, str]]]:
        """The lines in pieces, without the empty ones at the end."""
        found = [line.pieces() for line in self._lines]
        while found and not any(text for _, text in found[-1]):
            found.pop()
        return found

    def lines(self) -> list[str]:
        """The lines as a terminal would print them again, each with its own colours and without any other control."""
        return ["".join(map(_with_colours, line)) for line in self._shown()]

    def plain(self) -> list[str]:
        """The lines without colours."""
        return ["".join(text for _, text in line) for line in self._shown()]

    def html(self) -> list[str]:
        """The lines as HTML, escaped; colours are inline styles, which untrusted notebooks leave out."""
        return ["".join(map(_as_html, line)) for line in self._shown()]


def screen_of(text: str, *, lines: int = _LINES, width: int = _WIDTH) -> Screen:
    """What a terminal shows of a whole text."""
    screen = Screen(lines=lines, width=width)
    screen.feed(text)
    return screen


def _with_colours(piece: tuple[Style, str]) -> str:
    style, text = piece
    numbers = style.numbers()
    return f"\x1b[{';'.join(numbers)}m{text}\x1b[0m" if numbers and text else text


_COLOURS = ("#3e424d", "#e75c58", "#00a250", "#ddb62b", "#208ffb", "#d160c4", "#60c6c8", "#8e908c")  # legible on both
_CUBE = (0, 95, 135, 175, 215, 255)


def _as_html(piece: tuple[Style, str]) -> str:
    style, text = piece
    front, back = _colour(style.front), _colour(style.back)
    if "7" in style.flags:
        front, back = back or "var(--jp-layout-color0, white)", front or "currentColor"
    rules = [f"color: {front}"] if front else []
    rules += [f"background-color: {back}"] if back else []
    rules += [rule for flag, rule in _RULES.items() if flag in style.flags]
    return f'<span style="{"; ".join(rules)}">{escape(text)}</span>' if rules and text else escape(text)


_RULES = {
    "1": "font-weight: bold",
    "2": "opacity: 0.7",
    "3": "font-style: italic",
    "4": "text-decoration: underline",
    "9": "text-decoration: line-through",
}


def _colour(numbers: str) -> str:
    """The CSS colour of SGR numbers; empty for those that are none."""
    if not numbers:
        return ""
    first, *rest = map(int, numbers.split(";"))
    if first not in (38, 48):
        return _COLOURS[first % 10]
    if len(rest) == _EXTENDED[2] and rest[0] == 2:  # noqa: PLR2004
        return f"rgb({', '.join(str(min(part, 255)) for part in rest[1:])})"
    if len(rest) != _EXTENDED[5] or rest[0] != 5 or rest[1] > 255:  # noqa: PLR2004
        return ""
    return _of_256(rest[1])


def _of_256(number: int) -> str:
    if number < 16:  # noqa: PLR2004
        return _COLOURS[number % 8]
    if number < 232:  # noqa: PLR2004
        red, green, blue = (number - 16) // 36, (number - 16) // 6 % 6, (number - 16) % 6
        return f"rgb({_CUBE[red]}, {_CUBE[green]}, {_CUBE[blue]})"
    grey = 8 + 10 * (number - 232)
    return f"rgb({grey}, {grey}, {grey})"
