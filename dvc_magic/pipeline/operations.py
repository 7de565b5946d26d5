"""Operations compiled to stages, by DVC's own loader: as if their entry stood in the ``dvc.yaml`` of the root."""

from __future__ import annotations

import os
import posixpath
import re
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from copy import deepcopy
from graphlib import CycleError, TopologicalSorter
from pathlib import Path
from typing import Any

from msgspec import Struct, field
from msgspec.structs import replace

from dvc_magic.errors import DvcMagicError, OperationError, close_matches
from dvc_magic.model.operation import Operation, OperationOut, Source, SourceKind
from dvc_magic.model.stage import Dep, Out, OutKind, Pipeline, Stage, address_of, overlaps
from dvc_magic.pipeline.definition import DVCFILE, LISTS, dump, stage_files
from dvc_magic.pipeline.found import RESERVED, found_data
from dvc_magic.pipeline.scan import Loader
from dvc_magic.pipeline.trim import literal

_LOCK = b'schema: "2.0"\n'
_PATTERN = re.compile(r"[*+?^$|()\[\]{}]")


def compile_operations(
    operations: Sequence[Operation],
    pipeline: Pipeline,
    *,
    root: Path,
    loader: Callable[[Mapping[str, bytes]], Loader],
) -> Pipeline:
    """The pipeline with its operations; one that cannot be compiled is among its `faults`, and no bar to the others.

    Args:
        operations: with the text of every file that they have.
        pipeline: the stages.
        root: of the project.
        loader: reads the project with these files in place of those on disk.
    """
    compiler = _Compiler(pipeline, operations, root=root, loader=loader)
    stages: list[Stage] = []
    faults: dict[str, str] = {}
    for operation in operations:
        try:
            stages.append(compiler.stage(operation))
        except DvcMagicError as error:
            faults[operation.address] = str(error)
    for address in _circular(stages):
        faults[address] = f"operation {address.removeprefix('op:')!r} depends on its own outs, by way of others"
    return replace(pipeline, operations=tuple(op for op in stages if op.address not in faults), faults=faults)


def _circular(stages: Sequence[Stage]) -> set[str]:
    graph = {op.address: {dep.maker for dep in op.deps if dep.maker} for op in stages}
    try:
        TopologicalSorter(graph).prepare()
    except CycleError as error:
        return {address for address in error.args[1] if address in graph}
    return set()


class _Entry(Struct):
    """What is to stand in a ``dvc.yaml``, and what its deps are beyond their paths."""

    definition: dict[str, Any]
    deps: dict[str, Dep] = field(default_factory=dict)


