"""A small DVC project as data, and its way onto the disk, once for us and once for ``dvc repro``."""

from __future__ import annotations

import os
import shlex
import shutil
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path

from tests.support.commands import dvc, git, run
from tests.support.locks import Edits, apply_edits, bring_data
from tests.support.projects import Files, write
from tests.support.served import Served


@dataclass(frozen=True, slots=True, kw_only=True)
class Case:
    """One project that shows one feature of DVC, or several together.

    Attributes:
        name: of the case.
        shows: the feature, in one sentence.
        files: path from the repository's root -> content.
        beside: the same for files around the repository.
        served: the same for a folder that both share. In files and steps, ``@SERVED@`` is its path, ``@HTTP@`` its URL.
        track: paths in the project for ``dvc add``.
        steps: commands in the project before the commit, one a line; ``dvc`` and ``git`` lines among them.
        after: the same after the commit.
        repository: the folder of the git repository; what is around it is shared scenery.
        project: the DVC project's folder, from the repository's root.
        worktree: where git is to put a second work tree, from the repository's root; we run there, DVC in a clone.
        git: False for a project without git.
        clean: False to let DVC run in a copy of the folder instead of a clean clone.
        cwd: the folder, from the project's root, that both are called from.
        targets: stages to run as ``%dvc_run`` takes them; none means every final stage.
        options: what follows each of them on the line, such as ``--lr 0.1``; `edits` is the same by hand, for DVC.
        repro: arguments for ``dvc``; several calls are separated by ``&&``.
        environ: variables for both.
        unclean: stage -> why ``dvc status`` is not clean after ``dvc repro`` either.
        fault: what differs from DVC for a fault of ours; empty for a case that passes.
    """

    name: str
    shows: str
    files: Files
    beside: Files = field(default_factory=dict)
    served: Files = field(default_factory=dict)
    track: tuple[str, ...] = ()
    steps: str = ""
    after: str = ""
    repository: str = "project"
    project: str = "."
    worktree: str = ""
    git: bool = True
    clean: bool = True
    cwd: str = "."
    targets: tuple[str, ...] = ()
    options: str = ""
    repro: str = "repro --all-pipelines"
    edits: Edits = field(default_factory=dict)
    environ: Mapping[str, str] = field(default_factory=dict)
    unclean: Mapping[str, str] = field(default_factory=dict)
    fault: str = ""


@dataclass(frozen=True, slots=True)
class Place:
    """A case on the disk: the folder that holds its repository and what lies around it."""

    case: Case
    folder: Path
    served: Served

    @property
    def repository(self) -> Path:
        """The root of the git repository."""
        return self.folder / self.case.repository

    @property
    def project(self) -> Path:
        """The root of the DVC project."""
        return self.repository / self.case.project

    @property
    def cwd(self) -> Path:
        """The folder that both are called from."""
        return self.project / self.case.cwd

    def dvc(self, *arguments: str, folder: Path | None = None) -> str:
        """What ``dvc ARGUMENTS`` prints, in the folder that the case is called from unless another is named.

        Raises:
            CommandError: it failed.
        """
        return dvc(folder or self.cwd, *arguments, environ=self.case.environ)

    def script(self, lines: str) -> None:
        """Carry out commands in the project, one a line."""
        for line in filter(None, map(str.strip, self.served.named_in(lines).splitlines())):
            if line.startswith("dvc "):
                self.dvc(*shlex.split(line)[1:], folder=self.project)
            else:
                run(self.project, "sh", "-c", line)


def build(case: Case, folder: Path, *, served: Served, template: Path) -> Place:
    """The project of `case` below `folder`, committed, with ``.dvc`` as in `template` where it brings none."""
    place = Place(case, folder, served)
    write(folder, _completed(case.beside, served))
    write(place.repository, _completed(case.files, served))
    if case.git:
        git(place.repository, "init", "--quiet", "--initial-branch=main")
    _initialise(place, template)
    if case.track:
        place.dvc("add", "--quiet", *case.track, folder=place.project)
    place.script(case.steps)
    if case.git:
        git(place.repository, "add", "--all")
        git(place.repository, "commit", "--quiet", "--message", "Start")
    place.script(case.after)
    if not case.worktree:
        return place
    git(place.repository, "worktree", "add", "--quiet", "-b", "other", str(place.repository / case.worktree))
    folders = f"{case.repository}/{case.worktree}"
    return Place(replace(case, repository=os.path.normpath(folders)), folder, served)


def _completed(files: Files, served: Served) -> Files:
    return {name: served.named_in(content) if isinstance(content, str) else content for name, content in files.items()}


def _initialise(place: Place, template: Path) -> None:
    for name in (".dvc/config", ".dvc/.gitignore", ".dvcignore"):
        target = place.project / name
        if not target.exists():
            target.parent.mkdir(parents=True, exist_ok=True)
            shutil.copy(template / name, target)


def twin(place: Place, folder: Path) -> Place:
    """A clean clone of the repository below `folder`, with its data and its scenery, and the edits of the case."""
    twin = Place(place.case, folder, place.served)
    for item in sorted(place.folder.iterdir()):
        if item.name != place.case.repository.split("/")[0]:
            _copy(item, folder / item.name)
    if place.case.git and place.case.clean:
        folder.mkdir(parents=True, exist_ok=True)
        allowed = ("-c", "protocol.file.allow=always")  # for submodules
        git(folder, *allowed, "clone", "--quiet", "--recurse-submodules", str(place.repository), str(twin.repository))
        bring_data(place.project, twin.project)
    else:
        _copy(place.repository, twin.repository)
    apply_edits(twin.project, place.case.edits)
    return twin


def _copy(source: Path, target: Path) -> None:
    target.parent.mkdir(parents=True, exist_ok=True)
    if source.is_dir() and not source.is_symlink():
        shutil.copytree(source, target, symlinks=True, ignore=shutil.ignore_patterns(".dvc_magic"))
    else:
        shutil.copy2(source, target, follow_symlinks=False)
