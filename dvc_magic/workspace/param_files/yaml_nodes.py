"""Where the values of a YAML text lie, with anchors and aliases kept apart (a composer of PyYAML joins them)."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

import yaml
from msgspec import Struct, field

from dvc_magic.workspace.param_files.changes import RefusedError, escaped

_Loader: Any = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
_PROPERTY = re.compile(r"(?:!<[^>]*>|[&!][^\s,\[\]{}]*)")
_GAP = re.compile(r"(?:\s+#[^\r\n]*|\s+)+")
_MERGE_TAG = "tag:yaml.org,2002:merge"


class Node(Struct, eq=False):
    """A scalar, map, list or alias.

    Attributes:
        kind: ``scalar``, ``map``, ``list`` or ``alias``.
        start: where it starts, its anchor and tag included.
        body: where its content starts, after anchor and tag.
        end: where it ends; for a block scalar after its last line, for a block collection after its last value.
        text: a scalar's value.
        style: a scalar's sign: ``'``, ``"``, ``|``, ``>``, or `None` for plain.
        flow: whether a collection is in brackets or a part of such a one.
        items: values of a map or list.
        keys: keys of a map.
        target: what an alias stands for.
        aliases: the aliases that stand for this node.
    """

    kind: str
    start: int
    body: int
    end: int
    anchor: str | None = None
    tag: str | None = None
    text: str = ""
    style: str | None = None
    flow: bool = False
    items: list[Node] = field(default_factory=list)
    keys: list[Node] = field(default_factory=list)
    target: Node | None = None
    aliases: list[Node] = field(default_factory=list)

    @property
    def is_block_scalar(self) -> bool:
        """Whether it is written on lines of its own, after ``|`` or ``>``."""
        return self.style in ("|", ">")

    @property
    def is_empty(self) -> bool:
        """Whether nothing is written where a value could be."""
        return self.kind == "scalar" and self.body == self.end

    @property
    def is_merge(self) -> bool:
        """Whether this key is ``<<``, the merge key."""
        return self.tag == _MERGE_TAG or (self.text == "<<" and self.style is None and self.tag is None)

    def resolved(self) -> Node:
        """This node, or what it stands for."""
        return self.target if self.target is not None else self


class _Composer:
    """Builds nodes from the events of one text."""

    def __init__(self, text: str) -> None:
        self.text = text
        self.anchors: dict[str, Node] = {}
        self.events = iter(yaml.parse(text, Loader=_Loader))

    def document(self) -> Node | None:
        for event in self.events:
            if not isinstance(event, yaml.StreamStartEvent | yaml.DocumentStartEvent):
                return None if isinstance(event, yaml.StreamEndEvent) else self.node(event)
        return None

    def node(self, event: Any) -> Node:
        start, end = event.start_mark.index, event.end_mark.index
        if isinstance(event, yaml.AliasEvent):
            return self.alias(str(event.anchor), start, end)
        node = Node("scalar", start, start, end, event.anchor, event.tag)
        if event.anchor is not None:
            self.anchors[event.anchor] = node
        if isinstance(event, yaml.ScalarEvent):
            node.text, node.style = event.value, event.style or None
            node.body = self.body(node)
        else:
            self.fill(node, event)
        return node

    def alias(self, anchor: str, start: int, end: int) -> Node:
        node = Node("alias", start, start, end)
        if anchor not in self.anchors:
            raise RefusedError(f"the alias *{anchor} has no anchor")
        node.target = self.anchors[anchor]
        node.target.aliases.append(node)
        return node

    def fill(self, node: Node, opening: Any) -> None:
        """Read what a collection holds, up to its end."""
        node.kind = "map" if isinstance(opening, yaml.MappingStartEvent) else "list"
        node.flow = bool(opening.flow_style)
        event: Any = next(self.events)
        while type(event) not in (yaml.MappingEndEvent, yaml.SequenceEndEvent):
            child = self.node(event)
            (node.keys if node.kind == "map" and len(node.keys) == len(node.items) else node.items).append(child)
            event = next(self.events)
        node.end = event.end_mark.index if node.flow or not node.items else node.items[-1].end
        node.body = self.body(node)

    def body(self, node: Node) -> int:
        """Where a node's content starts."""
        position = node.start
        while node.anchor is not None or node.tag is not None:
            match = _PROPERTY.match(self.text, position, node.end)
            if match is None:
                break
            gap = _GAP.match(self.text, match.end(), node.end)
            position = gap.end() if gap else match.end()
        return position


