"""Values as they are written on a line: what `dvc_magic.line.values.parse_values` reads back, value and type."""

from __future__ import annotations

import json
import re
from collections.abc import Collection, Iterable, Mapping
from typing import Any

from dvc_magic.line.tokens import quote
from dvc_magic.model.request import Change, ChangeKind
from dvc_magic.model.values import Value

WORD = re.compile(r"(?!(?:true|false|null|none|inf|nan)\Z)[A-Za-z_][A-Za-z0-9_-]*", re.ASCII | re.IGNORECASE)
"""A text that needs no quotes: Hydra's ``ID``, less its reserved words and ``None``, which is easily misread."""

_KEY = re.compile(r"[A-Za-z0-9_./\-+$%*@?|]+", re.ASCII)
_PREFIX = {ChangeKind.SET: "", ChangeKind.ADD: "+", ChangeKind.FORCE: "++", ChangeKind.REMOVE: "~"}


def format_value(value: Value) -> str:
    """A value in Hydra's override grammar; a map with keys beyond that grammar as ``json('..')``.

    Raises:
        TypeError: not a value that a param can have.
    """
    if isinstance(value, dict):
        return _format_map(value)
    if isinstance(value, list):
        return f"[{','.join(map(format_value, value))}]"
    if isinstance(value, str):
        return value if WORD.fullmatch(value) else quote(value)
    return _format_scalar(value)


def _format_scalar(value: Any) -> str:
    if value is None:
        return "null"
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, int | float):
        return repr(value)
    raise TypeError(f"a param cannot be a {type(value).__name__}")


def _format_map(value: Mapping[str, Value]) -> str:
    if all(_KEY.fullmatch(key) for key in value):
        return f"{{{','.join(f'{key}:{format_value(item)}' for key, item in value.items())}}}"
    return f"json({quote(json.dumps(value, ensure_ascii=False))})"


def in_words(value: object) -> bool:
    """Whether Hydra's own grammar has words for a value, without a function of ours such as ``json('..')``."""
    if isinstance(value, dict):
        return all(_KEY.fullmatch(key) for key in value) and all(map(in_words, value.values()))
    return all(map(in_words, value)) if isinstance(value, list) else True


def format_values(values: Iterable[object]) -> str:
    """Several values as a grid."""
    return ",".join(format_value(value) for value in values)  # type: ignore[arg-type]


def format_flag(change: Change, *, reserved: Collection[str] = ()) -> str:
    """A change as it is written on a line: a flag, or ``-S`` where it adds or removes a key.

    Args:
        change: what to write.
        reserved: keys that a flag alone does not tell from others: the names of the magic's options, keys that several
            files have. They are written with their file.
    """
    values = format_values(change.values)
    if change.kind is ChangeKind.SET:
        return f"--{as_word(change.key if change.key not in reserved else f'{change.file}:{change.key}')} {values}"
    file = "" if change.file == "params.yaml" else f"{change.file}:"
    added = "" if change.kind is ChangeKind.REMOVE else f"={values}"
    return f"-S {as_word(f'{file}{_PREFIX[change.kind]}{change.key}')}{added}"


def as_word(name: str) -> str:
    """`name` as one word of a line, in quotes where it needs them."""
    return name if re.fullmatch(r"[^\s'\"(){}\[\]#;]+", name) else quote(name)


def format_line(
    stage: str | Iterable[str],
    changes: Iterable[Change],
    *,
    command: str = "%dvc_run",
    reserved: Collection[str] = (),
) -> str:
    """The line that asks for `changes` of a stage, or of several."""
    words = map(as_word, [stage] if isinstance(stage, str) else stage)
    return " ".join([command, *words, *(format_flag(change, reserved=reserved) for change in changes)])
