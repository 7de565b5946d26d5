"""What a stage's command read that its deps do not name: which of it is worth a hint, and the hint."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Collection, Iterable, Mapping, Sequence
from pathlib import Path

from dvc_magic.model.relative import declared
from dvc_magic.model.snapshot import Snapshot
from dvc_magic.model.stage import Stage, lies_in
from dvc_magic.untrusted import first_few, one_line

__all__ = ["undeclared_warning", "worth_declaring"]

_SHOWN, _LISTED = 5, 20  # paths in the sentence, and in the line to copy

# What uv, Poetry, pip and their kind read whenever they start a program, or build the project as a package for it.
_TOOL_FILES = {
    ".env",
    ".pdm-python",
    ".python-version",
    ".tool-versions",
    "LICENSE",
    "LICENSE.md",
    "LICENSE.txt",
    "MANIFEST.in",
    "Pipfile",
    "Pipfile.lock",
    "README.md",
    "README.rst",
    "README.txt",
    "dvc_magic.yaml",
    "guild.yml",
    "hatch.toml",
    "mise.toml",
    "pdm.lock",
    "pdm.toml",
    "pixi.lock",
    "pixi.toml",
    "poetry.lock",
    "poetry.toml",
    "pylock.toml",
    "pyproject.toml",
    "setup.cfg",
    "setup.py",
    "uv.lock",
    "uv.toml",
}
_PACKAGE_MARKER = "__init__.py"  # Python reads one for each package on the way; the modules are named by themselves


def worth_declaring(
    paths: Iterable[str], *, root: Path, snapshot: Snapshot, replaced: Mapping[str, str], named: Collection[str]
) -> list[str]:
    """Those of the files that a command read which its author would want among the deps.

    Links and ``.dvc`` files are left out, because DVC itself reads them all in the run; so are tools' files, package
    markers, and what the command wrote or removed: that is no dep.

    Args:
        paths: sources that were read, from the root.
        root: the run's DVC root, after the command.
        snapshot, replaced: what the sources were before it, and the texts that the call had put in their places.
        named: files and folders that ``dvc.yaml`` names elsewhere: as metrics, plots or params.
    """

    def is_as_it_was(path: str) -> bool:
        if path in replaced:
            return (root / path).read_bytes() == replaced[path].encode()
        source = snapshot.files.get(path)  # placed with its mtime, which writing the same again changes too
        return source is not None and source.link is None and os.lstat(root / path).st_mtime_ns == source.mtime_ns

    def is_worth(path: str) -> bool:
        name = path.rpartition("/")[2]
        if name in _TOOL_FILES or name == _PACKAGE_MARKER or name.endswith(".dvc"):
            return False
        with contextlib.suppress(OSError):
            return is_as_it_was(path) and not any(lies_in(path, entry) for entry in named)
        return False

    return sorted(filter(is_worth, paths))


def undeclared_warning(stage: Stage, paths: Sequence[str]) -> str:
    """Says what a stage reads that its deps do not name, and how to declare it: by paths from its wdir, as YAML."""
    shown = first_few([*map(one_line, paths)], _SHOWN)
    address = stage.operation.runs if stage.operation is not None else stage.address
    which = f"the first {_LISTED} of them" if paths[_LISTED:] else "them"
    deps = ", ".join(declared(path, wdir=stage.wdir) for path in paths[:_LISTED])
    return (
        f"stage {address!r} reads what its deps do not name: {shown}. Runs here notice when these change, dvc repro "
        f"does not; to declare {which}: deps: [{deps}]"
    )
