"""The constants of a Python text: names that are its flags, because a value can be written in their place."""

from __future__ import annotations

import ast
import math
from collections import Counter
from collections.abc import Iterator

from dvc_magic.errors import OperationError
from dvc_magic.model.values import Value

_DEPTH = 50


def constants(source: str) -> dict[str, Value]:
    """The names that a Python text assigns once, at its top level and nowhere else, to a literal.

        >>> constants("lr = 0.1; layers = (4, 5); n = len(layers); _seed = 1")
        {'lr': 0.1, 'layers': [4, 5]}

    DVC reads these from a Python file as params, and their text can be replaced. Left out are names that begin with
    ``_``, and any that the module binds again, by whatever statement: to write a value there might change nothing.
    Values are as params have them, with lists for tuples.

    Raises:
        OperationError: the text is not Python.
    """
    tree = parse(source)
    bound = Counter(_bindings(tree))
    found: dict[str, Value] = {}
    for name, node in _assigned(tree):
        if not name.startswith("_") and bound[name] == 1 and _is_value(node):
            found[name] = _value(node)
    return found


def parse(source: str) -> ast.Module:
    """The syntax tree of a Python text.

    Raises:
        OperationError: the text is not Python.
    """
    try:
        return ast.parse(source)
    except SyntaxError as error:
        message = f"it is not valid Python: {error.msg}, line {error.lineno}"
        raise OperationError(message) from error
    except (ValueError, RecursionError, MemoryError) as error:
        message = f"Python cannot read it: {error}"
        raise OperationError(message) from error


def _assigned(tree: ast.Module) -> Iterator[tuple[str, ast.expr]]:
    for statement in tree.body:
        match statement:
            case ast.Assign(targets=[ast.Name(id=name)], value=value):
                yield name, value
            case ast.AnnAssign(target=ast.Name(id=name), value=ast.expr() as value):
                yield name, value


def _is_value(node: ast.expr, depth: int = 0) -> bool:
    """Whether a param can hold the literal: text, a number, a bool, None, or a list or map of such."""
    match node:
        case ast.Constant(value=value):
            return _is_scalar(value)
        case ast.UnaryOp(op=ast.USub() | ast.UAdd(), operand=ast.Constant(value=value)):
            return isinstance(value, int | float) and not isinstance(value, bool)
        case ast.List(elts=items) | ast.Tuple(elts=items):
            return depth < _DEPTH and all(_is_value(item, depth + 1) for item in items)
        case ast.Dict(keys=keys, values=values):
            texts = all(isinstance(key, ast.Constant) and isinstance(key.value, str) for key in keys)
            return depth < _DEPTH and texts and all(_is_value(item, depth + 1) for item in values)
    return False


def _is_scalar(value: object) -> bool:
    if isinstance(value, str):  # half of a surrogate pair is text that no file can hold
        return value.isascii() or not any("\ud800" <= character <= "\udfff" for character in value)
    return value is None or isinstance(value, bool | int) or (isinstance(value, float) and math.isfinite(value))


def _value(node: ast.expr) -> Value:
    match node:
        case ast.List(elts=items) | ast.Tuple(elts=items):
            return [_value(item) for item in items]
        case ast.Dict(keys=keys, values=values):
            return {ast.literal_eval(key): _value(item) for key, item in zip(keys, values, strict=True) if key}
    value: Value = ast.literal_eval(node)
    return value


def _bindings(tree: ast.Module) -> list[str]:
    """Every name that the module's own scope binds, once for each time that it does."""
    visitor = _Bindings()
    visitor.visit(tree)
    return visitor.names


class _Bindings(ast.NodeVisitor):
    """Collects what the scope of a module binds; other scopes count only for what they declare global."""

    def __init__(self) -> None:
        self.names: list[str] = []

    def visit_Name(self, node: ast.Name) -> None:
        if not isinstance(node.ctx, ast.Load):
            self.names.append(node.id)

    def visit_AnnAssign(self, node: ast.AnnAssign) -> None:
        if node.value is not None:  # without one it is a declaration
            self.generic_visit(node)

    def visit_alias(self, node: ast.alias) -> None:
        self.names.append(node.asname or node.name.partition(".")[0])

    def visit_ExceptHandler(self, node: ast.ExceptHandler) -> None:
        self._named(node, node.name)

    def visit_MatchAs(self, node: ast.MatchAs) -> None:
        self._named(node, node.name)

    def visit_MatchStar(self, node: ast.MatchStar) -> None:
        self._named(node, node.name)

    def visit_MatchMapping(self, node: ast.MatchMapping) -> None:
        self._named(node, node.rest)

    def visit_FunctionDef(self, node: ast.FunctionDef) -> None:
        self._scope(node)

    def visit_AsyncFunctionDef(self, node: ast.AsyncFunctionDef) -> None:
        self._scope(node)

    def visit_ClassDef(self, node: ast.ClassDef) -> None:
        self._scope(node)

    def visit_Lambda(self, node: ast.Lambda) -> None:
        self.visit(node.args)

    def visit_ListComp(self, node: ast.ListComp) -> None:
        self._comprehension(node)

    def visit_SetComp(self, node: ast.SetComp) -> None:
        self._comprehension(node)

    def visit_DictComp(self, node: ast.DictComp) -> None:
        self._comprehension(node)

    def visit_GeneratorExp(self, node: ast.GeneratorExp) -> None:
        self._comprehension(node)

    def _named(self, node: ast.AST, name: str | None) -> None:
        if name is not None:
            self.names.append(name)
        self.generic_visit(node)

    def _scope(self, node: ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef) -> None:
        self.names.append(node.name)
        for field, part in ast.iter_fields(node):
            if field != "body":
                for child in part if isinstance(part, list) else [part]:
                    if isinstance(child, ast.AST):
                        self.visit(child)
        for inner in ast.walk(node):
            if isinstance(inner, ast.Global):
                self.names.extend(inner.names)

    def _comprehension(self, node: ast.expr) -> None:
        """Its own names stay in it; those of ``:=`` do not."""
        for inner in ast.walk(node):
            if isinstance(inner, ast.NamedExpr):
                self.names.append(inner.target.id)
