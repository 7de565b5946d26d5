"""`Stages`: the stages of a project, by address; `StageView`: one of them, with its params."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

from dvc_magic.errors import ParamError, close_matches
from dvc_magic.line import find_stage, find_target
from dvc_magic.model.stage import Param, Pipeline, Stage
from dvc_magic.model.values import ends_with_key
from dvc_magic.untrusted import short_repr
from dvc_magic.views import Card, Table, stage_card, stages_table


class StageParams(Mapping[str, Param]):
    """The params of a stage by key; an unambiguous end of a key, or ``FILE:KEY``, will do."""

    def __init__(self, stage: Stage) -> None:
        self._stage = stage

    def __getitem__(self, key: str) -> Param:
        """The param of this key.

        Raises:
            ParamError: there is none, or there are several. (A `KeyError` would hide the hint.)
        """
        file, _, end = key.rpartition(":")
        found = [flag for flag in self._stage.flags if ends_with_key(flag.key, end) and (not file or flag.file == file)]
        found = [flag for flag in found if not flag.listed] or found
        exact = [flag for flag in found if flag.key == end] or found
        if len(exact) == 1:
            return exact[0]
        known = [flag.key for flag in self._stage.flags]
        if exact:
            message = f"{key!r} is ambiguous: {', '.join(flag.name for flag in exact)}; write one of these"
        else:
            message = f"{_called(self._stage)} has no param {key!r}.{close_matches(key, known)} It has: " + (
                ", ".join(known) or "none"
            )
        raise ParamError(message)

    def __iter__(self) -> Iterator[str]:
        """The keys, tracked params first."""
        return iter(dict.fromkeys(flag.key for flag in self._stage.flags))

    def __len__(self) -> int:
        """How many keys."""
        return len({flag.key for flag in self._stage.flags})

    def _ipython_key_completions_(self) -> list[str]:
        return list(self)

    def __repr__(self) -> str:
        """Keys and values."""
        return short_repr({flag.key: flag.value for flag in self._stage.flags})


def _called(stage: Stage) -> str:
    return f"stage {stage.address!r}" if stage.operation is None else f"operation {stage.operation.name!r}"


class StageView:
    """One stage as DVC resolves it now.

    Attributes:
        stage: the frozen data.
    """

    def __init__(self, stage: Stage, pipeline: Pipeline) -> None:
        self.stage = stage
        self._pipeline = pipeline

    @property
    def address(self) -> str:
        """What DVC calls it from the project's root."""
        return self.stage.address

    @property
    def params(self) -> StageParams:
        """Its params with value, type and file."""
        return StageParams(self.stage)

    @property
    def upstream(self) -> tuple[str, ...]:
        """Addresses of the stages whose outs it depends on, directly."""
        return tuple(stage.address for stage in self._pipeline.upstream(self.stage))

    def card(self) -> Card:
        """Everything known of the stage, ready to show."""
        return stage_card(self.stage, self._pipeline)

    def __repr__(self) -> str:
        """The card as text."""
        return self.card().text()

    def _repr_html_(self) -> str:
        return self.card().html()


class Stages(Mapping[str, StageView]):
    """The stages of a project by address, in the order of its ``dvc.yaml`` files.

    Operations are looked up here too, ``stages["op:fit"]`` or ``stages["fit"]``, but not counted or listed.
    """

    def __init__(self, pipeline: Pipeline, members: Sequence[Stage] | None = None) -> None:
        """Of a pipeline; with `members`, those stages of it alone are counted and listed."""
        self.pipeline = pipeline
        self._members = pipeline.stages if members is None else members

    def meant(self, word: str) -> StageView | Stages:
        """What a word means: a stage or an operation as in ``stages[word]``, or the items of a group or a pattern.

        Raises:
            StageNotFoundError, OperationError: as there.
        """
        target = find_target(word, self.pipeline)
        if target.single:
            return StageView(target.stages[0], self.pipeline)
        return Stages(self.pipeline, target.stages)

    def __getitem__(self, address: str) -> StageView:
        """The stage of this address, the only one of this name in any ``dvc.yaml``, or else the operation of this name.

        Raises:
            StageNotFoundError: there is none. OperationError: it is an operation that cannot be used.
        """
        return StageView(find_stage(address, self.pipeline), self.pipeline)

    def __contains__(self, address: object) -> bool:
        """Whether there is a stage, or an operation, of this very address."""
        return isinstance(address, str) and self.pipeline.get(address) is not None

    def __iter__(self) -> Iterator[str]:
        """The addresses."""
        return (stage.address for stage in self._members)

    def __len__(self) -> int:
        """How many stages."""
        return len(self._members)

    def _ipython_key_completions_(self) -> list[str]:
        return list(self)

    def table(self) -> Table:
        """The stages as a table, ready to show."""
        if self._members is self.pipeline.stages:
            return stages_table(self.pipeline)
        return stages_table(Pipeline(stages=tuple(self._members)))

    def __repr__(self) -> str:
        """The table as text."""
        return self.table().text()

    def _repr_html_(self) -> str:
        return self.table().html()
