"""Operations with the text of every file that they have, under the values of a call."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from functools import lru_cache
from pathlib import Path, PurePosixPath

from msgspec.structs import replace

from dvc_magic.errors import DvcMagicError, MissingInputError, OperationError
from dvc_magic.model.operation import Operation
from dvc_magic.model.record import Override
from dvc_magic.model.request import ChangeKind
from dvc_magic.workspace.param_files import ParamFile, ValueChange, WrittenParams, refuse_lost_map


def own_files(operations: Iterable[Operation]) -> frozenset[str]:
    """The files that some of these operations bring: values for them are not the project's.

    A file of the project that they have at its own place is not among them: its values hold for every stage.
    """
    return frozenset(file.path for operation in operations for file in operation.files if file.origin != file.path)


def values_for(operation: Operation, target: Operation | None, overrides: Sequence[Override]) -> list[Override]:
    """The values of a call that an operation takes: those for the target's own files are not for another's."""
    if target is None or operation.address == target.address:
        return list(overrides)
    return [entry for entry in overrides if entry.file not in target.written]


def bound(operation: Operation, text_of: Callable[[str], str], overrides: Sequence[Override] = ()) -> Operation:
    """The operation with all its texts, its presets and then the values of a call written into them.

    Args:
        operation: as it was read.
        text_of: the text of a file of the project, by its path.
        overrides: of the call. Those for the file that a renamed one is taken from hold there too; those of other files
            make no difference.

    Raises:
        OperationError: a file that it takes from the project is not there.
        ParamError: a value does not fit.
    """
    files = []
    for file in operation.files:
        changes = [
            *(
                ValueChange(key=preset.key, value=preset.value, kind=ChangeKind.SET)
                for preset in operation.presets
                if preset.file == file.path
            ),
            *(changes_of(overrides, file.origin) if file.origin != file.path else ()),
            *changes_of(overrides, file.path),
        ]
        text = file.text if file.text is not None else _read(operation, file.origin, text_of)
        if changes:
            text = changed(text, changes, file=file.path)
        files.append(replace(file, text=text))
    return replace(operation, files=tuple(files), presets=())


def changed(text: str, changes: Sequence[ValueChange], *, file: str) -> str:
    """The text of a param file with these changes.

    Raises:
        ParamError: a change cannot be made, or would put a single value in the place of a map.
        PipelineError: the file cannot be read.
    """
    return written(param_file(text, file), changes, file=file).text


@lru_cache(maxsize=8)
def param_file(text: str, file: str) -> ParamFile:
    """The param file of this name and text; most calls write values into the one that the call before had.

    Raises:
        PipelineError: it cannot be read.
    """
    return ParamFile(text, PurePosixPath(file).suffix.lower(), path=file)


def written(params: ParamFile, changes: Sequence[ValueChange], *, file: str) -> WrittenParams:
    """The param file with these changes.

    Raises:
        ParamError: a change cannot be made, or would put a single value in the place of a map.
    """
    for change in changes:
        if change.kind in (ChangeKind.SET, ChangeKind.FORCE):
            refuse_lost_map(params.values, change.key, change.value, path=file)
    return params.with_changes(changes)


def changes_of(overrides: Iterable[Override], file: str) -> list[ValueChange]:
    """What a call's values change in one file."""
    return [
        ValueChange(key=entry.key, value=entry.value, kind=ChangeKind(entry.kind))
        for entry in overrides
        if entry.file == file
    ]


def _read(operation: Operation, origin: str, text_of: Callable[[str], str]) -> str:
    where = f"operation {operation.name!r} in {operation.origin}"
    try:
        return text_of(origin)
    except (MissingInputError, OSError) as error:
        reason = "from the project, which does not have it; write the file, or correct the operation"
        raise OperationError(f"{where} takes {origin!r} {reason}") from error
    except UnicodeDecodeError as error:
        raise OperationError(f"{where} takes {origin!r}, which is no UTF-8 text; save it as UTF-8") from error


def disk_text(root: Path) -> Callable[[str], str]:
    """What reads the texts of a project's files as they are now."""

    def text_of(path: str) -> str:
        return (root / path).read_bytes().decode("utf-8")

    return text_of


def described(
    operations: Iterable[Operation], text_of: Callable[[str], str]
) -> tuple[tuple[Operation, ...], dict[str, str]]:
    """The operations that can be bound to the project as it is, and why the others cannot, by address."""
    found: list[Operation] = []
    faults: dict[str, str] = {}
    for operation in operations:
        try:
            found.append(bound(operation, text_of))
        except DvcMagicError as error:
            faults[operation.address] = str(error)
    return tuple(found), faults
