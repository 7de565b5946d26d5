"""YAML param files, which is what DVC takes every unknown suffix for."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any, TypeAlias

import yaml
from msgspec import Struct
from ruamel.yaml import YAML

from dvc_magic.model.values import Value
from dvc_magic.workspace.param_files.changes import (
    Edit,
    KeyPath,
    RefusedError,
    append_line,
    apply_edits,
    drop_entry,
    insert_line,
    line_break,
    line_end,
    line_start,
    next_line,
    stands_alone,
)
from dvc_magic.workspace.param_files.yaml_nodes import (
    Node,
    compose,
    flow_text,
    inherited,
    inherited_key,
    own_index,
    walk,
)
from dvc_magic.workspace.param_files.yaml_text import string_text, value_text

_BOM = "\ufeff"
_SafeLoader: Any = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
_COMMENT_LINE = re.compile(r"( *)#")
_BLOCK_HEADER = re.compile(r"[|>][-+0-9]*")
_MOST_STEPS = 1000  # each takes one alias or anchor out of the way: a bound against bugs, not a limit met in practice


_Editor: TypeAlias = Callable[[str, Node | None], list[Edit]]


class _ProgramLoader(_SafeLoader):  # type: ignore[misc]
    """PyYAML's safe loader with map keys as they are written: YAML 1.1 makes True of a key ``on``."""

    def construct_mapping(self, node: Any, deep: bool = False) -> dict[Any, Any]:  # noqa: FBT001, FBT002 -- PyYAML's
        if not isinstance(node, yaml.MappingNode):
            return super().construct_mapping(node, deep)  # type: ignore[no-any-return]
        self.flatten_mapping(node)
        return {self._key(key): self.construct_object(value, deep=deep) for key, value in node.value}

    def _key(self, node: Any) -> Any:
        return node.value if isinstance(node, yaml.ScalarNode) else self.construct_object(node, deep=True)


def _universal(text: str) -> str:
    """The text as a file opened in text mode gives it, which is how DVC and most programs read it."""
    return text.replace("\r\n", "\n").replace("\r", "\n")


# Clearing the way: after these edits the place to change is written where it stands, and for itself alone.


def _outside(node: Node, span: tuple[int, int]) -> list[Node]:
    """Aliases of a node that stand outside `span`, in the order of the text."""
    return [alias for alias in node.aliases if not span[0] <= alias.start < span[1]]


def _drop_anchor(text: str, node: Node) -> Edit:
    at = text.index(f"&{node.anchor}", node.start)
    end = at + len(f"&{node.anchor}")
    if at and text[at - 1] in " \t":
        return Edit(at - 1, end)
    return Edit(at, end + (text[end : end + 1] == " "))


def _hand_over(text: str, node: Node, alias: Node) -> list[Edit]:
    """Let the first alias of a node own the anchor, with the content that the node has now."""
    return [_drop_anchor(text, node), Edit(alias.start, alias.end, f"&{node.anchor} {flow_text(text, node)}")]


def _obstacle(text: str, root: Node, path: KeyPath, *, inside: bool) -> list[Edit]:
    """Edits that bring a change at `path` nearer, an empty list when the way is clear.

    Args:
        text: the text that `root` was made of.
        root: its top node.
        path: the place to change.
        inside: the change is in the collection at `path`, which stays; else what is there is replaced as a whole.
    """
    node = root
    for depth, part in enumerate((*path, None)):
        final = depth == len(path)
        if final and not inside:
            return _inner_anchor(text, node)
        if node.target is not None:
            return [Edit(node.start, node.end, flow_text(text, node))]
        if node.aliases:
            return _hand_over(text, node, node.aliases[0])
        if final:
            break
        index = own_index(node, part)
        if index is None:
            source = inherited(node, part)
            if source is None:
                raise RefusedError(f"the key {part!r} could not be found in the text")
            last = depth == len(path) - 1 and not inside
            return [] if last else _addition(text, node, _spelled(text, node, part), flow_text(text, source))
        node = node.items[index]
    return []


def _inner_anchor(text: str, node: Node) -> list[Edit]:
    """Hand over the first anchor in what is to go that is used elsewhere."""
    for part in walk(node):
        users = _outside(part, (node.start, max(node.end, node.start + 1)))
        if users and part is node:
            return _hand_over(text, part, users[0])
        if users:  # the anchor goes with the rest; until then aliases in there need it
            return _hand_over(text, part, users[0])[1:]
    return []


def _cleared(text: str, path: KeyPath, *, inside: bool) -> tuple[str, Node | None]:
    """The text with nothing in the way of a change at `path`, and its top node."""
    for _ in range(_MOST_STEPS):
        root = compose(text)
        edits = _obstacle(text, root, path, inside=inside) if root is not None else []
        if not edits:
            return text, root
        text = apply_edits(text, edits)
    raise RefusedError("too many anchors and aliases are in the way")


