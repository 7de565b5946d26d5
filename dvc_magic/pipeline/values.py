"""Param files as DVC reads them, turned into plain values."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import dpath
from dvc.utils.serialize import load_path

from dvc_magic.model.values import Value, flatten
from dvc_magic.untrusted import DEEPEST, UnreadableError


def plain(value: Any, depth: int = 0) -> Value:
    """`value` without the types of parsers: tuples and sets as lists, dates as ISO text, keys as text.

    Raises:
        UnreadableError: it is nested so deep that messages between processes could not hold it.
    """
    if depth > DEEPEST:
        raise UnreadableError(f"it has values nested more than {DEEPEST} deep; make it flatter")
    if value is None or isinstance(value, bool):
        return value
    for kind in (int, float, str):
        if isinstance(value, kind):
            return kind(value)
    if isinstance(value, Mapping):
        return {str(key): plain(item, depth + 1) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [plain(item, depth + 1) for item in value]
    if isinstance(value, set | frozenset):
        return [plain(item, depth + 1) for item in sorted(value, key=repr)]
    return value.isoformat() if hasattr(value, "isoformat") else str(value)


def _straight(config: Any, key: str) -> Any:
    """The value at a dotted key whose parts name map keys and list positions.

    Raises:
        LookupError, TypeError, ValueError: there is none.
    """
    for part in key.split("."):
        config = config[int(part)] if isinstance(config, list | tuple) else config[part]
    return config


def _value(config: Any, key: str) -> Any:
    """DVC's rule, which is dpath's: it walks the whole file, knows wildcards, and finds keys that are numbers.

    Raises:
        KeyError, ValueError: the file has no such key, or several.
    """
    try:
        return _straight(config, key)
    except (LookupError, TypeError, ValueError):
        return dpath.get(config, key, separator=".")


def tracked(config: Any, keys: Sequence[str]) -> dict[str, Any]:
    """The values that ``dvc.lock`` keeps of a param file: those of `keys` that exist, or all top-level ones.

    Of a file that holds no map DVC takes single keys only.
    """
    if not keys:
        return dict(config) if isinstance(config, Mapping) else {}
    found = {}
    for key in keys:
        try:
            found[key] = _value(config, key)
        except (KeyError, ValueError):
            continue
    return found


def leaves(values: Mapping[str, Any]) -> dict[str, Value]:
    """Each leaf below `values` by its dotted key."""
    return dict(flatten(plain(values)))  # type: ignore[arg-type]


def read(fs: Any, path: str) -> Any:
    """The content of a param file, by its suffix, as DVC loads it; None when there is no such file."""
    return load_path(path, fs) if fs.isfile(path) else None
