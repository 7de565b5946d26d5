"""Which stage a word means."""

from __future__ import annotations

import posixpath
from collections.abc import Iterable

from msgspec import Struct
from msgspec.structs import replace

from dvc_magic.errors import LineError, OperationError, StageNotFoundError, close_matches
from dvc_magic.model.stage import Param, Pipeline, Stage, address_of, group_of
from dvc_magic.untrusted import first_few

_SHOWN = 30
_FILE = "dvc.yaml:"


class StageWords:
    """What stages are called by somebody who is in a folder of the project.

    As for DVC there, a name alone is looked for in the folder's own ``dvc.yaml``; then in those of the folders above.
    ``./dvc.yaml:train`` and ``../dvc.yaml:train`` lead from the folder. Any other address leads from the root, as in
    all that we show: ``dvc.yaml:train`` is the root's, wherever it is written.
    """

    def __init__(self, addresses: Iterable[str], folder: str) -> None:
        """Of the stages with these addresses; `folder` is from the root, empty for it: a word is an address there."""
        self._addresses = tuple(addresses) if folder else ()
        self._folder = folder
        self._named = {start + name for start, stage in map(_split, self._addresses) for name in _names(stage)}

    def address(self, word: str) -> str:
        """The address that a word means; the word itself, where no ``dvc.yaml`` from here up has it."""
        path, file, name = word.strip().partition(_FILE)
        if not self._folder or (file and not path.startswith(("./", "../"))):
            return word
        if file:
            place = posixpath.normpath(posixpath.join(self._folder, path))
            return f"{_FILE}{name}" if place == "." else f"{place}/{_FILE}{name}"
        folder = self._folder
        while folder:
            start = f"{folder}/{_FILE}"
            if any(start + name in self._named for name in _names(path)):
                return start + path
            folder = posixpath.dirname(folder)
        return path

    def word(self, stage: Stage) -> str:
        """The shortest word that means a stage: its name, or else its address, the root's with ``dvc.yaml:``."""
        if self.address(stage.name) == stage.address:
            return stage.name
        return sure_word(stage.address, self._addresses)


def sure_word(address: str, addresses: Iterable[str]) -> str:
    """The word that means a stage or a group wherever it is typed: its address, with the root if others are so named.

    Args:
        address: of the stage or the group, or ``GROUP@PATTERN``.
        addresses: of all stages.
    """
    others = (name for start, name in map(_split, addresses) if start)
    hidden = _FILE not in address and any(_names(address) & _names(name) for name in others)
    return f"{_FILE}{address}" if hidden else address


def _split(address: str) -> tuple[str, str]:
    """``sub/dvc.yaml:train`` as ``sub/dvc.yaml:`` and ``train``; the root's have an empty start."""
    folder, file, name = address.rpartition(_FILE)
    return folder + file, name


def _names(name: str) -> set[str]:
    """A stage's name, and that of the group which it is an item of: ``train@us`` and ``train``."""
    return {name, group_of(name) or name}


def find_stage(name: str, pipeline: Pipeline, *, folder: str = "") -> Stage:
    """The stage of this address, else the operation of this ``op:NAME``, else the only stage or operation of this name.

    Addresses are those that DVC has in the project's root; ``dvc.yaml:train`` is ``train``. A name alone also finds a
    stage of a folder, as it does for DVC in that folder, before an operation.

    Args:
        name: an address, a name, or a word that somebody types.
        pipeline: the project's stages.
        folder: the working directory of whoever types it, from the root: see `StageWords`.

    Raises:
        StageNotFoundError: there is none, there are several of that name, or it is a group of stages.
        OperationError: it is an operation that could not be read as a stage.
    """
    name = _words(pipeline, folder).address(name)
    address = address_of(name)
    stage = pipeline.named(name) or pipeline.get(address)
    if stage is not None:
        return stage
    several = any(stage.name == address for stage in pipeline.stages)
    operation = pipeline.get(f"op:{address}")
    if operation is not None and not several:
        return operation
    for fault in (address, f"op:{address}"):
        if fault in pipeline.faults and not several:
            raise OperationError(pipeline.faults[fault])
    raise StageNotFoundError(_missing(address, pipeline), name=address)


def _groups_named(name: str, pipeline: Pipeline) -> list[str]:
    """The groups of this address, or of this name in whatever ``dvc.yaml``."""
    alike = (stage for stage in pipeline.stages if name in (group_of(stage.name), group_of(stage.address)))
    return [*filter(None, dict.fromkeys(group_of(stage.address) for stage in alike))]


def _words(pipeline: Pipeline, folder: str) -> StageWords:
    return StageWords((stage.address for stage in pipeline.stages), folder)


class Target(Struct, frozen=True, kw_only=True):
    """What a word of a call stands for.

    Attributes:
        address: of a stage, an operation or a group, or ``GROUP@PATTERN``: see `Pipeline.meant`.
        stages: what that means with the project's own values.
    """

    address: str
    stages: tuple[Stage, ...]

    @property
    def single(self) -> bool:
        """Whether it is one stage or operation; a group is several, however few items it has now."""
        return [stage.address for stage in self.stages] == [self.address]


