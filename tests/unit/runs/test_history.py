from __future__ import annotations

import json
import math
import os
import sys
import tempfile
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dvc_magic.model.operation import SourceKind
from dvc_magic.model.record import DepRecord, OutRecord, RunStatus
from dvc_magic.model.stage import OutKind
from dvc_magic.runs import History, Series, history_frame, history_of
from dvc_magic.runs.history import read_series
from dvc_magic.runs.plot_declarations import PlotDeclaration
from tests.support.plotted import history, plotted_run
from tests.support.records import CREATED


def read(tmp_path: Path, name: str, text: str, **how):
    """Name -> points of the series of one file, and the warning."""
    path = tmp_path / name
    path.write_text(text, encoding="utf-8")
    found, warning = read_series(path, name=name, **how)
    return {series.name: list(zip(series.steps, series.values, strict=True)) for series in found}, warning


# which columns, over what


@pytest.mark.parametrize(("name", "mark"), [("log.csv", ","), ("log.tsv", "\t")])
def test_numeric_columns_are_series_over_the_step_column(tmp_path, name, mark):
    text = "loss,step,kind,epoch\n0.5,10,a,1\n0.25,20,b,1\n".replace(",", mark)

    found, warning = read(tmp_path, name, text)

    assert found == {"loss": [(10, 0.5), (20, 0.25)], "epoch": [(10, 1), (20, 1)]}
    assert warning == ""


def test_values_are_exact_and_of_their_types(tmp_path):
    found, _ = read(tmp_path, "log.csv", f"step,a,b\n0,0.1,{2**70}\n1,1e-05,-3\n")

    assert found == {"a": [(0, 0.1), (1, 1e-05)], "b": [(0, 2**70), (1, -3)]}
    assert all(type(value) is int for _, value in found["b"])


def test_a_missing_value_is_no_point_and_nan_is_one(tmp_path):
    found, _ = read(tmp_path, "log.csv", "step,train,val\n0,0.5,\n0,,0.6\n1,nan,NA\n")

    assert found["val"] == [(0, 0.6)]
    assert found["train"][0] == (0, 0.5)
    assert math.isnan(found["train"][1][1])


@pytest.mark.parametrize("axis", ["epoch", "Epoch", "iteration", "global_step"])
def test_another_column_that_counts_stands_in_for_the_step(tmp_path, axis):
    path = tmp_path / "log.csv"
    path.write_text(f"{axis},loss\n3,0.5\n")

    (series,), _ = read_series(path, name="log.csv")

    assert (series.axis, series.steps) == (axis, (3,))


def test_the_declared_x_counts_where_no_known_column_does(tmp_path):
    found, _ = read(tmp_path, "log.csv", "trees,loss\n10,0.5\n20,0.4\n", declared=PlotDeclaration(x="trees"))

    assert found == {"loss": [(10, 0.5), (20, 0.4)]}


@pytest.mark.parametrize("x", ["step", "${x}", ""])
def test_rows_count_where_the_declared_x_is_what_dvc_would_count_or_is_not_known(tmp_path, x):
    found, _ = read(tmp_path, "log.csv", "loss\n0.5\n0.4\n", declared=PlotDeclaration(x=x))

    assert found == {"loss": [(0, 0.5), (1, 0.4)]}


def test_without_anything_that_counts_the_rows_do(tmp_path):
    found, _ = read(tmp_path, "log.json", json.dumps([{"loss": 0.5}, {"loss": 0.4}]))

    assert found == {"loss": [(0, 0.5), (1, 0.4)]}


def test_an_index_that_pandas_wrote_is_no_series(tmp_path):
    found, _ = read(tmp_path, "log.csv", ",loss\n0,0.5\n1,0.4\n")

    assert list(found) == ["loss"]


def test_a_file_without_a_header_has_numbered_columns(tmp_path):
    found, _ = read(tmp_path, "log.csv", "0.5,0.6\n0.4,0.5\n", declared=PlotDeclaration(header=False))

    assert found == {"0": [(0, 0.5), (1, 0.4)], "1": [(0, 0.6), (1, 0.5)]}


