"""Which ``dvc.yaml`` and ``.dvc`` files a project has, and what each of them holds."""

from __future__ import annotations

import contextlib
import os
import re
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from copy import deepcopy
from functools import cached_property
from itertools import islice
from pathlib import Path
from typing import Any, TypeAlias, TypeVar

import msgspec
from dvc.dvcfile import DVC_FILE_SUFFIX, Lockfile, ProjectFile, SingleStageFile, is_valid_filename
from dvc.stage.loader import StageLoader
from msgspec import Struct, field
from msgspec.structs import replace

from dvc_magic.errors import PipelineError
from dvc_magic.model.stage import Param, PipelineFile, Stage, TrackedData
from dvc_magic.pipeline.border import translated
from dvc_magic.pipeline.repos import StillRepo
from dvc_magic.pipeline.rooted import RootedFileSystem, Version, settled, version
from dvc_magic.pipeline.stages import Places, full_addresses, noun, with_values
from dvc_magic.pipeline.templates import Template, TrackingContext
from dvc_magic.pipeline.trim import Trimmer
from dvc_magic.pipeline.values import leaves, read, tracked
from dvc_magic.untrusted import bare_url

T = TypeVar("T")

Stamp: TypeAlias = "Version | bytes"  # of a file on disk, or the content that stands for it

_WORD = re.compile(r"[^\W\d]\w*")
_LISTED = 1000  # files of a folder of params
_LEGACY = "md5-dos2unix"  # DVC 2's name for the md5 of a text with its line ends changed


class Owned(Struct, frozen=True, kw_only=True):
    """Content that DVC knows by hash: an out of a ``.dvc`` file or of a ``dvc.lock``.

    Attributes:
        path: from the root. hash: as recorded. legacy: whether DVC 2 hashed it.
        file: the ``.dvc`` file or ``dvc.lock``. dvcfile: the ``.dvc`` file, None for a stage's out.
        size: bytes, 0 when not recorded. cached: whether DVC keeps it in caches and remotes.
        executable: whether a file has execute bits.
        remote: the one that the out names, None for the default one.
        imported: where ``dvc import`` had it from, without credentials; empty when it was not imported.
    """

    path: str
    hash: str
    file: str
    legacy: bool = False
    dvcfile: str | None = None
    size: int = 0
    executable: bool = False
    cached: bool = True
    remote: str | None = None
    imported: str = ""


class Loaded(Struct, frozen=True, kw_only=True):
    """What one file holds.

    Attributes:
        outs: the absolute paths of its local outs, where DVC looks for no more files.
        looked_at: the absolute path of every file that was looked at for it, whether it is there or not.
        template: how its templates came out, for a ``dvc.yaml`` that can be given other values.
        addresses: the URLs of its stages' deps that have secrets, by what they are called here.
    """

    path: str
    stages: tuple[Stage, ...] = ()
    file: PipelineFile | None = None
    tracked: tuple[TrackedData, ...] = ()
    owned: tuple[Owned, ...] = ()
    outs: tuple[str, ...] = ()
    problem: PipelineError | None = None
    looked_at: frozenset[str] = frozenset()
    template: Template | None = None
    addresses: dict[str, str] = field(default_factory=dict)

    def __repr__(self) -> str:
        """The file alone: the addresses have secrets."""
        return f"Loaded(path={self.path!r})"


class ParamValues(Struct, frozen=True):
    """What DVC reads in a text that stands for a param file of the project.

    Attributes:
        content: as `dvc_magic.pipeline.values.read` would give it.
        changed: the top-level keys below which the text has another single value in the place of one of the file's;
            None when it may differ in any way.
        is_read: whether `content` is known; else the text has to be read.
    """

    content: Any
    changed: frozenset[str] | None = None
    is_read: bool = True


class Memo(Struct):
    """Parsed files, kept while the file stays what it was."""

    entries: dict[str, tuple[Stamp, Any]] = field(default_factory=dict)

    def get(self, key: str, stamp: Stamp, make: Callable[[], Any]) -> Any:
        """The value for `key` in the state `stamp`, made by `make()` when it is not known."""
        known = self.entries.get(key)
        if known is None or known[0] != stamp:
            known = (stamp, make())
            if isinstance(stamp, bytes) or (stamp is not None and settled(stamp)):
                self.entries[key] = known
        return known[1]


