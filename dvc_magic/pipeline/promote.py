"""Writes the stage that a run of an operation becomes into the project, as ``dvc stage add`` would.

Everything is worked out in memory first: all checks come before the first byte, and a dry run shows what is written.
"""

from __future__ import annotations

import io
import os
import shlex
import tempfile
import warnings
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import IO, Any

from dvc.dvcfile import ProjectFile
from dvc.lock import LockError, make_lock
from dvc.scm import NoSCM
from dvc.stage.loader import StageLoader
from dvc.stage.serialize import to_pipeline_file
from dvc.stage.utils import check_circular_dependency, check_no_externals, is_valid_name
from dvc.utils.serialize import dumps_yaml, modify_yaml

from dvc_magic.errors import OperationError, PipelineError, ProjectError
from dvc_magic.model.promotion import FileChange, PromotedFiles, Promotion
from dvc_magic.model.stage import OutKind, Pipeline, Stage, overlaps
from dvc_magic.model.values import same
from dvc_magic.pipeline.border import translated
from dvc_magic.pipeline.graph import check_graph
from dvc_magic.pipeline.quiet import listening
from dvc_magic.pipeline.reader import ProjectReader
from dvc_magic.pipeline.repos import StillRepo
from dvc_magic.pipeline.rooted import RootedFileSystem
from dvc_magic.pipeline.scan import Loader, Memo
from dvc_magic.pipeline.write_files import write_files

_DVCFILE = "dvc.yaml"
_LISTS = {OutKind.OUT: "outs", OutKind.METRIC: "metrics", OutKind.PLOT: "plots"}
_NO_PLACE = (".git", ".dvc", ".dvc_magic")
_SHOWN = 3
_BOM = "\ufeff"


