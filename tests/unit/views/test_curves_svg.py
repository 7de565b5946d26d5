"""Curves as SVG."""

from __future__ import annotations

import base64
import math
import re
from collections.abc import Sequence
from html import unescape
from xml.etree import ElementTree as ET

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dvc_magic.views import Curve, Curves, Scale, curves_alt, curves_svg, svg_image
from tests.support.hostile import hostile_texts, unseen

_SVG = "{http://www.w3.org/2000/svg}"


def curve(values: Sequence[float], place: int = 0, label: str = "", good: bool = True) -> Curve:
    steps = tuple(map(float, range(len(values))))
    return Curve(label=label or f"train {place}", place=place, steps=steps, values=tuple(values), good=good)


def view(*curves: Curve, name: str = "loss", axis: str = "step", scale: Scale | None = None, note: str = "") -> Curves:
    return Curves(name=name, axis=axis, curves=curves, total=len(curves), scale=scale, note=note)


def texts(svg: str) -> list[str]:
    return [str(text.text) for text in ET.fromstring(svg).iter(f"{_SVG}text")]


def lines(svg: str) -> list[list[list[tuple[float, float]]]]:
    """The pieces of each curve: their points, in pixels."""
    curves = []
    for group in ET.fromstring(svg).iter(f"{_SVG}g"):
        data = "".join(path.attrib["d"] for path in group.iter(f"{_SVG}path"))
        pieces = re.findall(r"M([^M]+)", data.replace("h0", ""))
        points = [[point.split() for point in piece.split("L")] for piece in pieces]
        curves.append([[(float(x), float(y)) for x, y in piece] for piece in points])
    return curves


def test_a_curve_goes_from_its_first_step_to_its_last_higher_values_above() -> None:
    (((first, middle, last),),) = lines(curves_svg(view(curve([3.0, 1.0, 2.0]))))

    assert first[0] < middle[0] < last[0]
    assert first[1] < last[1] < middle[1]


def test_axes_have_round_ticks_the_series_its_name_and_what_counts_the_steps() -> None:
    shown = texts(curves_svg(view(curve([0.013, 0.5, 0.97] * 20), axis="epoch")))

    assert shown[0] == "loss, train 0"
    assert {"0.2", "0.4", "0.6", "0.8", "0", "10", "20", "30", "40", "50", "epoch"} <= set(shown)


@pytest.mark.parametrize(
    ("values", "ticks"),
    [
        ([1e-7, 5e-7], ["1e-07", "2e-07", "3e-07", "4e-07", "5e-07"]),
        ([1_000_000.0, 3_000_000.0], ["1e+06", "1.5e+06", "2e+06", "2.5e+06", "3e+06"]),
        ([-250.0, 1000.0], ["0", "500", "1000"]),
        ([100.1, 100.4], ["100.1", "100.2", "100.3", "100.4"]),
        ([5.0, 5.0], ["4.6", "4.8", "5", "5.2", "5.4"]),
    ],
)
def test_ticks_are_told_apart_and_as_short_as_can_be(values, ticks) -> None:
    assert set(ticks) <= set(texts(curves_svg(view(curve(values)))))


def test_a_value_that_is_not_finite_breaks_the_line_and_a_point_alone_is_a_dot() -> None:
    svg = curves_svg(view(curve([1.0, math.nan, 2.0, 3.0, math.inf, 4.0, 5.0])))

    assert sorted(len(piece) for piece in lines(svg)[0]) == [1, 2, 2]
    assert svg.count("h0") == 1


def test_a_series_without_a_finite_value_says_so() -> None:
    assert "no finite loss" in texts(curves_svg(view(curve([math.nan, -math.inf]))))
    assert "no finite loss" in texts(curves_svg(view()))


@given(st.lists(st.floats(-1e6, 1e6), min_size=400, max_size=500))
def test_few_points_of_a_curve_are_left_the_extremes_among_them(values) -> None:
    ((points,),) = lines(curves_svg(view(curve(values))))
    heights = [y for _, y in points]

    assert len(points) <= 151
    if max(values) - min(values) > 1e-3:
        assert (min(heights), max(heights)) == pytest.approx((31.9, 180.1), abs=0.1)


