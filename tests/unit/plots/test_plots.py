from __future__ import annotations

import io
import math
import pickle
import re
import threading

import matplotlib as mpl
import pytest
from hypothesis import HealthCheck, given, settings
from matplotlib import colors
from matplotlib import pyplot as plt
from matplotlib.text import Text
from msgspec.structs import replace

from dvc_magic.plots import bar, curves, panels, scatter
from dvc_magic.views import Bars, Curve, Curves, Scale, Scatter
from tests.support.hostile import hostile_texts, unseen

HOSTILE = "<b>$\\frac{</b> _x % $5"


pytestmark = pytest.mark.usefixtures("in_memory")


def drawn(axes):
    """The axes, after matplotlib has really drawn their figure."""
    axes.figure.savefig(io.BytesIO(), format="png")
    return axes


def curves_of(count, *, scale=None, values=(1.0, 0.5, 0.2), good=True, name="loss"):
    made = tuple(
        Curve(label=f"{n} {HOSTILE}", place=n, steps=tuple(range(len(values))), values=values, good=good)
        for n in range(count)
    )
    return Curves(name=name, axis="step", curves=made, total=count, scale=scale, note="1 of 9 runs has no loss")


LOG = Scale(name="lr", values=tuple(10.0**-n for n in range(12)), log=True)
TEXTS = Scale(name=HOSTILE, values=(0.0, 1.0, None), categories=("adam", HOSTILE))
POINTS = Scatter(
    x=Scale(name="lr", values=(0.001, 1.0, 0.1), log=True),
    y=Scale(name="loss", values=(1.0, 2.0, 3.0)),
    labels=("1", "2", "3"),
    numbers=(1, 2, 3),
)
BARS = Bars(name="loss", labels=("1 a", HOSTILE, "3"), values=(0.5, None, -2.0), texts=("0.5", "nan", "-2"))
BY_TEXT = Scatter(
    x=Scale(name="opt", values=(0.0, 1.0, 1.0), categories=("adam", HOSTILE)),
    y=POINTS.y,
    labels=POINTS.labels,
    numbers=POINTS.numbers,
    color=TEXTS,
)
EVERY = [
    pytest.param(curves, curves_of(1), id="one curve"),
    pytest.param(curves, curves_of(3, values=(math.nan, math.nan)), id="nothing finite"),
    pytest.param(curves, curves_of(12, scale=LOG), id="many curves"),
    pytest.param(curves, curves_of(3, scale=TEXTS), id="categories"),
    pytest.param(curves, curves_of(2, values=()), id="no points"),
    pytest.param(scatter, POINTS, id="scatter"),
    pytest.param(scatter, BY_TEXT, id="texts"),
    pytest.param(bar, BARS, id="bars"),
    pytest.param(bar, Bars(name="x", labels=("a",) * 200, values=(1.0,) * 200, texts=("1",) * 200), id="200 bars"),
]


@pytest.mark.parametrize(("draw", "view"), EVERY)
@pytest.mark.parametrize("style", ["default", "dark_background"])
def test_every_view_is_drawn_in_any_style_and_changes_no_setting(draw, view, style):
    with plt.style.context(style):
        before = mpl.rcParams.copy()

        axes = drawn(draw(view))

        assert dict(mpl.rcParams) == dict(before)
    assert plt.get_fignums() == [axes.figure.number]


@pytest.mark.parametrize(("draw", "view"), EVERY)
def test_axes_that_are_given_are_drawn_on_and_returned(draw, view):
    _, (left, right) = plt.subplots(1, 2)

    assert drawn(draw(view, ax=right)) is right
    assert not left.has_data()
    assert len(plt.get_fignums()) == 1


@pytest.mark.parametrize(("draw", "view"), EVERY)
def test_another_thread_gets_a_figure_that_pyplot_does_not_know(draw, view):
    made = []

    thread = threading.Thread(target=lambda: made.append(drawn(draw(view))))
    thread.start()
    thread.join()

    assert (len(made), plt.get_fignums()) == (1, [])


def test_what_fails_leaves_no_figure():
    broken = Scatter(x=POINTS.x, y=Scale(name="loss", values=(1.0,)), labels=(), numbers=())

    with pytest.raises(ValueError, match="same size"):
        scatter(broken)
    assert plt.get_fignums() == []


@pytest.mark.parametrize("axes", [lambda: curves(curves_of(2)), lambda: panels([curves_of(2)])])
def test_axes_at_the_end_of_a_cell_show_no_text(axes):
    assert axes()._ipython_display_() is None


def test_a_figure_can_be_pickled():
    copy = pickle.loads(pickle.dumps(curves(curves_of(2)).figure))

    assert copy.axes[0].get_ylabel() == "loss"


def test_labels_are_shown_as_they_are():
    axes = drawn(curves(curves_of(2)))

    shown = [text.get_text().replace("\\$", "$") for text in axes.get_legend().get_texts()]
    assert shown == [f"{n} {HOSTILE}" for n in range(2)]
    assert (axes.get_xlabel(), axes.get_ylabel()) == ("step", "loss")
    assert axes.get_title(loc="right") == "1 of 9 runs has no loss"


def test_up_to_ten_runs_have_colours_of_their_own():
    lines = curves(curves_of(10)).get_lines()

    assert len({colors.to_hex(line.get_color()) for line in lines}) == 10


