"""Operations among stages: in the table, as a card, and the card of a run of one."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from msgspec.structs import replace

from dvc_magic.model.operation import Operation, OperationOut, Rename, Source, SourceKind
from dvc_magic.model.record import DepRecord, Learned, Notes
from dvc_magic.model.stage import Dep, Out, OutKind, Param, Pipeline, Stage, TrackedData
from dvc_magic.views import Card, run_card, stage_card, stages_table
from tests.support.plotted import plotted_run

IRIS = Source(
    kind=SourceKind.DVCFILE,
    path="raw/iris.csv",
    name="iris",
    remote="s3",
    target_path="data",
    always_pull=True,
    rename=(Rename(pattern=r"\.csv$", repl=".txt"),),
    help="ask the <lab>",
)
MODEL = Source(kind=SourceKind.DVCSTAGE, path="train", select=(r"model\..*",), run="41")
CELL = Operation(
    name="fit",
    origin="cell",
    cmd="python fit.py",
    requires=(IRIS, MODEL),
    code=("fit.py",),
    outs=(OperationOut(path="fit.json", metric=True, cache=False),),
    learn=True,
)
FIT = Stage(
    address="op:fit",
    name="fit",
    dvcfile="dvc.yaml",
    wdir=".",
    cmd="python fit.py",
    commands=("python fit.py",),
    deps=(
        Dep(path="fit.py", declared="fit.py"),
        Dep(path="data/iris.txt", declared="data/iris.txt", origin="raw/iris.csv", name="iris"),
        Dep(path="model.pkl", declared="model.pkl", maker="train", run="41"),
        Dep(path="notes.txt", declared="notes.txt", found=True),
    ),
    outs=(Out(path="fit.json", declared="fit.json", kind=OutKind.METRIC, cache=False),),
    flags=(Param(file="fit.py", key="lr", value=0.1),),
    operation=CELL,
    texts={"fit.py": "lr = 0.1\n"},
)
TRAIN = Stage(
    address="train",
    name="train",
    dvcfile="dvc.yaml",
    wdir=".",
    cmd="python train.py",
    commands=("python train.py",),
    outs=(Out(path="model.pkl", declared="model.pkl"),),
)
PIPELINE = Pipeline(
    stages=(TRAIN,), operations=(FIT,), tracked=(TrackedData(path="raw/iris.csv", dvcfile="raw/iris.csv.dvc"),)
)


def _pairs(card: Card, title: str = "") -> dict[str, str]:
    return dict(next(section.pairs for section in card.sections if section.title == title))


def test_operations_stand_below_the_stages_in_the_table() -> None:
    table = stages_table(PIPELINE)

    assert [row[0] for row in table.rows] == ["train", "op:fit"]
    assert table.rows[1][1:] == (
        "python fit.py",
        "fit.py, data/iris.txt from raw/iris.csv, model.pkl, and 1 more",
        "fit.json, as written",
        "lr=0.1",
    )


def test_an_operation_that_names_its_outs_has_these_alone() -> None:
    named = replace(FIT, operation=replace(CELL, outs=(OperationOut(path="fit.json"),)))

    assert stages_table(Pipeline(operations=(named,))).rows[0][3] == "fit.json"
    assert _pairs(stage_card(named, PIPELINE), "outs") == {"fit.json": "metric, not cached"}


def test_an_operation_that_cannot_be_used_says_why_below_the_table() -> None:
    faulty = replace(PIPELINE, faults={"op:bad": "operation 'bad' requires what there is not"})

    assert stages_table(faulty).note == "operation 'bad' requires what there is not"
    assert "requires what" in stages_table(Pipeline(faults=faulty.faults)).text()


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({}, {"defined in": "a cell of a notebook", "learns": "its runs find out which files the code reads"}),
        ({"origin": "guild.yml", "serves": "train"}, {"defined in": "guild.yml", "serves": "stage train"}),
        ({"origin": "dvc_magic.yaml", "runs": "train"}, {"runs": "stage train as it is"}),
    ],
)
def test_the_card_of_an_operation_says_where_it_comes_from(changes: Any, said: dict[str, str]) -> None:
    card = stage_card(replace(FIT, operation=replace(CELL, **changes)), PIPELINE)

    assert card.title == "operation fit"
    assert said.items() <= _pairs(card).items()


def test_the_card_of_an_operation_has_its_sources_with_their_attributes() -> None:
    table = next(section.table for section in stage_card(FIT, PIPELINE).sections if section.title == "sources")

    assert table is not None
    assert table.rows == (
        (
            "dvcfile",
            "raw/iris.csv",
            r"name iris, remote s3, target-path data, rename \.csv$ to .txt, always-pull, help ask the <lab>",
        ),
        ("dvcstage", "train", r"run 41, select model\..*"),
    )
    assert "ask the &lt;lab&gt;" in stage_card(FIT, PIPELINE).html()


def test_the_card_of_an_operation_tells_how_each_dep_comes_in() -> None:
    assert _pairs(stage_card(FIT, PIPELINE), "deps") == {
        "fit.py": "script of the operation",
        "data/iris.txt": "raw/iris.csv, tracked by raw/iris.csv.dvc, called iris",
        "model.pkl": "made by train, run 41",
        "notes.txt": "file, named in the code",
    }


def test_the_card_of_a_run_says_which_operation_it_was_and_what_it_learned() -> None:
    learned = Learned(read=("params.yaml",), found=("notes.txt",), made=tuple(f"plots/{n}.png" for n in range(40)))
    deps = {
        "fit.py": DepRecord(source=SourceKind.FILE, origin="cell"),
        "notes.txt": DepRecord(source=SourceKind.FILE, origin="notes.txt"),
        "conf.json": DepRecord(source=SourceKind.CONFIG, origin="conf.json"),
        "data/iris.txt": DepRecord(source=SourceKind.FILE, origin="raw/iris.csv", name="iris"),
        "clean.csv": DepRecord(source=SourceKind.DVCSTAGE, origin="op:clean"),
    }
    record = replace(plotted_run(Path("nowhere")).record, stage="op:fit", op=CELL, learned=learned, deps=deps)

    card = run_card(record, Notes(), metrics={}, upstream={}, folder="runs/a")

    about = _pairs(card)
    assert (about["operation"], about["script"]) == ("fit, from a cell of a notebook", "fit.py")
    assert _pairs(card, "learned") == {
        "read": "params.yaml",
        "found": "notes.txt",
        "made": ", ".join(f"plots/{n}.png" for n in range(15)) + ", and 25 more",
    }
    tables = {section.title: section.table for section in card.sections}
    assert tables["deps"] is not None
    assert [row[1] for row in tables["deps"].rows] == [
        "a cell of a notebook",
        "project file",
        "config file",
        "raw/iris.csv, called iris",
        "operation clean",
    ]


def test_of_a_run_that_was_not_to_learn_the_card_has_only_what_its_deps_and_outs_lack() -> None:
    deps = {"a.csv": DepRecord(source=SourceKind.FILE, origin="a.csv")}
    record = replace(plotted_run(Path("nowhere")).record, op=replace(CELL, learn=False), deps=deps)
    known, further = Learned(read=("a.csv",)), Learned(read=("a.csv", "b.csv"))

    cards = [
        run_card(replace(record, learned=learned), Notes(), metrics={}, upstream={}, folder="runs/a")
        for learned in (known, further)
    ]

    assert "learned" not in [section.title for section in cards[0].sections]
    assert _pairs(cards[1], "learned") == {"read": "b.csv"}


def test_files_read_are_told_as_a_guess_where_only_imports_could_be_seen() -> None:
    record = replace(plotted_run(Path("nowhere")).record, op=CELL, learned=Learned(read=("a.py",), read_by="imports"))

    card = run_card(record, Notes(), metrics={}, upstream={}, folder="runs/a")

    assert "other files may have been read" in _pairs(card, "learned")["seen by"]