def test_a_gap_in_a_long_curve_stays_a_gap() -> None:
    values = [float(number) for number in range(10_000)]
    values[5_000] = math.nan

    first, second = lines(curves_svg(view(curve(values))))[0]

    assert first[-1][0] < second[0][0]


def test_curves_of_a_few_runs_stand_in_a_legend_and_one_that_failed_is_dashed() -> None:
    svg = curves_svg(view(*(curve([1.0, 2.0], place, good=place != 1) for place in range(3)), note="1 run has no loss"))

    assert {"train 0", "train 1", "train 2", "1 run has no loss"} <= set(texts(svg))
    assert svg.count("stroke-dasharray") == 2
    assert len(set(re.findall(r'<g fill="none" stroke="(#\w+)"', svg))) == 3


def test_of_many_curves_the_legend_tells_the_scale_that_colours_them() -> None:
    scale = Scale(name="params.lr", values=(*(10.0**-place for place in range(11)), None), log=True)
    svg = curves_svg(view(*(curve([1.0, 2.0], place) for place in range(12)), scale=scale))
    colours = re.findall(r'<g fill="none" stroke="(#\w+)"', svg)

    assert {"params.lr", "1", "1e-10"} <= set(texts(svg))
    assert len(set(colours)) == 12
    assert colours[-1] == "#888"


def test_categories_have_a_colour_each() -> None:
    scale = Scale(name="params.model", values=(0.0, 1.0, 0.0), categories=("mlp", "vit"))
    svg = curves_svg(view(*(curve([1.0, 2.0], place) for place in range(3)), scale=scale))
    first, second, third = re.findall(r'<g fill="none" stroke="(#\w+)"', svg)

    assert first == third != second
    assert {"params.model", "mlp", "vit"} <= set(texts(svg))
    assert "train 0" not in texts(svg)


@pytest.mark.parametrize("count", [1, 8, 30, 200, 2_000])
def test_however_many_runs_there_are_the_text_is_bounded(count: int) -> None:
    values = [math.sin(step) if step % 2 else math.nan for step in range(1_000)]
    svg = curves_svg(view(*(curve(values, place, label="x" * 10_000) for place in range(count)), name="n" * 10_000))

    assert len(svg) < 250_000
    assert ET.fromstring(svg).tag == f"{_SVG}svg"


@given(
    st.lists(
        st.lists(st.tuples(st.floats(allow_nan=False, allow_infinity=False), st.floats()), max_size=200), max_size=3
    )
)
def test_whatever_the_numbers_all_points_lie_in_the_picture(curves) -> None:
    drawn = view(
        *(
            Curve(
                label="a",
                place=place,
                steps=tuple(sorted(step for step, _ in points)),
                values=tuple(v for _, v in points),
            )
            for place, points in enumerate(curves)
        )
    )
    svg = curves_svg(drawn)

    for pieces in lines(svg):
        assert all(0 <= x <= 600 and 0 <= y <= 220 for piece in pieces for x, y in piece)
    assert curves_alt(drawn)


@given(hostile_texts)
def test_names_are_text_and_nothing_else(text: str) -> None:
    svg = curves_svg(view(curve([1.0], 0, label=text), curve([2.0], 1, label=text), name=text, axis=text, note=text))
    image = svg_image(svg, alt=curves_alt(view(curve([1.0], label=text), name=text)))

    assert {element.tag.removeprefix(_SVG) for element in ET.fromstring(svg).iter()} <= {
        "svg",
        "g",
        "path",
        "text",
        "title",
    }
    assert not unseen(svg)
    assert re.fullmatch(r'<img src="data:image/svg\+xml;base64,[A-Za-z0-9+/=]+" alt="[^"<>]*">', image)


def test_an_image_has_the_svg_within_and_says_what_it_shows() -> None:
    drawn = view(curve([1.5, 0.25], label="train 4"), curve([2.0, 0.5], label="train 5"))
    svg = curves_svg(drawn)

    image = svg_image(svg, alt=curves_alt(drawn))

    assert base64.b64decode(re.findall('base64,([^"]+)', image)[0]).decode() == svg
    assert 'xmlns="http://www.w3.org/2000/svg"' in svg
    assert unescape(image).endswith('alt="loss over step: train 4 1.5 to 0.25, train 5 2 to 0.5">')
