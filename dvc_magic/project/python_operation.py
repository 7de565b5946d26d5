"""Python code as an operation: what `Project.op` takes."""

from __future__ import annotations

import textwrap
from collections.abc import Mapping, Sequence
from typing import Any, Protocol

from msgspec.structs import replace

from dvc_magic.model.operation import Operation, Source
from dvc_magic.operations import (
    CellSettings,
    cell_operation,
    parse_source,
    plain_source,
    read_outs,
    read_script,
    read_source,
)


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
