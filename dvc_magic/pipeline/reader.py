"""Reads a project's pipeline through DVC, without a byte written into the project."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import suppress
from functools import partial
from pathlib import Path
from typing import Any

from msgspec import Struct, field
from msgspec.structs import replace

from dvc_magic.errors import MissingInputError, NotAProjectError, PipelineError, StageNotFoundError, close_matches
from dvc_magic.model.inputs import InputFacts, RemoteData, Taking
from dvc_magic.model.operation import Operation
from dvc_magic.model.stage import DepKind, ParamsFile, Pipeline, Stage
from dvc_magic.pipeline.border import translated
from dvc_magic.pipeline.composition import COMPOSED_FILE, Composer
from dvc_magic.pipeline.contents import Contents
from dvc_magic.pipeline.graph import check_graph
from dvc_magic.pipeline.hydra_settings import HydraSettings
from dvc_magic.pipeline.implied import makers_of, with_implied, with_implied_deps
from dvc_magic.pipeline.operations import compile_operations
from dvc_magic.pipeline.pull import Puller, Watch
from dvc_magic.pipeline.quiet import listening
from dvc_magic.pipeline.remotes import Remotes
from dvc_magic.pipeline.repos import StillRepo
from dvc_magic.pipeline.rooted import RootedFileSystem, Version, settled, unchanged, version
from dvc_magic.pipeline.scan import Loaded, Loader, Memo, Owned, ParamValues, walk
from dvc_magic.pipeline.values import changed_keys, tracked
from dvc_magic.store import RunStore

_CONFIG = ".dvc/config"
_TEMPLATE = "dvc.config.in"
_KEPT = 32  # resolutions for different overlays


class _Resolution(Struct, frozen=True):
    pipeline: Pipeline
    owned: tuple[Owned, ...] = ()
    addresses: dict[str, str] = field(default_factory=dict)

    def __repr__(self) -> str:
        return f"_Resolution({len(self.owned)} owned)"  # not the addresses, which have secrets


class _Base(Struct, frozen=True):
    """The pipeline without a call's values, as each file gave it, and what makes each out."""

    files: tuple[Loaded, ...]
    pipeline: Pipeline
    makers: dict[str, str]
    checked: set[str] = field(default_factory=set)  # addresses of stages that have all that they need


class _State(Struct):
    """What is known of the project while no file in `seen` changes."""

    seen: dict[str, Version] = field(default_factory=dict)
    paths: tuple[str, ...] | None = None
    resolutions: dict[frozenset[tuple[str, bytes]], _Resolution] = field(default_factory=dict)
    compiled: dict[tuple[frozenset[tuple[str, bytes]], tuple[Operation, ...]], Pipeline] = field(default_factory=dict)
    plain: dict[str, Loaded] = field(default_factory=dict)  # what each file holds without an overlay
    composed: dict[str, Loaded] = field(default_factory=dict)  # and with composed params
    composed_values: Any = None  # which were these
    base: _Base | None = None
    scm: Any = None

    @property
    def current(self) -> bool:
        return bool(self.seen) and unchanged(self.seen)

    @property
    def settled(self) -> bool:
        return all(map(settled, self.seen.values()))


