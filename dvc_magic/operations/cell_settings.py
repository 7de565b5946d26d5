"""What is said of a cell beside its code: by the options of its line, or by the comment block in it."""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import TypeVar

from msgspec import Struct

from dvc_magic.line import OperationLine
from dvc_magic.model.operation import OperationOut, Source, SourceKind
from dvc_magic.operations.fields import read_path, refusal, shown
from dvc_magic.operations.sources import parse_source, read_source

_Item = TypeVar("_Item")
_OPTION = {(False, True): "-o", (False, False): "-O", (True, True): "-m", (True, False): "-M"}
_SHORT_FORM = re.compile(rf"({'|'.join(SourceKind)}):")
_FOREIGN = (".dvc", ".git", ".dvc_magic")


class CellSettings(Struct, frozen=True, kw_only=True):
    """What a cell needs and makes, and how it runs.

    Attributes:
        requires: its sources. outs: what it makes.
        stage: the stage that it serves. script: the path of its script. desc: one line. Empty where nothing is said.
        learn: whether a run finds out what the code reads; scalars: whether numbers that it prints are metrics; None
            where nothing is said.
    """

    requires: tuple[Source, ...] = ()
    outs: tuple[OperationOut, ...] = ()
    stage: str = ""
    script: str = ""
    learn: bool | None = None
    scalars: bool | None = None
    desc: str = ""

    def with_block(self, block: CellSettings, *, at: str) -> CellSettings:
        """These settings and those of a block: lists add up, and single values have to agree.

        Raises:
            OperationError: a value differs, or two outs of the same path do.
        """
        for name in self.__struct_fields__:
            mine, theirs = getattr(self, name), getattr(block, name)
            if name not in ("requires", "outs") and mine not in ("", None) and theirs not in ("", None, mine):
                ways = f"--{name} has {shown(mine)}, and the block in the cell has {shown(theirs)}"
                raise refusal(at, f"{ways}; leave out one")
        return CellSettings(
            requires=_each_once((*self.requires, *block.requires)),
            outs=checked_outs((*self.outs, *block.outs), at=at),
            stage=self.stage or block.stage,
            script=self.script or block.script,
            learn=block.learn if self.learn is None else self.learn,
            scalars=block.scalars if self.scalars is None else self.scalars,
            desc=self.desc or block.desc,
        )


def line_settings(line: OperationLine) -> CellSettings:
    """What the options of a line say.

        >>> line_settings(read_operation_line("fit -d data.csv -M m.json", namespace={}))

    Raises:
        OperationError: a source, a path or a name cannot be used.
    """
    sources = [
        *(_plain(path) for path in line.deps),
        *(parse_source(text, where="--requires") for text in line.requires),
    ]
    return CellSettings(
        requires=tuple(sources),
        outs=tuple(_out(out) for out in line.outs),
        stage=line.stage.strip(),
        script=read_script(line.script, "--script", at="%%dvc_op") if line.script else "",
        learn=True if line.learn else None,
        scalars=True if line.scalars else None,
        desc=line.desc.strip().split("\n")[0].strip(),
    )


def plain_source(path: str, *, where: str, instead: str) -> Source:
    """The source that a path alone names, as among the deps of a stage: pulled where DVC has recorded it alone.

    `instead` says how a source of another kind is written there.

    Raises:
        OperationError: it is no path in the project.
    """
    if _SHORT_FORM.match(path):
        raise refusal(f"{where} {path}", f"expected a path; another source is written {instead}")
    return read_source({str(SourceKind.DVCFILE): path}, where=f"{where} {path}")


def read_script(value: object, key: str, *, at: str) -> str:
    """The path of a script in the project.

    Raises:
        OperationError: it is none.
    """
    path = read_path(value, key, at=at)
    if not path.endswith(".py") or path.endswith("/.py") or path == ".py":
        raise refusal(at, f"{key!r} has to be a Python file, such as fit.py; it is {shown(path)}")
    if path.split("/", maxsplit=1)[0] in _FOREIGN:
        raise refusal(at, f"{shown(path)} is no place for a script; name one beside the project's own code")
    return path


def checked_outs(outs: Iterable[OperationOut], *, at: str) -> tuple[OperationOut, ...]:
    """Outs, each once.

    Raises:
        OperationError: two of the same path differ.
    """
    found: dict[str, OperationOut] = {}
    for out in outs:
        known = found.setdefault(out.path, out)
        if known != out:
            ways = " and ".join(_OPTION[one.metric, one.cache] for one in (known, out))
            raise refusal(at, f"{shown(out.path)} is named as two kinds of output, {ways}; leave out one")
    return tuple(found.values())


def _plain(path: str) -> Source:
    return plain_source(path, where="-d", instead=f"--requires {path}")


def _out(out: OperationOut) -> OperationOut:
    option = _OPTION[out.metric, out.cache]
    path = read_path(out.path, option, at="%%dvc_op")
    if path == ".":
        raise refusal("%%dvc_op", f"{option!r} names the project itself; name a file or a folder in it")
    return OperationOut(path=path, metric=out.metric, cache=out.cache)


def _each_once(items: Iterable[_Item]) -> tuple[_Item, ...]:
    return tuple(dict.fromkeys(items))
