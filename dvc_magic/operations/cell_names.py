"""Names that a cell uses but neither defines nor imports: the notebook may have them, a script does not."""

from __future__ import annotations

import ast
import math
import re
import symtable
import sys
from collections.abc import Iterator, Mapping
from types import ModuleType

from dvc_magic.errors import OperationError

_OF_IPYTHON = r"get_ipython|display|In|Out|_{1,3}|_i{1,3}|_\d+|_i\d+|_[dio]h"
_HIDDEN = ("display", "get_ipython")  # builtins in a notebook's kernel, where a check of builtins knows them
_OF_SITE = frozenset({"exit", "quit", "copyright", "credits", "license", "help"})  # those are not, there
_PLAIN = (bool, int, float, str, list, tuple, dict, type(None))
_SHOWN = 80  # characters of a value


def check_names(tree: ast.Module, code: str, names: Mapping[str, object], *, first_line: int = 1) -> None:
    """See that a cell defines or imports all that it uses.

    Args:
        tree: its syntax tree.
        code: its text.
        names: those of the notebook, which tell what is meant by a name.
        first_line: the number that people see beside the first line.

    Raises:
        OperationError: it does not; names each name, its lines, and what to do.
    """
    found = undefined_names(tree, code)
    if not found:
        return
    said = [f"  {_lines(found[name], first_line)}: {_explained(name, names)}" for name in found]
    count = "a name" if len(found) == 1 else f"{len(found)} names"
    lead = f"the cell uses {count} that it neither defines nor imports. A script sees files and flags only:"
    raise OperationError("\n".join([lead, *said]))


def undefined_names(tree: ast.Module, code: str) -> dict[str, list[int]]:
    """Names that a text uses and neither defines nor imports, with the lines where it does, in their order.

    Names that a star import may bring are not among them, nor those in annotations that are never evaluated.
    """
    from pyflakes import checker, messages  # type: ignore[import-untyped]  # noqa: PLC0415 - 20 ms at loading

    used = _evaluated(tree)
    reported = [
        (message.lineno, message.message_args[0])
        for message in checker.Checker(tree, builtins=_OF_SITE).messages
        if isinstance(message, messages.UndefinedName)
    ]
    places = {(line, name) for line, name in reported if (line, name) in used}
    hidden = _hidden(code)
    places |= {(line, name) for line, name in used if name in hidden}
    found: dict[str, list[int]] = {}
    for line, name in sorted(places):
        found.setdefault(name, []).append(line)
    return found


def _evaluated(tree: ast.Module) -> set[tuple[int, str]]:
    """The names that the code reads, with their lines; annotations out where they stay text."""
    deferred = any(
        isinstance(node, ast.ImportFrom)
        and node.module == "__future__"
        and any(alias.name == "annotations" for alias in node.names)
        for node in tree.body
    )
    skipped = {id(part) for node in ast.walk(tree) if deferred for part in _annotations(node)}
    return {(name.lineno, name.id) for name in _names(tree, skipped)}


def _annotations(node: ast.AST) -> Iterator[ast.expr]:
    for field in ("annotation", "returns"):
        part = getattr(node, field, None)
        if isinstance(part, ast.expr):
            yield part


def _names(tree: ast.AST, skipped: set[int]) -> Iterator[ast.Name]:
    waiting: list[ast.AST] = [tree]
    while waiting:
        node = waiting.pop()
        if id(node) in skipped:
            continue
        if isinstance(node, ast.Name) and not isinstance(node.ctx, ast.Store):
            yield node
        waiting.extend(ast.iter_child_nodes(node))


def _hidden(code: str) -> set[str]:
    """The names of `_HIDDEN` that the text reads as globals and never binds."""
    top = symtable.symtable(code, "<cell>", "exec")
    read: set[str] = set()
    bound: set[str] = set()
    waiting = [top]
    while waiting:
        table = waiting.pop()
        for symbol in table.get_symbols():
            outer = table is top or symbol.is_global()
            if outer and symbol.get_name() in _HIDDEN:
                (bound if symbol.is_assigned() or symbol.is_imported() else read).add(symbol.get_name())
        waiting.extend(table.get_children())
    return read - bound


def _lines(lines: list[int], first_line: int) -> str:
    numbers = [str(line + first_line) for line in dict.fromkeys(line - 1 for line in lines)]
    return f"{'line' if len(numbers) == 1 else 'lines'} {', '.join(numbers)}"


def _explained(name: str, names: Mapping[str, object]) -> str:
    """Where a name is to come from."""
    if re.fullmatch(_OF_IPYTHON, name):
        instead = "; print() it, or write it to a file" if name == "display" else ""
        return f"{name} is IPython's, which a script has not{instead}"
    if name not in names:
        return f"{name} is defined nowhere, here or in the notebook"
    value = names[name]
    statement = _import_of(name, value)
    if statement:
        return f"{name} is imported in the notebook; write into the cell: {statement}"
    if callable(value) and getattr(value, "__module__", None) == "__main__":
        return f"{name} is defined in the notebook; its definition goes into the cell, or into a module to import"
    literal = _literal(value)
    if literal:
        return f"{name} lives in the notebook; at the top of the cell it becomes a flag: {name} = {literal}"
    said = f"{name} lives in the notebook (a {type(value).__name__}); write it to a file and name that with -d"
    if type(value) in _PLAIN:
        return f"{said}, or, where it is short, write {name} = ... at the top of the cell and give it as --{name}"
    return said


def _literal(value: object) -> str:
    """How a value stands in a script, when that is short and a param can hold it; empty for others."""
    if getattr(value, "shape", None) == () and hasattr(value, "item"):  # numpy's scalars
        value = value.item()
    scalars = value if isinstance(value, list | tuple) else [value]
    if type(value) not in _PLAIN or len(scalars) > _SHOWN or not all(map(_is_scalar, scalars)):
        return ""
    literal = repr(value)
    return literal if len(literal) <= _SHOWN else ""


def _is_scalar(value: object) -> bool:
    return value is None or type(value) in (bool, int, str) or (type(value) is float and math.isfinite(value))


def _import_of(name: str, value: object) -> str:
    """The statement that imports a module, or a function or class of one; empty for other things."""
    if isinstance(value, ModuleType):
        whole = value.__name__
        return f"import {whole}" if whole == name else f"import {whole} as {name}"
    module, own = getattr(value, "__module__", None), getattr(value, "__name__", None)
    if not (callable(value) and isinstance(module, str) and isinstance(own, str)) or module == "__main__":
        return ""
    source = _public(module, own, value)
    alias = "" if own == name else f" as {name}"
    return f"from {source} import {own}{alias}" if source else ""


def _public(module: str, own: str, value: object) -> str:
    """The outermost module that has `value` by its name: ``sklearn.svm`` rather than ``sklearn.svm._classes``."""
    parts = module.split(".")
    ends = [".".join(parts[: count + 1]) for count in range(len(parts))]
    return next((end for end in ends if getattr(sys.modules.get(end), own, None) is value), "")
