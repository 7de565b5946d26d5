"""The filters of Guild AI's ``guild runs``, answered with options and queries of ours."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import partial

from msgspec import Struct

from dvc_magic.errors import DvcMagicError, LineError
from dvc_magic.line.guild_answers import Piece, answer_to, answered, is_here, lines_of, take_answer, way_here
from dvc_magic.line.guild_options import NAMES, PREFIXES, QUERIES, RUNS_ANSWERS, STATUS_ANSWERS, VALUE, Answer
from dvc_magic.line.options import Option, Options, take_option
from dvc_magic.line.tokens import Token, quote, read_line
from dvc_magic.line.usage import Usage


def read_runs_line(line: str, usage: Usage, *, command: str, namespace: Mapping[str, object]) -> Options:
    """Read the line of ``%dvc_runs``; a filter of ``guild runs`` is answered with ours.

        >>> read_runs_line("-Fo train -Sc", usage, command="%dvc_runs", namespace={})

    Args:
        line: what follows the magic's name.
        usage: the magic's.
        command: its name, for the line that is shown.
        namespace: the names that ``{name}`` can mean.

    Raises:
        LineError: an unknown option, one given twice or without its value.
    """

    def problem(text: str) -> DvcMagicError | None:
        try:
            usage.read(text, namespace=namespace)
        except DvcMagicError as error:
            return error
        return None

    try:
        return usage.read(line, namespace=namespace)
    except LineError as error:
        try:
            filters = _filters(read_line(line).tokens, usage.every_option)
        except DvcMagicError:
            raise error from None
        lines = filters.lines(usage.every_option)
        raise answered(filters.pieces, lines, error, command=command, problem=problem) from error


class _Filters(Struct, frozen=True, kw_only=True):
    """The parts of a line, its words among them, and what is to be part of its query, statuses apart."""

    pieces: Sequence[Piece]
    queries: Sequence[str]
    statuses: Sequence[str]

    def lines(self, options: Sequence[Option]) -> list[str]:
        """The line that they come to."""
        words = " ".join(piece.ours[0] for piece in self.pieces if piece.word)
        statuses = list(dict.fromkeys(self.statuses))
        several = f"status in [{', '.join(statuses)}]" if len(statuses) > 1 else ""
        parts = [part for part in (words, *self.queries, several) if part]
        query = " and ".join(part if len(parts) == 1 or " or " not in part else f"({part})" for part in parts)
        status = f"--status {statuses[0]}" if len(statuses) == 1 else ""
        rest = lines_of([piece for piece in self.pieces if not piece.word], options)
        return [" ".join(part for part in (text, status, query) if part) for text in rest]


def _filters(tokens: Sequence[Token], options: Sequence[Option]) -> _Filters:
    pieces: list[Piece] = []
    queries: list[str] = []
    statuses: list[str] = []
    index = 0
    while index < len(tokens):
        own = take_option(tokens, index, options)
        if own is not None:
            piece, after = Piece(token=tokens[index], ours=(_raw(tokens[index : own[1]]),)), own[1]
        elif answer_to(tokens[index], STATUS_ANSWERS) or answer_to(tokens[index], QUERIES):
            piece, after = _part(tokens, index, queries, statuses)
        else:
            other = take_answer(tokens, index, RUNS_ANSWERS, partial(way_here, options=options))
            word = Piece(token=tokens[index], ours=(tokens[index].raw,), word=True)
            piece, after = other or (word, index + 1)
        pieces.append(piece)
        index = after
    return _Filters(pieces=pieces, queries=queries, statuses=statuses)


def _raw(tokens: Sequence[Token]) -> str:
    return " ".join(token.raw for token in tokens)


def _part(tokens: Sequence[Token], index: int, queries: list[str], statuses: list[str]) -> tuple[Piece, int]:
    """A filter that is part of a query here, which goes to `queries` or `statuses`."""
    status = answer_to(tokens[index], STATUS_ANSWERS)
    answer = status or answer_to(tokens[index], QUERIES)
    assert answer is not None
    taken = take_option(tokens, index, [answer.option])
    assert taken is not None
    given, after = taken
    query = _query(answer, given.value)
    (statuses if status else queries).append(query)
    ours, why = (f"--status {query}", "") if status else (query, "a part of the query")
    said = is_here(_raw(tokens[index:after]), ours, why)
    return Piece(token=tokens[index], ours=(), said=said), after


def _query(answer: Answer, value: Token | None) -> str:
    ours = answer.ours[0]
    if value is None:
        return ours
    if ours != VALUE:
        return ours.replace(VALUE, quote(value.text))
    return " ".join(map(_query_word, (value.text if value.quoted else value.raw).split(" ")))


def _query_word(word: str) -> str:
    opened = word[: len(word) - len(word.lstrip("("))]
    name = word.removeprefix(opened)
    for prefix, ours in PREFIXES.items():
        name = ours + name.removeprefix(prefix) if name.startswith(prefix) else name
    return opened + NAMES.get(name, name)
