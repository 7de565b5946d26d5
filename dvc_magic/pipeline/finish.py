"""A run's own DVC repository: what is saved, committed and locked when its command has ended."""

from __future__ import annotations

import os
import posixpath
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from dvc.dependency.param import ParamsDependency, read_param_file
from dvc.dvcfile import Lockfile, is_valid_filename
from dvc.env import DVC_ROOT, DVC_STAGE
from dvc.exceptions import DvcException
from dvc.fs import MemoryFileSystem, get_cloud_fs
from dvc.output import OutputDoesNotExistError
from dvc.stage import Stage as DvcStage
from dvc.stage.run import _make_cmd
from dvc.stage.serialize import to_lockfile, to_single_stage_lockfile
from dvc.utils import fix_env
from dvc.utils.serialize import load_path
from dvc_data.hashfile.tree import Tree
from msgspec import Struct, field

from dvc_magic.errors import PipelineError
from dvc_magic.model.record import OutRecord
from dvc_magic.model.stage import OutKind, Stage
from dvc_magic.model.values import FlatValues
from dvc_magic.pipeline.border import translated
from dvc_magic.pipeline.clones import without_vain_clones
from dvc_magic.pipeline.plain_yaml import plain_yaml
from dvc_magic.pipeline.quiet import listening
from dvc_magic.pipeline.repos import StillRepo
from dvc_magic.pipeline.run_files import RunFile, merged_config
from dvc_magic.pipeline.stages import Places, with_full_addresses
from dvc_magic.pipeline.values import plain
from dvc_magic.store import DIR_SUFFIX, DirListing, RunCache, write_all

# What another DVC tells the command of an outer stage, in which this kernel runs; DVC_CHECKPOINT: before 3.0.
_OF_OUTER_STAGE = ("DVC_CHECKPOINT", "DVC_EXP_", DVC_ROOT, DVC_STAGE)

# Without DVC's lock on the paths of outs, a file in the run's own .dvc/tmp: nobody else is at work in a run.
_COMMIT = getattr(DvcStage.commit, "__wrapped__", DvcStage.commit)


class DepHash(Struct, frozen=True, kw_only=True):
    """A dependency as ``dvc.lock`` has it: md5 (``.dir`` at the end for a directory), bytes, number of files."""

    hash: str = ""
    size: int = 0
    files: int = 1


class Finished(Struct, frozen=True, kw_only=True):
    """What DVC made of a run.

    Attributes:
        lock: the stage's entry of the run's ``dvc.lock``.
        deps, outs: by path from the DVC root (an absolute path or a URL as it is).
        listings: the files of each out that is a directory.
        locked: declared param file -> key -> value.
        warnings: what DVC warned of.
    """

    lock: dict[str, Any]
    deps: dict[str, DepHash] = field(default_factory=dict)
    outs: dict[str, OutRecord] = field(default_factory=dict)
    listings: dict[str, DirListing] = field(default_factory=dict)
    locked: dict[str, FlatValues] = field(default_factory=dict)
    warnings: tuple[str, ...] = ()


