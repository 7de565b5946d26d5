"""`Runs` of a store: what is read of it, and what slips are answered with."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from dvc_magic.errors import RequestError
from dvc_magic.model.record import CallInfo
from dvc_magic.project import Runs
from dvc_magic.store import RunStore
from tests.support.records import add_run


@pytest.fixture
def store(tmp_path: Path) -> RunStore:
    """A store of 40 runs, every other one upstream of another."""
    made = RunStore.open(tmp_path / "store")
    for number in range(1, 41):
        add_run(made, number, call=CallInfo(id="ab" * 6, asked=number % 2 == 0), params={"params.yaml": {"lr": number}})
    return made


@pytest.fixture
def looked(store: RunStore, monkeypatch: pytest.MonkeyPatch) -> set[str]:
    """The ids of the runs whose files were looked at."""
    seen: set[str] = set()
    sign = store.index.signature

    def watched(run_id: str) -> str:
        seen.add(run_id)
        return sign(run_id)

    monkeypatch.setattr(store.index, "signature", watched)
    return seen


def _all(store: RunStore) -> Runs:
    return Runs(store.listing(asked=True), store, by_number=True)


def test_a_run_is_found_by_its_number_without_a_look_at_the_others(store: RunStore, looked: set[str]) -> None:
    run = _all(store)[3]

    assert (run.number, looked) == (3, {run.id})


def test_the_first_page_of_many_runs_looks_at_its_own_alone(store: RunStore, looked: set[str]) -> None:
    text = _all(store)[:].table(2).text()

    assert [line.split()[0] for line in text.split("\n")[1:3]] == ["40", "38"]
    assert "2 of 20 runs" in text
    assert len(looked) == 2


def test_runs_are_counted_sliced_and_turned_round_as_lists_are(store: RunStore) -> None:
    runs = _all(store)

    assert (len(runs), len(runs[5:]), len(runs.unfolded())) == (20, 15, 40)
    assert [run.number for run in runs[2:4]] == [36, 34]
    assert [run.number for run in reversed(runs)] == list(range(2, 41, 2))
    assert [run.number for run in runs.order_by("lr")[:2]] == [2, 4]


@pytest.mark.parametrize(
    "ask",
    [
        lambda runs: runs.best("loss"),
        lambda runs: runs.best("loss", maximize="loss"),
        lambda runs: runs.best(minimize="loss", maximize="loss"),
        lambda runs: runs.best(),
    ],
)
def test_a_best_run_without_the_end_that_is_good_is_answered_with_both_spellings(store: RunStore, ask: object) -> None:
    assert callable(ask)
    with pytest.raises(RequestError, match=r"best\(minimize='loss'\) or best\(maximize='loss'\)"):
        ask(_all(store))


def test_the_name_of_an_operation_alone_finds_its_runs_unless_a_stage_has_it(tmp_path: Path) -> None:
    store = RunStore.open(tmp_path / "other")
    for number, stage in enumerate(["op:look", "train", "op:train"], start=1):
        add_run(store, number, stage=stage)
    runs = _all(store)

    assert [run.number for run in runs.where("stage = look")] == [1]
    assert [run.number for run in runs.where("stage = train")] == [2]
    assert (runs.latest("look").number, runs.latest("train").number) == (1, 2)


@pytest.mark.parametrize(
    ("query", "numbers"),
    [
        ("stage = prepare", [3, 1]),
        ("stage in [prepare, train]", [4, 3, 2, 1]),
        ("stage ~ '^pre' and status = completed", [3, 1]),
        ("stage = prepare or number = 4", [4, 3, 1]),
        ("not stage = train", [3]),
        ("stage != train", [3]),
        ("status = completed", [4, 3, 2]),
    ],
)
def test_a_stage_that_a_query_names_means_all_of_its_runs(tmp_path: Path, query: str, numbers: list[int]) -> None:
    store = RunStore.open(tmp_path / "store")
    for number, stage, asked in ((1, "prepare", False), (2, "train", True), (3, "prepare", True), (4, "train", True)):
        add_run(store, number, stage=stage, call=CallInfo(id="ab" * 6, asked=asked))

    assert [run.number for run in _all(store).where(query)] == numbers
    assert [run.number for run in _all(store).where("number > 2").where("stage = prepare")] == [3]


def test_the_latest_run_of_a_stage_may_be_one_upstream_of_another(store: RunStore) -> None:
    add_run(store, 41, stage="prepare", call=CallInfo(id="ab" * 6, asked=False))

    assert _all(store).latest("prepare").number == 41
    assert _all(store).latest().number == 40


@pytest.mark.parametrize(
    ("choose", "shown"),
    [
        (lambda runs: runs, 20),
        (lambda runs: runs[:], 20),
        (lambda runs: runs[5:], 20),
        (lambda runs: runs[:25], 25),
        (lambda runs: runs[-30:], 30),
        (lambda runs: runs[:25].order_by("lr"), 25),
        (lambda runs: runs[:25].where("number > 2"), 25),
    ],
)
def test_as_many_runs_are_shown_as_a_slice_asks_for(store: RunStore, choose: Any, shown: int) -> None:
    runs = choose(_all(store).unfolded())

    assert len(runs.table(runs._shown).rows) == shown
    assert repr(runs) == runs.table(shown).text()
    assert runs._repr_html_() == runs.table(shown).html()


@pytest.mark.parametrize("good", [0, 2])
def test_a_table_says_which_runs_it_lacks_because_they_cannot_be_read(tmp_path: Path, good: int) -> None:
    store = RunStore.open(tmp_path / "store")
    for number in range(1, good + 1):
        add_run(store, number)
    file = store.paths.run(add_run(store, 9).id).record
    file.write_bytes(b"{torn")
    text = repr(Runs(store.listing(asked=True), store)[:])
    assert "1 run cannot be read and listed: " in text.replace("\n", " ")
    assert str(file) in text
