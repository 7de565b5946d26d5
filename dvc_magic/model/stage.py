"""What a project's pipeline is, after DVC has resolved it: frozen, JSON-able, free of DVC.

All paths are POSIX text from the project's root (``data/raw.csv``, ``../shared.txt``); an absolute path or a URL
stays as it is. The spelling in ``dvc.yaml``, from the stage's wdir, is kept beside it as ``declared``, because that is
the key in ``dvc.lock``.
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Iterator, Sequence
from enum import StrEnum
from fnmatch import fnmatchcase
from functools import cached_property
from typing import Any

from msgspec import Struct, field
from msgspec.structs import replace

from dvc_magic.model.operation import Operation
from dvc_magic.model.values import FlatValues, Value, type_name
from dvc_magic.untrusted import abridged, hidden


class OutKind(StrEnum):
    """Which list of the stage names the output."""

    OUT = "out"
    METRIC = "metric"
    PLOT = "plot"


class DepKind(StrEnum):
    """Where a dependency's path leads."""

    LOCAL = "local"  # inside the project, or beside it by ``../``
    ABSOLUTE = "absolute"  # an absolute path: read in place, never copied
    URL = "url"  # anything DVC reads by a scheme


class Dep(Struct, frozen=True, kw_only=True):
    """One entry of a stage's ``deps`` (params are not deps here: see `ParamsFile`).

    Attributes:
        path: where a run has it. declared: the key in ``dvc.lock``.
        origin: the project's path of what is placed at `path`, when that is another (of operations).
        maker: the address of what makes it, when it was named by that (of operations).
        name: what people call it, when it has a name. help: what its author says when it is missing.
        remote: the remote to pull it from, when that is not DVC's choice.
        recorded: whether what DVC has recorded is taken even when the workspace has the file.
        run: the run (number, id or label as text) of `maker` to take it from, when one is named.
        local: whether only what the workspace has counts: no cache, no remote.
        found: whether nobody named it: a text in an operation's code does.
        implied: True for a param file that has to be placed as a dep is, as another stage makes it or it lies above the
            root. ``dvc.lock`` has its values instead of its hash.
    """

    path: str
    declared: str
    kind: DepKind = DepKind.LOCAL
    implied: bool = False
    origin: str = ""
    maker: str = ""
    name: str = ""
    help: str = ""
    remote: str = ""
    recorded: bool = False
    run: str = ""
    local: bool = False
    found: bool = False

    @property
    def taken(self) -> str:
        """The project's path of its content."""
        return self.origin or self.path


class Out(Struct, frozen=True, kw_only=True):
    """One entry of a stage's ``outs``, ``metrics`` or ``plots``."""

    path: str
    declared: str
    kind: OutKind = OutKind.OUT
    cache: bool = True
    persist: bool = False
    push: bool = True
    remote: str | None = None


class ParamsFile(Struct, frozen=True, kw_only=True):
    """A param file that a stage tracks: some of its keys, or the whole file when `keys` is empty."""

    path: str
    declared: str
    keys: tuple[str, ...] = ()


class ConfigGroup(Struct, frozen=True, kw_only=True):
    """What a flag chooses when it is a config group of Hydra and no leaf: ``--model full`` is ``conf/model/full.yaml``.

    Attributes:
        choices: the names of its configs.
        appended: no defaults list has the group, so that a choice of it is added: ``+experiment=big``.
    """

    choices: tuple[str, ...]
    appended: bool = False


class Param(Struct, frozen=True, kw_only=True):
    """One leaf of a param file of a stage, or a config group that it is composed of: what a flag sets.

    Attributes:
        file: the param file, from the project's root.
        key: the dotted key in it, such as ``train.lr``; for Python files ``Train.lr`` for class attributes.
        value: the value now.
        tracked: True when the stage lists it under ``params``; False when a template uses it, or when it is `listed`.
        listed: True when only the ``params`` at the top level of the ``dvc.yaml`` name its file.
        group: what there is to choose from when it is a config group; its value is the choice, null without one.
    """

    file: str
    key: str
    value: Value
    tracked: bool = True
    listed: bool = False
    group: ConfigGroup | None = None

    def __repr__(self) -> str:
        """All of it; what is long is cut."""
        file, key, value = (abridged(hidden(repr(part))) for part in (self.file, self.key, self.value))
        return f"Param(file={file}, key={key}, value={value}, tracked={self.tracked!r}, listed={self.listed!r})"

    @property
    def name(self) -> str:
        """``FILE:KEY``, which names the param in the whole project."""
        return f"{self.file}:{self.key}"

    @property
    def type(self) -> str:
        """The type of the value: ``int``, ``float``, ``text``, ``bool``, ``list``, ``map`` or ``null``."""
        return type_name(self.value)

    @property
    def is_scalar(self) -> bool:
        """Whether a single value is wanted: neither a list nor a map, nor whatever may come where there is null."""
        return self.group is not None or self.type not in ("list", "map", "null")


