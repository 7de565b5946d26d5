"""Stages as a table, and one stage as a card."""

from __future__ import annotations

from dvc_magic.model.stage import OutKind, Pipeline, Stage
from dvc_magic.views.card import Card, Section
from dvc_magic.views.format import format_value
from dvc_magic.views.table import Table

_CELL = 60


def stages_table(pipeline: Pipeline) -> Table:
    """One row for each stage: what it runs, reads, makes, and its flags."""
    rows = tuple(
        (
            stage.address,
            _cut(" ; ".join(stage.commands)),
            _cut(", ".join(dep.path for dep in stage.deps)),
            _cut(", ".join(out.path for out in stage.outs)),
            _cut(", ".join(f"{flag.key}={format_value(flag.value, width=20)}" for flag in stage.flags)),
        )
        for stage in pipeline.stages
    )
    return Table(
        headers=("stage", "cmd", "deps", "outs", "flags"),
        rows=rows,
        wrapped=frozenset({1, 2, 3, 4}),
        note="\n".join(pipeline.problems),
        empty="this project has no stages: no dvc.yaml with a 'stages' section was found",
    )


def _cut(text: str) -> str:
    return text if len(text) <= _CELL else f"{text[: _CELL - 1]}…"


def stage_card(stage: Stage, pipeline: Pipeline) -> Card:
    """A stage's command, dependencies, outputs and flags, each flag with type, value and file."""
    deps = tuple((dep.path, _maker(dep.path, stage, pipeline)) for dep in stage.deps)
    kinds = {OutKind.OUT: "out", OutKind.METRIC: "metric", OutKind.PLOT: "plot"}
    outs = tuple((out.path, kinds[out.kind] + ("" if out.cache else ", not cached")) for out in stage.outs)
    flags = Table(
        headers=("flag", "type", "value", "file"),
        rows=tuple(
            (f"--{flag.key}", flag.type, format_value(flag.value, width=_CELL), flag.file) for flag in stage.flags
        ),
        empty="none",
    )
    about = [("cmd", "\n".join(stage.commands)), ("wdir", stage.wdir), ("defined in", stage.dvcfile)]
    if stage.desc:
        about.insert(0, ("about", stage.desc))
    if stage.frozen:
        about.append(("frozen", "yes"))
    return Card(
        title=f"stage {stage.address}",
        sections=(
            Section(pairs=tuple(about)),
            Section(title="deps", pairs=deps, empty="none"),
            Section(title="outs", pairs=outs, empty="none"),
            Section(title="flags", table=flags),
        ),
    )


def _maker(path: str, stage: Stage, pipeline: Pipeline) -> str:
    makers = [made.address for made in pipeline.producers(path) if made.address != stage.address]
    if makers:
        return f"made by {', '.join(makers)}"
    return next((f"tracked by {data.dvcfile}" for data in pipeline.tracked if data.path == path), "file")
