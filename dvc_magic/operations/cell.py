"""A notebook's cell as an operation: its code becomes a script, its top-level constants flags."""

from __future__ import annotations

import ast
import shlex
import sys
import warnings
from collections.abc import Iterator, Mapping
from pathlib import PurePosixPath

from dvc_magic.errors import OperationError
from dvc_magic.model.operation import Operation, OperationParams, PrintedScalars, Source, SourceKind, TextFile
from dvc_magic.model.stage import Param
from dvc_magic.operations.arguments import imported
from dvc_magic.operations.block import read_block
from dvc_magic.operations.calls import sources_in
from dvc_magic.operations.cell_code import parse_cell
from dvc_magic.operations.cell_names import check_names
from dvc_magic.operations.cell_settings import CellSettings
from dvc_magic.operations.constants import constants
from dvc_magic.operations.fields import refusal
from dvc_magic.operations.files import check_name
from dvc_magic.operations.hints import hints

ORIGIN = "cell"


def cell_operation(
    name: str,
    code: str,
    *,
    settings: CellSettings | None = None,
    names: Mapping[str, object] | None = None,
    first_line: int = 1,
) -> Operation:
    r"""The operation that a cell is.

        >>> cell_operation("fit", "lr = 0.1\nprint(lr)\n").cmd
        'python fit.py'

    The sources that the code asks for itself, as ``dm.dvcfile("iris.csv")``, are required as well.

    Args:
        name: of the operation; its script is ``NAME.py`` in the root unless the settings say otherwise.
        code: the cell's; kept byte for byte, but for newlines at the end.
        settings: what the line says; those of a block in the code are added.
        names: those of the notebook, for messages about what the code has from there.
        first_line: the number that people see beside the first line of the code.

    Raises:
        OperationError: the name cannot be used; the code is no plain Python or uses names that it does not define; its
            block cannot be read or contradicts the settings.
    """
    at = _checked(name)
    with warnings.catch_warnings():  # the parser's; the script's own process says them again
        warnings.simplefilter("ignore")
        tree = parse_cell(code, first_line=first_line)
        block = read_block(code, first_line=first_line)
        complete = (settings or CellSettings()).with_block(block, at=at)
        check_names(tree, code, names or {}, first_line=first_line)
        flags = tuple(constants(code))
    requires = tuple(dict.fromkeys([*complete.requires, *sources_in(tree, where=at)]))
    script = complete.script or f"{name}.py"
    _check_script(script, tree, at=at)
    return Operation(
        name=name,
        origin=ORIGIN,
        cmd=f"python {shlex.quote(script)}",
        serves=complete.stage,
        requires=requires,
        code=(script,),
        params=(*([OperationParams(path=script, keys=flags)] if flags else []), *_config_params(requires)),
        files=(TextFile(path=script, text=code.rstrip("\n") + "\n"), *_config_files(requires)),
        outs=complete.outs,
        learn=bool(complete.learn),
        hints=hints(tree),
        desc=complete.desc,
        scalars=PrintedScalars() if complete.scalars else None,
    )


def cell_params(operation: Operation) -> tuple[Param, ...]:
    """The flags that a cell's constants are."""
    script, text = operation.files[0].path, operation.files[0].text or ""
    return tuple(Param(file=script, key=key, value=value) for key, value in constants(text).items())


def _checked(name: str) -> str:
    """What messages call the cell.

    Raises:
        OperationError: the name cannot be used.
    """
    if name.endswith(".py"):
        message = f"{name!r} names a file; an operation has a name, such as {name.removesuffix('.py')}"
        raise OperationError(message)
    check_name(name, at="%%dvc_op")
    return f"operation {name!r}"


def _check_script(script: str, tree: ast.Module, *, at: str) -> None:
    """See that the script does not take the place of a module: its folder is where imports look first.

    Raises:
        OperationError: it does.
    """
    module = PurePosixPath(script).stem
    if module in sys.stdlib_module_names or module in set(imported(tree)):
        problem = f"'import {module}' would find its script {script} instead of that module"
        raise refusal(at, f"{problem}; give it another name, or the script with --script")


def _config_params(sources: tuple[Source, ...]) -> Iterator[OperationParams]:
    """The files of params that the sources name; all of a file counts."""
    return (OperationParams(path=source.target(source.path)) for source in _configs(sources))


def _config_files(sources: tuple[Source, ...]) -> Iterator[TextFile]:
    """Those of them that a run has in another place than the project."""
    places = ((source.path, source.target(source.path)) for source in _configs(sources))
    return (TextFile(path=place, origin=path) for path, place in places if place != path)


def _configs(sources: tuple[Source, ...]) -> Iterator[Source]:
    return (source for source in sources if source.kind is SourceKind.CONFIG)
