from __future__ import annotations

from typing import Any

import pytest

from dvc_magic.comparison import marks, side_by_side
from dvc_magic.comparison.marks import letters
from dvc_magic.errors import RequestError
from dvc_magic.model.operation import SourceKind
from dvc_magic.model.record import DepRecord, Environment
from dvc_magic.store import RunStore, snapshot_file

DEP = DepRecord(source=SourceKind.FILE, hash="")


def _files(text: str, readme: str = "") -> dict[str, str]:
    return {"train.py": text, "README.md": readme}


def _row(make_row: Any, number: int, text: str, **changes: Any) -> Any:
    return make_row(
        number, files=_files(text, str(number)), deps={"train.py": DEP, **changes.pop("deps", {})}, **changes
    )


def test_runs_with_the_same_code_have_the_same_letter_the_oldest_has_a(store: RunStore, make_row: Any) -> None:
    rows = [_row(make_row, number, text) for number, text in ((4, "x"), (3, "y"), (2, "x"), (1, "x"))]

    told = marks(rows, store)

    assert told.kinds == ("code",)
    assert [told.of(row.run.id, "code") for row in rows] == ["A", "B", "A", "A"]


def test_files_that_no_run_reads_make_no_difference(store: RunStore, make_row: Any) -> None:
    rows = [_row(make_row, number, "x") for number in (1, 2)]

    assert marks(rows, store).kinds == ()


def test_a_file_that_one_run_has_read_counts_for_the_others(store: RunStore, make_row: Any) -> None:
    rows = [
        make_row(1, files={"lib.py": "1"}, read={"lib.py": ""}),
        make_row(2, files={"lib.py": "1", "other.py": ""}),
        make_row(3, files={"lib.py": "2"}),
    ]

    told = marks(rows, store)

    assert [told.of(row.run.id, "code") for row in rows] == ["A", "A", "B"]


def test_a_command_counts_without_the_values_that_params_fill_in(store: RunStore, make_row: Any) -> None:
    def row(number: int, cmd: str, **values: Any) -> Any:
        return make_row(number, files={}, cmd=cmd, params={"p.yaml": values})

    rows = [
        row(1, "python a.py --lr=0.1 --deep True", lr=0.1, deep=True),
        row(2, "python a.py --lr=0.2 --deep False", lr=0.2, deep=False),
        row(3, "python b.py --lr=0.2 --deep False", lr=0.2, deep=False),
    ]

    told = marks(rows, store)

    assert [told.of(each.run.id, "code") for each in rows] == ["A", "A", "B"]


def test_code_of_a_stage_upstream_counts(store: RunStore, make_row: Any) -> None:
    rows = [
        make_row(
            number,
            make_row(number + 10, stage="prepare", files={"prepare.py": text}, deps={"prepare.py": DEP}),
            files=_files("x"),
            deps={"train.py": DEP},
        )
        for number, text in ((1, "a"), (2, "b"))
    ]

    told = marks(rows, store)

    assert [told.of(row.run.id, "code") for row in rows] == ["A", "B"]


def test_runs_of_several_stages_are_told_apart_stage_by_stage(store: RunStore, make_row: Any) -> None:
    train = [_row(make_row, number, text) for number, text in ((1, "x"), (2, "y"))]
    test = make_row(3, stage="test", files={"test.py": "z"}, deps={"test.py": DEP})

    told = marks([*train, test], store)

    assert [told.of(row.run.id, "code") for row in (*train, test)] == ["A", "B", "A"]
    assert marks([train[0], test], store).kinds == ()


def test_data_and_packages_have_letters_of_their_own(store: RunStore, make_row: Any) -> None:
    def deps(md5: str, made: str) -> dict[str, DepRecord]:
        return {
            "raw": DepRecord(source=SourceKind.DVCFILE, hash=md5),
            "made": DepRecord(source=SourceKind.DVCSTAGE, origin="prepare", run="a" * 12, hash=made),
        }

    rows = [
        _row(make_row, 1, "x", deps=deps("1" * 32, "1" * 32)),
        _row(make_row, 2, "x", deps=deps("2" * 32, "1" * 32), environment=Environment(python="3.12")),
        _row(make_row, 3, "x", deps=deps("2" * 32, "2" * 32)),
    ]

    told = marks(rows, store)

    assert told.kinds == ("data", "packages")
    assert [told.of(row.run.id, "data") for row in rows] == ["A", "B", "B"]
    assert [told.of(row.run.id, "packages") for row in rows] == ["A", "B", "A"]


def test_a_run_that_has_not_begun_has_no_letter(store: RunStore, make_row: Any) -> None:
    rows = [_row(make_row, 1, "x"), _row(make_row, 2, "y", attempts=0), _row(make_row, 3, "z")]

    told = marks(rows, store)

    assert [told.of(row.run.id, "code") for row in rows] == ["A", "", "B"]


def test_no_snapshot_is_read_where_all_runs_have_the_same(store: RunStore, make_row: Any) -> None:
    files = _files("x")
    rows = [make_row(number, files=files, deps={"train.py": DEP}) for number in (1, 2)]
    snapshot_file(store.paths, rows[0].run.record.snapshot).unlink()

    assert marks(rows, store).kinds == ()


@pytest.mark.parametrize(("place", "text"), [(0, "A"), (25, "Z"), (26, "AA"), (701, "ZZ"), (702, "AAA")])
def test_letters_go_on_as_in_a_spreadsheet(place: int, text: str) -> None:
    assert letters(place) == text


def test_runs_side_by_side_have_a_line_for_each_thing_that_differs(store: RunStore, make_row: Any) -> None:
    rows = [
        _row(make_row, 2, "y", params={"p.yaml": {"lr": 2, "seed": 1}}, metrics={"m.json": {"loss": 1}}),
        _row(make_row, 1, "x", params={"p.yaml": {"lr": 1, "seed": 1}}),
    ]

    compared = side_by_side(rows, store)

    assert [(line.section, line.name) for line in compared.lines] == [
        ("metrics", "loss"),
        ("params", "lr"),
        ("code", "train.py"),
    ]
    assert [repr(value) for value in compared.lines[0].values] == ["1", "MISSING"]
    assert [line.values for line in compared.lines[1:]] == [(2, 1), ("B", "A")]


def test_one_run_and_equal_runs_have_no_lines(store: RunStore, make_row: Any) -> None:
    rows = [_row(make_row, number, "x", params={"p.yaml": {"lr": float("nan")}}) for number in (1, 2)]

    assert side_by_side(rows, store).lines == side_by_side(rows[:1], store).lines == side_by_side([], store).lines == ()


def test_more_runs_than_fit_are_refused_with_the_number_that_does(store: RunStore, make_row: Any) -> None:
    row = _row(make_row, 1, "x")

    with pytest.raises(RequestError, match=r"10,000 runs do not fit side by side: 50 do.*runs\[:50\]\.compare\(\)"):
        side_by_side([row] * 10_000, store)
