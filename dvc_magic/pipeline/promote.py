"""Writes the stage that a run of an operation becomes into the project, as ``dvc stage add`` would.

Everything is worked out in memory first: all checks come before the first byte, and a dry run shows what is written.
"""

from __future__ import annotations

import os
import shlex
import warnings
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import Any

from dvc.dvcfile import ProjectFile
from dvc.lock import LockError, make_lock
from dvc.stage.loader import StageLoader
from dvc.stage.serialize import to_pipeline_file
from dvc.stage.utils import check_circular_dependency, check_no_externals, is_valid_name
from dvc.utils.serialize import dumps_yaml
from msgspec.structs import replace

from dvc_magic.errors import OperationError, PipelineError, ProjectError
from dvc_magic.model.promotion import FileChange, PromotedFiles, Promotion
from dvc_magic.model.stage import Stage, overlaps
from dvc_magic.pipeline.border import translated
from dvc_magic.pipeline.definition import DVCFILE, LISTS
from dvc_magic.pipeline.git_entries import GitEntries, check_inside
from dvc_magic.pipeline.graph import check_graph
from dvc_magic.pipeline.pipeline_sheet import rewritten, with_entry
from dvc_magic.pipeline.promotion_notices import Notices, plain_deps
from dvc_magic.pipeline.quiet import listening
from dvc_magic.pipeline.reader import ProjectReader
from dvc_magic.pipeline.repos import StillRepo
from dvc_magic.pipeline.rooted import RootedFileSystem
from dvc_magic.pipeline.scan import Loader, Memo
from dvc_magic.pipeline.write_files import decoded, encoded, write_files

_NO_PLACE = (".git", ".dvc", ".dvc_magic")


def promote(
    reader: ProjectReader, promotion: Promotion, *, hash_file: Callable[[Path], tuple[str, int]], dry_run: bool
) -> PromotedFiles:
    """Write a stage, the scripts that it needs and ``.gitignore`` entries for its outs into the project.

    Side effects: without `dry_run`, writes ``dvc.yaml``, the scripts and ``.gitignore`` files, under DVC's lock on the
    project; when one of them cannot be written, all are put back. For that lock, makes the folder ``.dvc/tmp`` and the
    file ``lock`` in it where there are none, as every DVC command does. ``dvc.lock``, git's index and data stay as they
    are.

    Args:
        reader: of the project.
        promotion: what to write.
        hash_file: md5 and size in bytes of one file.
        dry_run: only tell what would be written, to the byte.

    Raises:
        OperationError: the project has something in its way: a stage or file of that name, another maker of an out.
        PipelineError: DVC cannot read the project, or would not take the stage.
        ProjectError: a file cannot be written, or DVC is at work in the project.
    """
    if dry_run:
        with listening():
            return _Draft(reader, promotion).files(hash_file)
    with listening(), _locked(reader):
        files = _Draft(reader, promotion).files(hash_file)
        write_files(reader.root, files.changes)
        return replace(files, written=True)


@contextmanager
def _locked(reader: ProjectReader) -> Iterator[None]:
    """Keep DVC's own commands out while the project is written, as they keep each other out."""
    folder = reader.root / ".dvc" / "tmp"
    with translated(root=reader.root, path=".dvc"):
        folder.mkdir(exist_ok=True)
        hardlink = bool(reader.config["core"].get("hardlink_lock"))
        lock = make_lock(os.fspath(folder / "lock"), tmp_dir=os.fspath(folder), hardlink_lock=hardlink)
    try:
        lock.lock()
    except LockError as error:
        raise ProjectError("a DVC command is at work in this project; wait for its end, then promote again") from error
    try:
        yield
    finally:
        lock.unlock()


