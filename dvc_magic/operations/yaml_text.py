"""YAML that people write, read without more work than its length is worth.

An alias (``*NAME``) stands for a whole value, and values of aliases of aliases grow without bound: a text of ten lines
can stand for more values than a computer can hold. Nothing else of YAML grows, so what aliases add is what is bounded.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from dvc_magic.errors import OperationError
from dvc_magic.operations.fields import refusal

if TYPE_CHECKING:
    import yaml

_MOST = 100_000  # values that aliases may add: some hundred times what files for people have
_TEXT = 64  # so many characters of a text count as one value
_DIGITS = 1_000  # Python refuses to write out a number of some more


def load_yaml(text: str, *, at: str) -> object:
    """What a YAML text says; None where it says nothing.

        >>> load_yaml("fit: {main: fit.py}", at="guild.yml")

    `at` says in messages whose text it is.

    Raises:
        OperationError: it is not YAML, or its aliases repeat more than it could mean.
    """
    import yaml  # noqa: PLC0415 - 10 ms that loading the extension need not take

    try:
        loader = yaml.SafeLoader(text)
        node = loader.get_single_node()
        if node is None:
            return None
        check_aliases(node, at=at)
        content: object = loader.construct_document(node)
    except (yaml.YAMLError, ValueError, LookupError, AttributeError, TypeError, RecursionError) as error:
        # the last five are PyYAML's own, for dates, numbers and tags that are none, and for lists in lists in lists
        message = f"{at} is not valid YAML: {(str(error) or type(error).__name__).splitlines()[0]}"
        raise OperationError(message) from error
    return content


def check_aliases(node: yaml.Node, *, at: str) -> None:
    """See that a text's aliases do not stand for more than a file for people has, and that its numbers can be told.

    This comes before values are made of the nodes: already merging (``<<: *NAME``) copies what aliases stand for.

    Raises:
        OperationError: they do, a value is to contain itself, or a number is too long.
    """
    written = _nodes(node)
    if any(part.tag.endswith(":int") and len(part.value) > _DIGITS for part in written):
        raise refusal(at, f"a number is longer than {_DIGITS:,} digits; put it in quotes")
    if _weight(node, {}, at=at) - sum(map(_own, written)) > _MOST:
        raise refusal(at, f"its aliases (*NAME) repeat more than {_MOST:,} values; write out what is meant")


def _nodes(node: yaml.Node) -> list[yaml.Node]:
    """Every node that is written down, once."""
    found = {id(node): node}
    waiting = [node]
    while waiting:
        new = {id(part): part for part in _parts(waiting.pop()) if id(part) not in found}
        found |= new
        waiting += new.values()
    return list(found.values())


def _weight(node: yaml.Node, known: dict[int, int], *, at: str) -> int:
    """How many values a node stands for, aliases and all; `known` has those of others, 0 while they are looked into."""
    known[id(node)] = 0
    weight = _own(node)
    for part in _parts(node):
        one = known[id(part)] if id(part) in known else _weight(part, known, at=at)
        if not one:
            raise refusal(at, "an alias (*NAME) stands inside the value that it names, which then never ends")
        weight += one
    known[id(node)] = weight
    return weight


def _own(node: yaml.Node) -> int:
    return 1 + len(node.value) // _TEXT if isinstance(node.value, str) else 1


def _parts(node: yaml.Node) -> Iterator[yaml.Node]:
    if isinstance(node.value, str):
        return
    for item in node.value:
        yield from item if isinstance(item, tuple) else (item,)
