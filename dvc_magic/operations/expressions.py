"""Regular expressions that people write in operations: whether they are any, and whether they can be tried here.

Python tries what a pattern can match one way after another, and for some patterns (``(a+)+$``) the ways double with
each letter of a name: such a search ends in centuries. Nobody can stop it in a kernel, so there only those are tried
whose ways can be counted beforehand; the others are left to a worker, which looks at its clock.
"""

from __future__ import annotations

import posixpath
import re

from dvc_magic.model.operation import Rename, Source
from dvc_magic.operations.fields import refusal, shown

_WAYS = 10_000_000  # well below a second
_ESCAPED = re.compile(r"\\.", re.DOTALL)
_PLAIN_GROUP = re.compile(r"\((?:\?:|\?P<)?")
_REPEAT = re.compile(r"[*+?{]")
_REPEATED_GROUP = re.compile(r"\)[*+{]")
_SPECIAL = "(?"  # verbose patterns, comments, flags, looks around: a repeat may stand apart from its group


def check_expression(pattern: str, key: str, *, at: str, repl: str = "") -> None:
    """See that `pattern` is a regular expression, and that `repl` can take the place of what it matches.

    Raises:
        OperationError: it is not, or cannot.
    """
    try:
        compiled = re.compile(pattern)
    except (re.error, ValueError, OverflowError, RecursionError, Warning) as error:
        raise refusal(at, f"{shown(pattern)} in {key!r} is not a regular expression: {error}") from error
    try:
        _with_groups_of(compiled).sub(repl, "")
    except (re.error, ValueError, IndexError, OverflowError) as error:
        raise refusal(at, f"{shown(repl)} in {key!r} cannot take the place of {shown(pattern)}: {error}") from error


def is_quick(pattern: str, text: str) -> bool:
    """Whether a search for `pattern` in `text` ends soon, by the number of ways that there are to match at most.

    A repeat of a single character ends in as many places as the text has, a choice doubles the ways, and so do all
    starts; what repeats a group is taken for slow.
    """
    plain = _ESCAPED.sub("x", pattern)
    plain = _PLAIN_GROUP.sub("(", plain)
    if _SPECIAL in plain or _REPEATED_GROUP.search(plain):
        return False
    repeats = len(_REPEAT.findall(plain))
    ways: int = (len(text) + 1) ** (repeats + 1) * 2 ** plain.count("|")
    return ways <= _WAYS


def slow_rename(source: Source, path: str) -> Rename | None:
    """The first rule that may take for ever to give a path its name in a run; None where all are quick."""
    name = posixpath.basename(path)
    return next((rule for rule in source.rename if not is_quick(rule.pattern, name)), None)


def _with_groups_of(compiled: re.Pattern[str]) -> re.Pattern[str]:
    """A pattern with the same groups that matches nothing but an empty text, and that at once."""
    names = {number: name for name, number in compiled.groupindex.items()}
    groups = (f"(?P<{names[number]}>)" if number in names else "()" for number in range(1, compiled.groups + 1))
    return re.compile("".join(groups))