class Loader:
    """Reads the files of one project through one repository.

    Args:
        opened: opens the repository, when it is needed: a millisecond.
        overlay: POSIX path from the root -> content that stands for the file.
        memo: parsed files of earlier readings. seen: versions of the files looked at.
        params: what is known of files in `overlay`.
    """

    def __init__(
        self,
        opened: Callable[[], StillRepo],
        *,
        root: Path,
        overlay: Mapping[str, bytes],
        memo: Memo,
        seen: dict[str, Version],
        params: Mapping[str, ParamValues] | None = None,
    ) -> None:
        self._opened = opened
        self._root = root
        self._places = Places(root)
        self._overlay = {self._place(path): content for path, content in overlay.items()}
        self._params = {self._place(path): known for path, known in (params or {}).items()}
        self._looked_at: set[str] = set()
        self._memo = memo
        self._seen = seen

    @cached_property
    def _repo(self) -> StillRepo:
        return self._opened()

    def _place(self, path: str) -> str:
        """The absolute path of one that is absolute or from the root."""
        return os.path.normpath(os.path.join(self._root, path))

    def load(self, path: str, before: Loaded | None = None) -> Loaded:
        """The content of the file with this absolute path; what is wrong with it is its `problem`.

        Args:
            path: of the file.
            before: the same without the overlay, of the project as it still is: what the overlay does not change is
                taken from there.
        """
        if before is not None and before.problem is None and not before.looked_at & self._overlay.keys():
            return before
        if before is not None and self._keeps_templates(path, before):
            return self._revalued(before, before.template.used if before.template is not None else {})
        self._looked_at.clear()
        self._repo.fs.looked_at.clear()
        relative = self._places.of(path)
        try:
            with translated(root=self._root, path=relative):
                if path.endswith(DVC_FILE_SUFFIX):
                    loaded = self._tracked(path)
                else:
                    loaded = self._with_values(path, before) or self._pipeline(path)
        except PipelineError as error:
            return Loaded(path=path, problem=error)
        if before is not None and len(before.stages) == len(loaded.stages):
            stages = tuple(map(_kept, loaded.stages, before.stages))
            loaded = replace(loaded, stages=stages, file=_kept(loaded.file, before.file))
        return replace(loaded, looked_at=frozenset(self._looked_at | self._repo.fs.looked_at))

    def _keeps_templates(self, path: str, before: Loaded) -> bool:
        """Whether the values that the overlay changes are in no template of a file, so that DVC need not look."""
        others = before.looked_at & self._overlay.keys()
        if before.template is None or before.problem is not None or {path, _lock_of(path)} & others:
            return False
        known = [self._params[place].changed if place in self._params else None for place in others]
        return all(changed is not None and before.template.roots.isdisjoint(changed) for changed in known)

    def _with_values(self, path: str, before: Loaded | None) -> Loaded | None:
        """`before` with the values of the overlay; None when something else may differ as well."""
        if before is None or before.template is None or before.problem is not None:
            return None
        if {path, _lock_of(path)} & self._overlay.keys():
            return None
        template, dvcfile = before.template, self._dvcfile(path)
        if not template.fits(dvcfile.resolver):
            return None
        return self._revalued(before, template.used)

    def _revalued(self, before: Loaded, used: Mapping[str, Mapping[str, Any]]) -> Loaded:
        """`before` with other values of params; its templates came out as they did."""
        touched = [self._is_touched(stage) for stage in before.stages]
        if not any(touched):
            return before
        listed = self._listed_flags(before.file.params if before.file is not None else ())
        stages = (
            with_values(stage, used.get(stage.name, {}), listed=listed, places=self._places, content=self.content)
            if is_touched
            else stage
            for stage, is_touched in zip(before.stages, touched, strict=True)
        )
        return replace(before, stages=tuple(stages))

    def _is_touched(self, stage: Stage) -> bool:
        """Whether a stage may have a value that the overlay changes, less those of its templates."""
        for entry in stage.params:
            place = self._place(entry.path)
            known = self._params.get(place)
            if place in self._overlay and (
                known is None
                or known.changed is None
                or not entry.keys
                or any(_may_meet(key, known.changed) for key in entry.keys)
            ):
                return True
        listed = {flag.file for flag in stage.flags if flag.listed}
        return any(self._place(file) in self._overlay for file in listed)

    def _stamp(self, path: str) -> Stamp:
        self._looked_at.add(path)
        content = self._overlay.get(path)
        if content is not None:
            return content
        return self._seen.setdefault(path, version(path))

    def content(self, path: str) -> Any:
        """The content of a param file, absolute or from the root; None when it does not exist.

        Raises:
            PipelineError: it cannot be parsed.
        """
        place = self._place(path)
        known = self._params.get(place)
        if known is not None and known.is_read:
            self._looked_at.add(place)
            return known.content
        with translated(root=self._root, path=self._places.of(place)):
            return self._memo.get(place, self._stamp(place), lambda: read(self._fs_of(place), place))

    def _fs_of(self, place: str) -> RootedFileSystem:
        """The repository's file system; for a text of the overlay one that needs no repository, as a grid has many."""
        if place not in self._overlay:
            return self._repo.fs  # type: ignore[no-any-return]
        return RootedFileSystem(self._root, overlay={place: self._overlay[place]})

    def _tracked(self, path: str) -> Loaded:
        stage = SingleStageFile(self._repo, path).stage
        local = [out for out in stage.outs if out.protocol == "local"]
        dvcfile = self._places.of(path)
        return Loaded(
            path=path,
            tracked=tuple(_tracked_data(out, dvcfile, self._places) for out in local),
            owned=tuple(_tracked_owned(out, dvcfile, self._places) for out in local if out.hash_info),
            outs=tuple(out.fs_path for out in local),
        )

    def _pipeline(self, path: str) -> Loaded:
        dvcfile = self._dvcfile(path)
        locks = dvcfile.lockfile_contents.get("stages") or {}
        resolver = dvcfile.resolver
        TrackingContext.of(resolver)
        addresses: dict[str, str] = {}
        metrics = tuple(self._places.of(os.path.join(os.path.dirname(path), name)) for name in dvcfile.metrics)
        params = tuple(self._listed_files(os.path.dirname(path), dvcfile.params))
        stages = tuple(self._stages(dvcfile, resolver, locks, self._listed_flags(params), addresses))
        datasets = tuple(deepcopy(dvcfile.lockfile_contents.get("datasets") or ()))
        relative = self._places.of(path)
        top = {key: deepcopy(value) for key, value in dvcfile.contents.items() if key != "stages"}
        return Loaded(
            path=path,
            stages=stages,
            file=PipelineFile(path=relative, top=top, metrics=metrics, params=params, datasets=datasets),
            owned=tuple(owned for stage in stages for owned in _locked_owned(stage)),
            outs=tuple(os.path.join(self._root, out.path) for stage in stages for out in stage.outs),
            template=Template.of(resolver),
            addresses=addresses,
        )

    def _listed_files(self, folder: str, names: Iterable[str]) -> Iterator[str]:
        """The files of top-level ``params``; a folder stands for all files below it, as in ``dvc params show``.

        What DVCLive writes is left out: it says what values a run had, not which ones the next run gets.
        """
        for name in names:
            place = os.path.normpath(os.path.join(folder, name))
            paths = islice(self._files_below(place), _LISTED) if os.path.isdir(place) else [place]
            yield from (self._places.of(path) for path in paths if "dvclive" not in Path(path).parts[:-1])

    def _files_below(self, folder: str) -> Iterator[str]:
        for at, folders, names in os.walk(folder):
            self._stamp(at)
            folders.sort()
            yield from (os.path.join(at, name) for name in sorted(names))

    def _listed_flags(self, files: Iterable[str]) -> tuple[Param, ...]:
        """The leaves of these files. One that cannot be read as params is passed over, as in ``dvc params show``."""
        flags: list[Param] = []
        for file in files:
            with contextlib.suppress(Exception):  # whatever lies in a folder of params
                values = leaves(tracked(self.content(file), ()))
                flags += [
                    Param(file=file, key=key, value=value, tracked=False, listed=True) for key, value in values.items()
                ]
        return tuple(flags)

    def _dvcfile(self, path: str) -> Any:
        """DVC's object for a ``dvc.yaml``, with what is known of its content and its lock filled in."""
        dvcfile = ProjectFile(self._repo, path)
        lock = _lock_of(path)
        dvcfile.__dict__["contents"] = self._memo.get(path, self._stamp(path), dvcfile.load)
        # A version of None is a lock that does not exist, and is asked for again each time.
        with translated(root=self._root, path=self._places.of(lock)):
            content = self._memo.get(lock, self._stamp(lock), Lockfile(self._repo, lock).load)
        dvcfile.__dict__["lockfile_contents"] = content
        return dvcfile

    def _stages(
        self,
        dvcfile: Any,
        resolver: Any,
        locks: Mapping[str, Any],
        listed: Sequence[Param],
        addresses: dict[str, str],
    ) -> Iterator[Stage]:
        trimmer = Trimmer(resolver)
        for name in resolver.get_keys():
            resolved = resolver.resolve_one(name)[name]
            stage = StageLoader.load_stage(dvcfile, name, resolved)
            stage.tracked_vars = resolver.tracked_vars.get(name, {})
            addresses |= full_addresses(stage)
            yield noun(
                stage,
                trimmer=trimmer,
                imports=resolver.context.imports,
                resolved=resolved,
                listed=listed,
                places=self._places,
                lock=deepcopy(locks.get(name)),
                content=self.content,
            )


