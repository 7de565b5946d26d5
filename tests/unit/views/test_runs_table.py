"""Many runs as a table."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from dvc_magic.model.record import Notes, RunRecord, RunStatus, Times
from dvc_magic.views import Table, runs_table
from tests.support.records import make_record

Row = tuple[RunRecord, Notes, dict[str, Any], dict[str, Any]]


def _row(
    number: int,
    params: dict[str, Any],
    *,
    above: dict[str, Any] | None = None,
    notes: Notes | None = None,
    **metrics: Any,
) -> Row:
    record = make_record(number, params={"params.yaml": params})
    return record, notes or Notes(), {**(above or {}), **params}, metrics


def _values(table: Table) -> list[str]:
    return list(table.headers[5:])


def _table(*rows: Row, hint: str = "") -> Table:
    return runs_table(rows, total=len(rows), stored=len(rows), hint=hint)


def test_of_several_runs_only_params_that_differ_have_columns_own_ones_first() -> None:
    rows = [_row(number, {"lr": number, "seed": 7}, above={"n": number}, loss=0.5) for number in (1, 2)]

    assert _values(_table(*rows)) == ["lr", "n", "loss"]


def test_of_one_run_its_own_params_have_columns() -> None:
    assert _values(_table(_row(1, {"lr": 1, "seed": 7}, above={"n": 3}))) == ["lr", "seed"]


def test_label_and_tags_have_columns_where_there_are_any() -> None:
    noted = _row(1, {}, notes=Notes(label="first", tags=("good", "night")))

    assert _values(_table(noted, _row(2, {}))) == ["label", "tags"]
    assert [row[5:] for row in _table(noted, _row(2, {})).rows] == [("first", "good night"), ("", "")]
    assert _values(_table(_row(2, {}))) == []


def test_of_many_params_and_metrics_the_first_few_are_shown_and_the_others_counted() -> None:
    metrics = {f"m{index}": 0 for index in range(8)}
    rows = [_row(number, {f"p{index}": number for index in range(9)}, **metrics, late=number) for number in (1, 2)]

    table = _table(*rows, hint="by number")

    assert _values(table) == [*(f"p{index}" for index in range(6)), "late", *(f"m{index}" for index in range(5))]
    assert table.note == "3 more params and 3 more metrics in to_frame(); by number"


def test_a_long_name_keeps_its_end() -> None:
    (header,) = _values(_table(_row(1, {"model.optimizer.schedule.warmup.learning_rate": 1})))

    assert header.startswith("…")
    assert header.endswith("warmup.learning_rate")
    assert len(header) == 28


@pytest.mark.parametrize(("began", "shown"), [(125, "2 min 5 s"), (-60, "0.00 s")])
def test_a_run_that_goes_has_a_clock_which_never_goes_backwards(began: int, shown: str) -> None:
    started = datetime.now(UTC) - timedelta(seconds=began)
    record = make_record(status=RunStatus.RUNNING, times=Times(created=started, started=started))

    table = runs_table([(record, Notes(), {}, {})], total=1, stored=1)

    assert table.rows[0][4] == shown