class _Compiler:
    """Compiles the operations of one project, which may name each other by the stages that they serve."""

    def __init__(
        self,
        pipeline: Pipeline,
        operations: Sequence[Operation],
        *,
        root: Path,
        loader: Callable[[Mapping[str, bytes]], Loader],
    ) -> None:
        self._pipeline = pipeline
        self._operations = operations
        self._root = root
        self._loader = loader

    def stage(self, operation: Operation) -> Stage:
        """One operation, compiled.

        Raises:
            OperationError: it names what there is not, or DVC cannot take it.
        """
        texts = {file.path: file.text or "" for file in operation.files}
        if operation.runs:
            whole = self._whole(operation)
            entry = _Entry(definition={})
            path, text, name = whole.dvcfile, self._text_of_whole(whole, operation), whole.definition_name
        else:
            entry = self._entry(operation)
            path, name = DVCFILE, operation.name
            text = dump({"stages": {operation.name: entry.definition}})
        overlay = {file: content.encode() for file, content in texts.items()}
        overlay |= {path: text.encode(), f"{posixpath.splitext(path)[0]}.lock": _LOCK}
        loaded = self._loader(overlay).load(os.path.join(self._root, path))
        if loaded.problem is not None or not loaded.stages:
            raise OperationError(f"operation {operation.name!r} cannot be a stage: {loaded.problem or name}")
        stage = loaded.stages[0]
        deps = tuple(self._complete(dep, entry.deps) for dep in stage.deps)
        served = self._pipeline.named(operation.serves)
        known = operation if served is None else replace(operation, serves=served.address)
        return replace(stage, address=operation.address, deps=deps, lock=None, operation=known, texts=texts)

    @staticmethod
    def _complete(dep: Dep, known: Mapping[str, Dep]) -> Dep:
        named = known.get(dep.path)
        return dep if named is None else replace(named, path=dep.path, declared=dep.declared, kind=dep.kind)

    def _whole(self, operation: Operation) -> Stage:
        stage = self._pipeline.named(operation.runs)
        if stage is None:
            raise OperationError(f"operation {operation.name!r} runs {self._no_stage(operation.runs)}")
        return stage

    def _text_of_whole(self, stage: Stage, operation: Operation) -> str:
        """The ``dvc.yaml`` of a stage that is run as it is, with the operation's flags among its params."""
        definition = deepcopy(stage.definition)
        inner = definition.get("do", definition)
        known = {(flag.file, flag.key) for flag in stage.flags if flag.tracked}
        further: dict[str, list[str]] = {}
        for file in operation.params:
            keys = [key for key in file.keys if (file.path, key) not in known]
            if keys:
                further[posixpath.relpath(file.path, stage.wdir)] = keys
        if further:
            inner["params"] = [*(inner.get("params") or []), *({path: keys} for path, keys in further.items())]
        return stage_files(replace(stage, definition=definition), self._pipeline.file(stage.dvcfile))

    def _entry(self, operation: Operation) -> _Entry:
        outs = self._outs(operation)
        deps = self._all_deps(operation, outs)
        definition: dict[str, Any] = {
            "cmd": list(operation.cmd) if isinstance(operation.cmd, tuple) else operation.cmd,
            "desc": literal(operation.desc),
            "vars": list(operation.variables),
            "deps": literal(list(deps)),
            "params": [{literal(file.path): list(file.keys) or None} for file in operation.params],
            **{
                kind: [{literal(path): options} if options else literal(path) for path, options in made]
                for kind, made in outs.items()
            },
        }
        filled = {key: value for key, value in definition.items() if value or key == "cmd"}
        return _Entry(definition=filled, deps=deps)

    def _all_deps(self, operation: Operation, outs: Mapping[str, list[tuple[str, Any]]]) -> dict[str, Dep]:
        """The deps by where they go: scripts, sources, and what the code itself names."""
        where = f"operation {operation.name!r}"
        deps: dict[str, Dep] = {path: Dep(path=path, declared=path) for path in operation.code}
        places = {path: path for path in operation.code} | self._config_places(operation, where)
        for source in operation.requires:
            for dep in self._deps(source, operation, made=[path for made in outs.values() for path, _ in made]):
                _check_target(dep.path, source, where)
                self._check_place(dep, places, where)
                places[dep.path] = dep.taken
                deps[dep.path] = dep
        _check_runs(deps.values(), where)
        if not operation.learn:
            return deps
        taken = [*deps, *(path for made in outs.values() for path, _ in made)]
        taken += [*(file.path for file in operation.files), *(file.path for file in operation.params)]
        found = found_data(operation.hints, self._pipeline, root=self._root, taken=taken)
        return deps | {path: Dep(path=path, declared=path, found=True) for path in found}

    @staticmethod
    def _config_places(operation: Operation, where: str) -> dict[str, str]:
        """Where the config files go, and what they are taken from."""
        places: dict[str, str] = {}
        for source in operation.requires:
            if source.kind is SourceKind.CONFIG:
                target = source.target(source.path)
                _check_target(target, source, where)
                if places.setdefault(target, source.path) != source.path or target in operation.code:
                    raise OperationError(_taken_place(where, target))
        return places

    def _check_place(self, dep: Dep, places: Mapping[str, str], where: str) -> None:
        """Refuse a place that another source, or a folder of the project, has already.

        What lies where it does in the project may lie in a folder that is required, too.
        """
        for place, taken in places.items():
            moved = dep.origin or taken != place
            if place == dep.path or (moved and overlaps(place, dep.path)):
                raise OperationError(_taken_place(where, dep.path))
        there = self._root / dep.path
        if dep.origin and there.is_dir() and not (self._root / dep.taken).is_dir():
            raise OperationError(f"{where}: {dep.taken!r} would take the place of the project's folder {dep.path!r}")

    def _outs(self, operation: Operation) -> dict[str, list[tuple[str, dict[str, bool]]]]:
        """What an operation makes, as entries of ``dvc.yaml``: what it names, else what its stage makes."""
        made: dict[str, list[tuple[str, dict[str, bool]]]] = {"outs": [], "metrics": [], "plots": []}
        for out in operation.outs:
            made["metrics" if out.metric else "outs"].append((out.path, {} if out.cache else {"cache": False}))
        served = self._pipeline.named(operation.serves)
        named = [out.path for out in operation.outs]
        if served is not None and all(out.metric for out in operation.outs):
            for other in served.outs:
                if not any(overlaps(other.path, path) for path in named):
                    made[LISTS[other.kind]].append((other.path, {} if other.cache else {"cache": False}))
        elif operation.serves and served is None and not operation.outs:
            raise OperationError(_unnamed_outs(operation))
        return made

    # --- sources ----------------------------------------------------------------------------------------------------

    def _deps(self, source: Source, operation: Operation, *, made: Iterable[str]) -> Iterator[Dep]:
        if source.kind is SourceKind.CONFIG:
            return  # a file of params: its values are what counts, not its hash
        if source.kind is not SourceKind.DVCSTAGE:
            yield self._dep(source, source.path)
            return
        maker, outs = self._maker(source, operation)
        paths = _selected(source, [out.path for out in outs], maker, operation.name)
        made = list(made)
        for path in paths:
            if source.select or not any(overlaps(source.target(path), own) for own in made):
                yield self._dep(source, path, maker=maker)

    @staticmethod
    def _dep(source: Source, path: str, *, maker: str = "") -> Dep:
        target = source.target(path)
        return Dep(
            path=target,
            declared=target,
            origin=path if target != path else "",
            maker=maker,
            name=source.name,
            help=source.help,
            remote=source.remote,
            recorded=source.always_pull,
            run=source.run,
            local=source.kind is SourceKind.FILE,
        )

    def _maker(self, source: Source, operation: Operation) -> tuple[str, Sequence[Out | OperationOut]]:
        """Who makes the outs of a ``dvcstage``: the stage itself, or an operation that serves where there is none."""
        stage = self._pipeline.named(source.path)
        if stage is not None:
            return stage.address, stage.outs
        for other in self._operations:
            if address_of(other.serves) == address_of(source.path) and other.name != operation.name:
                if not other.outs:
                    raise OperationError(_unnamed_outs(other))
                return other.address, other.outs
        raise OperationError(f"operation {operation.name!r} requires {self._no_stage(source.path)}")

    def _no_stage(self, name: str) -> str:
        addresses = [stage.address for stage in self._pipeline.stages]
        listed = f" The stages are {', '.join(addresses)}." if addresses else " The project has no stages."
        return f"the stage {name!r}, which there is not.{close_matches(name, addresses)}{listed}"


