"""Answers to Guild AI's spellings: the parts of a line, what is said of them, and the line that they come to here."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from itertools import product
from math import prod

from msgspec import Struct

from dvc_magic.errors import DvcMagicError, LineError
from dvc_magic.line.guild_options import VALUE, Answer
from dvc_magic.line.options import Option, take_option
from dvc_magic.line.tokens import Token, partition, pointed

_MOST_LINES = 10


class Piece(Struct, frozen=True, kw_only=True):
    """A part of a line: what it is here, in as many ways as lines come of it, and what is said of it.

    Attributes:
        token: where it begins.
        ours: as it is written here; empty when the line goes without.
        said: what is said of it; empty for what is not Guild's.
        plain: whether the error says as much.
        lost: whether no line can have what it means.
        instead: Python that does.
        word: whether it may be the name of a stage.
    """

    token: Token
    ours: tuple[str, ...]
    said: str = ""
    plain: bool = False
    lost: bool = False
    instead: str = ""
    word: bool = False


def answered(
    pieces: Sequence[Piece],
    lines: Sequence[str],
    error: DvcMagicError,
    *,
    command: str,
    problem: Callable[[str], DvcMagicError | None],
) -> DvcMagicError:
    """The error that says what is Guild's in a line and shows the line to write; `error` where nothing is.

    Args:
        pieces: of the line.
        lines: that they come to, as `lines_of` has them.
        error: what the reader of lines says of the line.
        command: the magic, as it stands before a line that is shown.
        problem: the error that a line is, or None if it can be read. A line that is one is not shown.
    """
    seen = [piece for piece in pieces if piece.said]
    left = next((found for line in lines if (found := problem(line)) is not None), None)
    plain = all(piece.plain for piece in seen)
    if str(left) == str(error) or (plain and left is not None) or not seen:
        return error
    message = str(error) if plain else _said(seen, left)
    if "\n" not in message:
        message = pointed(message, seen[0].token.line, seen[0].token.start)
    if left is None:
        message += _shown([f"{command} {line}".strip() for line in lines])
    code = "".join(f"\nIn Python, with project = %dvc_project, {piece.instead}" for piece in seen if piece.instead)
    return type(error)(message + code)


def _said(seen: Sequence[Piece], left: DvcMagicError | None) -> str:
    rest = [str(left)] if left is not None else []
    return " ".join(dict.fromkeys([*(piece.said for piece in seen), *rest]))


def _shown(lines: Sequence[str]) -> str:
    if len(lines) > 1:
        return "".join(f"\n  {line}" for line in ("The whole lines:", *lines)).replace("\n  ", "\n", 1)
    return "".join(f"\nThe whole line: {line}" for line in lines)


def lines_of(pieces: Sequence[Piece], options: Sequence[Option]) -> list[str]:
    """The lines that the pieces come to; none when they say something that no line can."""
    ways = [piece.ours for piece in _each_once(pieces, options) if piece.ours]
    if any(piece.lost for piece in pieces) or prod(map(len, ways)) > _MOST_LINES:
        return []
    return [" ".join(texts) for texts in product(*ways)]


def _each_once(pieces: Sequence[Piece], options: Sequence[Option]) -> Iterator[Piece]:
    """The pieces without answers that come to an option which the line has already."""
    repeating = {spelling for option in options if option.repeats for spelling in (option.name, option.short)}
    written = {_first_word(piece) for piece in pieces if not piece.said} - repeating
    for piece in pieces:
        name = _first_word(piece)
        if piece.said and name in written:
            continue
        if piece.said and name.startswith("-") and name not in repeating:
            written.add(name)
        yield piece


def _first_word(piece: Piece) -> str:
    return piece.ours[0].partition(" ")[0].partition("=")[0] if piece.ours else ""


def take_answer(
    tokens: Sequence[Token], index: int, answers: Iterable[Answer], spell: Callable[[Answer], str]
) -> tuple[Piece, int] | None:
    """The answer to the option of Guild AI's at `index`, and the index after it and its value; None for any other.

    Args:
        tokens: of the line.
        index: where to look.
        answers: to look among.
        spell: what to write in the place of an option.
    """
    answer = answer_to(tokens[index], answers)
    if answer is None:
        return None
    ours = spell(answer)
    try:
        taken = take_option(tokens, index, [answer.option])
    except LineError:  # its value is missing
        what = is_here(tokens[index].raw, ours.replace(VALUE, answer.option.what), answer.said)
        return Piece(token=tokens[index], ours=(), said=what, lost=True), index + 1
    assert taken is not None
    given, after = taken
    text = ours.replace(VALUE, given.value.raw if given.value is not None else "")
    seen = " ".join(token.raw for token in tokens[index:after])
    return Piece(token=tokens[index], ours=(text,) if text else (), said=is_here(seen, text, answer.said)), after


def answer_to(token: Token, answers: Iterable[Answer]) -> Answer | None:
    """The answer to an option of Guild AI's, whatever its value."""
    name = partition(token, "=")[0].raw
    if token.raw[2:].isdecimal():
        name = token.raw[:2]  # -m20
    return next((one for one in answers if name and name in (one.option.name, one.option.short)), None)


def way_here(answer: Answer, options: Iterable[Option]) -> str:
    """What to write in the place of an option: the first way that the magic has."""
    known = {spelling for option in options for spelling in (option.name, option.short)}
    return next((way for way in answer.ours if way.partition(" ")[0] in known), "")


def is_here(seen: str, ours: str, why: str) -> str:
    """What is said of a spelling: what it is here, and why."""
    return f"Guild AI's {seen} is {ours or 'not'} here{': ' if why else ''}{why}."
