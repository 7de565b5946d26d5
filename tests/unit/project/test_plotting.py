from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import pytest
from matplotlib import image
from matplotlib import pyplot as plt

from dvc_magic.errors import RequestError
from dvc_magic.project import Run, Runs
from dvc_magic.project.handles.plotting import Plots
from dvc_magic.runs import UnknownLeafError
from tests.support.plotted import FewRuns, plotted_run

pytestmark = pytest.mark.usefixtures("in_memory")


@pytest.fixture
def plots(tmp_path):
    """Plots of runs made from the keywords of `plotted_run`; those that `upstream` holds can be found."""

    def make(*each, upstream=()):
        runs = [plotted_run(tmp_path, number=number, **one) for number, one in enumerate(each, start=1)]
        return Plots(lambda: runs, FewRuns(*runs, *upstream))

    return make


def logged(text="step,loss\n0,1\n1,0.5\n", **more):
    return {"files": {"log.csv": text}, "plots": ["log.csv"], **more}


def test_a_name_of_series_and_metric_is_drawn_as_curves(plots):
    axes = plots(logged(metrics={"loss": 0.5}), {"metrics": {"loss": 0.4}})("loss")

    assert (axes.get_xlabel(), axes.get_ylabel(), len(axes.get_lines())) == ("step", "loss", 1)
    assert axes.get_title(loc="right") == "1 of 2 runs has no loss"


def test_a_name_of_no_series_is_drawn_as_bars(plots):
    axes = plots(logged(metrics={"acc": 0.5}), {"metrics": {"acc": 0.4}})("acc")

    assert (axes.get_xlabel(), len(axes.patches)) == ("acc", 2)


def test_a_metric_goes_before_series_that_only_end_in_its_name(plots):
    one = logged("step,a.loss,b.loss\n0,1,2\n", metrics={"loss": 0.5})

    assert len(plots(one)("loss").patches) == 1
    assert len(plots({**one, "metrics": {}})("loss").get_lines()) == 2


def test_several_series_that_end_so_are_drawn_though_metrics_end_so_too(plots):
    live = {
        "files": {
            "live/plots/metrics/train/loss.tsv": "step\tloss\n0\t1\n1\t0.5\n",
            "live/plots/metrics/eval/loss.tsv": "step\tloss\n0\t2\n1\t1.5\n",
        },
        "plots": ["live"],
        "metrics": {"train": {"loss": 0.5}, "eval": {"loss": 1.5}},
    }

    axes = plots(live)("loss")

    assert [line.get_label() for line in axes.get_lines()] == ["eval/loss", "train/loss"]
    assert axes.get_ylabel() == "loss"


def test_one_step_in_each_run_is_drawn_as_bars(plots):
    one, two = (logged(f"step,acc\n0,{value}\n", metrics={"acc": value}) for value in (0.25, 0.5))

    assert len(plots(one, two)("acc").patches) == 2
    assert len(plots(one, two).curves("acc").get_lines()) == 2
    assert len(plots({**one, "metrics": {}})("acc").get_lines()) == 1


DVC_YAML = """\
stages:
  train:
    cmd: python train.py
    wdir: sub
    plots:
      - log.csv: {x: step, y: acc}
      - roc.json: {x: fpr, y: tpr}
      - pictures
      - shot.png
plots:
  - sub/log.csv
  - both:
      x: {a.csv: step}
      y:
        a.csv: loss
        folder/b.csv: [loss, acc]
  - folder:
      x: step
  - matrix.csv: {template: confusion, x: real, y: said}
  - nothing.csv
"""
LOG = "step,loss,acc\n0,1,0\n1,0.5,1\n"


@pytest.fixture
def declared(plots, tmp_path):
    """A run whose ``dvc.yaml`` names plots of every kind."""
    files = dict.fromkeys(("sub/log.csv", "a.csv", "folder/b.csv"), LOG)
    files |= {
        "dvc.yaml": DVC_YAML,
        "sub/roc.json": '[{"fpr": 0.0, "tpr": 0.1}, {"fpr": 1.0, "tpr": 1.0}]',
        "matrix.csv": "real,said\na,b\n",
        "sub/pictures/one.png": "",
        "sub/shot.png": "",
    }
    outs = ["sub/log.csv", "sub/roc.json", "sub/pictures", "sub/shot.png", "a.csv", "folder", "matrix.csv"]
    return plots({"files": files, "plots": outs, "wdir": "sub"})


@pytest.mark.parametrize(
    ("name", "lines"),
    [
        ("log.csv", ["train 1"]),
        ("sub/log.csv", ["train 1"]),
        ("./sub/log.csv", ["train 1"]),
        ("both", ["a.csv:loss", "folder/b.csv:loss", "folder/b.csv:acc"]),
        ("dvc.yaml::both", ["a.csv:loss", "folder/b.csv:loss", "folder/b.csv:acc"]),
        ("folder", ["folder/b.csv:loss", "folder/b.csv:acc"]),
        ("folder/", ["folder/b.csv:loss", "folder/b.csv:acc"]),
        ("folder/b.csv", ["folder/b.csv:loss", "folder/b.csv:acc"]),
        ("a.csv:loss", ["train 1"]),
    ],
)
def test_a_plot_is_found_by_each_name_that_dvc_has_for_it(declared, name, lines):
    assert [line.get_label() for line in declared(name).get_lines()] == lines
    assert [line.get_label() for line in declared.curves(name).get_lines()] == lines


