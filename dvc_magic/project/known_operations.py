"""The operations of a project: those of its files, read anew for each call, and those that a kernel has registered."""

from __future__ import annotations

import contextlib
import threading
from collections.abc import Callable, Iterator
from pathlib import Path

from msgspec import Struct, field
from msgspec.structs import replace

from dvc_magic.errors import OperationError, ProjectError
from dvc_magic.model.operation import Operation
from dvc_magic.operations import read_guild, read_operations
from dvc_magic.project.settings import SETTINGS_FILE, read_file
from dvc_magic.store import RunStore

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
    """The operations that calls of one project can name. Any thread may use it.

    Args:
        root: of the project.
    """

    def __init__(self, root: Path) -> None:
        self._root = root
        self._registering = threading.Lock()
        self._registered: dict[str, Operation] = {}  # replaced at each change, so that others look at one that stays

    def all(self) -> FileOperations:
        """Those of the project's files as they are now, and those that were registered, which come before them."""
        named, registered = operations_of(self._root), self._registered
        found = {operation.name: operation for operation in named.operations}
        faults = {at: said for at, said in named.faults.items() if at.removeprefix("op:") not in registered}
        return replace(named, operations=tuple({**found, **registered}.values()), faults=faults)

    def register(self, operation: Operation) -> None:
        """Make an operation known under its name; one of that name before it is replaced."""
        with self._registering:
            self._registered = {**self._registered, operation.name: operation}

    @contextlib.contextmanager
    def trying(self, operation: Operation) -> Iterator[None]:
        """``with operations.trying(operation): ...``: it stays known, unless the block raises.

        So one whose call is refused leaves no trace, and the one of that name before it comes back.
        """
        before = self._registered.get(operation.name)
        self.register(operation)
        try:
            yield
        except BaseException:
            self._forget(operation, before)
            raise

    def _forget(self, operation: Operation, before: Operation | None) -> None:
        with self._registering:
            if self._registered.get(operation.name) is not operation:  # another thread has made another of that name
                return
            kept = {name: known for name, known in self._registered.items() if name != operation.name}
            self._registered = kept if before is None else {**self._registered, operation.name: before}

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