class ProjectReader:
    """A project, opened read-only.

    DVC's temporary files and site cache go below `store`; nothing at all is written into the project: no lock, no
    ``.gitignore``, no ``.dvc/tmp``. Results do not depend on the working directory and are kept while the files that
    they were read from stay what they are (by stat).

    Args:
        root: the project's root, which holds ``.dvc``.
        store: the run store, which DVC does not look into.

    Raises:
        NotAProjectError: there is no ``.dvc`` directory in `root`.

    Attributes:
        text_of_config: a configuration, and what runs get of it (`dvc_magic.pipeline.config.run_config`).
    """

    def __init__(self, root: Path, store: RunStore) -> None:
        self.root = Path(os.path.abspath(root))
        self.store = store
        self._memo = Memo()
        self._state = _State()
        self._in_remotes: set[tuple[str, str]] = set()
        self._config: tuple[dict[str, Version], Any] | None = None
        self._composer: Composer | None = None
        self._kept_repo: StillRepo | None = None
        self.text_of_config: tuple[Any, str] | None = None
        if not (self.root / ".dvc").is_dir():
            raise NotAProjectError(f"{self.root} has no .dvc directory: run `dvc init` there, or name another folder")

    def describe(
        self,
        overlay: Mapping[str, bytes] | None = None,
        operations: Sequence[Operation] = (),
        *,
        params: Mapping[str, ParamValues] | None = None,
    ) -> Pipeline:
        """All stages of all ``dvc.yaml`` files, resolved by DVC, and the operations, compiled.

        Args:
            overlay: POSIX path from the root -> content that stands for the file on disk.
            operations: with the text of every file that they have. One that cannot be compiled is no error here.
            params: what is known of files in `overlay`, which spares reading them. Stages for which the values of the
                overlay make no difference are the same objects for all overlays then.

        Raises:
            PipelineError: DVC cannot read the root's ``dvc.yaml``, or none of several.
        """
        resolution = self._resolution(overlay or {}, params)
        return self._compiled(resolution.pipeline, overlay or {}, tuple(operations))

    def addresses(self, stages: Iterable[Stage]) -> dict[str, str]:
        """The URLs of stages' deps that have secrets, by what they are called here; to be written nowhere.

        They are the project's as it is now: no run and no work order holds them.
        """
        if not any(dep.kind is DepKind.URL for stage in stages for dep in stage.deps):
            return {}
        try:
            return self._usual().addresses
        except PipelineError:  # only the values of a call make the project readable
            return {}

    def _compiled(
        self, pipeline: Pipeline, overlay: Mapping[str, bytes], operations: tuple[Operation, ...]
    ) -> Pipeline:
        if not operations:
            return pipeline
        state, key = self._state, (frozenset(overlay.items()), operations)
        if key not in state.compiled:

            def loader(texts: Mapping[str, bytes]) -> Loader:
                whole = {**overlay, **texts}
                return self._loader(whole, state.seen, memo=Memo())

            with listening():
                compiled = compile_operations(operations, pipeline, root=self.root, loader=loader)
            if any(operation.learn for operation in operations):
                return compiled  # which looks at files that nobody watches
            if len(state.compiled) >= _KEPT:
                state.compiled.pop(next(iter(state.compiled)))
            state.compiled[key] = compiled
        return state.compiled[key]

    def check_stages(
        self,
        addresses: Iterable[str],
        overlay: Mapping[str, bytes] | None = None,
        operations: Sequence[Operation] = (),
        *,
        params: Mapping[str, ParamValues] | None = None,
        pipeline: Pipeline | None = None,
    ) -> None:
        """Make sure that these stages and operations have commands, and that every param that they name exists.

        Args:
            pipeline: what `describe` has just given for the rest.

        Raises:
            PipelineError: a stage has no command.
            StageNotFoundError: there is no such stage.
            MissingInputError: a param file or a key in it is missing.
        """
        pipeline, base = pipeline or self.describe(overlay, operations, params=params), self._state.base
        common = self._loader(overlay or {}, {}, params=params)
        for address in addresses:
            stage = pipeline.get(address)
            if stage is None:
                known = [stage.address for stage in pipeline.stages]
                raise StageNotFoundError(f"the project has no stage {address!r}.{close_matches(address, known)}")
            is_base = base is not None and base.pipeline.get(address) is stage
            if base is not None and is_base and address in base.checked:
                continue
            loader = common
            if stage.texts:
                whole = {**(overlay or {}), **{path: text.encode() for path, text in stage.texts.items()}}
                loader = self._loader(whole, {}, memo=Memo())
            self._check_stage(stage, pipeline, loader)
            if base is not None and is_base:
                base.checked.add(address)

    @staticmethod
    def _check_stage(stage: Stage, pipeline: Pipeline, loader: Loader) -> None:
        if not stage.commands:
            raise PipelineError(f"stage {stage.address!r} has an empty cmd: write its command in {stage.dvcfile}")
        for entry in stage.params:
            if any(made is not stage for made in pipeline.producers(entry.path)):
                continue  # there is nothing to look at before that stage has run
            _check_params(stage, entry, loader.content(entry.path))

    def inputs(
        self,
        paths: Sequence[str],
        hash_file: Callable[[Path], tuple[str, int]],
        takings: Sequence[Taking] = (),
    ) -> dict[str, InputFacts]:
        """What the project holds at each of `paths`, in the workspace, or else in a DVC cache or a remote.

        No remote is asked.

        Args:
            paths: from the root, or absolute, or URLs (which are read in place and have no hash here).
            hash_file: md5 and size in bytes of one file.
            takings: how those of `paths` are taken that are not taken as usual.

        Raises:
            MissingInputError: a taking names a remote that is not configured.
        """
        contents = self._contents(hash_file)
        how = {taking.path: taking for taking in takings}
        with translated(root=self.root, path=".dvc"), listening():
            return {path: contents.facts(path, how.get(path)) for path in dict.fromkeys(paths)}

    def ingest(
        self,
        path: str,
        hash_file: Callable[[Path], tuple[str, int]],
        taking: Taking | None = None,
    ) -> InputFacts:
        """Make sure that the runs' cache holds what the project holds at `path`, except what has to be pulled.

        The listing of a directory is written there too.

        Args:
            path: from the root, or absolute.
            hash_file: md5 and size in bytes of one file.
            taking: how `path` is taken, when not as usual.
        """
        contents = self._contents(hash_file)
        with translated(root=self.root, path=path), listening():
            return contents.ingest(path, taking)

    def look(self, wanted: Sequence[RemoteData], *, incoming: Path, watch: Watch) -> None:
        """Bring the listings of recorded directories from remotes into the runs' cache; no file of data is fetched.

        Args:
            wanted: as `inputs` names it.
            incoming: a folder of the store for what is on its way, called ``pull-...``; made, and removed again.
            watch: on the transfer.

        Raises:
            MissingInputError: a remote does not have one, or cannot be asked.
        """
        with listening():
            self._puller(incoming, watch).look(wanted)

    def missing(self, wanted: Sequence[RemoteData], *, incoming: Path, watch: Watch) -> dict[str, str]:
        """Which of these the remotes do not have whole, or cannot be asked for: path -> why. See `look`."""
        with listening():
            return self._puller(incoming, watch).missing(wanted)

    def pull(
        self,
        wanted: Sequence[RemoteData],
        *,
        incoming: Path,
        watch: Watch,
        hash_file: Callable[[Path], tuple[str, int]],
    ) -> list[InputFacts]:
        """Bring recorded content into the runs' cache, as ``dvc pull`` would into the project's. See `look`, `ingest`.

        Returns:
            What each of `wanted` is.

        Raises:
            MissingInputError: a remote lacks it, has it damaged, cannot be asked, or falls silent.
        """
        with listening():
            return self._puller(incoming, watch, hash_file).pull(wanted)

    @property
    def config(self) -> Any:
        """DVC's merged configuration; read again when one of its files has changed (by stat).

        ``dvc.config.in`` in the root stands in for a ``.dvc/config`` that does not exist, as in Guild AI.
        """
        kept = self._kept_config({})
        return kept if kept is not None else self._repo({}, {}).config

    def _kept_config(self, seen: dict[str, Version]) -> Any:
        """The configuration as it was last read, None when one of its files has changed since; notes these as seen."""
        if self._config is None:
            return None
        versions, config = self._config
        if not unchanged(versions):
            return None
        for path, known in versions.items():
            seen.setdefault(path, known)
        return config

    @property
    def composer(self) -> Composer | None:
        """What composes the params file as ``dvc exp run`` does; None where DVC's configuration does not ask for it.

        Raises:
            PipelineError: DVC cannot read the configuration.
        """
        settings = HydraSettings.of(self.config, self.root)
        if self._composer is None or self._composer.settings != settings:
            self._composer = None if settings is None else Composer(self.root, settings)
        return self._composer

    def _usual(self) -> _Resolution:
        """The pipeline without a call's values; with composed params if they are known, or if it takes them."""
        composer = self.composer
        composed = composer.remembered if composer is not None else None
        if composed is None:
            try:
                return self._resolution({})
            except PipelineError:
                composed = composer.composed() if composer is not None else None
                if composed is None or composed.problem is not None:
                    raise
        return self._resolution({COMPOSED_FILE: composed.text.encode()})

    def _puller(
        self, incoming: Path, watch: Watch, hash_file: Callable[[Path], tuple[str, int]] | None = None
    ) -> Puller:
        return Puller(
            contents=self._contents(hash_file or _unhashed),
            remotes=Remotes(self.config),
            store=self.store,
            incoming=incoming,
            seen=self._in_remotes,
            watch=watch,
        )

    def _contents(self, hash_file: Callable[[Path], tuple[str, int]]) -> Contents:
        owned = self._usual().owned
        repo = self._repo_of_contents()
        return Contents(
            repo=repo,
            root=self.root,
            owned=owned,
            store=self.store,
            remotes=Remotes(repo.config),
            hash_file=hash_file,
        )

    def _repo_of_contents(self) -> StillRepo:
        """A repository that looks at data, kept while DVC's configuration stays: it says where the caches are."""
        repo, config = self._kept_repo, self._kept_config({})
        if repo is None or config is None or repo.config is not config:
            repo = self._kept_repo = self._repo({}, {}, watched=False)
        repo.__dict__.pop("dvcignore", None)  # rules are looked for anew
        return repo

    def _repo(self, seen: dict[str, Version], overlay: Mapping[str, bytes], *, watched: bool = True) -> StillRepo:
        config, of_config = self._kept_config(seen), dict[str, Version]()
        template = {} if config is not None else self._config_template(of_config)
        fs = RootedFileSystem(self.root, overlay={**template, **overlay}, seen=seen if watched else None)
        site = self.store.paths.dvc_site
        with translated(root=self.root, path=_TEMPLATE if template else _CONFIG):
            repo = StillRepo(root=self.root, tmp=site / "tmp", site=site, fs=fs, config=config, scm=self._state.scm)
        if config is None:
            for name in repo.config.files.values():
                of_config.setdefault(name, version(name))
            self._config = (of_config, repo.config) if all(map(settled, of_config.values())) else None
            for path, known in of_config.items():
                seen.setdefault(path, known)
        return repo

    def _config_template(self, seen: dict[str, Version]) -> dict[str, bytes]:
        """The text that stands in for ``.dvc/config``, by the path of that; empty when the project has that file."""
        config, template = self.root / _CONFIG, self.root / _TEMPLATE
        for path in map(os.fspath, (config, template)):
            seen.setdefault(path, version(path))
        if config.is_file() or not template.is_file():
            return {}
        with translated(root=self.root, path=_TEMPLATE):
            return {_CONFIG: template.read_bytes()}

    def _loader(
        self,
        overlay: Mapping[str, bytes],
        seen: dict[str, Version],
        *,
        memo: Memo | None = None,
        params: Mapping[str, ParamValues] | None = None,
    ) -> Loader:
        opened = partial(self._repo, seen, overlay)
        return Loader(opened, root=self.root, overlay=overlay, memo=memo or self._memo, seen=seen, params=params)

    def _resolution(self, overlay: Mapping[str, bytes], params: Mapping[str, ParamValues] | None = None) -> _Resolution:
        if not self._state.current:
            self._state = _State()
        key = frozenset(overlay.items())
        known = self._state.resolutions.get(key)
        return known if known is not None else self._resolve(overlay, params, key)

    def _resolve(
        self,
        overlay: Mapping[str, bytes],
        params: Mapping[str, ParamValues] | None,
        key: frozenset[tuple[str, bytes]],
    ) -> _Resolution:
        state = self._state
        params = _compared(state, params)
        loader = self._loader(overlay, state.seen, params=params)
        with listening():
            files = self._files(state, overlay, loader)
        if not overlay:
            state.plain = {loaded.path: loaded for loaded in files}
        elif self._composer is not None and overlay.keys() == {COMPOSED_FILE} and not state.composed:
            state.composed = {loaded.path: loaded for loaded in files}
            with suppress(PipelineError):
                state.composed_values = loader.content(COMPOSED_FILE)
        resolution = (_revalued(state.base, files) if state.base is not None else None) or _joined(files)
        if state.base is None and not resolution.pipeline.problems:
            makers = makers_of([stage for loaded in files for stage in loaded.stages])
            state.base = _Base(tuple(files), resolution.pipeline, makers)
        if not state.settled:
            self._state = _State()
            return resolution
        if len(state.resolutions) >= _KEPT:
            oldest = next(one for one in state.resolutions if one)  # the one without an overlay is asked for in between
            state.resolutions.pop(oldest)
        state.resolutions[key] = resolution
        return resolution

    def _files(self, state: _State, overlay: Mapping[str, bytes], loader: Loader) -> list[Loaded]:
        if state.paths is not None:
            composed = COMPOSED_FILE in overlay
            before = state.composed if composed and state.composed else state.plain
            return [loader.load(path, before.get(path)) for path in state.paths]
        repo = self._repo(state.seen, overlay)
        with translated(root=self.root, path=".dvc"):
            root, store = os.fspath(self.root), os.path.abspath(self.store.home)
            files = list(walk(loader, repo, root=root, store=store, seen=state.seen))
            state.scm = repo.scm
        state.paths = tuple(loaded.path for loaded in files)
        return files


