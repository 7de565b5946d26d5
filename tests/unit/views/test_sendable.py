"""What JSON can hold and no message, terminal or file takes: a metric may be called so."""

from __future__ import annotations

from pathlib import Path

import pytest

from dvc_magic.views import Card, LiveCall, LiveRun, Section, Table, run_line
from tests.support.plotted import plotted_run

HALF = "a\ud800"
TABLE = Table(headers=(HALF,), rows=((HALF,),), note=HALF)
CARD = Card(title=HALF, sections=(Section(title=HALF, pairs=((HALF, HALF),), table=TABLE),))
CALL = LiveCall(running=(LiveRun(name="train 1", seconds=1.0, log=Path("log"), metrics={HALF: HALF}),))


@pytest.mark.parametrize(
    "shown",
    [
        TABLE.text,
        TABLE.html,
        CARD.text,
        CARD.html,
        CALL.html,
        lambda: run_line(plotted_run(Path("nowhere")).record, {HALF: HALF}),
    ],
)
def test_half_of_a_surrogate_pair_is_shown_as_a_question_mark(shown):
    assert "a?" in shown().encode().decode()
