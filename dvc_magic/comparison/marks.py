"""Which of several runs were made from the same code, data and packages, as short marks: A, B..."""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Hashable, Mapping, Sequence

from msgspec import Struct

from dvc_magic.comparison.inputs import SourceFiles, code_of, raw_data_of, read_by_stage
from dvc_magic.model.record import RunRecord
from dvc_magic.runs import RunRow
from dvc_magic.store import RunStore

KINDS = ("code", "data", "packages")

Inputs = dict[str, Hashable]


class Marks(Struct, frozen=True, kw_only=True):
    """The marks of several runs.

    Attributes:
        kinds: of `KINDS`, those in which runs of one stage differ.
        by_run: run id -> kind -> mark. Runs of one stage with the same mark are alike in that; the oldest has ``A``.
            A run that has not begun has none.
    """

    kinds: tuple[str, ...] = ()
    by_run: Mapping[str, Mapping[str, str]] = {}

    def of(self, run_id: str, kind: str) -> str:
        """The mark of a run, or an empty text."""
        return self.by_run.get(run_id, {}).get(kind, "")


def marks(rows: Sequence[RunRow], store: RunStore) -> Marks:
    """Compare the inputs of runs of the same stage, upstream ones included.

    Code is the stages' commands, and the files that any of these runs declares or was seen to read, as they were in
    each. Data is what DVC or git tells of the dependencies that no stage makes. Packages go with Python's version.

    Args:
        rows: the runs with their lineage.
        store: has their snapshots; none is read where all runs have the same.
    """
    begun = sorted((row for row in rows if row.run.record.attempts), key=lambda row: row.run.number)
    inputs = {row.run.id: {"packages": _packages(row)} for row in begun}
    if len({_origin(row) for row in begun}) > 1:
        for run_id, more in _code_and_data(begun, SourceFiles(store)).items():
            inputs[run_id] |= more
    lettered: dict[str, dict[str, str]] = {row.run.id: {} for row in begun}
    kinds = []
    for kind in KINDS:
        seen: dict[str, dict[Hashable, str]] = defaultdict(dict)
        for row in begun:
            of_stage = seen[row.run.record.stage]
            letter = of_stage.setdefault(inputs[row.run.id].get(kind), letters(len(of_stage)))
            lettered[row.run.id][kind] = letter
        if any(len(of_stage) > 1 for of_stage in seen.values()):
            kinds.append(kind)
    return Marks(kinds=tuple(kinds), by_run=lettered)


def _origin(row: RunRow) -> Hashable:
    """What tells cheaply that runs can differ neither in code nor in data."""
    runs = sorted((run.record.stage, run.id) for run in row.upstream)
    record = row.run.record
    deps = tuple(sorted((path, dep.seen or dep.hash) for path, dep in record.deps.items() if dep.run is None))
    return record.stage, record.snapshot, str(record.cmd), deps, tuple(runs)


def _packages(row: RunRow) -> Hashable:
    environment = row.run.record.environment
    return environment.python, environment.platform, environment.packages


def _code_and_data(rows: Sequence[RunRow], files: SourceFiles) -> dict[str, Inputs]:
    used = read_by_stage([run for row in rows for run in (row.run, *row.upstream)], files)
    return {
        row.run.id: {
            "code": (_commands(row), frozenset(code_of(row, used, files).items())),
            "data": frozenset(raw_data_of(row, files).items()),
        }
        for row in rows
    }


def _commands(row: RunRow) -> Hashable:
    records = [run.record for run in (row.run, *row.upstream)]
    return frozenset((record.stage, _without_values(record), record.wdir) for record in records)


def _without_values(record: RunRecord) -> str:
    """The command without the values of the run's params: templates fill them in, and they are no code."""
    values = [value for of_file in record.params.values() for value in of_file.values()]
    several = [each for value in values for each in (value if isinstance(value, list) else [value])]
    texts = {text for value in several for text in (str(value), str(value).lower())} - {""}
    parts = re.split(r"([\s=,:'\"\[\]]+)", str(record.cmd))
    return "".join("<param>" if part in texts else part for part in parts)


def letters(place: int) -> str:
    """``A`` for 0, ``Z`` for 25, ``AA`` for 26: as in a spreadsheet."""
    text = ""
    place += 1
    while place:
        place, last = divmod(place - 1, 26)
        text = chr(ord("A") + last) + text
    return text
