"""What the templates of a ``dvc.yaml`` are filled from, and whether other values would fill them otherwise."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from dvc.parsing import DataResolver
from dvc.parsing.context import Container, Context, ContextError, CtxDict, Node, Value
from msgspec import Struct, field

_OF_AN_ITEM = ("item", "key")  # what DVC adds for an item of a group, from values that were selected before


class TrackingContext(Context):  # type: ignore[misc]
    """DVC's template context, which also notes the leaves of a whole map that is put into a command.

    Attributes:
        selected: every key that a template asked for -> what it got; of a copy for a stage's own ``vars`` too.
    """

    selected: dict[str, Any]

    @classmethod
    def of(cls, resolver: DataResolver) -> TrackingContext:
        """The context of a resolver, turned into one of these."""
        context = resolver.context
        context.__class__ = cls
        context.selected = {}
        return context  # type: ignore[no-any-return]

    def select(self, key: str, unwrap: bool = False) -> Any:
        """DVC's own, noted in `selected`."""
        node = super().select(key, unwrap=False)
        if _root(key) not in _OF_AN_ITEM:
            self.selected[key] = _traced(node)
        return node.value if unwrap else node

    def _track_data(self, node: Any) -> None:
        if isinstance(node, CtxDict) and self._track:
            for child in node.values():
                self._track_data(child)
        elif isinstance(node, Node):
            super()._track_data(node)

    def __deepcopy__(self, memo: Any) -> TrackingContext:
        clone = super().__deepcopy__(memo)
        clone.__class__ = TrackingContext
        clone.selected = self.selected
        return clone  # type: ignore[no-any-return]


def _root(key: str) -> str:
    return key.replace("[", ".").partition(".")[0].strip()


def _traced(node: Any) -> Any:
    """A value with its type, and the file and key that each leaf comes from."""
    if isinstance(node, CtxDict):
        return {key: _traced(child) for key, child in node.items()}
    if isinstance(node, Container):
        return [_traced(child) for child in node]
    if isinstance(node, Value):
        return type(node.value), node.value, node.meta.source, node.meta.path()
    return type(node), node


class Template(Struct, frozen=True, kw_only=True):
    """How the templates of one ``dvc.yaml`` came out.

    Attributes:
        names: of the variables there were.
        selected: what its templates asked for -> what they got, see `TrackingContext`.
        roots: the first parts of what they asked for.
        used: stage -> param file -> keys, as DVC tracks them.
    """

    names: frozenset[str]
    selected: Mapping[str, Any]
    roots: frozenset[str]
    used: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)

    @classmethod
    def of(cls, resolver: DataResolver) -> Template | None:
        """That of a resolver whose stages are all resolved; None when nothing can be said of other values.

        Stages with ``vars`` of their own load files while they are resolved, and a variable ``item`` or ``key`` is
        hidden inside of groups only.
        """
        own = any("vars" in definition.get("do", definition) for definition in _definitions(resolver))
        if own or any(name in resolver.context for name in _OF_AN_ITEM):
            return None
        context = resolver.context
        return cls(
            names=frozenset(context),
            selected=dict(context.selected),
            roots=frozenset(map(_root, context.selected)),
            used=dict(resolver.tracked_vars),
        )

    def fits(self, resolver: DataResolver) -> bool:
        """Whether another resolver of the same ``dvc.yaml`` resolves everything as this one came out."""
        context = resolver.context
        if frozenset(context) != self.names:
            return False
        try:
            return all(_traced(Context.select(context, key)) == traced for key, traced in self.selected.items())
        except ContextError:
            return False


def _definitions(resolver: DataResolver) -> list[Mapping[str, Any]]:
    found = []
    for definition in resolver.definitions.values():
        content = getattr(definition, "definition", None)
        found.append(definition.template if content is None else content)
    return [content for content in found if isinstance(content, Mapping)]