class RunRepo:
    """The DVC repository in a run's workspace. `load` may be called while the command runs.

    Args:
        root: the run's DVC root.
        site_dir: DVC's site cache for runs.
    """

    def __init__(self, root: Path, site_dir: Path) -> None:
        self._root = Path(os.path.abspath(root))
        self._site = site_dir
        self._dvcfile = "dvc.yaml"
        self._stage: Any = None
        tmp = self._root / ".dvc" / "tmp"
        with translated(root=self._root, path=".dvc"):
            for folder in (tmp.parent, tmp):  # not the root itself: when a project is moved, nothing comes in its place
                folder.mkdir(exist_ok=True)
            self._repo = StillRepo(root=self._root, tmp=tmp, site=site_dir, config=merged_config(self._root))

    def load(self, dvcfile: str, name: str, addresses: Mapping[str, str] | None = None) -> None:
        """Load the stage `name` of `dvcfile`, a path from the root.

        Args:
            dvcfile, name: of the stage.
            addresses: see `ProjectReader.addresses`. They are used, and not written.

        Raises:
            PipelineError: DVC cannot read or resolve it.
        """
        self._dvcfile = dvcfile
        with translated(root=self._root, path=dvcfile), listening():
            self._stage = RunFile(self._repo, os.fspath(self._root / dvcfile)).stages[name]
            with_full_addresses(self._stage, addresses or {})

    def finish(self, cache: RunCache) -> Finished:
        """Hash deps and outs, put the outs into the runs' cache, write ``dvc.lock``.

        What `cache` knows of the files is not hashed again.

        Raises:
            PipelineError: an output is missing, a param has gone, or DVC cannot do it.
        """
        stage = self._stage
        # DVC stages objects in one memory file system per process, by content: an older run's files would serve.
        MemoryFileSystem().fs.store.clear()
        self._repo.trust(cache.known)
        self._repo.clone_whole()
        with (
            translated(root=self._root, path=self._dvcfile),
            listening() as warnings,
            self._repo.lock,
            without_vain_clones(self._site, self._root),
        ):
            self._save(stage)
            _commit(stage, cache)
            _write_lock(stage)
            return self._finished(stage, tuple(warnings))

    def _save(self, stage: Any) -> None:
        try:
            stage.save(run_cache=False)
        except OutputDoesNotExistError as error:
            text = f"{error}: the command ended with exit code 0 but did not write it"
            raise PipelineError(text) from error

    def _finished(self, stage: Any, warnings: tuple[str, ...]) -> Finished:
        lock: Any = plain(to_single_stage_lockfile(stage))
        places = Places(self._root)
        deps = [dep for dep in stage.deps if not isinstance(dep, ParamsDependency)]
        return Finished(
            lock=lock,
            deps={places.path(dep): _dep_hash(dep) for dep in deps},
            outs={places.path(out): _out_record(out) for out in stage.outs},
            listings={places.path(out): _listing(out.obj) for out in stage.outs if isinstance(out.obj, Tree)},
            locked=lock.get("params", {}),
            warnings=warnings,
        )

    def ignored(self, paths: Iterable[str]) -> set[str]:
        """Those of `paths`, from the root, that DVC passes over: a ``.dvcignore`` names them, or they are git's.

        Raises:
            PipelineError: a ``.dvcignore`` cannot be read.
        """
        self._repo.__dict__.pop("dvcignore", None)  # the command may have written one since
        with translated(root=self._root, path=".dvcignore"), listening():
            return {path for folder, names in _by_folder(paths).items() for path in self._ignored_in(folder, names)}

    def _ignored_in(self, folder: str, names: list[str]) -> Iterator[str]:
        rules, place = self._repo.dvcignore, os.fspath(self._root / folder)
        rules.is_ignored_file(os.path.join(place, names[0]))  # DVC collects the rules on the way, once
        _, kept = rules(place, [], names)
        return (posixpath.join(folder, name) for name in set(names).difference(kept))

    def refused(self, paths: Iterable[str]) -> list[str]:
        """Those of `paths` that cannot be outs for their names, which DVC gives another meaning."""
        return [path for path in paths if is_valid_filename(path) or (":" in path and self._is_url(path))]

    def _is_url(self, path: str) -> bool:
        """Whether DVC takes a path for an address, such as ``s3:`` or ``remote:``."""
        try:
            filesystem, _, place = get_cloud_fs(self._repo.config, url=path)
        except (DvcException, ImportError, LookupError, ValueError):
            return True
        return bool(filesystem.protocol != "local" or place != path)

    def reads_params(self, path: str, keys: Sequence[str] = ()) -> bool:
        """Whether DVC can read a param file, and finds these dotted keys in it."""
        place = os.fspath(self._root / path)
        try:
            with translated(root=self._root, path=path), listening():
                whole = os.path.isfile(place) and load_path(place, self._repo.fs)
                found = read_param_file(self._repo.fs, place, list(keys), flatten=True) if keys and whole else {}
        except PipelineError:
            return False
        return isinstance(whole, dict) and all(key in found for key in keys)

    def reads_lock(self, path: str) -> bool:
        """Whether DVC can read a ``dvc.lock``, and finds it in its place rather than behind a link."""
        place = os.fspath(self._root / path)
        try:
            with translated(root=self._root, path=path), listening():
                Lockfile(self._repo, place).load()
        except PipelineError:
            return False
        return True

    def close(self) -> None:
        """Close what DVC has open."""
        self._repo.close()

    @property
    def clean(self) -> bool:
        """Whether ``dvc status`` finds nothing changed in this repository."""
        with translated(root=self._root, path=self._dvcfile), listening():
            return not self._repo.status()


