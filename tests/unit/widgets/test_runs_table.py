"""The table of runs without a page: what its controls do, and what they show."""

from __future__ import annotations

import math
import re
from collections.abc import Callable
from html import unescape
from pathlib import Path
from typing import Any

import pytest

from dvc_magic.model.record import Notes, RunRecord, RunStatus
from dvc_magic.project.runs_browser import RunsBrowser
from dvc_magic.store import RunLock, RunStore
from dvc_magic.widgets import RunsTable
from tests.support.records import add_run

HOSTILE = "<img src=x onerror=alert(1)>\x1b[31m\u202e"


@pytest.fixture
def store(tmp_path: Path) -> RunStore:
    return RunStore.open(tmp_path / "store")


@pytest.fixture
def add(store: RunStore) -> Callable[..., RunRecord]:
    def add_now(number: int, lr: Any = 1, loss: Any = None, **changes: Any) -> RunRecord:
        metrics = {} if loss is None else {"m.json": {"loss": loss}}
        fields = {"params": {"p.yaml": {"lr": lr, "seed": 1}}, "metrics": metrics, **changes}
        return add_run(store, number, **fields)

    return add_now


@pytest.fixture
def table(store: RunStore) -> Callable[..., RunsTable]:
    return lambda **how: RunsTable(RunsBrowser(store, None), **how)


def _numbers(table: RunsTable) -> list[int]:
    return [int(box.description) for box in table.boxes[: len(table.page.ids)]]


def _titles(table: RunsTable) -> list[str]:
    return [column.children[0].description for column in table.grid.children]


def _column(table: RunsTable, title: str) -> list[str]:
    column = table.grid.children[_titles(table).index(title)].children[1]
    return [unescape(text).replace("\xa0", "") for text in re.findall(r"<div[^>]*>(.*?)</div>", column.value)]


def test_the_newest_runs_come_first_and_metrics_right_after_the_number(add: Any, table: Any) -> None:
    for number in range(1, 8):
        add(number, lr=number, loss=1 / number)

    shown = table(size=5)

    assert _numbers(shown) == [7, 6, 5, 4, 3]
    assert _titles(shown) == ["run", "loss", "lr", "status", "started", "time"]
    assert _column(shown, "loss") == ["0.142857", "0.166667", "0.2", "0.25", "0.333333"]
    assert "1-5 of 7 runs" in shown.count.value
    assert "%dvc_runs -n 5" in shown.line_box.value


def test_a_param_that_is_the_same_on_the_page_has_a_column_when_it_varies_elsewhere(add: Any, table: Any) -> None:
    for number in range(1, 8):
        add(number, lr=1 if number > 1 else 2)

    assert "lr" in _titles(table(size=5))


def test_a_click_on_a_head_sorts_up_then_down_then_no_more(add: Any, table: Any) -> None:
    for number, loss in enumerate((0.5, math.nan, 0.1, None, 0.3), 1):
        add(number, loss=loss)
    shown = table()
    orders = []

    for _ in range(3):
        shown.heads["metrics.loss"].click()
        orders.append((_numbers(shown), shown.line))

    assert orders == [
        ([3, 5, 1, 4, 2], "%dvc_runs --sort metrics.loss -n 25"),
        ([1, 5, 3, 4, 2], "%dvc_runs --sort -metrics.loss -n 25"),
        ([5, 4, 3, 2, 1], "%dvc_runs -n 25"),
    ]


def test_pages_turn_and_end(add: Any, table: Any) -> None:
    for number in range(1, 8):
        add(number)
    shown = table(size=3)
    previous, following = (shown.buttons[name] for name in ("Previous", "Next"))

    assert (previous.disabled, following.disabled) == (True, False)
    following.click()
    assert _numbers(shown) == [4, 3, 2]
    following.click()
    assert (_numbers(shown), following.disabled) == ([1], True)
    previous.click()
    assert _numbers(shown) == [4, 3, 2]


