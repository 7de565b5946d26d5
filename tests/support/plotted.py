"""Runs with plot files, and rows with step series, for tests of what reads and draws them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from dvc_magic.errors import RunNotFoundError
from dvc_magic.model.paths import RunPaths
from dvc_magic.model.record import Notes, OutRecord
from dvc_magic.model.stage import OutKind
from dvc_magic.runs import History, RunRow, Series, run_row
from dvc_magic.store import StoredRun
from tests.support.records import make_record


def plotted_run(
    folder: Path,
    *,
    number: int = 1,
    files: Mapping[str, str] | None = None,
    plots: Sequence[str] = (),
    params: Mapping[str, Any] | None = None,
    metrics: Mapping[str, Any] | None = None,
    label: str = "",
    **changes: Any,
) -> StoredRun:
    """A completed run of the stage ``train`` whose workspace, below `folder`, has these files; `plots` are its outs."""
    paths = RunPaths(folder / str(number))
    for path, content in (files or {}).items():
        file = paths.workspace / path
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(content, encoding="utf-8")
    fields: dict[str, Any] = {
        "outs": {path: OutRecord(kind=OutKind.PLOT) for path in plots},
        "params": {"params.yaml": dict(params or {})},
        "metrics": {"metrics.json": dict(metrics or {})},
    }
    return StoredRun(record=make_record(number, **{**fields, **changes}), notes=Notes(label=label), paths=paths)


def row(number: int = 1, params: Mapping[str, Any] | None = None, **of_run: Any) -> RunRow:
    """The row of a run without files."""
    return run_row(plotted_run(Path("nowhere"), number=number, params=params, **of_run))


def history(**series: Sequence[float]) -> History:
    """Step series of these values over steps from 0; ``__`` in a name stands for ``/``."""
    return History(
        series=tuple(
            Series(
                name=name.replace("__", "/"),
                file="log.csv",
                axis="step",
                steps=tuple(range(len(values))),
                values=tuple(values),
            )
            for name, values in series.items()
        )
    )


class FewRuns:
    """The part of a run store that finds the runs of a lineage."""

    def __init__(self, *runs: StoredRun) -> None:
        self._runs = {run.record.id: run for run in runs}

    def get(self, run_id: str) -> StoredRun:
        """The run of this id."""
        if run_id not in self._runs:
            message = f"there is no run {run_id}"
            raise RunNotFoundError(message)
        return self._runs[run_id]

    def renewed(self, run: StoredRun) -> StoredRun:
        """The run, which does not change."""
        return run

    def notes(self, run_id: str) -> Notes:
        """The notes on it."""
        return self.get(run_id).notes