@pytest.mark.parametrize(
    ("text", "declared"),
    [
        ('[{"fpr": 0.0, "tpr": 0.5}, {"fpr": 0.5, "tpr": 1.0}]', PlotDeclaration(x="fpr")),
        ('[{"fpr": 0, "tpr": 0}, {"fpr": 1, "tpr": 1}]', PlotDeclaration(x="fpr")),
        ('[{"mean_FPR": 0, "tpr": 0}, {"mean_FPR": 1, "tpr": 1}]', PlotDeclaration(x="mean_FPR")),
        ('[{"a": 0, "b": 0}, {"a": 0, "b": 1}, {"a": 1, "b": 1}]', PlotDeclaration(x="a")),
        ('[{"acc": 0.5}, {"acc": 0.6}]', PlotDeclaration(x="rev")),
        ('[{"rev": "main", "acc": 0.5}, {"rev": "next", "acc": 0.6}]', PlotDeclaration(x="rev")),
        ('[{"actual": 0, "predicted": 1}]', PlotDeclaration(x="actual", template="confusion_normalized")),
        ('[{"actual": "cat", "predicted": "dog"}]', PlotDeclaration()),
        ('[{"label": "cat", "count": 3}]', PlotDeclaration(x="label")),
        ("[]", PlotDeclaration()),
        ("{}", PlotDeclaration()),
        ("3", PlotDeclaration()),
    ],
)
def test_what_is_no_step_series_is_left_out_without_a_word(tmp_path, text, declared):
    assert read(tmp_path, "points.json", text, declared=declared) == ({}, "")


# nested content


@pytest.mark.parametrize(("name", "write"), [("log.json", json.dumps), ("log.yaml", json.dumps)])
def test_lists_below_keys_are_named_by_them(tmp_path, name, write):
    content = {"train": [{"step": 1, "loss": 0.5}], "val": {"deep": [{"step": 2, "loss": 1e-05}]}}

    found, _ = read(tmp_path, name, write(content))

    assert found == {"train/loss": [(1, 0.5)], "val/deep/loss": [(2, 1e-05)]}


def test_lists_of_numbers_are_columns(tmp_path):
    found, _ = read(tmp_path, "log.json", '{"loss": [0.5, 0.4], "acc": [0.1], "name": "x"}')

    assert found == {"loss": [(0, 0.5), (1, 0.4)], "acc": [(0, 0.1)]}


# hostile and broken files


@pytest.mark.parametrize(
    ("name", "text"),
    [("log.json", '[{"step": 1, "loss": 0.'), ("log.yaml", "a: [1"), ("log.csv", f"step,loss\n0,{'x' * 200_000}\n")],
)
def test_a_file_that_cannot_be_read_is_named_with_the_reason(tmp_path, name, text):
    found, warning = read(tmp_path, name, text)

    assert found == {}
    assert warning.startswith(f"{name} cannot be read as step series: ")


def test_a_file_that_is_too_large_is_named_with_its_size(tmp_path):
    path = tmp_path / "log.csv"
    path.write_text("step,loss\n")
    os.truncate(path, 2**25)

    assert read_series(path, name="log.csv") == (
        [],
        f"log.csv has {2**25} bytes, more than the {2**24} that are read as step series",
    )


def test_a_few_lines_of_yaml_that_mean_millions_of_values_are_refused(tmp_path):
    text = "rows: &r\n" + "".join(f"- {{a: {row}, b: 1}}\n" for row in range(300))
    text += "".join(f"k{copy}: *r\n" for copy in range(4000))

    found, warning = read(tmp_path, "log.yaml", text)

    assert (found, "repeat more than 100,000 values" in warning) == ({}, True)


def test_a_few_lines_of_yaml_that_mean_billions_of_maps_are_refused(tmp_path):
    lines = ["k0: &k0 {a: 1}"]
    lines += [f"k{n}: &k{n} {{{', '.join(f'{m}: *k{n - 1}' for m in range(10))}}}" for n in range(1, 10)]

    found, warning = read(tmp_path, "log.yaml", "\n".join(lines))

    assert (found, "repeat more than 100,000 values" in warning) == ({}, True)


@pytest.mark.parametrize(("whole", "values"), [(False, [0.5]), (True, [0.5, 0.2])])
def test_a_last_line_without_its_end_counts_only_in_a_whole_file(tmp_path, whole, values):
    found, _ = read(tmp_path, "log.csv", "step,loss\n0,0.5\n1,0.2", whole=whole)

    assert [value for _, value in found["loss"]] == values


