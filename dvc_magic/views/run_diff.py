"""What differs between two runs, as a card."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from dvc_magic.comparison import MISSING, Content, DataChange, Difference, FileChange, ValueChange
from dvc_magic.model.record import RunRecord
from dvc_magic.untrusted import first_few
from dvc_magic.views.card import Card, Section
from dvc_magic.views.format import format_bytes, format_number, format_value
from dvc_magic.views.table import Table

_CELL = 40
_VALUES = 30  # params, packages and the like: more are counted
_FILES = 10
_PATCHES = 5
_LINES = 60  # of one patch
_NAMES = 8
_MARKS = {"added": "only in {b}", "removed": "only in {a}", "mode": "execute bit"}


def diff_card(difference: Difference, a: RunRecord, b: RunRecord, *, stat: bool = False, full: bool = False) -> Card:
    """What differs between two runs, most telling first.

    Args:
        difference: of the runs `a` and `b`.
        stat: names of files with counts of lines, and the first values: what a screen can hold.
        full: all of it, however long.
    """
    names = (a.name, b.name)
    most = None if full else _NAMES if stat else _VALUES
    sections = [
        _value_section("metrics", difference.metrics, names, most=most),
        _value_section("params", difference.params, names, most=most),
        _value_section("stages", difference.definition, names, most=most),
        _file_section(difference.sources, names, most=None if full else _FILES),
        *_patches("", difference.sources, stat=stat, full=full),
        _unread(difference.unread, names, full=full),
        *(_patches("", difference.unread, stat=stat, full=full) if full else ()),
        _data_section("data", difference.data, names, most=None if full else _FILES),
        *_patches("data: ", difference.data, stat=stat, full=full),
        _data_section("outs", difference.outs, names, most=None if full else _FILES),
        *_patches("outs: ", difference.outs, stat=stat, full=full),
        _value_section("environment", difference.environment, names, most=most),
        _commits(difference.commit),
        Section(prose=difference.notes),
    ]
    filled = tuple(section for section in sections if section.pairs or section.table or section.patch or section.prose)
    alike = "do not differ: results, params, code, data and environment are alike"
    nothing = f"{names[0]} and {names[1]} {alike}" if a.id != b.id else f"both are {names[0]}"
    title = f"{names[0]} -> {names[1]}"
    if not difference:
        return Card(title=title, sections=(Section(prose=(nothing, *difference.notes)),))
    return Card(title=title, sections=filled)


def _value_section(title: str, changes: Sequence[ValueChange], names: tuple[str, str], *, most: int | None) -> Section:
    shown = changes[:most]
    if not shown:
        return Section()
    table = Table(
        headers=("", *names, *(["change"] * any(change.delta is not None for change in shown))),
        rows=tuple(tuple(_value_row(change, with_delta=_has_delta(shown))) for change in shown),
        numeric=frozenset({1, 2, 3}) if _has_delta(shown) else frozenset(),
        note=_more(len(changes) - len(shown)),
    )
    return Section(title=title, table=table)


def _has_delta(changes: Sequence[ValueChange]) -> bool:
    return any(change.delta is not None for change in changes)


def _value_row(change: ValueChange, *, with_delta: bool) -> Iterator[str]:
    yield change.name
    a, b = (_value(value, rounded=True) for value in (change.a, change.b))
    if a == b:  # six digits do not tell them apart
        a, b = (_value(value, rounded=False) for value in (change.a, change.b))
    yield from (a, b)
    if with_delta:
        yield "" if change.delta is None else f"{format_number(change.delta):+}"


def _value(value: object, *, rounded: bool) -> str:
    if value is MISSING:
        return "-"
    return format_value(format_number(value) if rounded else value, width=_CELL)


def _file_section(changes: Sequence[FileChange], names: tuple[str, str], *, most: int | None) -> Section:
    if not changes:
        return Section()
    rows = tuple(
        (change.path, change.stage, _lines_changed(change), _state(change, names)) for change in changes[:most]
    )
    note = _more(len(changes) - len(rows))
    return Section(title="code", table=Table(headers=("file", "read by", "lines", ""), rows=rows, note=note))


def _state(change: FileChange, names: tuple[str, str]) -> str:
    return _MARKS.get(change.kind, "").format(a=names[0], b=names[1]) or change.note


def _lines_changed(change: FileChange | DataChange) -> str:
    new, gone = change.counts
    return " ".join(filter(None, [f"+{new}" * bool(new), f"-{gone}" * bool(gone)]))


def _patches(
    title: str, changes: Sequence[FileChange] | Sequence[DataChange], *, stat: bool, full: bool
) -> Iterator[Section]:
    """The diffs of the first files, each cut where it is long."""
    if stat:
        return
    told = [change for change in changes if change.diff]
    for change in told if full else told[:_PATCHES]:
        body = change.diff[2:]  # the title names the file
        left = "" if full else _more(len(body) - _LINES, "lines")
        yield Section(title=f"{title}{change.path}", patch=(*body[:_LINES], left) if left else body)


def _unread(changes: Sequence[FileChange], names: tuple[str, str], *, full: bool) -> Section:
    """The files that differ and that no stage was seen to read."""
    if not changes:
        return Section()
    texts = [f"{change.path} ({state})" if (state := _state(change, names)) else change.path for change in changes]
    listed = first_few(texts, len(texts) if full else _NAMES)
    return Section(prose=(f"Sources that differ, which no stage was seen to read: {listed}.",))


def _data_section(title: str, changes: Sequence[DataChange], names: tuple[str, str], *, most: int | None) -> Section:
    if not changes:
        return Section()
    rows = tuple(
        (_made(change), _content(change.a), _content(change.b), _files_changed(change) or _lines_changed(change))
        for change in changes[:most]
    )
    table = Table(headers=("", *names, "change"), rows=rows, note=_more(len(changes) - len(rows)))
    return Section(title=title, table=table)


def _made(change: DataChange) -> str:
    """The path, and which stage upstream has made what is there."""
    stage = next((content.made_by for content in (change.a, change.b) if content is not None), "")
    return f"{change.path}, made by {stage}" if stage and stage != change.stage else change.path


def _content(content: Content | None) -> str:
    if content is None:
        return "-"
    files = f", {content.files} files" if content.files != 1 else ""
    return f"{content.hash[:8] or 'no hash'} {format_bytes(content.size)}{files}"


def _files_changed(change: DataChange) -> str:
    counted: list[tuple[str, tuple[str, ...] | None]] = [
        ("added", change.added),
        ("removed", change.removed),
        ("changed", change.changed),
    ]
    told = [f"{len(paths)} {word}: {first_few(paths, 3)}" for word, paths in counted if paths and paths != ("",)]
    return "; ".join(told) or change.note


def _commits(change: ValueChange | None) -> Section:
    if change is None:
        return Section()
    return Section(title="commit", pairs=((_short(change.a), f"-> {_short(change.b)}"),))


def _short(commit: object) -> str:
    if not commit or not isinstance(commit, str):
        return "none"
    return commit[:10] + (" with edits" if commit.endswith(" dirty") else "")


def _more(count: int, what: str = "") -> str:
    return f"{count} more{f' {what}' if what else ''}: --all" if count > 0 else ""