def test_a_filter_chooses_and_begins_at_the_first_page(add: Any, table: Any) -> None:
    for number in range(1, 8):
        add(number, lr=number, stage="prepare" if number == 7 else "train")
    shown = table(size=2)
    shown.buttons["Next"].click()

    shown.filter.value = "lr > 3 and stage = train"

    assert _numbers(shown) == [6, 5]
    assert "1-2 of 3 runs (7 in all)" in shown.count.value
    assert shown.line == "%dvc_runs lr > 3 and stage = train -n 2"
    shown.filter.value = ""
    assert _numbers(shown) == [7, 6]


@pytest.mark.parametrize("query", ["lr >", "nothing = 1", "lr > 'a' and ("])
def test_a_query_that_means_nothing_is_said_and_leaves_the_page(add: Any, table: Any, query: str) -> None:
    add(1)
    add(2)
    shown = table()

    shown.filter.value = query

    assert "border-left" in shown.problem.value
    assert _numbers(shown) == [2, 1]
    shown.filter.value = "lr = 1"
    assert shown.problem.value == ""


def test_ticks_survive_pages_sorting_and_filters(add: Any, table: Any) -> None:
    for number in range(1, 8):
        add(number, lr=number)
    shown = table(size=3)

    shown.boxes[2].value = True
    shown.buttons["Next"].click()
    shown.boxes[0].value = True
    shown.heads["params.lr"].click()
    shown.filter.value = "lr < 3"

    assert [run.number for run in shown.runs] == [5, 4]
    assert not any(box.value for box in shown.boxes[: len(shown.page.ids)])
    shown.filter.value = ""
    assert [box.value for box in shown.boxes] == [False, False, False]
    shown.buttons["Next"].click()
    assert [box.value for box in shown.boxes] == [True, True, False]
    assert "on" in shown.grid.children[1].children[1].value
    shown.buttons["Clear"].click()
    assert [run.number for run in shown.runs] == [4, 5, 6]


def test_buttons_are_for_as_many_runs_as_they_can_take(add: Any, table: Any) -> None:
    for number in range(1, 4):
        add(number)
    shown = table()
    usable = []

    for place in range(4):
        usable.append({name for name in ("Show", "Diff", "Compare", "Delete") if not shown.buttons[name].disabled})
        if place < 3:
            shown.boxes[place].value = True

    assert usable == [
        set(),
        {"Show", "Delete"},
        {"Show", "Diff", "Compare", "Delete"},
        {"Show", "Compare", "Delete"},
    ]


def test_two_runs_are_diffed_from_the_older_and_several_compared(add: Any, table: Any) -> None:
    for number in range(1, 4):
        add(number, lr=number)
    shown = table()
    shown.boxes[0].value = shown.boxes[2].value = True

    shown.buttons["Diff"].click()
    assert "train 1 -&gt; train 3" in shown.result.value
    shown.boxes[1].value = True
    shown.buttons["Compare"].click()
    assert "<th" in shown.result.value
    shown.buttons["Show"].click()
    assert "train" in shown.result.value


def test_tags_labels_and_marks_are_given_to_those_ticked(add: Any, table: Any, store: RunStore) -> None:
    records = [add(number) for number in (1, 2)]
    shown = table()
    shown.boxes[0].value = shown.boxes[1].value = True

    shown.words.value = "+good -bad"
    shown.buttons["Tag"].click()
    shown.words.value = "a first try"
    shown.buttons["Label"].click()
    shown.buttons["Mark"].click()

    notes = Notes(label="a first try", tags=("good",), mark=True)
    assert [store.notes(record.id) for record in records] == [notes, notes]
    assert _column(shown, "tags") == ["good", "good"]
    shown.buttons["Mark"].click()
    assert not store.notes(records[0].id).mark
    shown.words.value = ""
    shown.buttons["Tag"].click()
    assert "write tags first" in shown.problem.value


def test_a_second_click_deletes_what_was_ticked_at_the_first(add: Any, table: Any, store: RunStore) -> None:
    for number in range(1, 4):
        add(number)
    shown = table()
    shown.boxes[0].value = True

    shown.buttons["Delete"].click()
    shown.boxes[1].value = True
    shown.buttons["Delete"].click()
    assert shown.buttons["Delete"].description == "Delete 2: sure?"
    assert len(store.all()) == 3
    shown.buttons["Delete"].click()

    assert _numbers(shown) == [1]
    assert "2 runs moved to the trash" in shown.result.value
    assert [run.number for run in store.trash.runs()] == [3, 2]


