"""Values of params and metrics, as DVC reads them from a file: exact, JSON-like, without tuples.

A *flat* mapping has one entry per leaf, its key the dotted path: ``{"train.lr": 0.1}``. A list is a leaf, and so
is an empty map.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Any, TypeAlias

if TYPE_CHECKING:
    Value: TypeAlias = "bool | int | float | str | list[Value] | dict[str, Value] | None"
else:  # msgspec, which reads these annotations at run time, has no recursive aliases
    Value = Any

FlatValues: TypeAlias = dict[str, Value]


def flatten(tree: Mapping[str, Any], prefix: str = "") -> Iterator[tuple[str, Any]]:
    """The leaves of `tree` with their dotted keys, in the order of the tree."""
    for key, value in tree.items():
        path = f"{prefix}{key}"
        if isinstance(value, Mapping) and value:
            yield from flatten(value, f"{path}.")
        else:
            yield path, value


def spelled_keys(tree: Mapping[str, Any], prefix: str = "") -> Iterator[str]:
    """The dotted keys of `flatten`, in its order, each part that has a dot itself in quotes: ``'a.b'``, ``a.b``."""
    for key, value in tree.items():
        path = f"{prefix}'{key}'" if "." in str(key) else f"{prefix}{key}"
        if isinstance(value, Mapping) and value:
            yield from spelled_keys(value, f"{path}.")
        else:
            yield path


def type_name(value: Any) -> str:
    """The name of a value's type as a data scientist says it: ``int``, ``float``, ``text``, ``list``, ``null``..."""
    if value is None:
        return "null"
    names = {bool: "bool", int: "int", float: "float", str: "text", list: "list", dict: "map"}
    return names.get(type(value), type(value).__name__)


def same(one: Any, other: Any) -> bool:
    """Whether two values are equal *and* of the same types throughout.

    DVC locks ``1``, ``1.0`` and ``true`` differently, where Python calls them equal; NaN equals itself here.
    """
    if type(one) is not type(other):
        return False
    if isinstance(one, dict):
        return one.keys() == other.keys() and all(same(one[key], other[key]) for key in one)
    if isinstance(one, list):
        return len(one) == len(other) and all(map(same, one, other))
    return bool(one == other) or (one != one and other != other)


def ends_with_key(key: str, end: str) -> bool:
    """Whether the dotted `key` is `end` or ends in it at a dot: ``train.lr`` ends with ``lr``, not with ``r``."""
    return key == end or key.endswith(f".{end}")


def keys_overlap(one: str, other: str) -> bool:
    """Whether two dotted keys are equal, or one is inside of the other."""
    return one == other or one.startswith(f"{other}.") or other.startswith(f"{one}.")