class Stage(Struct, frozen=True, kw_only=True):
    """One resolved stage of a ``dvc.yaml``.

    Attributes:
        address: what DVC calls it from the project's root: ``train``, ``train@us``, ``sub/dvc.yaml:train``.
        name: its name inside its ``dvc.yaml``: ``train@us``.
        dvcfile: that ``dvc.yaml``, from the root.
        wdir: the directory its command runs in, from the root; ``.`` is the root.
        cmd: the command as ``dvc.lock`` has it, text or a list of texts.
        commands: the same as DVC executes it, one process each (a text of several lines is one per line).
        params: the param files that it tracks.
        flags: what can be set: config groups, then leaves, tracked ones first, those of top-level ``params`` last.
        locked: the params entry that ``dvc.lock`` would get now: declared file -> key -> value.
        vars_files: files that its templates are filled from and that are not params, from the root.
        frozen, always_changed: as in ``dvc.yaml``.
        definition_name, definition: the entry to write into a ``dvc.yaml`` that holds this stage alone, still
            templated; for an item of ``foreach`` or ``matrix`` a one-entry ``foreach``, which keeps its name.
        lock: the project's ``dvc.lock`` entry for it, or None.
        desc: its description, or an empty text.
        operation: what it was compiled from, when it is no stage of a ``dvc.yaml``.
        texts: files that its runs have whatever the project has there (of operations): path -> content.
    """

    address: str
    name: str
    dvcfile: str
    wdir: str
    cmd: str | list[str]
    commands: tuple[str, ...]
    deps: tuple[Dep, ...] = ()
    outs: tuple[Out, ...] = ()
    params: tuple[ParamsFile, ...] = ()
    flags: tuple[Param, ...] = ()
    locked: dict[str, FlatValues] = field(default_factory=dict)
    vars_files: tuple[str, ...] = ()
    frozen: bool = False
    always_changed: bool = False
    desc: str = ""
    definition_name: str = ""
    definition: dict[str, Any] = field(default_factory=dict)
    lock: dict[str, Any] | None = None
    operation: Operation | None = None
    texts: dict[str, str] = field(default_factory=dict)

    @property
    def param_files(self) -> tuple[str, ...]:
        """Every param file of the stage, tracked or used in a template, each once."""
        named = [*(entry.path for entry in self.params), *(flag.file for flag in self.flags)]
        return tuple(dict.fromkeys(named))

    def out(self, path: str) -> Out | None:
        """The out with this path, if the stage has it."""
        return next((out for out in self.outs if out.path == path), None)


def package_of(group: str) -> str:
    """Where in the composed config the choice of a group stands, as far as its name tells: ``optimizer.schedule``.

    Args:
        group: ``optimizer/schedule``, or with a package of its own ``db@source``.
    """
    return (group.partition("@")[2] or group).replace("/", ".")


def overlaps(one: str, other: str) -> bool:
    """Whether two paths are equal, or one lies in the directory that the other is (DVC's rule for its graph)."""
    return lies_in(one, other) or lies_in(other, one)


def lies_in(path: str, folder: str) -> bool:
    """Whether a path lies in a folder, or is it."""
    return path == folder or path.startswith(f"{folder}/")


def folders_around(path: str) -> Iterator[str]:
    """The folders that a path lies in, as far as its text tells, innermost first."""
    while "/" in path:
        path = path.rpartition("/")[0]
        yield path


def address_of(name: str) -> str:
    """The address that people mean by ``./dvc.yaml:train`` or ``dvc.yaml:train``: ``train``, as DVC has it."""
    return name.strip().removeprefix("./").removeprefix("dvc.yaml:")


