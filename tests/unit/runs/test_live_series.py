"""The step series of a run that goes."""

from __future__ import annotations

import itertools
import json
import os
import time
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dvc_magic.runs import LiveSeries, history_of, run_row
from dvc_magic.runs.live_series import _thinned
from dvc_magic.store import StoredRun
from dvc_magic.views import curves_view
from tests.support.plotted import plotted_run


def live(run: StoredRun) -> LiveSeries:
    return LiveSeries(run.record, run.paths, clock=lambda: 0.0)


def points(series: LiveSeries) -> dict[str, list[tuple[float, float]]]:
    return {one.name: list(zip(one.steps, one.values, strict=True)) for one in series.history.series}


_WRITTEN = itertools.count(1)


def write(run: StoredRun, name: str, text: str, mode: str = "w") -> None:
    """Write a file, each time with another time of change, however coarse the clock of the file system is."""
    path = run.paths.workspace / name
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open(mode) as file:
        file.write(text)
    later = time.time_ns() + next(_WRITTEN) * 1_000_000
    os.utime(path, ns=(later, later))


@pytest.mark.parametrize(("name", "mark"), [("log.csv", ","), ("log.tsv", "\t")])
def test_rows_come_to_a_table_as_they_are_written_whole(tmp_path: Path, name: str, mark: str) -> None:
    run = plotted_run(tmp_path, files={"dvc.yaml": ""}, plots=[name])
    series, seen = live(run), []
    for text in ("step,lo", "ss\n0,0.5\n1,0.2", "5\n", "2,0.125\n3,"):
        write(run, name, text.replace(",", mark), "a")
        series.look()
        seen.append(points(series).get("loss", []))

    assert seen == [[], [(0, 0.5)], [(0, 0.5), (1, 0.25)], [(0, 0.5), (1, 0.25), (2, 0.125)]]


def test_a_table_that_is_written_anew_each_time_is_read_anew_when_it_differs(tmp_path: Path) -> None:
    run = plotted_run(tmp_path, plots=["log.csv"])
    series = live(run)
    write(run, "log.csv", "step,loss\n0,5\n1,4\n")
    series.look()
    write(run, "log.csv", "step,loss\n0,5\n1,4\n2,3\n")
    series.look()
    assert points(series) == {"loss": [(0, 5), (1, 4), (2, 3)]}

    write(run, "log.csv", "step,loss\n0,7\n1,6\n2,5\n3,4\n")
    series.look()
    assert points(series) == {"loss": [(0, 7), (1, 6), (2, 5), (3, 4)]}

    write(run, "log.csv", "step,loss\n0,1\n")
    series.look()
    assert points(series) == {"loss": [(0, 1)]}


def test_a_file_that_cannot_be_read_keeps_what_it_had(tmp_path: Path) -> None:
    run = plotted_run(tmp_path, plots=["log.json"])
    series = live(run)
    write(run, "log.json", json.dumps([{"step": 0, "loss": 1.0}]))
    series.look()

    for broken in ('[{"step": 0, "lo', "", "[]"):
        write(run, "log.json", broken)
        series.look()
        assert points(series) == {"loss": [(0, 1.0)]}
    (run.paths.workspace / "log.json").unlink()
    series.look()
    assert points(series) == {"loss": [(0, 1.0)]}


def test_nothing_is_read_while_nothing_changes(tmp_path: Path) -> None:
    run = plotted_run(tmp_path, plots=["log.csv"])
    series = live(run)
    write(run, "log.csv", "step,loss\n0,5\n")

    assert [series.look() for _ in range(3)] == [True, False, False]


@pytest.mark.parametrize(
    "rows",
    [
        {f"dvclive/plots/metrics/{name}.tsv": "step\tx\n0\t0.5\n" for name in ("train/loss", "acc")},
        {"log.csv": "epoch,loss,kind\n1,0.5,a\n2,0.25,b\n"},
        {"log.csv": "loss\n0.5\n0.25\n", "other.csv": "loss\n1\n2\n"},
        {"log.json": json.dumps([{"step": 0, "loss": 1.0}])},
        {"log.yaml": "- {step: 0, loss: 1.5}\n"},
    ],
    ids=["dvclive", "csv", "rows of two files", "json", "yaml"],
)  # fmt: skip
def test_it_has_the_series_that_the_run_has_when_it_ended(tmp_path: Path, rows: dict[str, str]) -> None:
    run = plotted_run(tmp_path, files=rows, plots=[name for name in rows if "dvclive" not in name])
    series = live(run)
    series.look()

    assert series.history.series == history_of(run).series
    assert series.history.series


