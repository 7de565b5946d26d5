"""Dotted keys in trees of values, and what a change makes of a tree."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from dvc_magic.workspace.param_files.changes import KeyPath, RefusedError

_MISSING = object()


def own_copy(value: Any) -> Any:
    """A copy in which no part is shared: aliases of YAML give the same object in several places."""
    if isinstance(value, dict):
        return {key: own_copy(item) for key, item in value.items()}
    if isinstance(value, list):
        return [own_copy(item) for item in value]
    return value


def plain(value: Any) -> Any:
    """A value in the exact types that files have: no tuples, no subclasses of numbers or text.

    Raises:
        RefusedError: a part of it is of another type.
    """
    if value is None or isinstance(value, bool):
        return value
    if isinstance(value, str):
        return _writable(str(value))
    for kind in (int, float):
        if isinstance(value, kind):
            return kind(value)
    if isinstance(value, Mapping):
        return {_writable(str(key)): plain(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [plain(item) for item in value]
    raise RefusedError(f"a value of type {type(value).__name__} cannot be written to a param file")


def _writable(text: str) -> str:
    if any("\ud800" <= char <= "\udfff" for char in text):
        raise RefusedError("the text has a lone surrogate, which no UTF-8 file can hold")
    return text


def real_key(tree: Mapping[Any, Any], name: Any) -> Any:
    """The key of the map that `name` spells, also when the key is a number or the like; `None` if there is none."""
    if name in tree:
        return name
    spelled = str(name).lower()
    others = (key for key in tree if not (isinstance(key, str) and isinstance(name, str)))
    return next((key for key in others if str(key).lower() == spelled), None)


def steps(tree: Any, parts: Sequence[str]) -> Iterator[tuple[Any, Any, int]]:
    """Ways to go one level down: the key, what is there, how many dotted parts it takes (fewest first)."""
    if isinstance(tree, dict):
        for count in range(1, len(parts) + 1):
            key = real_key(tree, ".".join(parts[:count]))
            if key is not None:
                yield key, tree[key], count
    elif isinstance(tree, list) and parts[0].isdecimal() and int(parts[0]) < len(tree):
        yield int(parts[0]), tree[int(parts[0])], 1


def find(tree: Any, parts: Sequence[str]) -> KeyPath | None:
    """The path that the dotted `parts` name, `None` if nothing is there."""
    if not parts:
        return ()
    for key, child, count in steps(tree, parts):
        rest = find(child, parts[count:])
        if rest is not None:
            return (key, *rest)
    return None


def nearest(tree: Any, parts: Sequence[str]) -> tuple[KeyPath, Sequence[str]]:
    """The deepest path that exists on the way along `parts`, and the parts that are missing then."""
    best: tuple[KeyPath, Sequence[str]] = ((), parts)
    for key, child, count in steps(tree, parts):
        path, missing = nearest(child, parts[count:]) if parts[count:] else ((), ())
        if len(missing) < len(best[1]):
            best = ((key, *path), missing)
    return best


def value_at(tree: Any, path: KeyPath) -> Any:
    """What is at `path`; map keys may be spelled differently.

    Raises:
        RefusedError: there is nothing.
    """
    for part in path:
        key = real_key(tree, part) if isinstance(tree, dict) else part
        if not isinstance(tree, dict | list) or (isinstance(tree, dict) and key is None):
            raise RefusedError(f"another reader of the file sees no {part!r} there")
        tree = tree[key]
    return tree


def put_at(tree: Any, path: KeyPath, value: Any) -> None:
    """Put a copy of `value` at `path`, replacing or adding."""
    parent = value_at(tree, path[:-1])
    if isinstance(parent, dict):
        known = real_key(parent, path[-1])
        parent[path[-1] if known is None else known] = own_copy(value)
    else:
        parent[path[-1]] = own_copy(value)


def remove_at(tree: Any, path: KeyPath) -> None:
    """Take the map entry at `path` out."""
    parent = value_at(tree, path[:-1])
    del parent[real_key(parent, path[-1])]


def leaf_keys(tree: Any, prefix: str = "") -> list[str]:
    """Dotted keys of everything in the tree, for hints."""
    if not isinstance(tree, dict):
        return []
    keys = []
    for key, value in tree.items():
        keys += [f"{prefix}{key}", *leaf_keys(value, f"{prefix}{key}.")]
    return keys


def differing_key(one: Any, other: Any, prefix: str = "") -> str:
    """The dotted key of the first place where two trees differ, as a hint; both are known to differ."""
    if isinstance(one, dict) and isinstance(other, dict):
        for key in [*one, *(key for key in other if key not in one)]:
            mine, yours = one.get(key, _MISSING), other.get(key, _MISSING)
            if type(mine) is not type(yours) or mine != yours:
                return differing_key(mine, yours, f"{prefix}{key}.")
    return prefix.rstrip(".")
