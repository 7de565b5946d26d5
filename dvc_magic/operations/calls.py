"""The sources that code asks for by itself: ``pd.read_csv(dm.dvcfile("iris.csv"))`` requires ``iris.csv``."""

from __future__ import annotations

import ast
from collections.abc import Iterator, Mapping

from dvc_magic.model.operation import Source, SourceKind
from dvc_magic.operations.sources import read_source

_PACKAGE = "dvc_magic"
_KINDS = frozenset(kind.value for kind in SourceKind)


def sources_in(tree: ast.AST, *, where: str) -> tuple[Source, ...]:
    """The sources of the calls of ``dm.dvcfile``, ``dm.dvcstage``, ``dm.file`` and ``dm.config``, each once.

    A call whose arguments are computed is left out: in a run it finds only what is required in another way.

    Args:
        tree: of the code.
        where: whose code it is, for messages.

    Raises:
        OperationError: an argument makes no sense.
    """
    modules, functions = _names(tree)
    found: dict[Source, None] = {}
    for node in ast.walk(tree):
        kind = _called(node, modules, functions) if isinstance(node, ast.Call) else None
        if kind is None or not isinstance(node, ast.Call):
            continue
        entry = _entry(kind, node)
        if entry is not None:
            found[read_source(entry, where=f"{where}, line {node.lineno}")] = None
    return tuple(found)


def _names(tree: ast.AST) -> tuple[set[str], dict[str, str]]:
    """The names of the package, and those of its functions for sources with what they are."""
    modules: set[str] = set()
    functions: dict[str, str] = {}
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            modules |= {name.asname or name.name for name in node.names if name.name == _PACKAGE}
        elif isinstance(node, ast.ImportFrom) and node.module == _PACKAGE and not node.level:
            functions |= {name.asname or name.name: name.name for name in node.names if name.name in _KINDS}
    return modules, functions


def _called(node: ast.Call, modules: set[str], functions: Mapping[str, str]) -> str | None:
    """The kind of the source that a call asks for."""
    match node.func:
        case ast.Name(id=name):
            return functions.get(name)
        case ast.Attribute(value=ast.Name(id=name), attr=kind) if name in modules and kind in _KINDS:
            return kind
    return None


def _entry(kind: str, node: ast.Call) -> dict[str, object] | None:
    """The call as an entry of ``requires``; None when an argument is no literal."""
    try:
        positional = [ast.literal_eval(argument) for argument in node.args]
        named = dict(_literals(node))
    except ValueError:
        return None
    if len(positional) != 1 or not isinstance(positional[0], str):
        return None
    return {kind: positional[0], **named}


def _literals(node: ast.Call) -> Iterator[tuple[str, object]]:
    for keyword in node.keywords:
        value = ast.literal_eval(keyword.value)
        if keyword.arg is None:
            raise ValueError
        if value not in ("", False, [], ()):
            yield keyword.arg.replace("_", "-"), list(value) if isinstance(value, tuple) else value
