"""What a call shows while it goes."""

from __future__ import annotations

import threading
from pathlib import Path

import pytest
from msgspec.structs import replace

from dvc_magic.model.paths import StorePaths
from dvc_magic.project import CallWatch
from tests.support.plotted import plotted_run


def test_a_cell_looks_at_a_call_while_runs_of_it_start_and_end(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("dvc_magic.project.call_watch._DRAW", 0.0)
    record = plotted_run(tmp_path, stage="train").record
    watch = CallWatch(StorePaths(tmp_path), show=lambda _: None, plots=True)
    errors: list[BaseException] = []

    def tell() -> None:
        try:
            for number in range(150):
                one = replace(record, id=f"c{number:011x}", number=number)
                watch.started(one)
                if number > 2:
                    watch.finished(replace(one, id=f"c{number - 3:011x}"))
        except BaseException as error:  # noqa: BLE001 - a thread has nobody to raise to
            errors.append(error)

    thread = threading.Thread(target=tell)
    thread.start()
    while thread.is_alive():
        assert len(watch.view.running) <= 4

    assert errors == []
    assert len(watch.view.running) == 3