def test_many_runs_have_a_colour_bar_and_no_legend():
    axes = drawn(curves(curves_of(12, scale=LOG)))

    assert axes.get_legend() is None
    assert [other.get_ylabel() for other in axes.figure.axes if other is not axes] == ["lr"]


def test_a_second_run_on_the_same_axes_has_another_colour_and_a_legend_of_both():
    axes = curves(curves_of(1))

    curves(curves_of(1), ax=axes)

    first, second = axes.get_lines()
    assert first.get_color() != second.get_color()
    assert len(axes.get_legend().get_texts()) == 2


def test_runs_that_did_not_end_well_are_dashed():
    assert curves(curves_of(1, good=False)).get_lines()[0].get_linestyle() == "--"


def test_a_value_between_gaps_is_a_dot():
    (line,) = curves(curves_of(1, values=(1.0, math.nan, 2.0, math.nan, 3.0, 4.0))).get_lines()

    assert (line.get_marker(), line.get_markevery()) == ("o", [0, 2])


def test_nothing_finite_says_so():
    axes = curves(curves_of(1, values=(math.nan,)))

    assert [text.get_text() for text in axes.texts] == ["no finite loss"]


def test_a_run_has_one_colour_in_all_panels_and_one_key():
    full = curves_of(3)
    partial = Curves(name="acc", axis="step", curves=full.curves[1:], total=3)

    first, second = panels([full, partial])

    by_name = {line.get_label(): line.get_color() for line in first.get_lines()}
    assert all(by_name[line.get_label()] == line.get_color() for line in second.get_lines())
    assert len(first.figure.legends[0].get_texts()) == 3
    drawn(first)


def test_panels_of_many_runs_share_a_colour_bar():
    made = panels([curves_of(12, scale=LOG, name=str(n)) for n in range(4)])

    assert len(made.figure.axes) == 5
    drawn(made[0])


def test_a_param_that_spans_decades_is_on_a_logarithmic_axis():
    assert scatter(POINTS).get_xscale() == "log"


def test_categories_are_ticks():
    view = Scatter(
        x=Scale(name="opt", values=(1.0,), categories=("adam", "$gd")),
        y=Scale(name="loss", values=(1.0,)),
        labels=("1",),
        numbers=(1,),
    )

    assert [tick.get_text() for tick in drawn(scatter(view)).get_xticklabels()] == ["adam", r"\$gd"]


def test_the_first_run_is_the_bar_on_top_and_each_value_is_written():
    axes = drawn(bar(BARS))

    bottom, top = axes.get_ylim()
    assert bottom > top
    assert [text.get_text() for text in axes.texts] == ["0.5", "nan", "-2"]
    assert [patch.get_width() for patch in axes.patches] == [0.5, 0.0, -2.0]


def test_points_at_one_place_are_named_together():
    view = Scatter(
        x=Scale(name="lr", values=(1.0, 1.0, 2.0)),
        y=Scale(name="loss", values=(0.5, 0.5, 0.5)),
        labels=("1", "2", "3"),
        numbers=(1, 2, 3),
    )

    assert [text.get_text() for text in drawn(scatter(view)).texts] == ["1, 2", "3"]


@pytest.mark.parametrize("count", [1, 2])
def test_names_that_begin_with_an_underscore_have_their_place_in_the_key(count):
    made = tuple(Curve(label=f"_prep {n}", place=n, steps=(0, 1), values=(1.0, 2.0)) for n in range(count))
    view = Curves(name="loss", axis="step", curves=made, total=count)

    assert [text.get_text().strip() for text in drawn(curves(view)).get_legend().get_texts()] == [
        curve.label for curve in made
    ]
    figure = drawn(panels([view, view])[0]).figure
    texts = [*figure.findobj(mpl.text.Text)]
    assert {curve.label for curve in made} <= {text.get_text().strip() for text in texts}


def test_categories_that_begin_with_an_underscore_have_their_place_in_the_key():
    color = Scale(name="kind", values=(0.0, 1.0, 1.0), categories=("_a", "b"))
    view = replace(POINTS, color=color)
    assert [text.get_text().strip() for text in drawn(scatter(view)).get_legend().get_texts()] == ["_a", "b"]


def test_half_of_a_surrogate_pair_is_drawn_spelled_out():
    view = Curves(name="a\ud800", axis="step", curves=(Curve(label="1", place=0, steps=(0,), values=(1.0,)),), total=1)
    assert drawn(curves(view)).get_ylabel() == "a\\ud800"


@settings(max_examples=15, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(hostile_texts)
def test_no_plot_shows_what_nobody_sees_or_takes_a_text_for_a_formula(text):
    curve = Curve(label=text, place=0, steps=(0, 1), values=(1.0, 2.0))
    view = Curves(name=text, axis=text, curves=(curve,), total=1, note=text)
    categories = Scale(name=text, values=(0.0, 1.0), categories=(text, f"{text}2"))
    points = Scatter(x=categories, y=Scale(name=text, values=(1.0, 2.0)), labels=(text, text), numbers=(1, 2))
    bars = Bars(name=text, labels=(text,), values=(1.0,), texts=(text,), note=text)

    for axes in (curves(view), panels([view, view])[0], scatter(points), bar(bars)):
        texts = [found.get_text() for found in axes.figure.findobj(Text)]
        plt.close(axes.figure)
        assert not any(unseen(shown) or re.search(r"(?<!\\)\$", shown) for shown in texts)
