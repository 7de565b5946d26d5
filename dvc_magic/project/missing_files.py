"""What a failed command looked for that the project has, or could make, and the run lacks, read from its log."""

from __future__ import annotations

import json
import os
import posixpath
import re
from collections.abc import Iterator, Sequence
from pathlib import Path

from dvc_magic.line import as_word
from dvc_magic.model.paths import RunPaths
from dvc_magic.model.record import RunRecord
from dvc_magic.model.relative import declared, in_yaml
from dvc_magic.model.stage import Pipeline, Stage, lies_in
from dvc_magic.untrusted import check_document

__all__ = ["missing_file_hint"]

_PATHS = (
    r"""['"]([^'"\n]{1,300})['"]|(?<![\w./-])(/?(?:[\w.-]+/)*[\w.-]*\.\w{1,8})(?![\w/])"""
    r"|(\S{1,300}): No such file or directory"
)
_MODULE = r"No module named '([\w.]+)'"
_NAME = r"cannot import name '(\w+)' from (?:partially initialized module )?'[\w.]+' \((.+)/__init__\.py\)"
_SIGNS = r"[*+?^$|()\[\]{}\\]"
_FRAME = r'File "([^"\n]+)/[^"/\n]+", line '


def missing_file_hint(
    record: RunRecord, tail: Sequence[str], paths: RunPaths, project: Path, pipeline: Pipeline
) -> str:
    """The line that helps when the log names a file that the workspace lacks, or an empty text.

    Args:
        record: the run. tail: the last lines of its log. paths: its files.
        project: the root, which may have the file. pipeline: whose stages may make it.
    """
    workspace = paths.dvc_root(record.root)
    for path in _candidates(record, "\n".join(tail), workspace):
        if ".." in path.split("/") or path == "." or posixpath.isabs(path) or os.path.lexists(workspace / path):
            continue
        makers = [stage for stage in pipeline.producers(path) if stage.address != record.stage]
        if makers:
            return (
                f"{path!r} is made by stage {makers[0].address!r}, and no dep {_of(record)} names it: runs get what is "
                f"declared. {_with_output(record, path, makers[0])}"
            )
        if _tracked(project, path):
            return (
                f"{path!r} is data that DVC tracks, and no dep {_of(record)} names it: runs get what is declared. "
                f"{_with_dep(record, path)}"
            )
        if (project / path).exists():
            return (
                f"{path!r} is in the project but not in the run: git ignores it, and no dep {_of(record)} names it. "
                f"{_with_copy(record, path)} takes it along; 'copy-paths: [{in_yaml(path)}]' in dvc_magic.yaml always "
                "does"
            )
    return ""


def _of(record: RunRecord) -> str:
    return "of the stage" if record.op is None else "of the operation"


def _with_dep(record: RunRecord, path: str) -> str:
    """How a dep is declared: in the line of a cell, in a file, in Python."""
    if record.op is not None and record.op.origin == "cell":
        return f"Add it to the cell's first line: -d {as_word(path)} (or --learn, which looks at what the code names)"
    if record.op is not None and record.op.origin == "api":
        return f"Add it to the operation: deps=[{path!r}]"
    if record.op is not None:
        return f"Add it to the operation in {record.op.origin}: requires: [dvcfile: {in_yaml(path)}]"
    return f"Add it to the stage: deps: [{declared(path, wdir=record.wdir)}]"


