"""The options of a magic, apart from the flags of a stage."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence

from msgspec import Struct, field
from msgspec.structs import replace

from dvc_magic.errors import close_matches
from dvc_magic.line.expansion import expand, expand_literals, expand_text, expand_texts
from dvc_magic.line.tokens import Token, partition, quote, read_line

_FORCED = "--option:"
_NUMBER_LIKE = re.compile(r"-(?:[0-9.]|inf\b|nan\b)", re.IGNORECASE)


class Option(Struct, frozen=True, kw_only=True):
    """An option that a magic knows.

    Attributes:
        name: with its dashes: ``--jobs``, or ``-n`` for one that is short only.
        short: its other spelling, such as ``-j``; empty without one.
        takes: whether a value follows.
        repeats: whether it may be given more than once.
        what: what the value is, in capitals: ``STAGE``, ``STAGE=RUN``, ``PATH``.
    """

    name: str
    short: str = ""
    takes: bool = True
    repeats: bool = False
    what: str = ""


HELP = Option(name="--help", short="-h", takes=False)
"""The option that every magic has."""


class Given(Struct, frozen=True, kw_only=True):
    """An option as it stands in a line: which one, where, and its value if it takes one."""

    option: Option
    token: Token
    value: Token | None = None


class Options(Struct, frozen=True, kw_only=True):
    """What a line says, for magics that take no flags of stages.

    Attributes:
        positional: the words that are no options, as one text; None when there are none.
        values: option -> its text, by the option's name as the magic spelled it.
        several: the values of options that may be given more than once, in their order, by the same name.
        switches: the options without a value that were given.
        words: the words that are no options, one by one, for magics that take several.
        silent: whether a ``;`` ended the line.
    """

    positional: str | None
    values: dict[str, str]
    switches: frozenset[str]
    several: dict[str, tuple[str, ...]] = field(default_factory=dict)
    words: tuple[str, ...] = ()
    silent: bool = False


def is_dashed(token: Token) -> bool:
    """Whether a token looks like an option or a flag: a dash, no quote before it, and no negative number."""
    return token.raw.startswith("-") and token.raw != "-" and not _NUMBER_LIKE.match(token.raw)


def take_option(tokens: Sequence[Token], index: int, options: Iterable[Option]) -> tuple[Given, int] | None:
    """The option at `index` and the index after it and its value, or None when that token is none of `options`.

    Raises:
        LineError: its value is missing, or it has one and takes none.
    """
    token = tokens[index]
    if not token.raw.startswith("-"):
        return None
    name, value = partition(token, "=")
    found = next((option for option in options if name.raw in (option.name, option.short)), None)
    if found is None:
        found, value = _attached(token, options)
    if found is None:
        return None
    if not found.takes:
        if value is not None:
            raise token.error(f"{found.name} takes no value.")
        return Given(option=found, token=token), index + 1
    if value is not None:
        return Given(option=found, token=token, value=value), index + 1
    value = next_value(tokens, index, what=found.name, options=options)
    return Given(option=found, token=token, value=value), index + 2


def unforced(tokens: Sequence[Token], index: int) -> Sequence[Token]:
    """The tokens with ``--option:label`` at `index` as ``--label``."""
    token = tokens[index]
    if not token.raw.startswith(_FORCED):
        return tokens
    plain = replace(token, raw=f"--{token.raw.removeprefix(_FORCED)}")
    return [*tokens[:index], plain, *tokens[index + 1 :]]


def _attached(token: Token, options: Iterable[Option]) -> tuple[Option | None, Token | None]:
    """A short option with its value behind it, as in ``-j2``."""
    for option in options:
        short = option.short or option.name
        if option.takes and len(short) == len("-j") and token.raw.startswith(short) and token.raw != short:
            return option, token.after(len(short) + token.raw[len(short) :].startswith("="))
    return None, None


def next_value(
    tokens: Sequence[Token], index: int, *, what: str, options: Iterable[Option], example: str = ""
) -> Token:
    """The token after `index`, which is the value of `what`.

    Raises:
        LineError: there is none, or it is an option or a flag itself.
    """
    following = tokens[index + 1] if index + 1 < len(tokens) else None
    known = {spelling for option in options for spelling in (option.name, option.short)}
    if following is None or following.raw.startswith("--") or following.raw in known:
        shown = f", as in {what} {example}" if example else ""
        raise tokens[index].error(f"{what} needs a value{shown}. One that begins with dashes goes into quotes.")
    return following


def check_once(given: Iterable[Given]) -> None:
    """Refuse an option that is given twice and may not be."""
    seen: set[str] = set()
    for item in given:
        if item.option.name in seen and not item.option.repeats:
            raise item.token.error(f"{item.option.name} is given twice.")
        seen.add(item.option.name)


def read_known(
    line: str,
    *,
    magic: str,
    known: Sequence[Option],
    namespace: Mapping[str, object],
    positional: str = "",
    raw: bool = False,
    many: bool = False,
    signed: bool = False,
) -> Options:
    """Read the line of a magic that takes options, and one thing more or several.

    Args:
        line: what follows the magic's name.
        magic: its name, for messages.
        known: its options.
        namespace: the names that ``{name}`` can mean.
        positional: what the thing is, for messages; empty when there is none.
        raw: whether it is a query, all words that are no options, quotes kept.
        many: whether there may be several such things.
        signed: whether they may begin with one dash: ``-bad`` takes away a tag.

    Raises:
        LineError: an unknown option, one given twice or without its value, or a word too many.
    """
    read = read_line(line)
    given: list[Given] = []
    words: list[Token] = []
    index = 0
    while index < len(read.tokens):
        taken = take_option(read.tokens, index, known)
        if taken is not None:
            given.append(taken[0])
            index = taken[1]
            continue
        token = read.tokens[index]
        words.append(token if signed and not token.raw.startswith("--") else _word(token, known))
        index += 1
    check_once(given)
    repeated: dict[str, tuple[str, ...]] = {}
    for item in given:
        if item.option.repeats and item.value is not None:
            name = item.option.name
            repeated[name] = (*repeated.get(name, ()), *expand_texts(item.value, namespace))
    texts = tuple(expand(word, namespace).text for word in words) if many else ()
    single = None if many else _query(words, namespace) if raw else _single(words, magic, positional, namespace)
    return Options(
        positional=single,
        words=texts,
        values={item.option.name: expand_text(item.value, namespace) for item in given if item.value is not None},
        switches=frozenset(item.option.name for item in given if item.value is None),
        several=repeated,
        silent=read.silent,
    )


def _word(token: Token, known: Sequence[Option]) -> Token:
    if is_dashed(token):
        names = [option.name for option in known]
        listed = f" The options are {', '.join(names)}." if names else " There are no options here."
        raise token.error(f"There is no option {token.raw}.{close_matches(token.raw, names)}{listed}")
    return token


def _query(words: Sequence[Token], namespace: Mapping[str, object]) -> str | None:
    if not words:
        return None
    if len(words) == 1 and words[0].quoted:
        return expand_text(words[0], namespace)
    return " ".join(expand_literals(word, namespace) for word in words)


def _single(words: Sequence[Token], magic: str, positional: str, namespace: Mapping[str, object]) -> str | None:
    if words and not positional:
        raise words[0].error(f"{magic} takes options alone, not {words[0].raw}. What they are says {magic} --help")
    if len(words) > 1:
        whole = quote(" ".join(word.text for word in words))
        raise words[1].error(
            f"{magic} takes one {positional}, not {len(words)}. Write {magic} {words[0].raw}, or if that is one name "
            f"with blanks in it, {magic} {whole}"
        )
    return expand(words[0], namespace).text if words else None