# Replacing a value.


def _replacement(text: str, node: Node, key: Node | None, new: str) -> list[Edit]:
    """Put `new` in the place of a node's content; `key` is the node of its key, if it is in a map."""
    if node.is_empty and node.tag is None:
        return [_filling(text, node, key, new)]
    anchor = f"&{node.anchor} " if node.anchor is not None else ""
    start, prefix = (node.body, "") if node.tag is None else (node.start, anchor)
    if node.is_block_scalar:
        return _block_scalar_replacement(text, node, start, prefix + new)
    if node.kind in ("map", "list") and not node.flow:
        return _block_collection_replacement(text, node, key, anchor, new)
    space = " " if start and text[start - 1] == ":" else ""
    return [Edit(start, node.end, space + prefix + new)]


def _filling(text: str, node: Node, key: Node | None, new: str) -> Edit:
    """Write a value where there is none."""
    before = " " if node.end and not text[node.end - 1].isspace() else ""
    after = "" if text[node.end : node.end + 1] in " \t\r\n,]}" else " "
    if key is not None and ":" not in text[key.end : node.start]:
        return Edit(key.end, key.end, f": {new}")
    return Edit(node.end, node.end, before + new + after)


def _block_scalar_replacement(text: str, node: Node, start: int, new: str) -> list[Edit]:
    """Put `new` for the header sign, keep a comment after it, and take the lines out."""
    header = _BLOCK_HEADER.match(text, node.body)
    if header is None:
        raise RefusedError("the head of the block text could not be found")
    first_end = line_end(text, header.end())
    last_end = node.start + len(text[node.start : node.end].rstrip())
    edits = [Edit(start, header.end(), new)]
    return [*edits, Edit(first_end, last_end)] if last_end > first_end else edits


def _block_collection_replacement(text: str, node: Node, key: Node | None, anchor: str, new: str) -> list[Edit]:
    """Put `new` beside the key when only blanks lie between, else where the collection starts, after the comments."""
    end = content_end(text, node)
    if key is not None and "#" not in text[key.end : node.body]:
        return [Edit(text.index(":", key.end) + 1, end, f" {anchor}{new}")]
    if node.tag is not None:
        return [Edit(node.start, end, anchor + new)]
    indent = "  " if node.kind == "list" and stands_alone(text, node.body) else ""
    return [Edit(node.body, end, indent + new)]


def content_end(text: str, node: Node) -> int:
    """Where the last character of a node is written, blank lines of a block scalar left out."""
    return node.start + len(text[node.start : node.end].rstrip()) if node.end > node.start else node.end


# Adding and removing entries.


def _addition(text: str, node: Node, key: str, new: str) -> list[Edit]:
    """Add an entry, its key as it is to be written, at the end of a map that is written where it stands."""
    pair = f"{key}: {new}"
    if node.flow and text[node.body : node.body + 1] != "{":
        return [Edit(node.body, node.end, "{" + text[node.body : node.end] + f", {pair}" + "}")]
    if not node.keys:
        return [Edit(node.body, node.end, "{" + pair + "}")]
    if node.flow:
        end = node.items[-1].end
        return [Edit(end, end, f"{' ' if text[end - 1] == ':' else ''}, {pair}")]
    first = node.keys[0].start
    explicit = text.rfind("?", line_start(text, first), first)
    column = (explicit if explicit >= 0 else first) - line_start(text, first)
    return [_new_line(text, node, " " * column, pair)]


def _spelled(text: str, holder: Node, key: Any) -> str:
    """An inherited key as the map that has it spells it: ``on`` is one key in YAML 1.1, ``"on"`` another."""
    known = inherited_key(holder, key)
    written = text[known.body : known.end] if known is not None and known.target is None else ""
    return written if written and "\n" not in written else string_text(str(key))


def _new_line(text: str, node: Node, indent: str, pair: str) -> Edit:
    """Put an entry behind all lines of a block map, the blank ones included that belong to a block text."""
    last = node
    while last.items:
        last = last.items[-1]
    if not last.is_block_scalar:
        return insert_line(text, content_end(text, node), indent + pair)
    if last.end == line_start(text, last.end):
        return Edit(last.end, last.end, indent + pair + line_break(text))
    # The file ends within the block text, and a line break there would become a part of it.
    return Edit(node.keys[-1].start, node.keys[-1].start, pair + line_break(text) + indent)


def _first_entry(text: str, root: Node | None, key: str, new: str) -> list[Edit]:
    """Write the first entry of a file that has none."""
    pair = f"{string_text(key)}: {new}"
    if root is not None and not root.is_empty:
        return [Edit(root.start, root.end, "{" + pair + "}")]
    return [append_line(text, pair)]


