"""One run as a line and as a card."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import Any, TypeAlias

from msgspec.structs import replace

from dvc_magic.model.operation import SourceKind
from dvc_magic.model.record import DepRecord, Notes, RunRecord, RunStatus
from dvc_magic.untrusted import message, one_line
from dvc_magic.views.card import Card, Section
from dvc_magic.views.format import few, format_bytes, format_number, format_seconds, format_time, format_value
from dvc_magic.views.operation_text import learned_pairs, operation_origin
from dvc_magic.views.table import Table

_CELL = 60

FileKey: TypeAlias = tuple[str, str]


def run_line(record: RunRecord, metrics: Mapping[str, Any], *, varying: Collection[FileKey] | None = None) -> str:
    """``train 42 completed in 0.21 s: acc=0.93, loss=0.21``; a run of a grid as ``train 42 (lr=0.1) completed ...``.

    Args:
        varying: as in `name_of`.
    """
    text = f"{name_of(record, varying=varying)} {record.status}"
    if record.times.duration is not None and record.status.final:
        text += f" in {format_seconds(record.times.duration)}"
    if record.status is not RunStatus.COMPLETED and record.error:
        text += f" ({message(record.error)})"
    return f"{text}{metrics_text(metrics)}"


def name_of(record: RunRecord, *, varying: Collection[FileKey] | None = None) -> str:
    """``train 42``; of a grid ``train 42 (lr=0.1)``.

    Args:
        varying: file and key of the params that the call gave several values; None for all that it gave any.
    """
    values = _values(record, varying) if record.call.size > 1 else ""
    name = one_line(record.name)
    return f"{name} ({values})" if values else name


def metrics_text(metrics: Mapping[str, Any]) -> str:
    """``: acc=0.93, loss=0.21``, the end of a line about a run; empty without metrics."""
    shown = ", ".join(
        f"{one_line(key)}={format_value(format_number(value), width=24)}" for key, value in metrics.items()
    )
    return f": {shown}" if shown else ""


def _values(record: RunRecord, varying: Collection[FileKey] | None) -> str:
    """What was asked for, by the ends of its keys where these are not the same; of a run upstream what it reads."""
    named = [each for each in record.overrides if varying is None or (each.file, each.key) in varying]
    overrides = [each for each in named if record.call.asked or each.key in record.params.get(each.file, ())]
    ends = [override.key.rpartition(".")[2] for override in overrides]
    names = ends if len(set(ends)) == len(ends) else [override.key for override in overrides]
    shown = [format_value(format_number(override.value), width=24) for override in overrides]
    return ", ".join(f"{one_line(name)}={value}" for name, value in zip(names, shown, strict=True))


def run_card(
    record: RunRecord,
    notes: Notes,
    *,
    metrics: Mapping[str, Any],
    upstream: Mapping[str, int],
    folder: str,
    values_of: str = "",
) -> Card:
    """Everything that is known of a run.

    Args:
        record, notes: of the run.
        metrics: flat. upstream: stage address -> number of the run that was used.
        folder: where its files are.
        values_of: the run that it started from by ``--from``, as people call it.
    """
    about = [("status", f"{record.status}" + (f" ({record.reason})" if record.reason else ""))]
    if record.error:
        about.append(("error", record.error))
    about += [
        ("id", record.id),
        ("started", format_time(record.times.started)),
        ("duration", format_seconds(record.times.duration)),
        ("cmd", record.cmd if isinstance(record.cmd, str) else "\n".join(record.cmd)),
    ]
    about += _operation(record)
    about += [("line", record.line.split("\n")[0])] if record.line else []
    about += [("notebook", record.notebook)] if record.notebook else []
    about += [("upstream", ", ".join(f"{stage} {number}" for stage, number in upstream.items()))] if upstream else []
    about += [("values of", values_of)] if values_of else []
    about += [("commit", _commit(record, record.commit))] if record.commit else []
    about += [("label", notes.label)] if notes.label else []
    about += [("tags", ", ".join(notes.tags))] if notes.tags else []
    about += [("note", notes.note)] if notes.note else []
    about.append(("files", folder))
    params = [(key, format_value(value, width=_CELL)) for file in record.params.values() for key, value in file.items()]
    sections = [
        Section(pairs=tuple((name, value) for name, value in about if value)),
        Section(
            title="metrics", pairs=tuple((key, format_value(value, width=_CELL)) for key, value in metrics.items())
        ),
        Section(title="params", pairs=tuple(params)),
        Section(title="deps", table=_deps_table(record)),
        Section(title="outs", table=_outs_table(record)),
        Section(title="learned", pairs=_learned(record)),
        Section(title="warnings", block="\n".join(record.warnings)),
    ]
    return Card(title=f"run {record.name}", sections=tuple(filter(_has_content, sections)))


def _commit(record: RunRecord, commit: str) -> str:
    edited = f": {few(record.edited, width=_CELL)}" if record.edited else ""
    return f"{commit[:10]}{f' with edits{edited}' if record.dirty else ''}"


def _operation(record: RunRecord) -> list[tuple[str, str]]:
    """Where a run's operation was read from and the script that it executed, as lines of a card."""
    if record.op is None:
        return []
    serves = [("serves", f"stage {record.op.serves}")] if record.op.serves else []
    script = [("script", few(record.op.code, width=_CELL))] if record.op.code else []
    return [("operation", f"{record.op.name}, from {operation_origin(record.op.origin)}"), *serves, *script]


def _learned(record: RunRecord) -> tuple[tuple[str, str], ...]:
    """What a run found out, without what its deps and outs tell already, unless it was asked to learn."""
    learned = record.learned
    if learned is None:
        return ()
    if record.op is None or not record.op.learn:
        read = tuple(path for path in learned.read if path not in record.deps)
        made = tuple(path for path in learned.made if path not in record.outs)
        learned = replace(learned, read=read, made=made)
    return learned_pairs(learned)


def _has_content(section: Section) -> bool:
    return bool(section.pairs or section.block or (section.table is not None and section.table.rows))


def _deps_table(record: RunRecord) -> Table:
    return Table(
        headers=("path", "from", "md5", "size"),
        rows=tuple(
            (
                path,
                dep_origin(path, dep),
                _mark(record, path, dep.hash or dep.seen),
                format_bytes(dep.size) if dep.hash else "",
            )
            for path, dep in record.deps.items()
        ),
        numeric=frozenset({3}),
    )


def _mark(record: RunRecord, path: str, md5: str) -> str:
    return f"{md5[:10]}, altered since" if path in record.spoiled else md5[:10]


def dep_origin(path: str, dep: DepRecord) -> str:
    """Where the dependency at `path` came from, in words, and what people call it."""
    if dep.source is SourceKind.DVCSTAGE:
        made = dep.origin.startswith("op:")
        text = f"operation {dep.origin.removeprefix('op:')}" if made else f"stage {dep.origin}"
    elif dep.source is SourceKind.DVCFILE:
        text = f"{dep.origin}{' (differs)' if dep.differs else ''}"
    else:
        kind = "config file" if dep.source is SourceKind.CONFIG else "project file"
        text = kind if dep.origin in ("", path) else operation_origin(dep.origin)
    return f"{text}, called {dep.name}" if dep.name else text


def _outs_table(record: RunRecord) -> Table:
    return Table(
        headers=("path", "kind", "md5", "size"),
        rows=tuple(
            (path, str(out.kind), _mark(record, path, out.hash), format_bytes(out.size) if out.hash else "")
            for path, out in record.outs.items()
        ),
        numeric=frozenset({3}),
    )
