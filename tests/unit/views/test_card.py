"""Cards as text and as HTML that any notebook may show."""

from __future__ import annotations

import re

import pytest

from dvc_magic.views import Card, Section, Table

HOSTILE = "<script>alert('x')</script>&\"'"


def test_text_has_sections_indented_under_their_titles() -> None:
    card = Card(
        title="run train 2",
        sections=(
            Section(pairs=(("id", "abc"), ("status", "completed"))),
            Section(title="outs", table=Table(headers=("path", "size"), rows=(("m.json", "2 B"),))),
            Section(title="warnings", block="first\nsecond"),
        ),
    )

    assert card.text().split("\n") == [
        "run train 2",
        "  id      abc",
        "  status  completed",
        "outs",
        "  path    size",
        "  m.json  2 B",
        "warnings",
        "  first",
        "  second",
    ]


def test_a_value_of_several_lines_keeps_its_place_in_text_and_its_lines_in_html() -> None:
    card = Card(title="stage a", sections=(Section(pairs=(("cmd", "first\nsecond"), ("wdir", "."))),))

    assert card.text() == "stage a\n  cmd   first\n        second\n  wdir  ."
    assert 'white-space: pre-wrap">first\nsecond</td>' in card.html()


def test_a_section_with_nothing_says_so_in_its_own_words() -> None:
    card = Card(title="stage a", sections=(Section(title="deps", empty="none"),))

    assert card.text() == "stage a\ndeps\n  none"
    assert ">none</p>" in card.html()


def test_words_for_nothing_stay_away_where_there_is_something() -> None:
    card = Card(title="stage a", sections=(Section(title="deps", pairs=(("a.csv", "file"),), empty="none"),))

    assert "none" not in card.text()
    assert "none</p>" not in card.html()


def test_prose_fills_lines_of_text_and_is_broken_by_the_browser_in_html() -> None:
    words = " ".join(["word"] * 50)
    card = Card(title="help", sections=(Section(title="notes", prose=(words, "another")),))

    assert [len(line) for line in card.text().split("\n")] == [4, 5, 111, 111, 31, 9]
    assert f">{words}</p>" in card.html()


@pytest.mark.parametrize(
    "card",
    [
        Card(title=HOSTILE),
        Card(title="t", sections=(Section(title=HOSTILE, empty=HOSTILE),)),
        Card(title="t", sections=(Section(pairs=((HOSTILE, HOSTILE),)),)),
        Card(title="t", sections=(Section(block=HOSTILE),)),
        Card(title="t", sections=(Section(prose=(HOSTILE,)),)),
        Card(title="t", sections=(Section(table=Table(headers=(HOSTILE,), rows=((HOSTILE,),), note=HOSTILE)),)),
        Card(title="t", sections=(Section(table=Table(headers=(), rows=(), empty=HOSTILE)),)),
    ],
)
def test_markup_of_the_project_is_escaped_in_every_place(card: Card) -> None:
    shown = card.html()

    assert "<script" not in shown
    assert "&lt;script&gt;alert(&#x27;x&#x27;)&lt;/script&gt;&amp;&quot;&#x27;" in shown


def test_html_has_no_color_that_a_theme_could_clash_with_and_no_style_that_untrusted_notebooks_lose() -> None:
    pairs = Section(pairs=(("a", "b"),), title="x")
    table = Section(table=Table(headers=("a", "b"), rows=(("1", "2"),), numeric=frozenset({0}), wrapped=frozenset({1})))
    shown = Card(title="t", sections=(pairs, table, Section(block="text"), Section(title="alone"))).html()

    declared = {
        rule.split(":")[0].strip() for style in re.findall(r'style="([^"]*)"', shown) for rule in style.split(";")
    }
    assert declared == {
        *("display", "flex-wrap", "gap", "width", "margin", "padding"),
        *("font-weight", "opacity", "text-align", "vertical-align", "white-space", "word-break", "overflow-wrap"),
    }
