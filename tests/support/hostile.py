"""Texts that a terminal or a browser would obey, and what may be left of them in a display."""

from __future__ import annotations

from html.parser import HTMLParser

from hypothesis import strategies as st

PIECES = (
    "\x1b[31m",
    "\x1b]0;title\x07",
    "\x1b[2J",
    "\x9b1m",
    "\x00",
    "\r",
    "\n",
    "\t",
    "\x08",
    "\x7f",
    "\x85",
    "\u061c",
    "\u200b",
    "\u200e",
    "\u2028",
    "\u2029",
    "\u202e",
    "\u2066",
    "\ufeff",
    "\ud800",
    "<b onclick=alert(1)>",
    "</pre></td><script>",
    "&lt;",
    '"',
    "$x^{",
    "a",
    "é",
    " ",
)

hostile_texts = st.lists(st.sampled_from(PIECES), min_size=1, max_size=6).map("".join) | st.text(min_size=1, max_size=9)

_TAGS = {"div", "p", "strong", "table", "thead", "tbody", "tr", "th", "td", "pre", "span"}
_ATTRIBUTES = {"style", "class", "title"}


class _Markup(HTMLParser):
    def __init__(self) -> None:
        super().__init__()
        self.strange: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.strange += [tag] * (tag not in _TAGS) + [name for name, _ in attrs if name not in _ATTRIBUTES]


def unseen(text: str) -> set[str]:
    """The characters of a display that a terminal would obey or nobody would see."""
    return {char for char in text if not char.isprintable() and char not in "\n\t"}


def strange_markup(html: str) -> list[str]:
    """Tags and attributes that are not among those of our own displays."""
    parser = _Markup()
    parser.feed(html)
    return parser.strange