def _commit(stage: Any, cache: RunCache) -> None:
    """Let DVC put the outs into the runs' cache; what lies there damaged under one of their names goes first.

    DVC takes any object that is read-only for a good one, and would link the run's out to it.
    """
    kept = [out for out in stage.outs if out.use_cache and out.hash_info]
    files = {md5 for out in kept if isinstance(out.obj, Tree) for md5 in _listing(out.obj).values()}
    md5s = files | {out.hash_info.value for out in kept}
    with cache.known.locked(md5s):
        cache.lacking(md5s)
        _COMMIT(stage)
        cache.known.note({cache.path(md5): md5.removesuffix(DIR_SUFFIX) for md5 in md5s})


def _write_lock(stage: Any) -> None:
    """Write ``dvc.lock`` as DVC does; DVC itself does where the text is not plain, or one is there already."""
    path = f"{os.path.splitext(stage.dvcfile.path)[0]}.lock"
    text = None if os.path.lexists(path) else plain_yaml({"schema": "2.0", "stages": to_lockfile(stage)})
    if text is None:
        stage.dump(update_pipeline=False)
    else:
        with open(path, "xb", buffering=0) as file:
            write_all(file.fileno(), text.encode())


def _listing(tree: Any) -> DirListing:
    return {"/".join(key): hash_info.value for key, _, hash_info in tree}


def _by_folder(paths: Iterable[str]) -> dict[str, list[str]]:
    found: dict[str, list[str]] = {}
    for path in paths:
        folder, name = posixpath.split(path)
        found.setdefault(folder, []).append(name)
    return found


def _dep_hash(dep: Any) -> DepHash:
    meta = getattr(dep, "meta", None)
    value = dep.hash_info.value if dep.hash_info else ""
    return DepHash(
        hash=value if isinstance(value, str) else "",
        size=getattr(meta, "size", None) or 0,
        files=getattr(meta, "nfiles", None) or 1,
    )


def _out_record(out: Any) -> OutRecord:
    facts = _dep_hash(out)
    kind = OutKind.METRIC if out.metric else OutKind.PLOT if out.plot else OutKind.OUT
    return OutRecord(
        kind=kind,
        cache=bool(out.use_cache),
        hash=facts.hash,
        size=facts.size,
        files=facts.files,
        executable=bool(out.meta.isexec),
    )


def status_clean(root: Path) -> bool:
    """Whether ``dvc status`` finds nothing changed in the run whose DVC root is `root`."""
    repo = RunRepo(root, root / ".dvc" / "tmp")
    try:
        return repo.clean
    finally:
        repo.close()


def command_environment(stage: Stage, root: Path, environ: Mapping[str, str]) -> dict[str, str]:
    """The environment that DVC would give to the commands of `stage`, made from `environ`.

    Args:
        stage: the stage that runs.
        environ: the environment to start from.
        root: the run's DVC root, which becomes ``DVC_ROOT``.
    """
    cleared = {name: value for name, value in environ.items() if not name.startswith(_OF_OUTER_STAGE)}
    name = stage.address if stage.operation is None else stage.name
    return {**fix_env(cleared), DVC_ROOT: os.fspath(root), DVC_STAGE: name}


def shell_argv(command: str, environ: Mapping[str, str]) -> list[str]:
    """The argument list that DVC would start for one command: the user's shell without its start-up files."""
    argv: list[str] = _make_cmd(environ.get("SHELL") or "/bin/sh", command)
    return argv
