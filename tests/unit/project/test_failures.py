"""The line that lists the runs of a call of which some failed."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from dvc_magic.model.record import CallInfo
from dvc_magic.project import Runs
from dvc_magic.project.failures import all_of_them
from dvc_magic.store import RunStore
from tests.support.records import add_run

OWN, OTHER = CallInfo(id="c3f2a9d01e77", size=2), CallInfo(id="d0e1a9d01e77")
UPSTREAM = CallInfo(id="c3f2a9d01e77", asked=False)


@pytest.mark.parametrize("calls", [[OWN, OWN], [OTHER, OWN], [OTHER, OTHER], [UPSTREAM, OWN]])
def test_the_line_in_python_gives_the_runs_of_the_call_and_no_others(tmp_path: Path, calls: list[CallInfo]) -> None:
    store = RunStore.open(tmp_path)
    for number, call in enumerate([OTHER, UPSTREAM, CallInfo(id="c3f2b0000000"), OTHER], start=1):
        add_run(store, number, call=call)
    records = [add_run(store, number, call=call) for number, call in enumerate(calls, start=5)]

    text = all_of_them(records, OWN.id, by_magic=False)

    class Project:
        runs = Runs(store.listing(asked=True), store, by_number=True)

    pasted: Any = eval(text.partition("runs, ")[2], {"project": Project})
    assert {run.id for run in pasted} == {record.id for record in records}