@pytest.mark.parametrize(
    ("name", "kind"),
    [
        ("pictures", "It is a folder without step series: import os; os.listdir("),
        ("nothing.csv", "The run has no nothing.csv: it did not write it."),
    ],
)
def test_a_plot_without_steps_says_what_it_is_and_how_it_is_seen(declared, name, kind):
    for draw in (declared, declared.curves):
        with pytest.raises(RequestError) as caught:
            draw(name)
        assert str(caught.value).startswith(f"The plot {name!r} has no steps to draw. {kind}")
        code = str(caught.value).partition(kind.partition(": ")[0] + ": ")[2]
        if "import" in kind:
            exec(code, {})


@pytest.mark.parametrize(
    ("name", "kind"),
    [
        ("shot.png", "It is an image: from IPython.display import Image; Image("),
        ("sub/pictures/one.png", "It is an image: "),
        ("roc.json", "It has no step series over fpr, which does not count steps: import json, pathlib; "),
        (
            "matrix.csv",
            "It has no step series over real, which does not count steps: import pandas as pd; pd.read_csv(",
        ),
    ],
)
def test_a_plot_that_has_no_steps_is_no_curve(declared, name, kind):
    with pytest.raises(RequestError) as caught:
        declared.curves(name)
    assert str(caught.value).startswith(f"The plot {name!r} has no steps to draw. {kind}")
    exec(str(caught.value).partition(kind.partition(": ")[0] + ": ")[2], {})


@pytest.mark.parametrize("name", ["shot.png", "sub/shot.png", "sub/pictures/one.png"])
def test_an_image_is_drawn_by_its_path(declared, tmp_path, name):
    place = next(tmp_path.rglob(name.rpartition("/")[2]))
    image.imsave(place, [[0.0, 1.0], [0.5, 0.25]], cmap="gray")

    axes = declared(name)

    (drawn,) = axes.get_images()
    assert drawn.get_array().shape[:2] == (2, 2)
    assert axes.get_title() == "train 1"


def test_images_of_several_runs_stand_side_by_side(plots, tmp_path):
    runs = [{"files": {"shot.png": "", "dvc.yaml": ""}, "plots": ["shot.png"], "params": {"lr": lr}} for lr in (1, 2)]
    several = plots(*runs, {"params": {"lr": 3}})
    for place in tmp_path.rglob("shot.png"):
        image.imsave(place, [[0.0, 1.0]])

    drawn = several("shot.png")

    assert [axes.get_title() for axes in drawn] == ["1 lr=1", "2 lr=2"]
    assert drawn[0].get_title(loc="right") == "1 of 3 runs have no such image"
    with pytest.raises(RequestError, match="do not go into one ax"):
        several("shot.png", ax=drawn[0])


def test_a_file_that_is_no_image_says_so(declared):
    with pytest.raises(RequestError, match=r"shot\.png of train 1 is no image that can be read .*: /"):
        declared("shot.png")


def test_a_curve_over_its_own_x_is_a_line(declared):
    axes = declared("roc.json")

    (line,) = axes.get_lines()
    assert (list(line.get_xdata()), list(line.get_ydata())) == ([0.0, 1.0], [0.1, 1.0])
    assert (axes.get_xlabel(), axes.get_ylabel()) == ("fpr", "tpr")


def test_numbers_over_texts_are_bars(plots):
    files = {"dvc.yaml": "plots: [top.csv: {x: word, y: n}]\n", "top.csv": "word,n\na,1\n$b,3\n"}
    axes = plots(*[{"files": files, "plots": ["top.csv"], "params": {"lr": lr}} for lr in (1, 2)])("top.csv")

    assert [bar.get_height() for bar in axes.patches] == [1, 3, 1, 3]
    assert [text.get_text() for text in axes.get_xticklabels()] == ["a", r"\$b"]
    assert [text.get_text() for text in axes.get_legend().get_texts()] == ["1 lr=1", "2 lr=2"]


def test_a_confusion_matrix_counts_pairs(plots):
    files = {
        "dvc.yaml": "plots: [m.csv: {template: confusion, x: real, y: said}]\n",
        "m.csv": "real,said\na,a\na,b\nb,b\nb,b\n",
    }
    axes = plots({"files": files, "plots": ["m.csv"]})("m.csv")

    assert axes.get_images()[0].get_array().tolist() == [[1, 1], [0, 2]]
    assert [text.get_text() for text in axes.texts] == ["1", "1", "0", "2"]
    assert (axes.get_ylabel(), axes.get_xlabel()) == ("real", "said")


