"""The params file of a call where Hydra composes it, and the pipeline as it is with that."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from msgspec.structs import replace

from dvc_magic.engine.capture.operation_texts import described, disk_text
from dvc_magic.errors import PipelineError
from dvc_magic.line import override_text
from dvc_magic.model.operation import Operation
from dvc_magic.model.record import Override
from dvc_magic.model.request import ChangeKind
from dvc_magic.model.stage import Composition, Param, Pipeline, Stage
from dvc_magic.pipeline import Composed, Composer, ProjectReader
from dvc_magic.workspace.param_files import read_values, refuse_lost_map


def describe(
    reader: ProjectReader,
    operations: Iterable[Operation],
    *,
    hydra: bool = True,
    environ: Mapping[str, str] | None = None,
    choices: Sequence[tuple[str, ...]] = (),
) -> Pipeline:
    """The project's stages and operations as they are now, with params as Hydra composes them if it does.

    Args:
        hydra: False for the params as they stand in their files.
        environ: the variables to compose with, which configs may ask for.
        choices: sets of overrides that choose config groups; the flags are those that any of them gives.

    Raises:
        PipelineError: DVC cannot read the root's ``dvc.yaml``, or Hydra cannot compose its params.
    """
    composer = reader.composer if hydra else None
    if composer is None:
        return _described(reader, operations)
    base = composer.composed((), environ)
    chosen = [composed for one in choices if (composed := composer.composed(one, environ)).problem is None]
    if chosen or base.problem is None:
        pipelines = [_with_composed(reader, operations, composer, composed, base) for composed in chosen or [base]]
        return _joined(pipelines)
    try:
        pipeline = _described(reader, operations)
    except PipelineError as error:
        raise base.problem from error
    problem = str(base.problem)
    return replace(
        composer.with_groups(pipeline, base, base),
        composition=composer.composition(problem),
        problems=(*pipeline.problems, problem),
    )


def _with_composed(
    reader: ProjectReader, operations: Iterable[Operation], composer: Composer, composed: Composed, base: Composed
) -> Pipeline:
    return composer.with_groups(_described(reader, operations, {composer.file: composed.text}), composed, base)


def _described(
    reader: ProjectReader, operations: Iterable[Operation], texts: Mapping[str, str] | None = None
) -> Pipeline:
    """The pipeline with these texts in place of files."""
    replaced, on_disk = texts or {}, disk_text(reader.root)
    bound, faults = described(operations, lambda file: replaced[file] if file in replaced else on_disk(file))
    pipeline = reader.describe({file: text.encode() for file, text in replaced.items()}, bound)
    return replace(pipeline, faults={**pipeline.faults, **faults}) if faults else pipeline


def _joined(pipelines: Sequence[Pipeline]) -> Pipeline:
    """The first of several, each stage with the flags that it has in any of them."""
    first, *others = pipelines

    def joined(stage: Stage) -> Stage:
        every = [stage, *(found for other in others if (found := other.get(stage.address)) is not None)]
        flags: dict[str, Param] = {}
        for one in every:
            for flag in one.flags:
                flags.setdefault(flag.name, flag)
        return replace(stage, flags=tuple(flags.values()))

    if not others:
        return first
    return replace(first, stages=tuple(map(joined, first.stages)), operations=tuple(map(joined, first.operations)))


class Composing:
    """Composes the params of one call's points.

    Args:
        composer: of the project. environ: the call's variables.
    """

    def __init__(self, composer: Composer, environ: Mapping[str, str] | None) -> None:
        self._composer = composer
        self._environ = environ
        self._composed: dict[tuple[str, ...], Composed] = {}
        self._values: dict[str, dict[str, Any]] = {}  # by text, of those that values were checked against

    @property
    def file(self) -> str:
        """The param file that is composed."""
        return self._composer.file

    @property
    def composition(self) -> Composition:
        """What to say of it."""
        return self._composer.composition()

    def compose(self, points: Iterable[tuple[Override, ...]]) -> bool:
        """Compose for all of these sets of values at once; whether what was read for it stayed as it was meanwhile."""
        wanted = [self._texts(overrides) for overrides in points]
        self._composed, steady = self._composer.anew(wanted, self._environ)
        return steady

    def text(self, overrides: Sequence[Override]) -> str:
        """The text of the param file under a call's values.

        Raises:
            PipelineError: Hydra cannot compose the config.
            ParamError: a value is none for it, or would take the place of a map.
        """
        self._check(overrides)
        return self._of(overrides).text

    def with_groups(self, pipeline: Pipeline, overrides: Sequence[Override]) -> Pipeline:
        """A pipeline that was resolved with `text`, with the config groups among its flags."""
        base = self._composer.composed((), self._environ)
        return self._composer.with_groups(pipeline, self._of(overrides), base)

    def _of(self, overrides: Sequence[Override]) -> Composed:
        texts = self._texts(overrides)
        if texts not in self._composed:
            self._composed |= self._composer.anew([texts], self._environ)[0]
        composed = self._composed[texts]
        if composed.problem is not None:
            raise composed.problem
        return composed

    def _texts(self, overrides: Iterable[Override]) -> tuple[str, ...]:
        return tuple(
            override_text(entry.key, entry.value, ChangeKind(entry.kind))
            for entry in overrides
            if entry.file == self.file
        )

    def _check(self, overrides: Sequence[Override]) -> None:
        """Refuse a single value in the place of a map: Hydra would take it, and every key of the map be gone."""
        entries = [entry for entry in overrides if entry.file == self.file]
        values = [entry for entry in entries if not self._is_group(entry) and _is_set(entry)]
        if not values:
            return
        chosen = [entry for entry in entries if self._is_group(entry)]
        composed = self._composer.composed(self._texts(chosen), self._environ)
        if composed.problem is None:
            if composed.text not in self._values:
                self._values[composed.text] = read_values(composed.text, ".yaml", self.file)
            before = self._values[composed.text]
            for entry in values:
                refuse_lost_map(before, entry.key, entry.value, path=self.file)

    def _is_group(self, entry: Override) -> bool:
        return entry.key.partition("@")[0] in self._composer.groups


def _is_set(entry: Override) -> bool:
    return entry.kind in (ChangeKind.SET, ChangeKind.FORCE) and entry.value is not None
