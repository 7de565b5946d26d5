"""What helps when a command looked for a file that the project has and the run lacks."""

from __future__ import annotations

from pathlib import Path

import pytest

from dvc_magic.model.operation import Operation
from dvc_magic.model.paths import RunPaths
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

    hint = missing_file_hint(record, TAIL, RunPaths(tmp_path / "run"), tmp_path)

    assert expected in hint