def _unnamed_outs(operation: Operation) -> str:
    return (
        f"operation {operation.name!r} serves {operation.serves!r}, which is no stage of a dvc.yaml: name what it "
        "makes with outs (-o in a cell)"
    )


def _taken_place(where: str, path: str) -> str:
    return (
        f"{where}: two of its sources go to {path!r}, or one into the other; give one of them another name with rename "
        "or another folder with target-path"
    )


def _check_runs(deps: Iterable[Dep], where: str) -> None:
    """Refuse two runs of one stage: a call has one lineage."""
    named: dict[str, str] = {}
    for dep in deps:
        if dep.maker and dep.run and named.setdefault(dep.maker, dep.run) != dep.run:
            raise OperationError(
                f"{where} takes outs of {dep.maker!r} from two runs, {named[dep.maker]} and {dep.run}; a call takes "
                "each stage from one run"
            )


def _check_target(target: str, source: Source, where: str) -> None:
    above = target.startswith("../") and target != source.path
    if above or posixpath.isabs(target) or target in ("", ".", "..") or target.split("/", maxsplit=1)[0] in RESERVED:
        raise OperationError(
            f"{where}: {source.kind} {source.path!r} would go to {target!r}, which is no place for data in a run; "
            "correct its rename or target-path"
        )


def _selected(source: Source, outs: Sequence[str], maker: str, name: str) -> list[str]:
    """The paths of outs that a source selects; a path without signs of an expression can also lie in a folder.

    A pattern matches from the start of a path to its end, which is Guild AI's rule.
    """
    if not source.select:
        return list(outs)
    found: dict[str, None] = {}
    for pattern in source.select:
        matching = [path for path in outs if re.compile(f"(?:{pattern})$").match(path)]
        plain = pattern.replace("\\.", ".")
        inside = [out for out in outs if plain.startswith(f"{out}/") and not _PATTERN.search(plain)]
        if not matching and not inside:
            raise OperationError(
                f"operation {name!r}: select {pattern!r} matches no out of {maker!r}, which makes "
                f"{', '.join(outs) or 'nothing'}"
            )
        found.update(dict.fromkeys(matching or [posixpath.normpath(plain)]))
    return list(found)


def with_outs(stage: Stage, outs: Sequence[OperationOut]) -> Stage:
    """An operation's stage with further outs: what its run has made."""
    definition = deepcopy(stage.definition)
    for out in outs:
        kind = "metrics" if out.metric else "outs"
        path = literal(out.path)
        definition.setdefault(kind, []).append(path if out.cache else {path: {"cache": False}})
    added = tuple(
        Out(path=out.path, declared=out.path, kind=OutKind.METRIC if out.metric else OutKind.OUT, cache=out.cache)
        for out in outs
    )
    return replace(stage, definition=definition, outs=(*stage.outs, *added))
