"""A run as a card."""

from __future__ import annotations

from pathlib import Path

from msgspec.structs import replace

from dvc_magic.model.record import Notes, OutRecord, RunStatus
from dvc_magic.views import run_card
from tests.support.plotted import plotted_run


def test_outs_that_a_failed_run_did_not_save_have_no_size() -> None:
    record = replace(plotted_run(Path("nowhere")).record, status=RunStatus.FAILED, outs={"model.pkl": OutRecord()})

    text = run_card(record, Notes(), metrics={}, upstream={}, folder="runs/a").text()

    assert "  model.pkl  out" in text
    assert "0 B" not in text
