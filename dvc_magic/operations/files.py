"""The ``operations`` of ``dvc_magic.yaml``."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from typing import Any

from msgspec.structs import replace

from dvc_magic.errors import OperationError
from dvc_magic.model.operation import Operation, OperationOut
from dvc_magic.operations.fields import (
    abridged,
    check_key,
    read_bool,
    read_map,
    read_path,
    read_text,
    refusal,
    seen,
    shown,
)
from dvc_magic.operations.flags import bind_flags, read_flags
from dvc_magic.operations.programs import Program, ProjectFiles, read_cmd, read_main
from dvc_magic.operations.sources import read_sources

ORIGIN = "dvc_magic.yaml"
_AT = f"'operations' in {ORIGIN}"
KEYS = frozenset(
    {"main", "cmd", "requires", "flags", "flags-dest", "outs", "metrics", "stage", "run-attrs", "desc", "description"}
)
"""What an entry can have."""

_NAME = re.compile(r"\w[\w.-]*")
_EXAMPLE = "'fit: {main: fit.py, requires: [dvcfile: data.csv]}'"
_HINTS = {
    "exec": "write 'cmd'",
    "deps": "name what it needs in 'requires': dvcfile, dvcstage, file or config",
    "params": "name files of params in 'requires', as 'config: params.yaml', and single ones in 'flags'",
    "flags-import": "name them in 'flags'; without it, all are flags",
    "wdir": "commands run in the project's root; write cd FOLDER into 'cmd'",
    "plots": "name them in 'outs'",
    "serves": "write 'stage'",
    "dvc-stage": "write 'stage'",
    "steps": "an operation that needs another's outputs names its stage in 'requires', as 'dvcstage: STAGE'",
}


def read_operations(
    content: Mapping[str, Any], *, exists: Callable[[str], bool], read_text: Callable[[str], str | None]
) -> tuple[tuple[Operation, ...], dict[str, str]]:
    """The operations of ``dvc_magic.yaml`` in its order, and why others cannot be used, by name.

        >>> read_operations({"operations": {"fit": {"main": "fit.py"}}}, exists=exists, read_text=read_text)

    Args:
        content: of the file; its ``operations`` are a map of names to entries, or not there.
        exists: whether the project has a file of this path.
        read_text: its text; None where there is none.

    Raises:
        OperationError: ``operations`` is no map.
    """
    section = content.get("operations")
    if section is None:
        return (), {}
    if not isinstance(section, Mapping):
        raise refusal(_AT, f"it has to be a map, such as {_EXAMPLE}; {seen(section)}")
    files = ProjectFiles(exists=exists, read_text=read_text)
    found: list[Operation] = []
    faults: dict[str, str] = {}
    for name, entry in section.items():
        try:
            found.append(_read_operation(name, entry, files))
        except OperationError as error:
            faults[abridged(name)] = str(error)
    return tuple(found), faults


def check_name(name: str, *, at: str) -> str:
    """See that an operation can have this name.

    Raises:
        OperationError: it cannot.
    """
    if not _NAME.fullmatch(name):
        raise refusal(at, f"{shown(name)} is no name for an operation; use letters, digits, - _ .")
    return name


def _read_operation(name: object, entry: object, files: ProjectFiles) -> Operation:
    if not isinstance(name, str):
        raise refusal(_AT, f"the key {shown(name)} has to be text; put it in quotes")
    check_name(name, at=_AT)
    at = f"operation {name!r} in {ORIGIN}"
    fields = read_map({"main": entry} if isinstance(entry, str) else entry, at=at, such_as="{main: fit.py}")
    for key in fields:
        if key in _HINTS:
            raise refusal(at, f"there is no {key!r} here: {_HINTS[key]}")
        check_key(key, KEYS, at=at, of="an operation")
    program = _read_program(fields, at=at, files=files)
    sources = read_sources(fields.get("requires"), where=at)
    flags = read_flags(fields.get("flags"), fields.get("flags-dest"), at=at)
    bound = bind_flags(flags, program, sources, name=name, at=at, files=files)
    return Operation(
        name=name,
        origin=ORIGIN,
        cmd=bound.cmd,
        serves=_read_stage(fields, at=at),
        requires=sources,
        code=(program.script,) if program.script else (),
        params=bound.params,
        variables=bound.variables,
        files=bound.files,
        presets=bound.presets,
        outs=read_outs(fields, at=at),
        desc=_read_desc(fields, at=at),
    )


def _read_program(fields: Mapping[str, Any], *, at: str, files: ProjectFiles) -> Program:
    if ("main" in fields) == ("cmd" in fields):
        found = "has both" if "main" in fields else "has neither"
        raise refusal(at, f"it {found} of 'main', a Python file or module, and 'cmd', a shell command; give one")
    if "main" in fields:
        return read_main(fields["main"], at=at, files=files)
    return read_cmd(fields["cmd"], at=at, files=files)


def _read_stage(fields: Mapping[str, Any], *, at: str) -> str:
    """The stage that it serves, from ``stage: S`` or, as in Guild AI, ``run-attrs: {dvc: {stage: S}}``."""
    stages = {read_text(fields["stage"], "stage", at=at)} if "stage" in fields else set()
    if "run-attrs" in fields:
        such_as = "{dvc: {stage: train}}"
        attributes = read_map(fields["run-attrs"], at=f"{at}, in 'run-attrs'", such_as=such_as)
        for key in attributes:
            check_key(key, ("dvc",), at=f"{at}, in 'run-attrs'", of="it")
        dvc = read_map(attributes.get("dvc"), at=f"{at}, in 'run-attrs'", such_as=such_as)
        for key in dvc:
            check_key(key, ("stage",), at=f"{at}, in 'run-attrs'", of="dvc")
        stages.add(read_text(dvc.get("stage"), "stage", at=at))
    if len(stages) > 1:
        raise refusal(at, f"it serves two stages, {' and '.join(sorted(stages))}; give it one")
    return next(iter(stages), "")


def read_outs(fields: Mapping[str, Any], *, at: str) -> tuple[OperationOut, ...]:
    """The ``outs`` and ``metrics`` of an entry: each a path, or a list of paths and of maps as in ``dvc.yaml``.

    Raises:
        OperationError: one is no such thing, leads out of the project, or is named twice.
    """
    outs = [out for key in ("outs", "metrics") for out in _read_list(fields.get(key), key, at=at)]
    paths = [out.path for out in outs]
    twice = next((path for path in paths if paths.count(path) > 1), None)
    if twice:
        raise refusal(at, f"it names {twice!r} twice among its outs and metrics; leave out one")
    return tuple(outs)


def _read_list(value: object, key: str, *, at: str) -> list[OperationOut]:
    if value is None:
        return []
    items = value if isinstance(value, list) else [value]
    return [_read_out(item, key, at=at) for item in items]


def _read_out(item: object, key: str, *, at: str) -> OperationOut:
    """One out: a path, or a map of a path to what ``dvc.yaml`` says of it there."""
    if isinstance(item, str):
        path = read_path(item, key, at=at)
        if path == ".":
            raise refusal(at, f"{key!r} names the project itself; name a file or a folder in it")
        return OperationOut(path=path, metric=key == "metrics")
    if not isinstance(item, Mapping) or len(item) != 1:
        raise refusal(at, f"{key!r} has to be a path, or a list of paths and of maps as in dvc.yaml; {seen(item)}")
    ((path, options),) = item.items()
    out = _read_out(read_text(path, key, at=at), key, at=at)
    found = {} if options is None else read_map(options, at=f"{at}, {path!r}", such_as="{cache: false}")
    for option in found:
        check_key(option, ("cache",), at=f"{at}, {path!r}", of="an out")
    return replace(out, cache=read_bool(found.get("cache", True), "cache", at=f"{at}, {path!r}"))


def _read_desc(fields: Mapping[str, Any], *, at: str) -> str:
    """Its first line, from ``desc`` as in ``dvc.yaml``, or ``description`` as in Guild AI."""
    key = next((key for key in ("desc", "description") if fields.get(key) is not None), None)
    return read_text(fields[key], key, at=at).splitlines()[0].strip() if key else ""