def _with_output(record: RunRecord, path: str, maker: Stage) -> str:
    """How an output of a stage is required; of a folder around outputs, all that the stage makes."""
    if record.op is None:
        return _with_dep(record, path)
    out = next((out.path for out in maker.outs if lies_in(path, out.path)), "")
    # What is selected is a regular expression; only as plain text, where a dot fits the dot, it may lie in an out.
    plain = next((name for name in (path, out) if not re.search(_SIGNS, name)), "")
    select = out and (plain or re.escape(out))
    source = f"dvcstage:{maker.address}:{select}" if select else f"dvcstage:{maker.address}"
    if record.op.origin == "api":
        return f"Add it to the operation: requires=[{source!r}]"
    if record.op.origin != "cell":
        entry = {"dvcstage": maker.address, "select": select} if select else {"dvcstage": maker.address}
        return f"Add it to the operation in {record.op.origin}: requires: [{json.dumps(entry, ensure_ascii=False)}]"
    required = f"--requires {as_word(source)}"
    begin = f"%%dvc_op {record.op.name}"
    if (record.line or "").startswith(begin):
        return f"The cell's first line with it: {begin} {required}{(record.line or '').removeprefix(begin)}"
    return f"Add it to the cell's first line: {required}"


def _with_copy(record: RunRecord, path: str) -> str:
    if record.line is None:
        return f"project.run({record.stage!r}, copy_paths=[{path!r}])"
    return f"%dvc_run {as_word(record.stage)} -C {as_word(path)}"


def _tracked(project: Path, path: str) -> bool:
    """Whether a ``.dvc`` file stands for a path or a folder above it, or ``dvc.lock`` has it as an output."""
    parts = path.split("/")
    above = ["/".join(parts[:end]) for end in range(1, len(parts) + 1)]
    return any((project / f"{name}.dvc").is_file() for name in above) or not _outputs(project).isdisjoint(above)


def _outputs(project: Path) -> set[str]:
    """What the ``dvc.lock`` in the project's root calls outputs; of a damaged one, nothing."""
    import yaml  # noqa: PLC0415 - 10 ms that loading the extension need not take

    try:
        text = (project / "dvc.lock").read_text(encoding="utf-8")
        check_document(text, ".lock")
        content = yaml.load(text, Loader=getattr(yaml, "CSafeLoader", yaml.SafeLoader))  # noqa: S506 - both are safe loaders
        stages = content["stages"].values()
        return {str(out["path"]) for stage in stages for out in stage.get("outs", [])}
    except (OSError, ValueError, yaml.YAMLError, TypeError, KeyError, AttributeError):
        return set()


def _candidates(record: RunRecord, text: str, workspace: Path) -> Iterator[str]:
    """Paths from the root that the log may mean, likely ones first."""
    own = os.path.realpath(workspace)
    for module in dict.fromkeys(re.findall(_MODULE, text)):
        yield from _module_places(record, module, _frames(text, workspace))
    for name, package in re.findall(_NAME, text):
        folder = _relative(package, workspace, own)
        yield from (f"{folder}/{name}.py", f"{folder}/{name}")
    for found in dict.fromkeys(name for names in re.findall(_PATHS, text) for name in names if name):
        path = _relative(found, workspace, own)
        if "\0" in path:
            continue
        for base in dict.fromkeys([record.wdir, "."]):
            yield posixpath.normpath(posixpath.join(base, path))


def _module_places(record: RunRecord, module: str, frames: Sequence[str]) -> Iterator[str]:
    """Where a module or its package would be: beside a script, in the working directory, on the Python path."""
    stem, package = module.replace(".", "/"), module.partition(".")[0]
    for base in dict.fromkeys([*frames, record.wdir, *record.import_roots, "."]):
        for name in dict.fromkeys([f"{stem}.py", stem, package]):
            yield posixpath.normpath(posixpath.join(base, name))


def _frames(text: str, workspace: Path) -> list[str]:
    """The folders of the workspace's files in a traceback."""
    own = os.path.realpath(workspace)
    folders = (_relative(folder, workspace, own) for folder in re.findall(_FRAME, text))
    return [folder for folder in dict.fromkeys(folders) if not posixpath.isabs(folder)]


def _relative(path: str, workspace: Path, own: str) -> str:
    """A path of the log from the workspace's root, when it lies there."""
    for root in (str(workspace), own):
        if path == root or path.startswith(f"{root}/"):
            return path[len(root) + 1 :] or "."
    return path
