"""The entry of a ``dvc.yaml`` cut down to one stage, so that name, lock and meaning stay what they are."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from copy import deepcopy
from typing import Any

from dvc.parsing import DO_KWD, FOREACH_KWD, DataResolver, EntryDefinition, is_map_or_seq, split_group_name
from dvc.parsing.context import Node

from dvc_magic.pipeline.values import plain


def _bare(value: Any) -> Any:
    """`value` without the nodes that DVC's templates are filled from."""
    if isinstance(value, Node):
        return _bare(value.value)
    if isinstance(value, Mapping):
        return {key: _bare(item) for key, item in value.items()}
    return [_bare(item) for item in value] if isinstance(value, list | tuple) else value


def literal(value: Any) -> Any:
    """`value` with ``${`` escaped: it was resolved already, and DVC is going to resolve it again."""
    if isinstance(value, str):
        return value.replace("${", "\\${")
    if isinstance(value, Mapping):
        return {literal(key): literal(item) for key, item in value.items()}
    return [literal(item) for item in value] if isinstance(value, list) else value


def _iteration(definition: Any, key: str) -> Any:
    """The ``foreach`` of one item that DVC names `key`.

    A simple list stays a list, since only a map brings ``${key}``; of anything else the key is the name.
    """
    iterable = definition.resolved_iterable
    item = literal(plain(_bare(definition.normalized_iterable[key])))
    if isinstance(iterable, Sequence) and not any(map(is_map_or_seq, iterable)):
        return [item]
    return {literal(key): item}


def _shadows_key(resolver: DataResolver, definition: Any) -> bool:
    """Whether the one-entry map would hide a variable ``key`` that the list of maps leaves visible."""
    iterable = definition.resolved_iterable
    return isinstance(iterable, Sequence) and any(map(is_map_or_seq, iterable)) and "key" in resolver.context


def trimmed(resolver: DataResolver, name: str, resolved: Mapping[str, Any]) -> tuple[str, dict[str, Any]]:
    """The entry's name and content for a ``dvc.yaml`` that holds the stage `name` alone.

    Args:
        resolver: DVC's, of the file that defines the stage.
        name: of the stage.
        resolved: the stage's data after templating.
    """
    group, key = split_group_name(name)
    definition = resolver.definitions[group]
    if isinstance(definition, EntryDefinition):
        return group, deepcopy(definition.definition)
    if _shadows_key(resolver, definition):
        return group, {FOREACH_KWD: {literal(key): None}, DO_KWD: literal(plain(resolved))}
    return group, {FOREACH_KWD: _iteration(definition, str(key)), DO_KWD: deepcopy(definition.template)}
