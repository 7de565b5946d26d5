"""Which stage a word means."""

from __future__ import annotations

import posixpath
from collections.abc import Iterable
from dataclasses import replace

from dvc_magic.errors import LineError, OperationError, StageNotFoundError, close_matches
from dvc_magic.model.stage import Param, Pipeline, Stage, address_of

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
        return sure_word(stage, self._addresses)


def sure_word(stage: Stage, addresses: Iterable[str]) -> str:
    """The word that means `stage` wherever it is typed: its address, which says the root where others have its name."""
    others = (name for start, name in map(_split, addresses) if start)
    hidden = _FILE not in stage.address and any(_names(stage.name) & _names(name) for name in others)
    return f"{_FILE}{stage.address}" if hidden else stage.address


def _split(address: str) -> tuple[str, str]:
    """``sub/dvc.yaml:train`` as ``sub/dvc.yaml:`` and ``train``; the root's have an empty start."""
    folder, file, name = address.rpartition(_FILE)
    return folder + file, name


def _names(name: str) -> set[str]:
    """A stage's name, and that of the group which it is an item of: ``train@us`` and ``train``."""
    return {name, name.rpartition("@")[0] or name}


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


def _words(pipeline: Pipeline, folder: str) -> StageWords:
    return StageWords((stage.address for stage in pipeline.stages), folder)


def expected_stage(name: str, pipeline: Pipeline, *, folder: str = "") -> Stage:
    """The same; or, for an item that its group has not yet, one like the group's first: values may make it.

    The item that ``foreach: ${names}`` has with ``-S names=[a,c]`` is known only when DVC resolves with these values.
    """
    try:
        return find_stage(name, pipeline, folder=folder)
    except StageNotFoundError:
        address = address_of(_words(pipeline, folder).address(name))
        group, at, item = address.rpartition("@")
        like = next((stage for stage in pipeline.stages if stage.address.rpartition("@")[0] == group), None)
        if not at or like is None:
            raise
        return replace(like, address=address, name=f"{like.name.rpartition('@')[0]}@{item}")


def _missing(address: str, pipeline: Pipeline) -> str:
    items = [stage.address for stage in pipeline.stages if stage.address.rpartition("@")[0] == address]
    if items:
        return f"{address!r} is a group of stages. Pick one of them: {_listed(items)}."
    operations = operation_names(pipeline)
    if not pipeline.stages and not operations:
        return f"There is no stage {address!r}: {_none_at_all(pipeline)}"
    addresses = [stage.address for stage in pipeline.stages]
    same = [stage.address for stage in (*pipeline.stages, *pipeline.operations) if stage.name == address]
    hint = f" Did you mean {' or '.join(map(repr, same))}?" if same else close_matches(address, addresses + operations)
    what = "stage or operation" if operations else "stage"
    stages = f" The stages are {_listed(addresses)}." if addresses else ""
    return f"There is no {what} {address!r}.{hint}{stages}{_operations(pipeline)}{_problems(pipeline)}"


def operation_names(pipeline: Pipeline) -> list[str]:
    """The operations as they are written in the place of a stage: ``NAME``, ``op:NAME`` where a stage has the name."""
    taken = {name for stage in pipeline.stages for name in (stage.address, stage.name)}
    names = [operation.address.removeprefix("op:") for operation in pipeline.operations]
    return [f"op:{name}" if name in taken else name for name in names]


def _none_at_all(pipeline: Pipeline) -> str:
    return f"the project has no stages. Add one with `dvc stage add`.{_operations(pipeline)}{_problems(pipeline)}"


def _operations(pipeline: Pipeline) -> str:
    names = operation_names(pipeline)
    return f" The operations are {_listed(names)}." if names else ""


def _problems(pipeline: Pipeline) -> str:
    return "".join(f"\n{problem}" for problem in (*pipeline.problems, *pipeline.faults.values()))


def _listed(names: list[str]) -> str:
    more = f" and {len(names) - _SHOWN} more" if len(names) > _SHOWN else ""
    return ", ".join(names[:_SHOWN]) + more


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
        names = _listed([stage.address for stage in final])
        raise LineError(f"Which stage? Several are final: {names}. Name one, or take all of them with --all.")
    return final[0]


def flags_of(stages: Iterable[Stage], pipeline: Pipeline) -> tuple[tuple[Param, ...], tuple[Param, ...]]:
    """The params of `stages`, and those of the stages upstream of them."""
    targets = {stage.address: stage for stage in stages}
    above = {stage.address: stage for target in targets.values() for stage in pipeline.lineage(target)}
    own = tuple(param for stage in targets.values() for param in stage.flags)
    return own, tuple(param for address, stage in above.items() if address not in targets for param in stage.flags)
