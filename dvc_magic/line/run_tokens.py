"""The tokens of a run line, sorted: words, options, and params with their values."""

from __future__ import annotations

import re
from collections.abc import Sequence
from enum import Enum

from msgspec import Struct
from msgspec.structs import replace

from dvc_magic.errors import LineError
from dvc_magic.line.expansion import Passed, expand, expand_text
from dvc_magic.line.formatting import format_value
from dvc_magic.line.options import Given, is_dashed, next_value, take_option, unforced
from dvc_magic.line.scope import Scope
from dvc_magic.line.tokens import Line, Token, partition

_BOOLEANS = re.compile(r"(?:true|false|null)(?:,(?:true|false|null))*", re.IGNORECASE)


class Spelling(Enum):
    """How a value is given to a param."""

    FLAG = "--KEY V"
    SET = "-S KEY=V"
    BARE = "KEY=V"


class Assignment(Struct, frozen=True, kw_only=True):
    """A param and its value as they stand in the line.

    Attributes:
        spelling: how it is given. token: where. value: that of it, None for a boolean flag alone.
        name: the flag without dashes.
        behind: the word that follows a boolean flag and is no boolean: a stage, or a slip such as ``--shuffle maybe``.
    """

    spelling: Spelling
    token: Token
    name: str = ""
    value: Token | None = None
    behind: Token | None = None


class Sorted(Struct, frozen=True, kw_only=True):
    """The tokens of a line, sorted."""

    words: tuple[Token, ...]
    options: tuple[Given, ...]
    assignments: tuple[Assignment, ...]

    def switch(self, name: str) -> bool:
        """Whether an option was given."""
        return any(given.option.name == name for given in self.options)

    def values(self, name: str) -> list[Token]:
        """The values of an option, in order."""
        return [given.value for given in self.options if given.option.name == name and given.value is not None]


def is_bare_set(token: Token, scope: Scope) -> bool:
    """Whether a token is an override without an option before it: ``KEY=V``, ``~KEY``."""
    if token.text in scope.like_sets:
        return False
    if token.raw.startswith("~"):
        return True
    key, value = partition(token, "=")
    return (value is not None and bool(key.raw)) or (bool(token.quoted) and "=" in token.text)


def sorted_tokens(read: Line, scope: Scope) -> Sorted:
    """The tokens of a line, sorted by what flags can mean in `scope`.

    Raises:
        LineError: a word or flag cannot be read. ParamError: there is no such flag.
    """
    words: list[Token] = []
    options: list[Given] = []
    assignments: list[Assignment] = []
    index = 0
    while index < len(read.tokens):
        token = read.tokens[index]
        taken = take_option(unforced(read.tokens, index), index, scope.options)
        if taken is not None:
            given, index = replace(taken[0], token=token), taken[1]
            if given.option.name == "--set":
                assignments.append(Assignment(spelling=Spelling.SET, token=given.token, value=given.value))
            options.append(given)
        elif is_dashed(token):
            flag, index = _take_flag(read.tokens, index, scope)
            assignments.append(flag)
        else:
            index += 1
            _check_comma(read.tokens, index - 1)
            if is_bare_set(token, scope):
                assignments.append(Assignment(spelling=Spelling.BARE, token=token, value=token))
            else:
                words.append(token)
    return Sorted(words=tuple(words), options=tuple(options), assignments=tuple(assignments))


def _check_comma(tokens: Sequence[Token], index: int) -> None:
    """Refuse a word that a blank parts from the values before it: ``--lr 0.1, 0.2``."""
    first = last = index
    while first and _is_parted(tokens[first - 1], tokens[first]):
        first -= 1
    while last + 1 < len(tokens) and _is_parted(tokens[last], tokens[last + 1]):
        last += 1
    if first == index:
        return
    flag = f"{tokens[first - 1].raw} " if first and is_dashed(tokens[first - 1]) else ""
    values = "".join(token.raw for token in tokens[first : last + 1])
    said = f"Several values have no blank between them: {flag}{values}. One text with a blank in it goes into quotes."
    raise tokens[index].error(said)


def _is_parted(token: Token, following: Token) -> bool:
    return token.raw.endswith(",") or following.raw.startswith(",")


def _take_flag(tokens: Sequence[Token], index: int, scope: Scope) -> tuple[Assignment, int]:
    token = tokens[index]
    if not token.raw.startswith("--"):
        raise token.error(f"There is no option {token.raw}. The flag of a param has two dashes: --{token.raw[1:]}.")
    name_token, value = partition(token, "=")
    name = expand_text(name_token.after(2), scope.namespace)
    if not name:
        raise token.error("A flag needs a name: --KEY VALUE.")
    flag = Assignment(spelling=Spelling.FLAG, token=token, name=name, value=value)
    if value is not None or scope.negated(name):
        return flag, index + 1
    if scope.is_bool(name) and not _is_boolean(tokens[index + 1 : index + 2], scope):
        following = tokens[index + 1] if index + 1 < len(tokens) else None
        is_word = following is not None and not is_dashed(following) and not is_bare_set(following, scope)
        return replace(flag, behind=following if is_word else None), index + 1
    example = format_value(known[0].value) if (known := scope.matching(name)) else ""
    try:
        value = next_value(tokens, index, what=f"--{name}", options=scope.options, example=example)
    except LineError:
        scope.param(name)  # that there is no such flag is what helps, if so
        raise
    return replace(flag, value=value), index + 2


def _is_boolean(following: Sequence[Token], scope: Scope) -> bool:
    """Whether the next token is the value of a boolean flag."""
    if not following:
        return False
    if _BOOLEANS.fullmatch(following[0].raw) or following[0].raw.startswith("choice("):
        return True
    if not following[0].raw.startswith("{"):
        return False
    read = expand(following[0], scope.namespace, scalar=True)
    return isinstance(read, Passed) and all(
        _BOOLEANS.fullmatch(value) if isinstance(value, str) else value is None or isinstance(value, bool)
        for value in read.values
    )