def group_of(address: str) -> str:
    """The ``foreach`` or ``matrix`` group that a stage is an item of: ``train@us`` is one of ``train``; else empty.

    The first ``@`` of the stage's name ends the group's, in which DVC allows none; a folder and an item may have more.
    """
    folder, file, name = address.rpartition("dvc.yaml:")
    group, at, _ = name.partition("@")
    return f"{folder}{file}{group}" if at else ""


class Composition(Struct, frozen=True, kw_only=True):
    """That a param file is composed by Hydra instead of read.

    Attributes:
        file: the param file, from the project's root. source: what it is composed from, for people.
        problem: why the config cannot be composed as it stands; its params are those of the file then.
    """

    file: str
    source: str
    problem: str = ""


class PipelineFile(Struct, frozen=True, kw_only=True):
    """One ``dvc.yaml``: what a run's own copy of it keeps beside the stage, still templated.

    Attributes:
        path: from the project's root.
        top: the top-level entries other than ``stages``: ``vars``, ``params``, ``metrics``, ``plots``, ``artifacts``.
        metrics: the resolved top-level metric files and folders, from the root.
        params: the resolved top-level param files, those in folders one by one, from the root.
        datasets: the ``datasets`` of the ``dvc.lock`` beside it.
    """

    path: str
    top: dict[str, Any] = field(default_factory=dict)
    metrics: tuple[str, ...] = ()
    params: tuple[str, ...] = ()
    datasets: tuple[dict[str, Any], ...] = ()


class TrackedData(Struct, frozen=True, kw_only=True):
    """An out of a ``.dvc`` file: data that DVC tracks and no stage makes.

    Attributes:
        path: the data, from the root.
        dvcfile: its ``.dvc`` file, from the root.
        hash: its md5 (``.dir`` at the end for a directory), or None when it was never hashed.
        size: in bytes, or None.
    """

    path: str
    dvcfile: str
    hash: str | None = None
    size: int | None = None