def _compared(state: _State, params: Mapping[str, ParamValues] | None) -> Mapping[str, ParamValues] | None:
    """What is known of texts, with the keys whose values differ from those that were composed first."""
    known = (params or {}).get(COMPOSED_FILE)
    if params is None or known is None or not known.is_read or known.changed is not None or not state.composed:
        return params
    changed = changed_keys(state.composed_values, known.content)
    return params if changed is None else {**params, COMPOSED_FILE: replace(known, changed=changed)}


def _unhashed(path: Path) -> tuple[str, int]:
    """For what needs no hash of a file."""
    return "", path.stat().st_size


def _joined(files: Sequence[Loaded]) -> _Resolution:
    bad = [loaded for loaded in files if loaded.problem]
    good = [loaded for loaded in files if not loaded.problem]
    if bad and (files[0] in bad or not any(loaded.file for loaded in good)):
        raise PipelineError(str(bad[0].problem)) from bad[0].problem
    pipeline = Pipeline(
        stages=with_implied_deps([stage for loaded in good for stage in loaded.stages]),
        files=tuple(loaded.file for loaded in good if loaded.file),
        tracked=tuple(data for loaded in good for data in loaded.tracked),
        problems=tuple(dict.fromkeys(str(loaded.problem) for loaded in bad)),  # two may name one broken param file
    )
    check_graph(pipeline.stages, pipeline.tracked)
    return _Resolution(
        pipeline=pipeline,
        owned=tuple(owned for loaded in good for owned in loaded.owned),
        addresses={name: url for loaded in good for name, url in loaded.addresses.items()},
    )


