"""Param files as DVC reads them, turned into plain values."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from contextlib import suppress
from typing import Any

import dpath
from dvc.utils.serialize import load_path

from dvc_magic.model.values import Value, flatten, same
from dvc_magic.untrusted import DEEPEST, UnreadableError

_FLAGS = ("True", "False")


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


def _value(config: Any, key: str) -> Any:
    """DVC's rule, which is dpath's: it knows wildcards, and finds keys that are numbers by their text.

    Raises:
        KeyError, ValueError: the file has no such key, or several.
    """
    if any(mark in key for mark in "*?["):
        return dpath.get(config, key, separator=".")
    # dpath compares a key with all that the file has, which takes a group of 1,500 items half a minute: look it up.
    places = [config]
    for part in key.lstrip(".").split("."):
        places = [value for place in places for value in _at(place, part)]
    if len(places) != 1:
        raise KeyError(key)
    return places[0]


def _at(place: Any, part: str) -> list[Any]:
    """What dpath has at one part of a key."""
    numbers: list[int] = []
    with suppress(ValueError):
        numbers.append(int(part))
    if isinstance(place, Mapping):
        flags = [name for name in place if isinstance(name, bool) and str(name) == part] if part in _FLAGS else []
        return [place[name] for name in (part, *numbers, *flags) if name in place]
    if isinstance(place, list | tuple):
        return [place[number] for number in numbers if -len(place) <= number < len(place)]
    return []


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


def changed_keys(before: Any, after: Any) -> frozenset[str] | None:
    """The top-level keys below which single values differ; None when anything else does."""
    if not (isinstance(before, dict) and isinstance(after, dict) and _alike(before, after)):
        return None
    return frozenset(str(key) for key in after if not same(before[key], after[key]))


def _alike(one: Any, other: Any) -> bool:
    """Whether two values have the same maps and lists, with a single value wherever the other has one."""
    if isinstance(one, dict) and isinstance(other, dict):
        return list(one) == list(other) and all(_alike(one[key], other[key]) for key in one)
    if isinstance(one, list) and isinstance(other, list):
        return len(one) == len(other) and all(map(_alike, one, other))
    return not isinstance(one, dict | list) and not isinstance(other, dict | list)


def read(fs: Any, path: str) -> Any:
    """The content of a param file, by its suffix, as DVC loads it; None when there is no such file."""
    return load_path(path, fs) if fs.isfile(path) else None
