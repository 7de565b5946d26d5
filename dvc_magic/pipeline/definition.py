"""The ``dvc.yaml`` of a run: one stage, still templated, in YAML that every reader reads alike."""

from __future__ import annotations

import posixpath
import re
from collections.abc import Mapping, Sequence
from functools import lru_cache
from typing import Any

import yaml

from dvc_magic.model.stage import OutKind, PipelineFile, Stage

DVCFILE = "dvc.yaml"
"""The pipeline file of the root."""

LISTS = {OutKind.OUT: "outs", OutKind.METRIC: "metrics", OutKind.PLOT: "plots"}
"""Kind of an out -> the list of a stage that names it."""

# Plain text that YAML 1.2 takes for a number or a word of its own and YAML 1.1 (which PyYAML knows) does not.
_MISREAD = re.compile(
    r"[-+.\d_][-+.:\d_a-fxo]*|[-+]?\.(inf|nan)|y|n|yes|no|on|off|true|false|null|~", re.IGNORECASE | re.ASCII
)
# Control characters, line ends that only one of the two knows, and blanks at an end: to be escaped.
_UNSAFE = re.compile(r"[\x00-\x09\x0b-\x1f\x7f-\xa0\u2028\u2029\ufeff\ufffe\uffff]|^\s|[ \n]\Z")
_LINES = re.compile(r"(\S([^\n]*\S)?\n)+(\S([^\n]*\S)?)?")  # commands as people write them, one a line
_WIDE = 1 << 20  # columns, so that no line is folded


class _Dumper(yaml.SafeDumper):
    def ignore_aliases(self, data: Any) -> bool:
        """Never write ``&anchors``."""
        return True

    def increase_indent(self, flow: bool = False, indentless: bool = False) -> None:
        """Indent lists below their key."""
        super().increase_indent(flow, indentless=False)


def _text(dumper: yaml.SafeDumper, value: str) -> yaml.ScalarNode:
    style = "'" if _MISREAD.fullmatch(value) else None
    if _UNSAFE.search(value.removesuffix("\n")):
        style = '"'
    elif _LINES.fullmatch(value):
        style = "|"
    return dumper.represent_scalar("tag:yaml.org,2002:str", value, style=style)


def _float(dumper: yaml.SafeDumper, value: float) -> yaml.ScalarNode:
    text = repr(value)
    if "inf" in text or "nan" in text:
        return dumper.represent_float(value)
    mantissa, exponent, power = text.partition("e")
    digits = mantissa if "." in mantissa else f"{mantissa}.0"  # YAML 1.1 reads 1e-05 as text
    return dumper.represent_scalar("tag:yaml.org,2002:float", f"{digits}{exponent}{power}")


_Dumper.add_representer(str, _text)
_Dumper.add_representer(float, _float)


class _Content:
    """Plain data as a key: told apart by its spelling, for 1, 1.0 and True are equal and not written alike."""

    def __init__(self, data: Any) -> None:
        self.data = data
        self._spelling = repr(data)

    def __hash__(self) -> int:
        return hash(self._spelling)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, _Content) and self._spelling == other._spelling


def dump(data: Any) -> str:
    """YAML text of plain `data` that readers of YAML 1.1 and of 1.2 take for the same values."""
    return _dumped(_Content(data))


@lru_cache(maxsize=64)  # the runs of a grid have one dvc.yaml, which takes PyYAML a millisecond
def _dumped(content: _Content) -> str:
    return str(yaml.dump(content.data, Dumper=_Dumper, sort_keys=False, allow_unicode=True, width=_WIDE))


def _listed_params(top: Mapping[str, Any], folder: str, param_files: Sequence[str]) -> list[Any]:
    relative = [posixpath.relpath(path, folder or ".") for path in param_files]
    return list(dict.fromkeys([*(top.get("params") or []), *relative]))


def stage_files(stage: Stage, pipeline_file: PipelineFile, param_files: Sequence[str] = ()) -> str:
    """The text of a ``dvc.yaml`` that holds `stage` alone.

    Args:
        stage: the stage.
        pipeline_file: the file that defines it; its other top-level entries are kept.
        param_files: param files of other stages, from the project's root. They are listed under ``params``, so that
            ``dvc.api.params_show()`` inside the run shows what it shows in the project.
    """
    top = dict(pipeline_file.top)
    params = _listed_params(top, posixpath.dirname(pipeline_file.path), param_files)
    if params:
        top["params"] = params
    stages = {"stages": {stage.definition_name: stage.definition}}
    return dump({**top, **stages})


def first_lock(pipeline_file: PipelineFile) -> str:
    """The text of the ``dvc.lock`` that a run begins with: the datasets, which no stage makes; empty without any."""
    if not pipeline_file.datasets:
        return ""
    return dump({"schema": "2.0", "datasets": list(pipeline_file.datasets)})