def test_a_run_that_goes_is_not_deleted_and_that_is_said(add: Any, table: Any, store: RunStore) -> None:
    record = add(1, status=RunStatus.RUNNING)
    shown = table()
    shown.boxes[0].value = True
    store.paths.run(record.id).lock.touch()

    with RunLock(store.paths.run(record.id).lock):
        shown.buttons["Delete"].click()
        shown.buttons["Delete"].click()

    assert "still going" in shown.problem.value
    assert len(store.all()) == 1


def test_runs_that_come_and_go_elsewhere_show_at_the_next_click(add: Any, table: Any, store: RunStore) -> None:
    first = add(1)
    shown = table()
    shown.boxes[0].value = True
    add(2, loss=0.5)
    store.trash.put(first.id)

    shown.buttons["Refresh"].click()

    assert _numbers(shown) == [2]
    assert "loss" in _titles(shown)
    shown.buttons["Show"].click()
    assert "gone" in shown.problem.value


def test_columns_are_chosen_and_remembered_for_the_project(add: Any, table: Any) -> None:
    add(1, lr=1, loss=0.5)
    add(2, lr=2, loss=0.5)
    shown = table()

    shown.columns_box.value = ["params.seed", "metrics.loss"]

    assert _titles(shown) == ["run", "seed", "loss"]
    assert _titles(table()) == ["run", "seed", "loss"]
    shown.columns_box.value = []
    assert _titles(table()) == ["run", "loss", "lr", "status", "started", "time"]


@pytest.mark.parametrize("content", [b"", b"{", b'{"a": 1}', b"[1, 2]", b'["no such column"]'])
def test_columns_that_cannot_be_read_or_are_gone_are_no_harm(
    add: Any, table: Any, store: RunStore, content: bytes
) -> None:
    add(1)
    store.paths.columns.write_bytes(content)

    assert "status" in _titles(table())


def test_an_empty_store_says_how_to_begin(table: Any) -> None:
    assert "no runs yet: %dvc_run STAGE makes one" in table().count.value
    assert "no runs yet" in repr(table())


def test_what_strangers_wrote_is_text_alone(add: Any, table: Any, store: RunStore) -> None:
    record = add(1, lr=HOSTILE, loss=1, stage=HOSTILE)
    add(2, lr=2, loss=2, metrics={"m.json": {HOSTILE: 1}})
    store.write_notes(record.id, Notes(label=HOSTILE, tags=(HOSTILE,)))
    shown = table()
    shown.columns_box.value = list(shown.page.every)
    shown.filter.value = HOSTILE
    shown.filter.value = ""
    shown.boxes[0].value = shown.boxes[1].value = True
    for name in ("Diff", "Compare", "Show"):
        shown.buttons[name].click()
        assert "<img" not in shown.result.value

    html = [
        shown.problem.value,
        shown.line_box.value,
        *(column.children[1].value for column in shown.grid.children[1:]),
    ]
    bundle = shown.bundle()
    for text in (*html, bundle["text/html"], bundle["text/plain"]):
        assert "<img" not in text.replace("<img src=x", "", 0) or text is bundle["text/plain"]
        assert "\x1b" not in text
        assert "\u202e" not in text


def test_a_saved_notebook_keeps_the_page_as_a_static_table(add: Any, table: Any) -> None:
    add(1, loss=0.25)

    bundle = table().bundle()

    assert "application/vnd.jupyter.widget-view+json" in bundle
    assert "<table" in bundle["text/html"]
    assert "0.25" in bundle["text/html"]
    assert "%dvc_runs -n 25" in bundle["text/plain"]


def test_a_plot_of_those_ticked_is_a_picture(add: Any, table: Any) -> None:
    add(1, loss=0.5)
    add(2, loss=0.25)
    shown = table()
    shown.boxes[0].value = shown.boxes[1].value = True
    shown.words.value = "loss"

    shown.buttons["Plot"].click()

    assert shown.result.value.startswith('<img alt="loss"')
    shown.words.value = "nothing"
    shown.buttons["Plot"].click()
    assert "nothing" in shown.problem.value
