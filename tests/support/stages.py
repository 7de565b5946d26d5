"""Stages out of thin air, for tests of what reads lines about them."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from dvc_magic.model.stage import Dep, Out, Param, Stage
from dvc_magic.model.values import Value


def made_up_stage(
    address: str,
    params: Mapping[str, Value] | None = None,
    deps: Iterable[str] = (),
    outs: Iterable[str] = (),
    *,
    file: str = "params.yaml",
) -> Stage:
    """A stage of this address with these params, all of one file, deps and outs."""
    return Stage(
        address=address,
        name=address.rpartition(":")[2],
        dvcfile="dvc.yaml",
        wdir=".",
        cmd="run",
        commands=("run",),
        deps=tuple(Dep(path=path, declared=path) for path in deps),
        outs=tuple(Out(path=path, declared=path) for path in outs),
        flags=tuple(Param(file=file, key=key, value=value) for key, value in (params or {}).items()),
    )