def _may_meet(key: str, roots: Collection[str]) -> bool:
    """Whether the key of a param may name something below one of these top-level keys."""
    root = key.lstrip(".").partition(".")[0]
    return root in roots or not _WORD.fullmatch(root)  # DVC finds 1 by the name 01, and knows wildcards


def _kept(noun: T, before: T) -> T:
    """What there was before, as the same object, when nothing of it has changed, types of values included."""
    if noun != before:
        return noun
    try:  # Python calls 1, 1.0 and True equal
        return before if msgspec.json.encode(noun) == msgspec.json.encode(before) else noun
    except ValueError:  # a value that JSON has no text for
        return noun


def _lock_of(path: str) -> str:
    return os.path.splitext(path)[0] + ".lock"


def _tracked_data(out: Any, dvcfile: str, places: Places) -> TrackedData:
    return TrackedData(
        path=places.of(out.fs_path),
        dvcfile=dvcfile,
        hash=out.hash_info.value if out.hash_info else None,
        size=out.meta.size,
    )


def _tracked_owned(out: Any, dvcfile: str, places: Places) -> Owned:
    return Owned(
        path=places.of(out.fs_path),
        hash=out.hash_info.value,
        file=dvcfile,
        legacy=out.hash_name == _LEGACY,
        dvcfile=dvcfile,
        size=out.meta.size or 0,
        executable=bool(out.meta.isexec),
        cached=out.use_cache,
        remote=out.remote,
        imported=_import_source(out.stage),
    )