class Pipeline(Struct, frozen=True, kw_only=True, dict=True):
    """All stages of a project, as DVC resolves them for one set of param values.

    Groups have thousands of items, so what is asked of each stage is looked up, not searched for.

    Attributes:
        stages: in the order of the files.
        operations: compiled to stages; their outs are nobody's deps by path.
        files: the ``dvc.yaml`` files that hold them.
        tracked: the data that ``.dvc`` files track.
        problems: one message for each ``dvc.yaml`` that DVC could not read while others could be.
        faults: why an operation could not be compiled, by its address.
        composition: of the params that the stages were resolved with, None where the files themselves were read.
    """

    stages: tuple[Stage, ...] = ()
    operations: tuple[Stage, ...] = ()
    files: tuple[PipelineFile, ...] = ()
    tracked: tuple[TrackedData, ...] = ()
    problems: tuple[str, ...] = ()
    faults: dict[str, str] = field(default_factory=dict)
    composition: Composition | None = None

    @property
    def every(self) -> tuple[Stage, ...]:
        """What can be run: the stages, then the operations."""
        return (*self.stages, *self.operations)

    @cached_property
    def _by_address(self) -> dict[str, Stage]:
        return {stage.address: stage for stage in self.every}

    @cached_property
    def _makers_by_out(self) -> dict[str, list[int]]:
        """The path of each out, sorted -> the places in `stages` of those that make it."""
        makers: dict[str, list[int]] = {}
        for path, place in sorted((out.path, place) for place, stage in enumerate(self.stages) for out in stage.outs):
            makers.setdefault(path, []).append(place)
        return makers

    @cached_property
    def _out_paths(self) -> list[str]:
        return list(self._makers_by_out)

    def revalued(self, stages: Sequence[Stage]) -> Pipeline:
        """The same with other values.

        Args:
            stages: one for one the stages of this pipeline, with the same addresses, deps and outs.
        """
        other = replace(self, stages=tuple(stages))
        # Which stage makes what is looked up by its place, and a grid has a thousand pipelines of one shape.
        other.__dict__["_makers_by_out"] = self._makers_by_out
        other.__dict__["_out_paths"] = self._out_paths
        if not self.operations:
            other.__dict__["_lineages"] = self._lineages
        return other

    @cached_property
    def _lineages(self) -> dict[str, tuple[str, ...]]:
        """The address of each stage that was asked for -> those of its lineage."""
        return {}

    def get(self, address: str) -> Stage | None:
        """The stage or operation of this address, or None."""
        return self._by_address.get(address)

    def named(self, name: str) -> Stage | None:
        """The stage that people mean by `name`: that of this address (`address_of`), else the only one of this name."""
        address = address_of(name)
        alike = [stage for stage in self.stages if stage.name == address]
        exact = next((stage for stage in self.stages if stage.address == address), None)
        return exact or (alike[0] if len(alike) == 1 else None)

    def meant(self, target: str) -> tuple[Stage, ...]:
        """What a target of a call stands for, in the order of the files; nothing when there is no such thing.

        A stage or an operation stands for itself, a group for its items, and ``GROUP@PATTERN`` for those of its items
        that fit, by the rules of a shell (``*``, ``?``, ``[abc]``, ``[!abc]``).
        """
        stage = self.get(target)
        if stage is not None:
            return (stage,)
        group = group_of(target)
        if not group:
            return self.items(target)
        pattern = target[len(group) + 1 :]
        return tuple(item for item in self.items(group) if fnmatchcase(item.address[len(group) + 1 :], pattern))

    def items(self, group: str) -> tuple[Stage, ...]:
        """The stages of a ``foreach`` or ``matrix`` group, by its address."""
        begun = [stage for stage in self.stages if stage.address.startswith(f"{group}@")]
        return tuple(stage for stage in begun if group_of(stage.address) == group)

    def file(self, path: str) -> PipelineFile:
        """The ``dvc.yaml`` of this path."""
        return next(entry for entry in self.files if entry.path == path)

    def file_of(self, stage: Stage) -> PipelineFile:
        """What else stands in the ``dvc.yaml`` of a stage; of an operation nothing, unless it runs a stage as it is."""
        if stage.operation is not None and not stage.operation.runs:
            return PipelineFile(path=stage.dvcfile)
        return self.file(stage.dvcfile)

    def producers(self, path: str) -> tuple[Stage, ...]:
        """The stages that make `path`, a directory around it, or something below it, in the order of the files."""
        start, end = (bisect_left(self._out_paths, path + mark) for mark in "/0")  # 0 is the character after /
        outs = [path, *folders_around(path), *self._out_paths[start:end]]
        places = {place for out in outs for place in self._makers_by_out.get(out, ())}
        return tuple(self.stages[place] for place in sorted(places))

    def makers(self, stage: Stage, dep: Dep) -> tuple[Stage, ...]:
        """The other stages that make what a dep of `stage` is, or parts of it; of what DVC has recorded, none."""
        if dep.recorded:
            return ()
        if dep.maker:
            named = self.get(dep.maker)
            return () if named is None else (named,)
        return tuple(made for made in self.producers(dep.taken) if made.address != stage.address)

    def upstream(self, stage: Stage) -> tuple[Stage, ...]:
        """The stages whose outs `stage` depends on, directly, each once."""
        found = {made.address: made for dep in stage.deps for made in self.makers(stage, dep)}
        return tuple(found.values())

    def serving(self, address: str) -> tuple[Stage, ...]:
        """The operations whose outs can be taken for those of a stage."""
        return tuple(op for op in self.operations if op.operation is not None and op.operation.serves == address)

    def lineage(self, target: Stage) -> tuple[Stage, ...]:
        """`target` and everything upstream of it, each once, upstream first."""
        if target.address in self._lineages and self.get(target.address) is target:
            return tuple(self._by_address[address] for address in self._lineages[target.address])
        ordered: dict[str, Stage] = {}
        begun: set[str] = set()
        waiting = [target]  # a stack of our own: Python's ends at a chain of 1,000 stages
        while waiting:
            stage = waiting[-1]
            if stage.address in begun:  # what is upstream of it is in order
                ordered.setdefault(waiting.pop().address, stage)
                continue
            begun.add(stage.address)
            waiting += reversed([made for made in self.upstream(stage) if made.address not in begun])
        if self.get(target.address) is target:
            self._lineages[target.address] = tuple(ordered)
        return tuple(ordered.values())

    def final_stages(self) -> tuple[Stage, ...]:
        """The stages that nothing else depends on."""
        used = {producer.address for stage in self.stages for producer in self.upstream(stage)}
        return tuple(stage for stage in self.stages if stage.address not in used)