@pytest.mark.parametrize(
    ("table", "message"),
    [
        ("x,z\nb,2\na,1\n", r"t\.csv has no column 'y'"),
        ("word,y\n1,2\n", r"t\.csv has no column 'x'"),
    ],
)
def test_a_table_without_its_columns_says_which_it_has(plots, table, message):
    files = {"dvc.yaml": "plots: [t.csv: {x: x, y: y}]\n", "t.csv": table}
    with pytest.raises(RequestError, match=message):
        plots({"files": files, "plots": ["t.csv"]})("t.csv")


@pytest.mark.parametrize("name", ["lss", "los", "kynd", "aucc", "acuracy", "leyers", "boht", "fpr"])
def test_what_is_meant_instead_of_an_unknown_name_draws(plots, name):
    one = logged(
        "step,a.loss,b.loss\n0,1,2\n1,1,2\n",
        metrics={"x": {"auc": 1}, "y": {"auc": 2}, "accuracy": 0.5},
        params={"kind": "l2", "layers": [1, 2]},
    )
    with pytest.raises(UnknownLeafError) as caught:
        plots(one)(name)
    for near in re.findall(r"'([^']+)'", str(caught.value).partition("Did you mean")[2].partition("?")[0]):
        plots(one)(near)


def test_an_unknown_name_is_answered_with_all_that_there_is(plots):
    with pytest.raises(UnknownLeafError, match="Did you mean 'loss'.*step series: loss; metrics: acc; params: lr"):
        plots(logged(metrics={"acc": 1}, params={"lr": 1}))("lss")
    assert plt.get_fignums() == []


def test_the_series_of_an_upstream_run_stand_for_those_a_run_lacks(tmp_path, plots):
    train = plotted_run(tmp_path / "upstream", number=9, **logged())
    evaluated = {"stage": "evaluate", "upstream": {"train": train.record.id}}

    axes = plots(evaluated, evaluated, upstream=[train])("loss")

    assert [line.get_label() for line in axes.get_lines()] == ["train 9"]


def test_of_branches_that_have_the_series_each_is_drawn_and_named_but_nothing_above_them(tmp_path, plots):
    data = plotted_run(tmp_path / "upstream", number=7, stage="data", **logged())
    small = plotted_run(tmp_path / "upstream", number=8, stage="small", upstream={"data": data.record.id}, **logged())
    large = plotted_run(tmp_path / "upstream", number=9, stage="large", upstream={"data": data.record.id}, **logged())
    chosen = {"stage": "choose", "upstream": {"small": small.record.id, "large": large.record.id}}

    axes = plots(chosen, upstream=[data, small, large])("loss")

    assert [line.get_label() for line in axes.get_lines()] == ["small 8", "large 9"]


def test_without_a_name_each_series_has_axes(plots):
    drawn = plots(logged("step,loss,acc\n0,1,2\n"))()

    assert [axes.get_ylabel() for axes in drawn] == ["loss", "acc"]


def test_all_series_do_not_go_into_one_ax(plots):
    with pytest.raises(RequestError, match="name one, as in plot"):
        plots(logged())(ax=plt.subplots()[1])


def test_curves_scatter_and_bar_draw_on_the_axes_given(plots):
    made = plots(logged(metrics={"auc": 0.5}, params={"lr": 0.1}), logged(metrics={"auc": 1}, params={"lr": 1.0}))
    _, (first, second, third) = plt.subplots(1, 3)

    assert made.curves("loss", color="lr", ax=first) is first
    assert made.scatter("lr", "auc", color="number", ax=second) is second
    assert made.bar("auc", ax=third) is third


def test_the_repr_says_what_can_be_plotted(plots):
    shown = repr(plots(logged(metrics={"acc": 1}, params={"lr": 1})))

    assert shown.split("\n")[0] == "<plots of 1 run>"
    assert 'step series: loss    plot("loss")' in shown
    assert "params: lr" in shown
    assert repr(plots()) == "<plots of 0 runs>"


def test_a_run_has_a_frame_and_plots_of_its_series(tmp_path):
    stored = plotted_run(tmp_path, **logged())
    run = Run(stored, FewRuns(stored))

    assert run.history()["loss"].to_dict() == {0: 1.0, 1: 0.5}
    assert run.plot("loss").get_ylabel() == "loss"
    assert Runs([stored], FewRuns(stored)).plot("loss").get_ylabel() == "loss"


def test_files_that_cannot_be_read_are_warned_of_once(tmp_path):
    stored = plotted_run(tmp_path, files={"a.json": "{", "b.json": "["}, plots=["a.json", "b.json"])

    with pytest.warns(UserWarning, match="run 1: a.json cannot be read.*; b.json cannot be read") as caught:
        assert Run(stored, FewRuns(stored)).history().empty
    assert len(caught) == 1


def test_looking_at_what_can_be_plotted_imports_no_matplotlib():
    look = (
        "from dvc_magic.project import Runs; from tests.support.plotted import FewRuns; repr(Runs([], FewRuns()).plot)"
    )
    script = f"import sys; {look}; print(*sys.modules)"

    root = Path(__file__).parents[3]
    done = subprocess.run([sys.executable, "-c", script], cwd=root, capture_output=True, text=True, check=True)

    assert "dvc_magic.project.handles.plotting" in done.stdout.split()
    assert "matplotlib" not in done.stdout.split()