def compose(text: str) -> Node | None:
    """The top node of a YAML text, `None` for one without content.

    Raises:
        RefusedError: PyYAML cannot parse the text.
    """
    try:
        return _Composer(text).document()
    except yaml.YAMLError as error:
        raise RefusedError(f"PyYAML cannot parse the file ({error})") from error


def walk(node: Node) -> Iterator[Node]:
    """The node and all that is written in it, outermost first; what aliases stand for is left out."""
    yield node
    for child in (*node.keys, *node.items):
        yield from walk(child)


def matches(node: Node, key: Any) -> bool:
    """Whether the scalar `node` is the map key `key`, which may be a number or the like."""
    if node.kind != "scalar":
        return False
    return node.text == key if isinstance(key, str) else node.text.lower() == str(key).lower()


def own_index(node: Node, key: Any) -> int | None:
    """Which entry of a map or list is `key`, the last one of equal keys; `None` for a key that it only inherits."""
    if node.kind == "list":
        return int(key)
    found = [index for index, child in enumerate(node.keys) if matches(child.resolved(), key) and not child.is_merge]
    return found[-1] if found else None


def inherited(node: Node, key: Any) -> Node | None:
    """What a map has under `key` through its merge key, by the order of YAML's merge rule."""
    for base in _bases(node):
        index = own_index(base, key)
        found = base.items[index].resolved() if index is not None else inherited(base, key)
        if found is not None:
            return found
    return None


def inherited_key(node: Node, key: Any) -> Node | None:
    """The node of `key` where a map has it through its merge key."""
    for base in _bases(node):
        index = own_index(base, key)
        found = base.keys[index] if index is not None else inherited_key(base, key)
        if found is not None:
            return found
    return None


def _bases(node: Node) -> Iterator[Node]:
    for key, value in zip(node.keys, node.items, strict=True):
        if key.is_merge:
            base = value.resolved()
            yield from (item.resolved() for item in base.items) if base.kind == "list" else (base,)


def flow_text(text: str, node: Node) -> str:
    """The node again, on one line in flow style, without anchors and aliases, each scalar resolved as it was.

    Raises:
        RefusedError: the node contains itself.
    """
    try:
        return _flow_text(text, node)
    except RecursionError as error:
        raise RefusedError("an anchor there contains an alias of itself") from error


def _flow_text(text: str, node: Node) -> str:
    node = node.resolved()
    tag = next((word for word in _PROPERTY.findall(text[node.start : node.body]) if word.startswith("!")), "")
    if node.kind == "scalar":
        content = _scalar_again(node)
    elif node.kind == "list":
        content = "[" + ", ".join(_flow_text(text, item) for item in node.items) + "]"
    else:
        pairs = zip(node.keys, node.items, strict=True)
        content = "{" + ", ".join(f"{_flow_text(text, key)}: {_flow_text(text, item)}" for key, item in pairs) + "}"
    return f"{tag} {content}" if tag else content


def _scalar_again(node: Node) -> str:
    if node.style is not None:
        return escaped(node.text)
    if not node.text:
        return "null" if node.tag is None else '""'
    # Plain text with one of these is text to every reader, but may not stand plain between brackets.
    unsafe = any(char in node.text for char in ",[]{}#\n") or ": " in node.text or node.text.endswith(":")
    return escaped(node.text) if unsafe else node.text
