"""What the operation files of a project say."""

from __future__ import annotations

from pathlib import Path

import pytest

from dvc_magic.operations import cell_operation
from dvc_magic.project.known_operations import KnownOperations, operations_of

OWN = """\
operations:
  good: {cmd: echo good}
  bad: {comd: echo bad}
  both: {comd: echo own}
  last: echo.py
"""
GUILD = "both: {main: fit}\nother: {main: fit}\nworse: {main: [1]}\n"


def _write(root: Path) -> None:
    for name, text in {"dvc_magic.yaml": OWN, "guild.yml": GUILD, "fit.py": "", "echo.py": ""}.items():
        (root / name).write_text(text)


def test_an_entry_that_cannot_be_used_hides_no_other_operation(tmp_path: Path) -> None:
    _write(tmp_path)
    found = operations_of(tmp_path)
    assert [operation.name for operation in found.operations] == ["good", "last", "other"]
    assert found.faults["op:bad"].startswith("operation 'bad' in dvc_magic.yaml: an operation has no 'comd'")


def test_guilds_file_does_not_answer_for_an_entry_of_ours_that_is_wrong(tmp_path: Path) -> None:
    _write(tmp_path)
    found = operations_of(tmp_path)
    assert "op:both" in found.faults
    assert [warning for warning in found.warnings if "guild.yml" in warning] == [
        "operation 'worse' in guild.yml: 'main' has to be text; it is a list, [1]. It is left out"
    ]


def test_a_cell_takes_the_place_of_an_entry_that_is_wrong(tmp_path: Path) -> None:
    _write(tmp_path)
    known = KnownOperations(tmp_path)
    known.register(cell_operation("bad", "print(1)\n"))
    assert "op:bad" not in known.all().faults
    assert "bad" in [operation.name for operation in known.all().operations]
    assert set(known.all().faults) == {"op:both"}


def test_a_file_that_cannot_be_read_is_a_warning_and_the_other_is_read(tmp_path: Path) -> None:
    _write(tmp_path)
    (tmp_path / "dvc_magic.yaml").write_text("a: [\n")
    found = operations_of(tmp_path)
    assert {operation.name for operation in found.operations} == {"both", "other"}
    assert found.warnings[0].startswith("dvc_magic.yaml is not valid YAML")


def test_an_operation_tried_in_vain_gives_way_to_the_one_before_and_takes_no_other_along(tmp_path: Path) -> None:
    known = KnownOperations(tmp_path)
    before = cell_operation("fit", "print(1)\n")
    known.register(before)

    for name in ("fit", "new"):
        with pytest.raises(ZeroDivisionError):
            _try_in_vain(known, name)

    found = {operation.name: operation for operation in known.all().operations}
    assert set(found) == {"fit", "meanwhile-fit", "meanwhile-new"}
    assert found["fit"] == before


def _try_in_vain(known: KnownOperations, name: str) -> None:
    with known.trying(cell_operation(name, "print(2)\n")):
        known.register(cell_operation(f"meanwhile-{name}", "print(3)\n"))  # as another thread does
        raise ZeroDivisionError
