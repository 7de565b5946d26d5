"""The operations of a project: those of its files, read anew for each call, and those that a kernel has registered."""

from __future__ import annotations

import contextlib
import textwrap
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, Protocol

from msgspec import Struct, field
from msgspec.structs import replace

from dvc_magic.errors import OperationError, ProjectError, close_matches
from dvc_magic.model.operation import Operation, Source
from dvc_magic.model.stage import Pipeline
from dvc_magic.operations import (
    CellSettings,
    cell_operation,
    parse_source,
    plain_source,
    read_guild,
    read_operations,
    read_outs,
    read_script,
    read_source,
)
from dvc_magic.project.settings import SETTINGS_FILE, read_file
from dvc_magic.project.stages import StageView
from dvc_magic.store import RunStore
from dvc_magic.views import Table, stages_table

GUILD_FILE = "guild.yml"
_KEPT_BY_RUNS = ("cell", "api")  # origins of operations that no file of the project has


class FileOperations(Struct, frozen=True, kw_only=True):
    """What the operation files of a project say.

    Attributes:
        operations: of ``dvc_magic.yaml``, then those of ``guild.yml`` with other names.
        warnings: lines for people: what is not supported, and why a file could not be read.
        faults: why an operation that has an entry cannot be used, by its address.
    """

    operations: tuple[Operation, ...] = ()
    warnings: tuple[str, ...] = ()
    faults: dict[str, str] = field(default_factory=dict)


def operations_of(root: Path) -> FileOperations:
    """The operations in ``dvc_magic.yaml`` and ``guild.yml`` at a project's root, as the files are now.

    A file that cannot be read gives a warning, and an entry a fault: stages do not need them.
    """
    files = [_read_or_warn(read, root) for read in (_own, _guild)]
    found: dict[str, Operation] = {}
    faults: dict[str, str] = {}
    for file in files:
        taken = {*found, *(address.removeprefix("op:") for address in faults)}
        found |= {operation.name: operation for operation in file.operations if operation.name not in taken}
        faults |= file.faults
    warnings = tuple(warning for file in files for warning in file.warnings)
    return FileOperations(operations=tuple(found.values()), warnings=warnings, faults=faults)


def _read_or_warn(read: Callable[[Path, _Texts], FileOperations], root: Path) -> FileOperations:
    try:
        return read(root, _Texts(root))
    except (OperationError, ProjectError) as error:
        return FileOperations(warnings=(str(error),))


class KnownOperations:
    """The operations that calls of one project can name.

    Args:
        root: of the project.
    """

    def __init__(self, root: Path) -> None:
        self._root = root
        self._registered: dict[str, Operation] = {}

    def all(self) -> FileOperations:
        """Those of the project's files as they are now, and those that were registered, which come before them."""
        named = operations_of(self._root)
        found = {operation.name: operation for operation in named.operations}
        faults = {at: said for at, said in named.faults.items() if at.removeprefix("op:") not in self._registered}
        return replace(named, operations=tuple({**found, **self._registered}.values()), faults=faults)

    def register(self, operation: Operation) -> None:
        """Make an operation known; one of that name before it is replaced."""
        self._registered[operation.name] = operation

    @contextlib.contextmanager
    def trying(self, operation: Operation) -> Iterator[None]:
        """Make an operation known for good, or for a block alone that raises: then what was known before is again."""
        before = dict(self._registered)
        self.register(operation)
        try:
            yield
        except BaseException:
            self._registered = before
            raise

    def recall(self, name: str, store: RunStore) -> str:
        """Register the operation of this name, ``op:`` or not, as its newest run has it.

        Returns:
            A line that tells people so, or an empty text: no run is of such an operation.
        """
        for stored in store.newest_of_stage(f"op:{name.removeprefix('op:')}", limit=1):
            operation = stored.record.op
            if operation is not None and operation.origin in _KEPT_BY_RUNS:
                self.register(operation)
                return _recalled(operation, stored.record.number)
        return ""


def _recalled(operation: Operation, number: int) -> str:
    known = f"{operation.address} is taken as it was in run {number}"
    if operation.origin == "cell":
        return f"{known}; execute its cell to have it as it is now"
    return f"{known}; call project.op() to have it as it is now"