def find_target(name: str, pipeline: Pipeline, *, folder: str = "") -> Target:
    """What a word of a call means: as `find_stage`, but a group is all of its items, and a pattern those that fit.

    The group of a folder is found as a stage of it is: from there upwards, or by its name alone if no other has it.

    Raises:
        StageNotFoundError, OperationError: as there.
    """
    address = address_of(_words(pipeline, folder).address(name))
    stage = pipeline.named(address)
    if stage is not None:
        return Target(address=stage.address, stages=(stage,))
    group = group_of(address) or address
    alike = _groups_named(group, pipeline)
    if group in alike or len(alike) == 1:
        address = (group if group in alike else alike[0]) + address[len(group) :]
        if items := pipeline.meant(address):
            return Target(address=address, stages=items)
    stage = find_stage(name, pipeline, folder=folder)
    return Target(address=stage.address, stages=(stage,))


def expected_target(name: str, pipeline: Pipeline, *, folder: str = "") -> Target:
    """The same; or, for items that a group has not yet, one like the group's first: values may make it.

    The item that ``foreach: ${names}`` has with ``-S names=[a,c]`` is known only when DVC resolves with these values.
    """
    try:
        return find_target(name, pipeline, folder=folder)
    except StageNotFoundError:
        address = address_of(_words(pipeline, folder).address(name))
        like = pipeline.items(group_of(address))[:1]
        if not like:
            raise
        item = address.removeprefix(group_of(address))
        return Target(address=address, stages=(replace(like[0], address=address, name=group_of(like[0].name) + item),))


def _missing(address: str, pipeline: Pipeline) -> str:
    group = group_of(address)
    items = [stage.address for stage in pipeline.items(group or address)]
    if items and group:
        listed = first_few(items, _SHOWN)
        return f"The group {group!r} has no stage {address!r}.{close_matches(address, items)} It has {listed}."
    if items:
        return f"{address!r} is a group of stages. Pick one of them: {first_few(items, _SHOWN)}."
    operations = operation_names(pipeline)
    if not pipeline.stages and not operations:
        return f"There is no stage {address!r}: {_none_at_all(pipeline)}"
    addresses = [stage.address for stage in pipeline.stages]
    same = [stage.address for stage in (*pipeline.stages, *pipeline.operations) if stage.name == address]
    same += _groups_named(address, pipeline)
    hint = f" Did you mean {' or '.join(map(repr, same))}?" if same else close_matches(address, addresses + operations)
    what = "stage or operation" if operations else "stage"
    stages = f" The stages are {first_few(addresses, _SHOWN)}." if addresses else ""
    return f"There is no {what} {address!r}.{hint}{stages}{_operations(pipeline)}{_problems(pipeline)}"


def operation_names(pipeline: Pipeline) -> list[str]:
    """The operations as they are written in the place of a stage: ``NAME``, ``op:NAME`` where a stage has the name."""
    taken = {name for stage in pipeline.stages for name in (stage.address, *_names(stage.name))}
    names = [operation.address.removeprefix("op:") for operation in pipeline.operations]
    return [f"op:{name}" if name in taken else name for name in names]


def _none_at_all(pipeline: Pipeline) -> str:
    return f"the project has no stages. Add one with `dvc stage add`.{_operations(pipeline)}{_problems(pipeline)}"


def _operations(pipeline: Pipeline) -> str:
    names = operation_names(pipeline)
    return f" The operations are {first_few(names, _SHOWN)}." if names else ""


def _problems(pipeline: Pipeline) -> str:
    return "".join(f"\n{problem}" for problem in (*pipeline.problems, *pipeline.faults.values()))


def final_targets(pipeline: Pipeline) -> tuple[Target, ...]:
    """The stages that nothing depends on; a group is one target where nothing depends on any of its items.

    Raises:
        StageNotFoundError: the project has no stages.
    """
    final = final_stages(pipeline)
    finals = {stage.address for stage in final}
    built_on = {group_of(stage.address) for stage in pipeline.stages if stage.address not in finals}
    targets: dict[str, tuple[Stage, ...]] = {}
    for stage in final:
        group = group_of(stage.address)
        address = stage.address if group in built_on else group or stage.address
        targets[address] = (*targets.get(address, ()), stage)
    return tuple(Target(address=address, stages=stages) for address, stages in targets.items())


def final_stages(pipeline: Pipeline) -> tuple[Stage, ...]:
    """The stages that nothing depends on.

    Raises:
        StageNotFoundError: the project has no stages.
    """
    if not pipeline.stages:
        message = _none_at_all(pipeline)
        raise StageNotFoundError(message[:1].upper() + message[1:])
    return pipeline.final_stages()


def only_final_stage(pipeline: Pipeline) -> Stage:
    """The stage that is meant when none is named.

    Raises:
        StageNotFoundError: the project has no stages.
        LineError: several stages are final.
    """
    final = final_stages(pipeline)
    if len(final) != 1:
        names = first_few([stage.address for stage in final], _SHOWN)
        raise LineError(f"Which stage? Several are final: {names}. Name one, or take all of them with --all.")
    return final[0]


def flags_of(stages: Iterable[Stage], pipeline: Pipeline) -> tuple[tuple[Param, ...], tuple[Param, ...]]:
    """The params of `stages`, and those of the stages upstream of them."""
    targets = {stage.address: stage for stage in stages}
    above = {stage.address: stage for target in targets.values() for stage in pipeline.lineage(target)}
    own = tuple(param for stage in targets.values() for param in stage.flags)
    return own, tuple(param for address, stage in above.items() if address not in targets for param in stage.flags)