def promote(
    reader: ProjectReader, promotion: Promotion, *, hash_file: Callable[[Path], tuple[str, int]], dry_run: bool
) -> PromotedFiles:
    """Write a stage, the scripts that it needs and ``.gitignore`` entries for its outs into the project.

    Side effects: without `dry_run`, writes ``dvc.yaml``, the scripts and ``.gitignore`` files, under DVC's lock on the
    project; when one of them cannot be written, all are put back. ``dvc.lock``, git's index and data stay as they are.

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
        self._path = os.fspath(self._root / _DVCFILE)

    def _open(self, overlay: dict[str, bytes]) -> StillRepo:
        site = self._reader.store.dvc_site
        with translated(root=self._root, path=".dvc/config"):
            fs = RootedFileSystem(self._root, overlay=overlay)
            return StillRepo(root=self._root, tmp=site / "tmp", site=site, fs=fs)

    def files(self, hash_file: Callable[[Path], tuple[str, int]]) -> PromotedFiles:
        """All that is to be written, after all checks."""
        self._check_file(Path(self._path))
        self._check_name()
        scripts = self._scripts()
        with translated(root=self._root, path=_DVCFILE):
            stage = self._stage()
            entry = self._entry(stage)
            pipeline_file = self._pipeline_file(entry)
        loaded = self._loaded([*scripts, pipeline_file])
        self._check_outs(stage)
        self._check_graph(stage)
        entries = {Path(file): lines for file, lines in self._entries(stage).items()}
        ignores = [self._ignore(file, lines) for file, lines in entries.items() if file.parent.is_dir()]
        later = [self._relative(file) for file in entries if not file.parent.is_dir()]  # dvc repro makes them
        changes = (*(change for change in scripts if change.before is None), pipeline_file, *ignores)
        return PromotedFiles(
            stage=self._promotion.name,
            entry=dumps_yaml({"stages": {self._promotion.name: entry}}),
            changes=changes,
            commit=tuple(self._commit([*changes, *scripts], later)),
            notices=(*self._promotion.notices, *self._notices(loaded, pipeline_file, hash_file)),
        )

    # --- checks -------------------------------------------------------------------------------------------------------

    def _check_name(self) -> None:
        name = self._promotion.name
        if not (name and is_valid_name(name)):
            raise OperationError(f"{name!r} is no name for a stage: DVC takes letters, digits, - and _")
        with translated(root=self._root, path=_DVCFILE):
            there = os.path.lexists(self._path)
            stages = ProjectFile(self._repo, self._path).contents.get("stages") if there else None
        if name in (stages or {}):
            raise OperationError(
                f"{_DVCFILE} has a stage {name!r} already, which is not overwritten: give another name with --name, or "
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
        return _decoded(place.read_bytes())

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

    def _check_file(self, file: Path) -> None:
        """A file that gets more lines lies in the project itself, whatever links lead to it."""
        if not file.resolve().is_relative_to(self._root.resolve()):
            raise OperationError(
                f"{self._relative(file)} leads by a link to {file.resolve()}, which is outside of the project and is "
                "not written: put a file or folder of the project in the place of the link"
            )

    def _check_graph(self, stage: Any) -> None:
        """DVC's own word on the whole, after ours, which is clearer."""
        with translated(root=self._root, path=_DVCFILE), warnings.catch_warnings():
            warnings.simplefilter("ignore", DeprecationWarning)  # of a library that DVC's graph is made with
            self._repo.check_graph(stages={stage})

    def _check_outs(self, stage: Any) -> None:
        scm = self._repo.scm
        for out in stage.outs:
            if out.use_scm_ignore and scm.is_tracked(out.fspath):
                raise OperationError(
                    f"{out.def_path} is a file of git, and an out of a stage belongs to DVC: take it out of git first "
                    f"(git rm -r --cached {shlex.quote(out.def_path)}), or let the code write elsewhere"
                )

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
            definition.setdefault(_LISTS[out.kind], []).append(entry)
        if promotion.desc:
            definition["desc"] = promotion.desc
        return definition

    def _entry(self, stage: Any) -> dict[str, Any]:
        """The stage as DVC writes it, with the files that fill its templates, which DVC's writer leaves out."""
        entry: dict[str, Any] = to_pipeline_file(stage)[stage.name]
        if self._promotion.variables:
            entry["vars"] = list(self._promotion.variables)
        return entry

    def _pipeline_file(self, entry: dict[str, Any]) -> FileChange:
        """``dvc.yaml`` with one more stage, written by DVC's writer, which keeps comments."""
        place = Path(self._path)
        before = _decoded(place.read_bytes()) if place.exists() else None
        sheet = _Sheet(before)
        with modify_yaml(self._path, fs=sheet) as data:
            stages = data.get("stages")
            data["stages"] = {} if stages is None else stages
            data["stages"][self._promotion.name] = entry
        return FileChange(path=_DVCFILE, after=sheet.text, before=before)

    def _loaded(self, changes: Sequence[FileChange]) -> Stage:
        """The stage as DVC will read it from what is written."""
        overlay = {change.path: _encoded(change.after) for change in changes}
        loader = Loader(self._open(overlay), root=self._root, overlay=overlay, memo=Memo(), seen={})
        loaded = loader.load(self._path)
        if loaded.problem is not None:
            raise PipelineError(f"DVC would not take the stage: {loaded.problem}") from loaded.problem
        others = [stage for stage in self._pipeline.stages if stage.dvcfile != _DVCFILE]
        try:
            check_graph([*others, *loaded.stages], self._pipeline.tracked)
        except PipelineError as error:
            what = "let the operation write elsewhere, run it, and promote that run; or take away what is in its way"
            raise OperationError(f"{error}: {what} (dvc remove)") from error
        return next(stage for stage in loaded.stages if stage.name == self._promotion.name)

    # --- git ----------------------------------------------------------------------------------------------------------

    def _entries(self, stage: Any) -> dict[str, list[str]]:
        """The entries that outs need: absolute path of a ``.gitignore`` file -> lines."""
        scm = self._repo.scm
        entries: dict[str, list[str]] = {}
        for out in stage.outs:
            if out.use_scm_ignore and not isinstance(scm, NoSCM) and not scm.is_ignored(out.fspath):
                self._check_file(Path(out.fspath).parent / scm.GITIGNORE)
                entry, file = scm._get_gitignore(out.fspath)  # noqa: SLF001 - its public caller writes at once
                entries.setdefault(file, []).append(entry)
        return entries

    def _ignore(self, file: Path, entries: Sequence[str]) -> FileChange:
        """A ``.gitignore`` file with entries added as DVC adds them."""
        before = file.read_bytes() if file.exists() else None
        with tempfile.TemporaryDirectory() as folder:
            copy = Path(folder, "gitignore")
            copy.write_bytes(before or b"")
            for entry in entries:
                self._repo.scm._add_entry_to_gitignore(entry, os.fspath(copy))  # noqa: SLF001
            after = copy.read_bytes()
        return FileChange(
            path=self._relative(file), after=_decoded(after), before=None if before is None else _decoded(before)
        )

    def _relative(self, file: Path) -> str:
        return file.relative_to(self._root).as_posix()

    def _commit(self, changes: Sequence[FileChange], later: Sequence[str]) -> Iterator[str]:
        """What git lacks: the files written, deps that are neither DVC's nor git's yet, and what the stage makes."""
        scm = self._repo.scm
        if isinstance(scm, NoSCM):
            return
        made = [path for path, out in self._promotion.outs.items() if not out.cache]
        written = {change.path for change in changes if change.before != change.after}
        for path in dict.fromkeys([*(change.path for change in changes), *self._plain_deps(), *later, *made]):
            place = os.fspath(self._root / path)
            if path in written or not (scm.is_tracked(place) or scm.is_ignored(place)):
                yield path

    def _plain_deps(self) -> list[str]:
        """Deps inside the project that DVC does not keep: git has to."""
        return [path for path in self._promotion.deps if _is_inside(path) and not _is_kept(path, self._pipeline)]

    # --- notices ------------------------------------------------------------------------------------------------------

    def _notices(
        self, loaded: Stage, pipeline_file: FileChange, hash_file: Callable[[Path], tuple[str, int]]
    ) -> Iterator[str]:
        yield from self._of_values(loaded)
        yield from self._of_deps()
        yield from self._of_changes(hash_file)
        yield from self._of_outs()
        rewritten = _rewritten(pipeline_file)
        if rewritten:
            yield f"DVC writes {rewritten} other lines of {_DVCFILE} anew: the meaning is the same, the layout is not"

    def _of_values(self, loaded: Stage) -> Iterator[str]:
        for file, values in self._promotion.locked.items():
            now = loaded.locked.get(file, {})
            gone = [key for key in values if key not in now]
            if gone:
                yield f"{file} of the project has no {', '.join(gone)}, which the stage needs"
            differing = [key for key, value in values.items() if key in now and not same(value, now[key])]
            if differing:
                told = ", ".join(f"{key} {now[key]!r} (the run had {values[key]!r})" for key in differing)
                yield f"{file} of the project has {told}; dvc repro takes the project's values"
        if not loaded.commands:
            yield "the command is empty with the project's values"

    def _of_deps(self) -> Iterator[str]:
        outside = [path for path in self._promotion.deps if not _is_inside(path)]
        if outside:
            yield f"{_listed(outside)} lies outside of the project: a clone will not have it"
        written = {file.path for file in self._promotion.files}
        plain = [path for path in self._plain_deps() if path not in written]
        missing = [path for path in plain if not os.path.lexists(self._root / path)]
        if missing:
            yield f"{_listed(missing)} is not in the project any more: dvc repro needs it"
        scm = self._repo.scm
        hidden = [path for path in plain if path not in missing and scm.is_ignored(os.fspath(self._root / path))]
        if hidden:
            names = " ".join(map(shlex.quote, hidden))
            yield f"git ignores {_listed(hidden)}, and DVC does not track it: a clone will not have it: dvc add {names}"
        scripts = [path for path in written if scm.is_ignored(os.fspath(self._root / path))]
        if scripts:
            yield f"git ignores {_listed(scripts)}: git add -f {' '.join(map(shlex.quote, scripts))}"

    def _of_changes(self, hash_file: Callable[[Path], tuple[str, int]]) -> Iterator[str]:
        """Inputs that are not what the run had: the stage will make something else."""
        told = {file.path for file in self._promotion.files} | {file.path for file in self._promotion.params}
        known = {path: md5 for path, md5 in self._promotion.deps.items() if md5 and path not in told}
        facts = self._reader.inputs([path for path in known if path not in self._promotion.taken], hash_file)
        now = {path: fact.hash for path, fact in facts.items() if fact.hash}
        now |= {path: md5 for path in self._promotion.taken if (md5 := self._made(path))}
        differing = [path for path, md5 in now.items() if path in known and md5 != known[path]]
        if differing:
            yield f"{_listed(differing)} is not what the run had: the stage takes what the project has"

    def _made(self, path: str) -> str:
        """The md5 that ``dvc.lock`` has for an out; empty where it has none."""
        for stage in self._pipeline.producers(path):
            for entry in (stage.lock or {}).get("outs", ()):
                if any(out.path == path and out.declared == entry["path"] for out in stage.outs):
                    return str(entry.get("md5", ""))
        return ""

    def _of_outs(self) -> Iterator[str]:
        there = [path for path, out in self._promotion.outs.items() if os.path.lexists(self._root / path)]
        if there:
            yield f"{_listed(there)} is in the project already: dvc repro replaces it"