class _Texts:
    """The project's files, as far as operations look at them."""

    def __init__(self, root: Path) -> None:
        self._root = root

    def exists(self, path: str) -> bool:
        """Whether there is a file or folder at a path from the root."""
        return (self._root / path).exists()

    def read(self, path: str) -> str | None:
        """The text of a file; None when there is none, or no text."""
        try:
            return (self._root / path).read_bytes().decode("utf-8")
        except (OSError, UnicodeDecodeError):
            return None


def _own(root: Path, texts: _Texts) -> FileOperations:
    found, faults = read_operations(read_file(root / SETTINGS_FILE), exists=texts.exists, read_text=texts.read)
    return FileOperations(operations=found, faults={f"op:{name}": said for name, said in faults.items()})


def _guild(root: Path, texts: _Texts) -> FileOperations:
    if not (root / GUILD_FILE).is_file():
        return FileOperations()
    text = texts.read(GUILD_FILE)
    if text is None:
        message = f"{GUILD_FILE} is no UTF-8 text; its operations are not read"
        raise OperationError(message)
    found, warnings = read_guild(text, exists=texts.exists, read_text=texts.read)
    return FileOperations(operations=found, warnings=warnings)


class HasSource(Protocol):
    """What ``dm.dvcfile(..)`` and its like give."""

    @property
    def source(self) -> Source:
        """The frozen data."""


Required = str | Source | HasSource | Mapping[str, Any]
"""A source in Python: ``"dvcfile:a.csv"``, ``dm.dvcfile("a.csv")``, ``{"dvcfile": "a.csv", "remote": "far"}``."""


def python_operation(
    name: str,
    code: str,
    *,
    deps: Sequence[str],
    requires: Sequence[Required],
    outs: Sequence[str | Mapping[str, Any]],
    metrics: Sequence[str | Mapping[str, Any]],
    stage: str,
    script: str,
    learn: bool,
    scalars: bool,
    desc: str,
) -> Operation:
    """The operation that Python code is, as if it stood in a cell below ``%%dvc_op``.

    Raises:
        OperationError: it cannot be one.
    """
    at = f"operation {name!r}"
    settings = CellSettings(
        requires=(
            *(plain_source(path, where="deps", instead="in requires") for path in deps),
            *(_required(entry, where=at) for entry in requires),
        ),
        outs=read_outs({"outs": list(outs), "metrics": list(metrics)}, at=at),
        stage=stage,
        script=read_script(script, "script", at=at) if script else "",
        learn=learn or None,
        scalars=scalars or None,
        desc=desc,
    )
    return replace(cell_operation(name, textwrap.dedent(code).strip("\n"), settings=settings), origin="api")


def _required(entry: Required, *, where: str) -> Source:
    match entry:
        case str():
            return parse_source(entry, where=where)
        case Source():
            return entry
        case Mapping():
            return read_source(dict(entry), where=where)
    return entry.source


class Operations(Mapping[str, StageView]):
    """The operations of a project by name, compiled to stages."""

    def __init__(self, pipeline: Pipeline) -> None:
        self.pipeline = pipeline
        self._found = {stage.address.removeprefix("op:"): stage for stage in pipeline.operations}

    def __getitem__(self, name: str) -> StageView:
        """The operation of this name, with ``op:`` before it or not.

        Raises:
            OperationError: there is none, or it cannot be used.
        """
        plain = name.removeprefix("op:")
        if plain in self._found:
            return StageView(self._found[plain], self.pipeline)
        fault = self.pipeline.faults.get(f"op:{plain}")
        known = list(self._found)
        listed = f" The operations are {', '.join(known)}." if known else " This project has none."
        raise OperationError(fault or f"There is no operation {plain!r}.{close_matches(plain, known)}{listed}")

    def __contains__(self, name: object) -> bool:
        """Whether there is an operation of this name."""
        return isinstance(name, str) and name.removeprefix("op:") in self._found

    def __iter__(self) -> Iterator[str]:
        """The names."""
        return iter(self._found)

    def __len__(self) -> int:
        """How many."""
        return len(self._found)

    def _ipython_key_completions_(self) -> list[str]:
        return list(self)

    def table(self) -> Table:
        """The operations as a table, ready to show."""
        return stages_table(replace(self.pipeline, stages=()))

    def __repr__(self) -> str:
        """The table as text."""
        return self.table().text()

    def _repr_html_(self) -> str:
        return self.table().html()
