"""A line that is still being typed: what stands before the cursor, and what is expected there."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

from msgspec import Struct, field

from dvc_magic.errors import LineError
from dvc_magic.line.options import Option, is_dashed
from dvc_magic.line.tokens import Token, partition, read_partial
from dvc_magic.line.usage import Usage


class Begun(Struct, frozen=True, kw_only=True):
    """What can be said of a line up to the cursor.

    Attributes:
        word: what was begun at the cursor; empty after a blank.
        words: the words before it that are neither options nor flags.
        given: the options and flags before it, with their dashes, as typed; options by their long names.
        values: the values of options before it, by their long names.
        option: the option whose value is begun.
        flag: the flag, without dashes, whose value is begun; empty when none is.
        maybe: the value may be left out, as that of a boolean flag.
    """

    word: str
    words: tuple[str, ...] = ()
    given: frozenset[str] = frozenset()
    values: Mapping[str, str] = field(default_factory=dict)
    option: Option | None = None
    flag: str = ""
    maybe: bool = False


def read_begun(text: str, usage: Usage, *, is_bool: Callable[[str], bool]) -> Begun | None:
    """Read the beginning of a magic's line.

    Args:
        text: from the magic's name to the cursor.
        usage: the magic's.
        is_bool: whether a flag, given without dashes, is a boolean.

    Returns:
        None inside a comment, or where quotes and brackets are in disorder.
    """
    try:
        tokens, word = read_partial(text)
        return None if word is None else _walked(tokens, word, usage, is_bool)
    except LineError:
        return None


def _walked(tokens: Sequence[Token], word: str, usage: Usage, is_bool: Callable[[str], bool]) -> Begun:
    words: list[str] = []
    given: set[str] = set()
    values: dict[str, str] = {}
    waiting: tuple[Option | None, str, bool] = (None, "", False)
    for token in tokens:
        option, flag, maybe = waiting
        dashed = is_dashed(token)
        waiting = (None, "", False)
        if option is not None:
            values[option.name] = token.text
        if (option or flag) and not (maybe and (dashed or token.raw.lower() not in ("true", "false", "null"))):
            continue
        if dashed:
            waiting = _begin(token, usage, is_bool, given)
        else:
            words.append(token.text)
    option, flag, maybe = waiting
    if word.startswith("--") and "=" in word and not (option or flag):
        name, _, value = word.partition("=")
        option, flag, maybe = _begin(Token(raw=name), usage, lambda _: False, set())
        word = value
    return Begun(
        word=word, words=tuple(words), given=frozenset(given), values=values, option=option, flag=flag, maybe=maybe
    )


def _begin(
    token: Token, usage: Usage, is_bool: Callable[[str], bool], given: set[str]
) -> tuple[Option | None, str, bool]:
    """What a dashed token expects to follow: the value of an option, or of a flag, which may perhaps be left out."""
    name, value = partition(token, "=")
    option = next((known for known in usage.every_option if name.raw in (known.name, known.short)), None)
    given.add(option.name if option is not None else name.raw)
    if value is not None or (option is not None and not option.takes):
        return None, "", False
    if option is not None:
        return option, "", False
    if not usage.flags or not name.raw.startswith("--") or name.raw.startswith("--no-"):
        return None, "", False
    flag = name.raw.removeprefix("--")
    return None, flag, is_bool(flag)
