"""What helps when a command looked for a file that the project has and the run lacks."""

from __future__ import annotations

from pathlib import Path

import pytest

from dvc_magic.line import read_operation_line
from dvc_magic.model.operation import Operation
from dvc_magic.model.paths import RunPaths
from dvc_magic.model.stage import Out, Pipeline, Stage
from dvc_magic.operations import parse_source
from dvc_magic.project.missing_files import missing_file_hint
from tests.support.records import make_record

TAIL = ["FileNotFoundError: [Errno 2] No such file or directory: 'data/iris.csv'"]


@pytest.mark.parametrize(
    ("origin", "expected"),
    [
        (None, "no dep of the stage names it: runs get what is declared. Add it to the stage: deps: [data/iris.csv]"),
        ("cell", "Add it to the cell's first line: -d data/iris.csv (or --learn"),
        ("guild.yml", "Add it to the operation in guild.yml: requires: [dvcfile: data/iris.csv]"),
        ("api", "Add it to the operation: deps=['data/iris.csv']"),
    ],
)
def test_data_of_dvc_is_declared_where_the_code_came_from(tmp_path: Path, origin: str | None, expected: str) -> None:
    (tmp_path / "data").mkdir()
    (tmp_path / "data" / "iris.csv.dvc").touch()
    record = make_record(op=Operation(name="fit", origin=origin) if origin else None)

    hint = missing_file_hint(record, TAIL, RunPaths(tmp_path / "run"), tmp_path, Pipeline())

    assert expected in hint


def _hint(tmp_path: Path, path: str, out: str, **record: object) -> str:
    """The hint when a log lacks `path`, and a stage ``split@us`` makes `out`."""
    maker = Stage(
        address="split@us", name="split@us", dvcfile="dvc.yaml", wdir=".", cmd="", commands=(),
        outs=(Out(path=out, declared=out),),
    )  # fmt: skip
    tail = [f"No such file or directory: '{path}'"]
    paths = RunPaths(tmp_path / "run")
    return missing_file_hint(make_record(**record), tail, paths, tmp_path, Pipeline(stages=(maker,)))


@pytest.mark.parametrize(
    ("path", "out", "selected"),
    [
        ("clean.csv", "clean.csv", "clean.csv"),
        ("parts/a b.csv", "parts", "parts/a b.csv"),
        ("parts/a(1).csv", "parts", "parts"),
        ("a (1).csv", "a (1).csv", "a\\ \\(1\\)\\.csv"),
        ("parts(1)/a.csv", "parts(1)", "parts\\(1\\)"),
    ],
)
def test_the_line_of_a_cell_is_given_whole_with_what_a_stage_makes(
    tmp_path: Path, path: str, out: str, selected: str
) -> None:
    cell = Operation(name="fit", origin="cell")

    hint = _hint(tmp_path, path, out, op=cell, line="%%dvc_op fit --lr 0.1;")
    line = hint.partition("The cell's first line with it: %%dvc_op ")[2]

    required = read_operation_line(line, namespace={}).requires
    assert required == (f"dvcstage:split@us:{selected}",)
    assert (parse_source(required[0], where="here").path, line[-9:]) == ("split@us", "--lr 0.1;")
    assert "Add it to the cell's first line: --requires " in _hint(tmp_path, path, out, op=cell)


@pytest.mark.parametrize(
    ("record", "expected"),
    [
        ({"op": Operation(name="fit", origin="api")}, "requires=['dvcstage:split@us:data/a.csv']"),
        ({"op": Operation(name="f", origin="guild.yml")}, '[{"dvcstage": "split@us", "select": "data/a.csv"}]'),
        ({"wdir": "src"}, "Add it to the stage: deps: [../data/a.csv]"),
        ({"stage": "split@us"}, ""),
    ],
)
def test_what_a_stage_makes_is_required_where_the_code_came_from(
    tmp_path: Path, record: dict[str, object], expected: str
) -> None:
    assert _hint(tmp_path, "data/a.csv", "data", **record).endswith(expected)
    assert bool(expected) == bool(_hint(tmp_path, "data/a.csv", "data", **record))


def test_of_a_folder_around_outputs_all_are_required(tmp_path: Path) -> None:
    hint = _hint(tmp_path, "data.d", "data.d/a.csv", op=Operation(name="fit", origin="cell"))

    assert hint.endswith("--requires dvcstage:split@us")