def _revalued(base: _Base, files: Sequence[Loaded]) -> _Resolution | None:
    """What the files come to when they differ from those of the base by values alone; None when they do not.

    The graph is that of the base then, and needs no second look.
    """
    if len(files) != len(base.files):
        return None
    joined = iter(base.pipeline.stages)
    stages: list[Stage] = []
    for loaded, before in zip(files, base.files, strict=True):
        alike = loaded.problem is None and loaded.file is before.file and loaded.tracked == before.tracked
        if not alike or len(loaded.stages) != len(before.stages):
            return None
        for stage, old in zip(loaded.stages, before.stages, strict=True):
            whole = next(joined)
            if stage is old:
                stages.append(whole)
            elif _structure(stage) == _structure(old):
                stages.append(with_implied(stage, base.makers))
            else:
                return None
    return _Resolution(
        pipeline=base.pipeline.revalued(stages),
        owned=tuple(owned for loaded in files for owned in loaded.owned),
        addresses={name: url for loaded in files for name, url in loaded.addresses.items()},
    )


def _structure(stage: Stage) -> tuple[Any, ...]:
    """What a stage has to do with the graph."""
    return stage.address, stage.deps, stage.outs, stage.params


def _kind(content: Any) -> str:
    return "list" if isinstance(content, list) else "value"


def _check_params(stage: Stage, entry: ParamsFile, content: Any) -> None:
    if content is None:
        raise MissingInputError(
            f"stage {stage.address!r} needs the param file {entry.path}, which does not exist: "
            f"add it, or take it out of the stage's params in {stage.dvcfile}"
        )
    if not entry.keys and not isinstance(content, Mapping):
        raise MissingInputError(
            f"stage {stage.address!r} takes all params of {entry.path}, which has no keys but one {_kind(content)}: "
            f"make it a map of names to values, or a dep of the stage in {stage.dvcfile}"
        )
    missing = [key for key in entry.keys if key not in tracked(content, entry.keys)]
    if missing:
        names = " and ".join(repr(key) for key in missing)
        raise MissingInputError(
            f"stage {stage.address!r} needs the param {names} of {entry.path}, which the file does not have: "
            f"add it there, or take it out of the stage's params in {stage.dvcfile}"
        )
