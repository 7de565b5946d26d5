"""Refuse a text that means or nests more than a computer holds, before a parser sees it.

An alias (``*NAME``) of YAML stands for a whole value, and values of aliases of aliases grow without bound: a text of
ten lines can mean more values than fit into memory. Nothing else of YAML grows. Depth costs every reader more than
length does: ruamel.yaml takes 4 s for 2,000 opening brackets and then ends in a `RecursionError`.
"""

from __future__ import annotations

import contextlib
import re
from collections.abc import Iterable
from typing import Any

LONGEST = 4 * 2**20
"""Characters of a text in YAML, TOML or Python. DVC's own reader takes a minute for 4 MB of YAML."""

LONGEST_JSON = 64 * 2**20
"""Characters of a text in JSON, whose readers are a hundred times faster."""

DEEPEST = 100
"""Values in values in values."""

_TOO_DEEP = f"it has values nested more than {DEEPEST} deep; make it flatter"
_MOST = 100_000  # values that aliases may add: some hundred times what files for people have
_WEIGHT = 64  # so many characters of a text count as one value

_ANCHOR = re.compile(r"&([^\s,\[\]{}]+)")
_ALIAS = re.compile(r"\*([^\s,\[\]{}]+)")
_PLAIN_NAME = re.compile(r"[A-Za-z0-9_-]+:?")
# Each level in block style takes a column. In flow style each bracket may be a level, but of those that are closed
# before another one opens, without quotes between, only one counts: it is the innermost.
_INDENTED = re.compile(rf"^[ ?:-]{{{DEEPEST // 2}}}", re.MULTILINE)
_OPENING = re.compile(r"[\[{](?![^\[\]{}\"'#]*[\]}])")


class UnreadableError(ValueError):
    """A text that is not read, with the reason: ``its aliases (*NAME) repeat ...``."""


def check_document(text: str, suffix: str) -> None:
    """Refuse a text of the format that DVC takes a file with this suffix for, if it is too long or cannot be held.

    Raises:
        UnreadableError: it is.
    """
    longest = LONGEST_JSON if suffix.lower() == ".json" else LONGEST
    if len(text) > longest:
        raise UnreadableError(f"it has {len(text):,} characters, more than the {longest:,} that are read")
    if suffix.lower() not in (".json", ".toml", ".py"):
        check_yaml(text)


def check_yaml(text: str) -> None:
    """Refuse a YAML text whose aliases stand for too much, or that is nested too deep.

    A text without aliases and without much depth, which is every ordinary one, is only searched: 0.9 ms for 172 stages.

    Raises:
        UnreadableError: it is such a text.
    """
    aliased = {name.rstrip(":") for name in _ANCHOR.findall(text)} & {name.rstrip(":") for name in _ALIAS.findall(text)}
    if not aliased and not _INDENTED.search(text) and len(_OPENING.findall(text)) < DEEPEST // 2:
        return
    import yaml  # noqa: PLC0415 - 10 ms that loading the extension need not take

    if all(map(_PLAIN_NAME.fullmatch, aliased)):
        try:
            _weigh(yaml.parse(text, Loader=getattr(yaml, "CSafeLoader", yaml.SafeLoader)))
        except (yaml.YAMLError, UnicodeError) as error:
            if "nesting depth" in str(error):  # libyaml looks a thousand brackets ahead, and has that bound
                raise UnreadableError(_TOO_DEEP) from error
        else:
            return
    # YAML 1.2, which DVC reads, has names and texts that PyYAML refuses; this takes 25 times as long.
    from ruamel.yaml import YAML  # noqa: PLC0415 - 20 ms, for the few texts that need it
    from ruamel.yaml.error import YAMLError  # noqa: PLC0415

    with contextlib.suppress(YAMLError, UnicodeError):  # DVC's reader says what is wrong
        _weigh(YAML(typ="safe", pure=True).parse(text))


def _weigh(events: Iterable[Any]) -> None:
    """Add up how many values the aliases stand for, and how deep the values are.

    Raises:
        UnreadableError: too many, too deep, or a value is to contain itself.
    """
    weights: dict[str | None, int | None] = {}  # of what each anchor names; None while that is still open
    open_values: list[tuple[str | None, int]] = []
    added = 0
    for event in events:
        match type(event).__name__:
            case "MappingStartEvent" | "SequenceStartEvent":
                weights[event.anchor] = None
                open_values.append((event.anchor, 1))
                if len(open_values) > DEEPEST:
                    raise UnreadableError(_TOO_DEEP)
                continue
            case "MappingEndEvent" | "SequenceEndEvent":
                anchor, weight = open_values.pop()
            case "ScalarEvent":
                anchor, weight = event.anchor, 1 + len(event.value) // _WEIGHT
            case "AliasEvent":
                anchor, weight = None, _repeated(weights.get(event.anchor, 0))
                added += weight
            case _:
                continue
        if added > _MOST:
            raise UnreadableError(f"its aliases (*NAME) repeat more than {_MOST:,} values; write out what is meant")
        weights[anchor] = weight
        if open_values:
            open_values[-1] = (open_values[-1][0], open_values[-1][1] + weight)


def _repeated(weight: int | None) -> int:
    if weight is None:
        raise UnreadableError("an alias (*NAME) stands inside the value that it names, which then never ends")
    return weight
