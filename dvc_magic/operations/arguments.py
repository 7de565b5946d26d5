"""The options that a script takes on its command line, as far as its text tells them."""

from __future__ import annotations

import ast
from collections.abc import Iterator

from msgspec import Struct

from dvc_magic.errors import OperationError
from dvc_magic.model.values import Value
from dvc_magic.operations.constants import parse

_PARSERS = frozenset({"argparse", "click", "fire", "absl", "typer"})


class Argument(Struct, frozen=True, kw_only=True):
    """An option of a command line: what it is without a word, and whether it is one that takes no value."""

    default: Value
    switch: bool = False


def takes_arguments(source: str) -> bool:
    """Whether a Python text imports one of the usual readers of command lines; False where it is not Python."""
    try:
        tree = parse(source)
    except OperationError:
        return False
    return any(module in _PARSERS for module in imported(tree))


def arguments(source: str) -> dict[str, Argument]:
    """The options with a literal default that a Python text declares to argparse, click or absl.

        >>> arguments("parser.add_argument('--lr', type=float, default=0.1)")
        {'lr': Argument(default=0.1, switch=False)}

    Raises:
        OperationError: the text is not Python.
    """
    found: dict[str, Argument] = {}
    for node in ast.walk(parse(source)):
        if isinstance(node, ast.Call):
            found |= _declared(node)
    return found


def imported(tree: ast.Module) -> Iterator[str]:
    """The top-level modules that code imports."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from (alias.name.partition(".")[0] for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module and not node.level:
            yield node.module.partition(".")[0]


def _declared(call: ast.Call) -> dict[str, Argument]:
    function = call.func.attr if isinstance(call.func, ast.Attribute) else getattr(call.func, "id", "")
    literals = [_literal(argument) for argument in call.args]
    if function.startswith("DEFINE_"):
        match literals:
            case [[str(name)], [default], *_]:
                return _argument(name, default, switch=isinstance(default, bool))
        return {}
    if function not in {"add_argument", "option"}:
        return {}
    names = [value for literal in literals for value in literal if isinstance(value, str) and value.startswith("--")]
    return _option(names[0].removeprefix("--"), call) if names else {}


def _option(name: str, call: ast.Call) -> dict[str, Argument]:
    keywords = {keyword.arg: _literal(keyword.value) for keyword in call.keywords if keyword.arg}
    switch = keywords.get("action") == ["store_true"] or keywords.get("is_flag") == [True]
    if not switch and keywords.get("action", ["store"]) != ["store"]:
        return {}
    match keywords.get("default", [False] if switch else []):
        case [default]:
            return _argument(name, default, switch=switch)
    return {}


def _argument(name: str, default: Value, *, switch: bool) -> dict[str, Argument]:
    """None stands for no default, and a switch that is on cannot be turned off by leaving it out."""
    usable = default is not None and "/" not in name and not (switch and default is not False)
    return {name: Argument(default=default, switch=switch)} if usable else {}


def _literal(node: ast.expr) -> list[Value]:
    """The value of a literal alone in a list, or an empty list."""
    try:
        value = ast.literal_eval(node)
    except (ValueError, TypeError, MemoryError, RecursionError, SyntaxError):
        return []
    value = list(value) if isinstance(value, tuple) else value
    return [value] if value is None or isinstance(value, bool | int | float | str | list) else []
