"""Stages as a table, and one stage as a card."""

from __future__ import annotations

from dvc_magic.model.stage import OutKind, Param, Pipeline, Stage
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
            _few([dep.path for dep in stage.deps]),
            _few([out.path for out in stage.outs]),
            _few([f"{flag.key}={format_value(flag.value, width=20)}" for flag in stage.flags]),
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


def _few(items: list[str]) -> str:
    """As many items as fit into a cell, one at least, and how many more there are."""
    shown = [item for place, item in enumerate(items) if not place or len(", ".join(items[: place + 1])) <= _CELL]
    more = f", and {len(items) - len(shown)} more" if len(shown) < len(items) else ""
    return _cut(", ".join(shown)) + more


def _flag_row(flag: Param) -> tuple[str, ...]:
    return f"--{flag.key}", flag.type, format_value(flag.value, width=_CELL), flag.file


def stage_card(stage: Stage, pipeline: Pipeline, *, with_upstream: bool = False) -> Card:
    """A stage's command, dependencies, outputs and flags, each flag with type, value and file.

    Args:
        with_upstream: the flags of the stages upstream as well, which can be given with the stage's own.
    """
    further = _upstream_flags(stage, pipeline) if with_upstream else None
    deps = tuple((dep.path, _maker(dep.path, stage, pipeline)) for dep in stage.deps)
    kinds = {OutKind.OUT: "out", OutKind.METRIC: "metric", OutKind.PLOT: "plot"}
    outs = tuple((out.path, kinds[out.kind] + ("" if out.cache else ", not cached")) for out in stage.outs)
    missing = "\n".join(f"{file} has no {key}, which the stage's params name" for file, key in _missing_params(stage))
    flags = Table(
        headers=("flag", "type", "value", "file"),
        rows=tuple(map(_flag_row, stage.flags)),
        note=missing,
        empty=missing or "none",
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
            *([Section(title="flags of stages upstream", table=further)] if further and further.rows else []),
        ),
    )


def _missing_params(stage: Stage) -> list[tuple[str, str]]:
    """File and key of the params that a stage tracks and the file has not: often a slip of the pen."""
    return [
        (entry.path, key)
        for entry in stage.params
        for key in entry.keys
        if key not in stage.locked.get(entry.declared, {})
    ]


def _upstream_flags(stage: Stage, pipeline: Pipeline) -> Table:
    """The flags of the stages upstream of a stage, each once, with the stages that have it, nearest stages first."""
    own = {flag.name for flag in stage.flags}
    flags: dict[str, Param] = {}
    stages: dict[str, list[str]] = {}
    for above in reversed(pipeline.lineage(stage)[:-1]):
        for flag in above.flags:
            if flag.name not in own:
                flags.setdefault(flag.name, flag)
                stages.setdefault(flag.name, []).append(above.address)
    return Table(
        headers=("flag", "type", "value", "file", "stage"),
        rows=tuple((*_flag_row(flag), _few(stages[name])) for name, flag in flags.items()),
        wrapped=frozenset({4}),
        empty="none",
    )


def _maker(path: str, stage: Stage, pipeline: Pipeline) -> str:
    makers = [made.address for made in pipeline.producers(path) if made.address != stage.address]
    if makers:
        return f"made by {', '.join(makers)}"
    return next((f"tracked by {data.dvcfile}" for data in pipeline.tracked if data.path == path), "file")