def test_numbers_that_a_run_prints_are_series(tmp_path: Path) -> None:
    run = plotted_run(tmp_path)
    run.paths.scalars.parent.mkdir(parents=True, exist_ok=True)
    series = live(run)
    for step in range(2):
        with run.paths.scalars.open("a") as file:
            file.write(json.dumps([["loss", step, 1.0 - step]]) + "\n")
        series.look()

    assert points(series) == {"loss": [(0, 1.0), (1, 0.0)]}


@pytest.mark.parametrize(
    ("columns", "plots", "default"),
    [
        ("lr,acc,val_loss,loss", "", "val_loss"),
        ("lr,acc,f1", "", "acc"),
        ("lr,f1", "", "lr"),
        ("lr,f1", "plots:\n- log.csv:\n    y: f1\n", "f1"),
        ("val_loss,loss", "plots:\n- log.csv:\n    y: [loss, val_loss]\n", "loss"),
        ("epoch", "", ""),
    ],
)
def test_the_series_that_is_shown_first_is_a_loss_or_what_dvc_yaml_names_first(
    tmp_path: Path, columns: str, plots: str, default: str
) -> None:
    row = ",".join("1" for _ in columns.split(","))
    run = plotted_run(tmp_path, files={"dvc.yaml": plots, "log.csv": f"step,{columns}\n0,{row}\n"}, plots=["log.csv"])
    series = live(run)
    series.look()

    assert series.default == default


def test_series_of_runs_that_go_are_drawn_on_one_axis(tmp_path: Path) -> None:
    runs = [
        plotted_run(tmp_path, number=number, files={"log.csv": f"step,loss\n0,{number}\n"}, plots=["log.csv"])
        for number in (1, 2)
    ]
    followed = [live(run) for run in runs]
    for one in followed:
        one.look()

    view = curves_view([(run_row(run), one.history) for run, one in zip(runs, followed, strict=True)], "loss")

    assert [curve.values for curve in view.curves] == [(1.0,), (2.0,)]


def test_of_a_long_table_few_points_are_kept_the_extremes_among_them(tmp_path: Path) -> None:
    values = [float(step % 100) for step in range(30_000)]
    values[12_345], values[23_456] = 1e6, -1e6
    run = plotted_run(tmp_path, plots=["log.csv"])
    write(run, "log.csv", "loss\n" + "".join(f"{value}\n" for value in values))
    series = live(run)
    while series.look():
        pass

    found = dict(points(series)["loss"])

    assert len(found) <= 4_000
    assert (found[12_345], found[23_456]) == (1e6, -1e6)
    assert found[0] == 0.0
    assert found[29_999] == 99.0
    assert all(values[step] == value for step, value in found.items())


@given(
    st.lists(
        st.lists(st.none() | st.integers() | st.floats() | st.just("cat"), min_size=3, max_size=3),
        min_size=1,
        max_size=300,
    )
)
def test_a_table_is_thinned_to_a_quarter_in_its_order(cells: list[list[object]]) -> None:
    rows = list(enumerate(cells))
    kept = _thinned(rows)

    assert [row for row in rows if row in kept] == kept
    assert kept[0] == rows[0]
    assert kept[-1] == rows[-1]
    assert len(kept) <= len(rows) / 4 + 13


def test_a_large_file_is_read_over_several_looks(tmp_path: Path) -> None:
    run = plotted_run(tmp_path, plots=["log.csv"])
    rows = "".join(f"{step},{step / 7:.6f}\n" for step in range(100_000))
    write(run, "log.csv", f"step,loss\n{rows}")
    series, last = live(run), []
    while series.look():
        last.append(points(series)["loss"][-1][0])

    assert len(last) > 5
    assert last == sorted(set(last))
    assert last[-1] == 99_999


def test_what_no_one_could_read_costs_no_look_at_the_others(tmp_path: Path) -> None:
    files = {"a.csv": "step,x\n0,\0\n" + "9" * 200_000 + "\n", "b.json": "[" * 100_000, "c.csv": "step,loss\n0,1\n"}
    run = plotted_run(tmp_path, files=files, plots=list(files))
    series = live(run)
    series.look()

    assert points(series) == {"loss": [(0, 1)]}


def test_a_look_that_took_long_is_not_repeated_at_once(tmp_path: Path) -> None:
    run = plotted_run(tmp_path, plots=["log.json"])
    ticks = iter(range(10_000))
    series = LiveSeries(run.record, run.paths, clock=lambda: next(ticks))  # each question takes a second
    write(run, "log.json", json.dumps([{"step": 0, "loss": 1.0}]))
    series.look()
    write(run, "log.json", json.dumps([{"step": 0, "loss": 2.0}]))

    assert not series.look()
    for _ in range(20):
        series.look()
    assert points(series) == {"loss": [(0, 2.0)]}