def _import_source(stage: Any) -> str:
    if not stage.is_import:
        return ""
    source = stage.deps[0]
    url = source.def_repo["url"] if stage.is_repo_import else source.def_path
    return bare_url(str(url))


def _locked_owned(stage: Stage) -> Iterator[Owned]:
    entries = {entry["path"]: entry for entry in (stage.lock or {}).get("outs", ())}
    for out in stage.outs:
        entry = entries.get(out.declared, {})
        if "md5" in entry:
            yield Owned(
                path=out.path,
                hash=entry["md5"],
                file=f"{os.path.splitext(stage.dvcfile)[0]}.lock",
                legacy=entry.get("hash") != "md5",
                size=entry.get("size") or 0,
                executable=bool(entry.get("isexec")),
                cached=out.cache,
                remote=out.remote,
            )


def walk(loader: Loader, repo: StillRepo, *, root: str, store: str, seen: dict[str, Version]) -> Iterator[Loaded]:
    """Every ``dvc.yaml`` and ``.dvc`` file that DVC would collect, loaded, in its order.

    The rule of `dvc.repo.index.collect_files`: neither what DVC or git ignores, nor inside outs. The run store
    is left out as well, wherever it is.
    """
    ignored = repo.scm.is_ignored
    outs: set[str] = set()
    for folder, folders, files in repo.dvcignore.walk(repo.fs, root, followlinks=False):
        seen.setdefault(folder, version(folder))
        for rules in (".gitignore", ".dvcignore"):
            seen.setdefault(os.path.join(folder, rules), version(os.path.join(folder, rules)))
        for name in files:
            path = os.path.join(folder, name)
            if is_valid_filename(name) and not ignored(path):
                loaded = loader.load(path)
                outs.update(loaded.outs)
                yield loaded
        inner = ((name, os.path.join(folder, name)) for name in folders)
        folders[:] = [name for name, path in inner if path not in outs and path != store and not ignored(path + os.sep)]
