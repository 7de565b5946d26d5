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


class Trimmer:
    """Cuts one ``dvc.yaml`` down, for each of its stages.

    Args:
        resolver: DVC's, of that file.
    """

    def __init__(self, resolver: DataResolver) -> None:
        self._resolver = resolver
        self._lists: dict[str, str] = {}  # once for each group: DVC asks every item of a list for it

    def _list_of(self, group: str) -> str:
        """What list a group goes over: ``"simple"``, ``"nested"`` (with maps or lists in it), or none."""
        if group not in self._lists:
            iterable = self._resolver.definitions[group].resolved_iterable
            nested = isinstance(iterable, Sequence) and any(map(is_map_or_seq, iterable))
            self._lists[group] = "nested" if nested else "simple" if isinstance(iterable, Sequence) else ""
        return self._lists[group]

    def trimmed(self, name: str, resolved: Mapping[str, Any]) -> tuple[str, dict[str, Any]]:
        """The entry's name and content for a ``dvc.yaml`` that holds the stage `name` alone.

        Args:
            name: of the stage.
            resolved: the stage's data after templating.
        """
        group, key = split_group_name(name)
        definition = self._resolver.definitions[group]
        if isinstance(definition, EntryDefinition):
            return group, deepcopy(definition.definition)
        if self._list_of(group) == "nested" and "key" in self._resolver.context:
            # A map of one entry would hide the variable `key`, which a list of maps leaves visible.
            return group, {FOREACH_KWD: {literal(key): None}, DO_KWD: literal(plain(resolved))}
        item = literal(plain(_bare(definition.normalized_iterable[key])))
        # Only a map brings ${key}, so a simple list stays one; of anything else the key is the name.
        one = [item] if self._list_of(group) == "simple" else {literal(key): item}
        return group, {FOREACH_KWD: one, DO_KWD: deepcopy(definition.template)}
