"""Stages as a table, and one stage as a card."""

from __future__ import annotations

from dvc_magic.model.stage import Dep, OutKind, Param, Pipeline, Stage
from dvc_magic.views.card import Card, Section
from dvc_magic.views.format import cut, few, format_value
from dvc_magic.views.operation_text import dep_name, operation_pairs, sources_table
from dvc_magic.views.table import Table

_CELL = 60


def stages_table(pipeline: Pipeline) -> Table:
    """One row for each stage, then one for each operation: what it is about, runs, reads, makes, and its flags."""
    troubles = [*pipeline.problems, *pipeline.faults.values()]
    nothing = "this project has no stages: no dvc.yaml with a 'stages' section was found"
    about = ["about"] if any(stage.desc for stage in pipeline.every) else []
    headers = ("stage", *about, "cmd", "deps", "outs", "flags")
    return Table(
        headers=headers,
        rows=tuple(_row(stage, described=bool(about)) for stage in pipeline.every),
        wrapped=frozenset(range(1, len(headers))),
        note="\n".join(troubles),
        empty="\n".join([nothing, *troubles]),
    )


def _row(stage: Stage, *, described: bool) -> tuple[str, ...]:
    return (
        stage.address,
        *[cut(stage.desc.strip().partition("\n")[0], width=_CELL)] * described,
        cut(" ; ".join(stage.commands), width=_CELL),
        few([dep_name(dep) for dep in stage.deps], width=_CELL),
        few([*(out.path for out in stage.outs), *["as written"] * _as_written(stage)], width=_CELL),
        few([f"{flag.key}={format_value(flag.value, width=20)}" for flag in stage.flags], width=_CELL),
    )


def _as_written(stage: Stage) -> bool:
    return stage.operation is not None and stage.operation.as_written


def _flag_row(flag: Param) -> tuple[str, ...]:
    kind = flag.type if flag.group is None else f"one of {few(flag.group.choices, width=_CELL)}"
    return f"--{flag.key}", kind, format_value(flag.value, width=_CELL), flag.file


def stage_card(stage: Stage, pipeline: Pipeline, *, with_upstream: bool = False) -> Card:
    """A stage's command, dependencies, outputs and flags, each flag with type, value and file.

    Args:
        with_upstream: the flags of the stages upstream as well, which can be given with the stage's own.
    """
    operation = stage.operation
    further = _upstream_flags(stage, pipeline) if with_upstream else None
    deps = tuple((dep.path, _dep_text(dep, stage, pipeline)) for dep in stage.deps)
    missing = "\n".join(f"{file} has no {key}, which the stage's params name" for file, key in _missing_params(stage))
    flags = Table(
        headers=("flag", "type", "value", "file"),
        rows=tuple(map(_flag_row, stage.flags)),
        note=missing,
        empty=missing or "none",
    )
    about = [("about", stage.desc)] if stage.desc else []
    about += [("cmd", "\n".join(stage.commands)), ("wdir", stage.wdir)]
    about += [("defined in", stage.dvcfile)] if operation is None else operation_pairs(operation)
    if stage.frozen:
        about.append(("frozen", "yes"))
    return Card(
        title=f"stage {stage.address}" if operation is None else f"operation {operation.name}",
        sections=(
            Section(pairs=tuple(about)),
            *([Section(title="sources", table=sources_table(operation))] if operation and operation.requires else []),
            Section(title="deps", pairs=deps, empty="none"),
            Section(title="outs", pairs=_outs(stage), empty="none"),
            Section(title="flags", table=flags),
            *([Section(title="flags of stages upstream", table=further)] if further and further.rows else []),
        ),
    )


def _dep_text(dep: Dep, stage: Stage, pipeline: Pipeline) -> str:
    """Where a dep comes from, and what people call it."""
    if dep.path in stage.texts and not dep.maker:
        return "script of the operation"
    origin = dep.origin if dep.origin != dep.path else ""
    words = [origin, _maker(dep, stage, pipeline), f"called {dep.name}" if dep.name else ""]
    return ", ".join([*filter(None, words), *["named in the code"] * dep.found])


def _outs(stage: Stage) -> tuple[tuple[str, str], ...]:
    kinds = {OutKind.OUT: "out", OutKind.METRIC: "metric", OutKind.PLOT: "plot"}
    named = [(out.path, kinds[out.kind] + ("" if out.cache else ", not cached")) for out in stage.outs]
    return (*named, *[("as written", "whatever the command makes")] * _as_written(stage))


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
        rows=tuple((*_flag_row(flag), few(stages[name], width=_CELL)) for name, flag in flags.items()),
        wrapped=frozenset({4}),
        empty="none",
    )


def _maker(dep: Dep, stage: Stage, pipeline: Pipeline) -> str:
    makers = [made.address for made in pipeline.makers(stage, dep)] or [dep.maker] * bool(dep.maker)
    if makers:
        return f"made by {', '.join(makers)}{f', run {dep.run}' if dep.run else ''}"
    return next((f"tracked by {data.dvcfile}" for data in pipeline.tracked if data.path == dep.taken), "file")