class _Draft:
    """One promotion, worked out against the project as it is now."""

    def __init__(self, reader: ProjectReader, promotion: Promotion) -> None:
        self._reader = reader
        self._root = reader.root
        self._promotion = promotion
        self._pipeline = reader.describe()
        self._repo = self._open({})
        self._git = GitEntries(self._root, self._repo.scm)
        self._path = os.fspath(self._root / DVCFILE)

    def _open(self, overlay: dict[str, bytes]) -> StillRepo:
        site = self._reader.store.paths.dvc_site
        with translated(root=self._root, path=".dvc/config"):
            fs = RootedFileSystem(self._root, overlay=overlay)
            return StillRepo(root=self._root, tmp=site / "tmp", site=site, fs=fs)

    def files(self, hash_file: Callable[[Path], tuple[str, int]]) -> PromotedFiles:
        """All that is to be written, after all checks."""
        check_inside(Path(self._path), self._root)
        self._check_name()
        scripts = self._scripts()
        with translated(root=self._root, path=DVCFILE):
            stage = self._stage()
            entry = self._entry(stage)
            pipeline_file = with_entry(self._root, self._promotion.name, entry)
        loaded = self._loaded([*scripts, pipeline_file])
        self._git.check_outs(stage)
        self._check_graph(stage)
        entries = self._git.entries(stage)
        ignores = [self._git.change(file, lines) for file, lines in entries.items() if file.parent.is_dir()]
        later = [file.relative_to(self._root).as_posix() for file in entries if not file.parent.is_dir()]
        changes = (*(change for change in scripts if change.before is None), pipeline_file, *ignores)
        return PromotedFiles(
            stage=self._promotion.name,
            entry=dumps_yaml({"stages": {self._promotion.name: entry}}),
            changes=changes,
            commit=tuple(self._git.lacking([*changes, *scripts], self._to_commit(later))),
            notices=(*self._promotion.notices, *self._notices(loaded, pipeline_file, hash_file)),
        )

    def _to_commit(self, later: Sequence[str]) -> Iterator[str]:
        """What git needs beside what is written; `later` are files that dvc repro makes."""
        yield from plain_deps(self._promotion, self._pipeline)
        yield from later
        yield from (path for path, out in self._promotion.outs.items() if not out.cache)

    def _notices(
        self, loaded: Stage, pipeline_file: FileChange, hash_file: Callable[[Path], tuple[str, int]]
    ) -> Iterator[str]:
        scm = self._repo.scm
        yield from Notices(self._promotion, self._pipeline, reader=self._reader, scm=scm, hash_file=hash_file).of(
            loaded
        )
        anew = rewritten(pipeline_file)
        if anew:
            yield f"DVC writes {anew} other lines of {DVCFILE} anew: the meaning is the same, the layout is not"

    # --- checks -------------------------------------------------------------------------------------------------------

    def _check_name(self) -> None:
        name = self._promotion.name
        if not (name and is_valid_name(name)):
            raise OperationError(f"{name!r} is no name for a stage: DVC takes letters, digits, - and _")
        with translated(root=self._root, path=DVCFILE):
            there = os.path.lexists(self._path)
            stages = ProjectFile(self._repo, self._path).contents.get("stages") if there else None
        if name in (stages or {}):
            raise OperationError(
                f"{DVCFILE} has a stage {name!r} already, which is not overwritten: give another name with --name, or "
                f"take that stage away first (dvc remove {shlex.quote(name)})"
            )

    def _scripts(self) -> list[FileChange]:
        changes = []
        for file in self._promotion.files:
            self._check_place(file.path)
            before = self._present(file.path)
            if before is not None and before != (file.text or ""):
                raise OperationError(
                    f"{file.path} is there already with another content and is not overwritten: move it away, or name "
                    "another place with --script"
                )
            changes.append(FileChange(path=file.path, after=file.text or "", before=before))
        return changes

    def _present(self, path: str) -> str | None:
        place = self._root / path
        if not os.path.lexists(place):
            return None
        if place.is_symlink() or not place.is_file():
            raise OperationError(f"{path} is there already and is no plain file: move it away, or choose with --script")
        return decoded(place.read_bytes())

    def _check_place(self, path: str) -> None:
        """A script goes into the project itself: not past a link, not into what git, DVC or a stage call their own."""
        parent = (self._root / path).parent
        if path.partition("/")[0] in _NO_PLACE or not parent.resolve().is_relative_to(self._root.resolve()):
            raise OperationError(f"{path} is no place for a script: name one inside the project with --script")
        if not _nearest(parent).is_dir():
            raise OperationError(f"{path} cannot be written: a file is in the place of a folder above it")
        made = [*self._promotion.outs, *(data.path for data in self._pipeline.tracked)]
        made += [out.path for stage in self._pipeline.stages for out in stage.outs]
        around = next((out for out in made if overlaps(path, out)), None)
        if around is not None:
            raise OperationError(f"{path} lies in {around}, which DVC keeps: name another place with --script")
        if self._repo.dvcignore.is_ignored_file(os.fspath(self._root / path)):
            raise OperationError(f"{path} is hidden from DVC by .dvcignore: name another place with --script")

    def _check_graph(self, stage: Any) -> None:
        """DVC's own word on the whole, after ours, which is clearer."""
        with translated(root=self._root, path=DVCFILE), warnings.catch_warnings():
            warnings.simplefilter("ignore", DeprecationWarning)  # of a library that DVC's graph is made with
            self._repo.check_graph(stages={stage})

    # --- the stage ----------------------------------------------------------------------------------------------------

    def _stage(self) -> Any:
        """DVC's own object for the stage."""
        stage = StageLoader.load_stage(ProjectFile(self._repo, self._path), self._promotion.name, self._definition())
        check_no_externals(stage)
        check_circular_dependency(stage)
        return stage

    def _definition(self) -> dict[str, Any]:
        promotion = self._promotion
        cmd = promotion.cmd if isinstance(promotion.cmd, str) else list(promotion.cmd)
        definition: dict[str, Any] = {"cmd": cmd, "deps": list(promotion.deps)}
        definition["params"] = [{file.path: list(file.keys) or None} for file in promotion.params]
        for path, out in promotion.outs.items():
            entry = path if out.cache else {path: {"cache": False}}
            definition.setdefault(LISTS[out.kind], []).append(entry)
        if promotion.desc:
            definition["desc"] = promotion.desc
        return definition

    def _entry(self, stage: Any) -> dict[str, Any]:
        """The stage as DVC writes it, with the files that fill its templates, which DVC's writer leaves out."""
        entry: dict[str, Any] = to_pipeline_file(stage)[stage.name]
        if self._promotion.variables:
            entry["vars"] = list(self._promotion.variables)
        return entry

    def _loaded(self, changes: Sequence[FileChange]) -> Stage:
        """The stage as DVC will read it from what is written."""
        overlay = {change.path: encoded(change.after) for change in changes}
        loader = Loader(partial(self._open, overlay), root=self._root, overlay=overlay, memo=Memo(), seen={})
        loaded = loader.load(self._path)
        if loaded.problem is not None:
            raise PipelineError(f"DVC would not take the stage: {loaded.problem}") from loaded.problem
        others = [stage for stage in self._pipeline.stages if stage.dvcfile != DVCFILE]
        try:
            check_graph([*others, *loaded.stages], self._pipeline.tracked)
        except PipelineError as error:
            what = "let the operation write elsewhere, run it, and promote that run; or take away what is in its way"
            raise OperationError(f"{error}: {what} (dvc remove)") from error
        return next(stage for stage in loaded.stages if stage.name == self._promotion.name)


def _nearest(folder: Path) -> Path:
    """The folder itself, or the first one above that there is."""
    return next(place for place in (folder, *folder.parents) if os.path.lexists(place))
