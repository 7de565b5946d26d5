"""What ``dvc repro`` itself writes for a project, as the yardstick for runs."""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from ruamel.yaml import YAML

from dvc_magic.project import Run
from tests.support.commands import dvc, git

Edits = Mapping[str, Mapping[str, str]]


def repro_lock(project: Path, edits: Edits | None = None) -> dict[str, dict[str, Any]]:
    """The stages of each ``dvc.lock`` after ``dvc repro`` in a clean clone of the project's last commit.

    Args:
        project: a git and DVC project; it is only read.
        edits: file -> {old text: new text}, made in the clone first. Each old text must be there exactly once.

    Returns:
        path of the ``dvc.yaml`` from the root -> stage name -> its entry in the ``dvc.lock`` beside it.
    """
    with tempfile.TemporaryDirectory(prefix="repro-") as folder:
        clone = clean_clone(project, target=Path(folder) / project.name)
        apply_edits(clone, edits or {})
        dvc(clone, "repro", "--all-pipelines")
        return read_locks(clone)


def lock_entry(run: Run) -> Any:
    """The only entry in the ``dvc.lock`` of a run's workspace, None when it has no such file."""
    lock = (run.workspace / run.record.dvcfile).with_suffix(".lock")
    if not lock.exists():
        return None
    stages = YAML(typ="safe").load(lock.read_bytes())["stages"]
    assert len(stages) == 1
    return next(iter(stages.values()))


def clean_clone(project: Path, *, target: Path) -> Path:
    """A clone at `target`, with DVC-tracked data in place but without the project's run cache."""
    git(project, "clone", "--quiet", str(project), str(target))
    bring_data(project, target)
    return target


def bring_data(project: Path, target: Path) -> None:
    """Give a clone the objects of the project's cache, but not its run cache, and the data of its ``.dvc`` files."""
    cache = Path(".dvc") / "cache"
    if (project / cache).is_dir():
        shutil.copytree(project / cache, target / cache, ignore=shutil.ignore_patterns("runs"))
    tracked = [str(path) for path in sorted(target.rglob("*.dvc")) if path.is_file()]
    if tracked:
        dvc(target, "checkout", "--quiet", *tracked)


def apply_edits(folder: Path, edits: Edits) -> None:
    """Replace texts in files, as a user does by hand.

    Raises:
        ValueError: an old text is not in its file exactly once.
    """
    for name, replacements in edits.items():
        path = folder / name
        text = path.read_text(encoding="utf-8")
        for old, new in replacements.items():
            if text.count(old) != 1:
                message = f"{old!r} is {text.count(old)} times in {name}, expected once"
                raise ValueError(message)
            text = text.replace(old, new)
        path.write_text(text, encoding="utf-8")


def read_locks(folder: Path) -> dict[str, dict[str, Any]]:
    """The stages of each ``dvc.lock`` below `folder`, by the path of its ``dvc.yaml``."""
    return stages_of_locks(lock_texts(folder))


def lock_texts(folder: Path) -> dict[str, str]:
    """Each ``dvc.lock`` below `folder` as text, by the path of its ``dvc.yaml``."""
    return {
        lock.with_suffix(".yaml").relative_to(folder).as_posix(): lock.read_text(encoding="utf-8")
        for lock in sorted(folder.rglob("dvc.lock"))
        if ".dvc_magic" not in lock.parts
    }


def stages_of_locks(texts: Mapping[str, str]) -> dict[str, dict[str, Any]]:
    """What each lock file of `lock_texts` says of its stages."""
    yaml = YAML(typ="safe")  # as DVC reads: YAML 1.1 takes 1e-05 for text
    return {dvcfile: yaml.load(text).get("stages", {}) for dvcfile, text in texts.items()}