def _removal(text: str, node: Node, holder_key: Node | None, index: int) -> list[Edit]:
    """Take entry `index` out of a map."""
    key, value = node.keys[index], node.items[index]
    if len(node.keys) == 1:
        return _replacement(text, node, holder_key, "{}")
    if node.flow:
        spans = [(key.start, max(key.end, item.end)) for key, item in zip(node.keys, node.items, strict=True)]
        return [drop_entry(spans, index, (node.body + 1, node.end - 1))]
    if not stands_alone(text, key.start):
        return [Edit(key.start, node.keys[index + 1].start)]
    return [Edit(line_start(text, key.start), _lines_end(text, key, value))]


def _lines_end(text: str, key: Node, value: Node) -> int:
    """Where the lines of a block entry end, with the comments below that are indented deeper than its key.

    Such a comment is the entry's own, and would become text of a block scalar that came to stand above it.
    """
    end = max(key.end, value.end)
    if end == key.end or end != line_start(text, end):  # a block text ends where the next line starts
        end = next_line(text, end)
    column = key.start - line_start(text, key.start)
    while (comment := _COMMENT_LINE.match(text, end)) and len(comment.group(1)) > column:
        end = next_line(text, comment.end())
    return end


class YamlFormat(Struct, frozen=True):
    """YAML: 1.2 as DVC reads it with ruamel.yaml, and 1.1 as programs read it with PyYAML."""

    name: str = "YAML"

    def read(self, text: str) -> Any:
        """The values; a file without any is an empty map, as in DVC."""
        return YAML(typ="safe").load(_universal(text)) or {}

    def read_as_program(self, text: str) -> Any:
        """The values by YAML 1.1, map keys as they are written."""
        values = yaml.load(_universal(text).removeprefix(_BOM), Loader=_ProgramLoader)  # noqa: S506 -- a subclass of the safe loader
        return {} if values is None else values

    def put(self, text: str, path: KeyPath, value: Value) -> str:
        """The text with `value` at `path`: an alias gives way to it, an inherited key is written out."""
        return self._edited(text, path, lambda text, root: self._put(text, root, path, value), inside=False)

    def add(self, text: str, parent: KeyPath, key: str, value: Value) -> str:
        """The text with a new last entry in the map at `parent`."""
        return self._edited(text, parent, lambda text, root: self._add(text, root, parent, key, value), inside=True)

    def remove(self, text: str, path: KeyPath) -> str:
        """The text without the entry at `path`."""
        text = self._edited(text, path[:-1], lambda *_: [], inside=True)
        return self._edited(text, path, lambda text, root: self._remove(text, root, path), inside=False)

    def _edited(self, text: str, path: KeyPath, edits: _Editor, *, inside: bool) -> str:
        mark = _BOM if text.startswith(_BOM) else ""
        text, root = _cleared(text.removeprefix(_BOM), path, inside=inside)
        return mark + apply_edits(text, edits(text, root))

    def _put(self, text: str, root: Node | None, path: KeyPath, value: Value) -> list[Edit]:
        holder, _ = _node_at(root, path[:-1])
        index = own_index(holder, path[-1])
        if index is None:
            return _addition(text, holder, _spelled(text, holder, path[-1]), value_text(value))
        node = holder.items[index]
        quote = node.style if node.style in ("'", '"') else None
        return _replacement(text, node, holder.keys[index] if holder.keys else None, value_text(value, quote))

    def _add(self, text: str, root: Node | None, parent: KeyPath, key: str, value: Value) -> list[Edit]:
        if not parent and (root is None or root.kind != "map"):
            return _first_entry(text, root, key, value_text(value))
        return _addition(text, _node_at(root, parent)[0], string_text(key), value_text(value))

    def _remove(self, text: str, root: Node | None, path: KeyPath) -> list[Edit]:
        holder, holder_key = _node_at(root, path[:-1])
        index = own_index(holder, path[-1])
        if index is None or inherited(holder, path[-1]) is not None:
            raise RefusedError(
                "the key comes through a merge key (<<), so that it cannot be removed in this place alone"
            )
        return _removal(text, holder, holder_key, index)


def _node_at(root: Node | None, path: KeyPath) -> tuple[Node, Node | None]:
    """The node at a cleared path, and the node of its key."""
    if root is None:
        raise RefusedError("the file has no values")
    node, key = root, None
    for part in path:
        index = own_index(node, part)
        if index is None:
            raise RefusedError(f"the key {part!r} could not be found in the text")
        node, key = node.items[index], node.keys[index] if node.keys else None
    return node, key
