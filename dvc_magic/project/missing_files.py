"""What a failed command looked for that the project has and the run lacks, read from its log."""

from __future__ import annotations

import os
import posixpath
import re
from collections.abc import Iterator, Sequence
from pathlib import Path

from dvc_magic.model.paths import RunPaths
from dvc_magic.model.record import RunRecord
from dvc_magic.untrusted import check_document

__all__ = ["missing_file_hint"]

_PATHS = re.compile(
    r"""['"]([^'"\n]{1,300})['"]|(?<![\w./-])(/?(?:[\w.-]+/)*[\w.-]*\.\w{1,8})(?![\w/])"""
    r"|(\S{1,300}): No such file or directory"
)
_MODULE = re.compile(r"No module named '([\w.]+)'")
_NAME = re.compile(r"cannot import name '(\w+)' from (?:partially initialized module )?'[\w.]+' \((.+)/__init__\.py\)")
_PLAIN = re.compile(r"[^\s'\"#;{}()\[\]]+")  # what a line takes without quotes
_FRAME = re.compile(r'File "([^"\n]+)/[^"/\n]+", line ')


def missing_file_hint(record: RunRecord, tail: Sequence[str], paths: RunPaths, project: Path) -> str:
    """The line that helps when the log names a file which the project has and the workspace lacks, or an empty text."""
    workspace = paths.dvc_root(record.root)
    for path in _candidates(record, "\n".join(tail), workspace):
        if ".." in path.split("/") or path == "." or posixpath.isabs(path) or os.path.lexists(workspace / path):
            continue
        if _tracked(project, path):
            return (
                f"{path!r} is data that DVC tracks, and no dep {_of(record)} names it: runs get what is declared. "
                f"{_with_dep(record, path)}"
            )
        if (project / path).exists():
            return (
                f"{path!r} is in the project but not in the run: git ignores it, and no dep {_of(record)} names it. "
                f"{_with_copy(record, path)} takes it along; 'copy-paths: [{path}]' in dvc_magic.yaml always does"
            )
    return ""


def _of(record: RunRecord) -> str:
    return "of the stage" if record.op is None else "of the operation"


def _with_dep(record: RunRecord, path: str) -> str:
    """How a dep is declared: in the line of a cell, in a file, in Python."""
    if record.op is not None and record.op.origin == "cell":
        return f"Add it to the cell's first line: -d {_word(path)} (or --learn, which looks at what the code names)"
    if record.op is not None and record.op.origin == "api":
        return f"Add it to the operation: deps=[{path!r}]"
    if record.op is not None:
        return f"Add it to the operation in {record.op.origin}: requires: [dvcfile: {path}]"
    return f"Add it to the stage: deps: [{path}]"


def _with_copy(record: RunRecord, path: str) -> str:
    if record.line is None:
        return f"run({record.stage!r}, copy_paths=[{path!r}])"
    return f"%dvc_run {record.stage} -C {_word(path)}"


def _word(path: str) -> str:
    return path if _PLAIN.fullmatch(path) else repr(path)


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
    for module in dict.fromkeys(_MODULE.findall(text)):
        yield from _module_places(record, module, _frames(text, workspace))
    for name, package in _NAME.findall(text):
        folder = _relative(package, workspace, own)
        yield from (f"{folder}/{name}.py", f"{folder}/{name}")
    for found in dict.fromkeys(name for names in _PATHS.findall(text) for name in names if name):
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
    folders = (_relative(folder, workspace, own) for folder in _FRAME.findall(text))
    return [folder for folder in dict.fromkeys(folders) if not posixpath.isabs(folder)]


def _relative(path: str, workspace: Path, own: str) -> str:
    """A path of the log from the workspace's root, when it lies there."""
    for root in (str(workspace), own):
        if path == root or path.startswith(f"{root}/"):
            return path[len(root) + 1 :] or "."
    return path
