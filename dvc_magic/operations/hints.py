"""The texts in a script that may name files: what a run that learns is given to read."""

from __future__ import annotations

import ast
import posixpath
import re
from collections import Counter
from collections.abc import Iterator, Mapping

_LONGEST = 200  # characters of a path that anyone writes by hand
_URL = re.compile(r"[A-Za-z][A-Za-z0-9+.-]*:/")
_WILD = re.compile(r"[*?\[]")
_PATHS = frozenset({"Path", "PurePath", "PosixPath", "PurePosixPath"})
_WRITES = r"to_[a-z]|write|save|dump|mkdir|makedirs|touch|unlink|rmtree|remove\b"


def hints(tree: ast.Module) -> tuple[str, ...]:
    r"""The texts of a script that may be paths of the project, in their order, each once.

        >>> hints(ast.parse("DATA = Path('data')\npd.read_csv(DATA / 'train.csv')"))
        ('data', 'data/train.csv')

    They are relative, normalised POSIX paths; of a glob, the folder before its first wildcard. Constants are put
    together where ``/``, ``os.path.join`` or an f-string does so, and names followed that are assigned once. Left out
    are docstrings, and what the script evidently writes, with the folders around it: were it placed as an input, it
    could not be written.
    """
    reader = _Reader(tree)
    written = {_normalised(path) for path in reader.written()}
    found = dict.fromkeys(_normalised(text) for text in reader.texts())
    return tuple(path for path in found if path and not any(f"{one}/".startswith(f"{path}/") for one in written))


class _Reader:
    """Looks for paths in a syntax tree."""

    def __init__(self, tree: ast.Module) -> None:
        self._tree = tree
        self._assigned: Mapping[str, ast.expr] = _assigned_once(tree)
        self._known: dict[str, str | None] = {}

    def texts(self) -> Iterator[str]:
        """Every text that stands for itself, or for several that are put together."""
        waiting: list[ast.AST] = [self._tree]
        while waiting:
            node = waiting.pop()
            text = self._text(node)
            if text is not None:
                yield text
            elif not isinstance(node, ast.JoinedStr):
                waiting.extend(child for child in reversed(list(ast.iter_child_nodes(node))) if not _is_alone(child))

    def written(self) -> Iterator[str]:
        """What stands where a call writes."""
        for node in ast.walk(self._tree):
            if isinstance(node, ast.Call):
                for place in _written_places(node):
                    text = self._text(place)
                    if text is not None:
                        yield text

    def _text(self, node: ast.AST) -> str | None:
        """The text that an expression surely is; None when it is another thing, or not known."""
        match node:
            case ast.Constant(value=str() as value):
                return value
            case ast.Name(id=name):
                return self._named(name)
            case ast.BinOp(op=ast.Div(), left=left, right=right):
                return _put_together([self._text(left), self._text(right)], "/")
            case ast.Call(func=func, args=args, keywords=[]) if args and _joins(func):
                return _put_together([self._text(part) for part in args], "/")
            case ast.JoinedStr(values=values):
                return _put_together([self._text(part) for part in values], "")
            case ast.FormattedValue(value=value, conversion=-1, format_spec=None):
                return self._text(value)
        return None

    def _named(self, name: str) -> str | None:
        if name not in self._known:
            self._known[name] = None  # what holds while it is looked at: names may lead in a circle
            if name in self._assigned:
                self._known[name] = self._text(self._assigned[name])
        return self._known[name]


def _put_together(texts: list[str | None], mark: str) -> str | None:
    """Texts as one, parted by slashes as paths are when `mark` is one; None when one is not known or it gets long."""
    known = [text for text in texts if text is not None]
    if len(known) != len(texts) or sum(map(len, known)) > _LONGEST:
        return None
    return posixpath.join(*known) if mark else "".join(known)


def _assigned_once(tree: ast.Module) -> dict[str, ast.expr]:
    """What the names stand for that are bound once in the whole text, at its top level."""
    bound = Counter(
        node.id for node in ast.walk(tree) if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store)
    )
    bound.update(node.arg for node in ast.walk(tree) if isinstance(node, ast.arg))
    return {
        statement.targets[0].id: statement.value
        for statement in tree.body
        if isinstance(statement, ast.Assign)
        and isinstance(statement.targets[0], ast.Name)
        and bound[statement.targets[0].id] == 1
    }


def _is_alone(node: ast.AST) -> bool:
    """Whether a node is a text that is a statement by itself: documentation."""
    return isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant)


def _name(func: ast.expr) -> str:
    """The last part of what is called."""
    match func:
        case ast.Name(id=name) | ast.Attribute(attr=name):
            return name
    return ""


def _joins(func: ast.expr) -> bool:
    """Whether a call puts paths together: ``Path(..)``, ``os.path.join(..)``."""
    if isinstance(func, ast.Attribute) and func.attr == "join":
        return isinstance(func.value, ast.Attribute | ast.Name) and _name(func.value) in ("path", "posixpath")
    return _name(func) in _PATHS


def _written_places(call: ast.Call) -> Iterator[ast.expr]:
    """The expressions of a call that name what it writes; and modes of opening, which are no paths either."""
    name = _name(call.func)
    if name == "open":
        modes = _modes(call)
        yield from modes
        if any(isinstance(mode, ast.Constant) and re.search("[wx]", str(mode.value)) for mode in modes):
            yield from call.args[:1] if isinstance(call.func, ast.Name) else [call.func.value]  # type: ignore[attr-defined]
    elif re.match(_WRITES, name):
        yield from call.args
        yield from (keyword.value for keyword in call.keywords)
        if isinstance(call.func, ast.Attribute):
            yield call.func.value


def _modes(call: ast.Call) -> list[ast.expr]:
    index = 1 if isinstance(call.func, ast.Name) else 0
    return [*call.args[index : index + 1], *(entry.value for entry in call.keywords if entry.arg == "mode")]


def _normalised(text: str) -> str:
    """A text as a path below the project's root; empty when it is none."""
    if not text.strip() or len(text) > _LONGEST or not text.isprintable() or _URL.match(text) or text[0] in "/~":
        return ""
    parts = text.split("/")
    wild = next((index for index, part in enumerate(parts) if _WILD.search(part)), len(parts))
    path = posixpath.normpath("/".join(parts[:wild])) if wild else "."
    return "" if path == "." or path.split("/", maxsplit=1)[0] == ".." else path