@given(cut=st.integers(0, 60))
def test_a_file_cut_anywhere_gives_a_beginning_of_its_points(cut):
    text = "".join(["step,loss\n", *(f"{step},{1 / (step + 3)}\n" for step in range(4))])
    with tempfile.TemporaryDirectory() as folder:
        found, warning = read(Path(folder), "log.csv", text[:cut], whole=False)
        points, _ = read(Path(folder), "log.csv", text)

    assert warning == ""
    assert points["loss"][: len(found.get("loss", []))] == found.get("loss", [])


@given(st.text(), st.sampled_from(["log.csv", "log.tsv", "log.json", "log.yaml"]), st.booleans())
def test_no_text_makes_reading_fail(text, name, whole):
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder, name)
        path.write_bytes(text.encode("utf-8", "surrogatepass"))
        found, warning = read_series(path, name=name, whole=whole)

    assert warning == "" or found == []
    assert all(len(series.steps) == len(series.values) for series in found)


@given(st.lists(st.tuples(st.integers(), st.floats(allow_nan=False) | st.integers() | st.none()), min_size=1))
def test_what_is_written_as_json_is_read_back_exactly(points):
    with tempfile.TemporaryDirectory() as folder:
        text = json.dumps([{"step": step, "loss": value} for step, value in points])
        found, _ = read(Path(folder), "log.json", text)

    kept = [(step, value) for step, value in points if value is not None and abs(step) < sys.float_info.max]
    assert found.get("loss", []) == kept


# which files


def test_plots_of_the_run_are_read_and_its_deps_are_not(tmp_path):
    files = {"log.csv": "step,loss\n0,1\n", "up.csv": "step,other\n0,1\n", "data.csv": "step,x\n0,1\n"}
    deps = {"up.csv": DepRecord(source=SourceKind.DVCSTAGE)}
    run = plotted_run(tmp_path, files=files, plots=["log.csv", "up.csv"], deps=deps)

    assert history_of(run).names == ("loss",)


def test_an_out_counts_when_a_top_level_plot_names_it(tmp_path):
    declared = "stages: {}\nplots:\n- Loss: {x: tree, y: {log.csv: [loss]}}\n"
    files = {"log.csv": "tree,loss\n5,1\n", "data.csv": "x\n1\n", "dvc.yaml": declared}
    outs = {path: OutRecord(kind=OutKind.OUT) for path in ("log.csv", "data.csv")}

    assert history_of(plotted_run(tmp_path, files=files, outs=outs)).names == ("loss",)


@pytest.mark.parametrize("out", ["dvclive", "dvclive/plots", "dvclive/plots/metrics", None])
def test_the_series_of_dvclive_are_named_as_it_names_them(tmp_path, out):
    files = {
        "dvclive/plots/metrics/train/loss.tsv": "timestamp\tstep\tloss\n1700000000000\t0\t0.5\n",
        "dvclive/plots/metrics/acc.tsv": "step\tacc\n0\t0.9\n",
    }
    plots = [] if out is None else [out]

    found = history_of(plotted_run(tmp_path, files=files, plots=plots))

    assert sorted(found.names) == ["acc", "train/loss"]
    assert found.get("train/loss").values == (0.5,)


def test_other_files_of_dvclive_are_no_series(tmp_path):
    files = {
        "dvclive/plots/metrics/acc.tsv": "step\tacc\n0\t0.9\n",
        "dvclive/plots/sklearn/roc.json": '{"roc": [{"fpr": 0.0, "tpr": 1.0}]}',
        "dvclive/plots/custom/points.json": '[{"a": 1}]',
    }

    assert history_of(plotted_run(tmp_path, files=files, plots=["dvclive/plots"])).names == ("acc",)


def test_a_dvclive_folder_among_the_sources_is_not_the_runs_own(tmp_path):
    run = plotted_run(tmp_path, files={"dvclive/plots/metrics/acc.tsv": "step\tacc\n0\t0.9\n"})
    earlier = CREATED.timestamp() - 10
    os.utime(run.paths.workspace / "dvclive/plots/metrics/acc.tsv", (earlier, earlier))

    assert history_of(run) == History()


def test_dvclive_is_looked_for_in_the_stages_folder(tmp_path):
    files = {"models/dvclive/plots/metrics/acc.tsv": "step\tacc\n0\t0.9\n"}

    assert history_of(plotted_run(tmp_path, files=files, wdir="models")).names == ("acc",)


def test_the_files_of_a_plot_that_is_a_folder_are_told_apart_by_their_paths(tmp_path):
    files = {"plots/a.csv": "step,loss\n0,1\n", "plots/b.csv": "step,loss,acc\n0,1,2\n", "plots/x.png": "no"}

    found = history_of(plotted_run(tmp_path, files=files, plots=["plots"]))

    assert found.names == ("plots/a.csv:loss", "plots/b.csv:loss", "acc")
    assert found.find("acc") == ("acc",)


