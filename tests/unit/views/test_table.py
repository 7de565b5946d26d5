"""Tables as text and as HTML."""

from __future__ import annotations

from dvc_magic.views import Table


def test_text_aligns_columns_and_puts_a_cell_on_one_line() -> None:
    table = Table(headers=("name", "n"), rows=(("a\nb", "1"), ("c", "20")), numeric=frozenset({1}), note="2 of 3")

    assert table.text().split("\n") == ["name   n", "a b    1", "c     20", "2 of 3"]


def test_an_empty_table_says_so_instead_of_showing_headers() -> None:
    table = Table(headers=("name",), rows=(), empty="no runs yet")

    assert table.text() == "no runs yet"
    assert table.html() == '<p style="margin: 0">no runs yet</p>'


def test_only_wrapped_columns_may_break_their_lines_in_html() -> None:
    shown = Table(headers=("stage", "cmd"), rows=(("train", "python train.py"),), wrapped=frozenset({1})).html()

    assert 'white-space: nowrap">train</td>' in shown
    assert 'white-space: pre-wrap">python train.py</td>' in shown