# --- paths and texts --------------------------------------------------------------------------------------------------


class _Sheet:
    """One file in memory, in the place of the file system that DVC's writer would write to."""

    def __init__(self, text: str | None) -> None:
        self._before = text
        self._after = _Kept()

    @property
    def text(self) -> str:
        """What was written, with the line ends and the byte order mark that the file had: DVC's writer has its own."""
        before = self._before or ""
        text = self._after.kept
        if 2 * before.count("\r\n") > before.count("\n"):
            text = text.replace("\n", "\r\n")
        return f"{_BOM}{text}" if before.startswith(_BOM) else text

    def exists(self, _: str) -> bool:
        return self._before is not None

    def open(self, _: str, mode: str = "r", *, encoding: str = "utf-8") -> IO[str]:
        return self._after if "w" in mode else io.StringIO((self._before or "").replace("\r\n", "\n"))


class _Kept(io.StringIO):
    kept = ""

    def close(self) -> None:
        self.kept = self.getvalue()
        super().close()


def _decoded(data: bytes) -> str:
    return data.decode("utf-8", "surrogateescape")


def _encoded(text: str) -> bytes:
    return text.encode("utf-8", "surrogateescape")


def _is_inside(path: str) -> bool:
    return not (os.path.isabs(path) or path.startswith("../") or "://" in path)


def _is_kept(path: str, pipeline: Pipeline) -> bool:
    tracked = any(overlaps(path, data.path) for data in pipeline.tracked)
    return tracked or bool(pipeline.producers(path))


def _nearest(folder: Path) -> Path:
    """The folder itself, or the first one above that there is."""
    return next(place for place in (folder, *folder.parents) if os.path.lexists(place))


def _listed(paths: Sequence[str]) -> str:
    more = f" and {len(paths) - _SHOWN} more" if len(paths) > _SHOWN else ""
    return ", ".join(paths[:_SHOWN]) + more


def _rewritten(change: FileChange) -> int:
    """How many lines that were there are not there any more."""
    after = set(change.after.splitlines())
    return sum(line not in after for line in (change.before or "").splitlines() if line.strip())