@pytest.mark.parametrize("status", [RunStatus.RUNNING, RunStatus.FAILED, RunStatus.LOST, RunStatus.STOPPED])
def test_a_run_that_did_not_complete_is_read_less_what_may_be_cut(tmp_path, status):
    run = plotted_run(
        tmp_path, files={"log.csv": "step,loss\n0,0.5\n1,0.1"}, plots=["log.csv", "gone.csv"], status=status
    )

    (series,) = history_of(run).series
    assert series.values == (0.5,)


def test_one_file_that_cannot_be_read_does_not_hide_the_others(tmp_path):
    run = plotted_run(tmp_path, files={"a.json": "{", "log.csv": "step,loss\n0,1\n"}, plots=["a.json", "log.csv"])

    found = history_of(run)

    assert found.names == ("loss",)
    assert [warning.partition(" ")[0] for warning in found.warnings] == ["a.json"]


def test_a_file_outside_of_the_workspace_is_not_read(tmp_path):
    (tmp_path / "out.csv").write_text("step,loss\n0,1\n")

    assert history_of(plotted_run(tmp_path, plots=[str(tmp_path / "out.csv"), "remote://x/out.csv"])) == History()


# names


@pytest.mark.parametrize(
    ("name", "fits"),
    [
        ("loss", ("loss",)),
        ("train/loss", ("train/loss",)),
        ("train.loss", ("train/loss",)),
        ("acc", ("train/acc", "val/acc")),
        ("oss", ()),
    ],
)
def test_a_name_is_found_whole_or_by_its_end(name, fits):
    assert history(loss=[1], train__loss=[1], train__acc=[1], val__acc=[1]).find(name) == fits


# frames


def series(name, steps, values, axis="step"):
    return Series(name=name, file="log.csv", axis=axis, steps=tuple(steps), values=tuple(values))


def test_a_frame_has_a_row_per_step_and_a_column_per_series():
    table = history_frame([series("loss", [2, 0], [0.25, 1]), series("acc", [0, 1], [1, 2])])

    assert (list(table.columns), table.index.name, list(table.index)) == (["loss", "acc"], "step", [0, 1, 2])
    assert table["loss"].tolist()[0::2] == [1, 0.25]
    assert table.isna().to_numpy().tolist() == [[False, False], [True, False], [False, True]]
    assert table.dtypes.map(str).tolist() == ["float64", "float64"]


def test_a_frame_keeps_whole_numbers_whole_and_exact():
    table = history_frame([series("n", [0, 1], [1, 2]), series("big", [1], [2**60 + 1])])

    assert str(table["big"].dtype) == "Int64"
    assert table["big"][1] == 2**60 + 1
    assert str(history_frame([series("n", [0, 1], [1, 2])])["n"].dtype) == "int64"


def test_a_step_that_comes_twice_has_two_rows():
    table = history_frame([series("a", [0, 1, 1], [1, 2, 3]), series("b", [1], [4])])

    assert list(table.index) == [0, 1, 1]
    assert table["a"].tolist() == [1, 2, 3]
    assert table["b"].dropna().tolist() == [4]


@pytest.mark.parametrize(("axes", "name"), [(["epoch", "epoch"], "epoch"), (["epoch", "step"], "step"), ([], "step")])
def test_the_index_is_named_for_what_counts(axes, name):
    table = history_frame([series(str(place), [0], [1], axis=axis) for place, axis in enumerate(axes)])

    assert (table.index.name, len(table)) == (name, 1 if axes else 0)


@given(
    st.lists(
        st.lists(st.tuples(st.integers(-5, 5), st.floats(allow_nan=False) | st.integers(-(2**80), 2**80)), max_size=6),
        max_size=4,
    )
)
def test_a_frame_has_each_point_of_each_series_exactly(drawn):
    named = [series(str(n), [s for s, _ in points], [v for _, v in points]) for n, points in enumerate(drawn)]

    table = history_frame(named)

    for one in named:
        in_order = sorted(zip(one.steps, one.values, strict=True), key=lambda point: point[0])
        there = table[one.name].dropna()
        assert list(zip(there.index, there.tolist(), strict=True)) == in_order
    assert table.index.is_monotonic_increasing or table.empty
