from __future__ import annotations

from pathlib import Path

import pytest

from dvc_magic.engine.capture.operation_texts import bound, changed, described, disk_text, own_files
from dvc_magic.errors import OperationError, ParamError
from dvc_magic.model.operation import Operation, Preset, TextFile
from dvc_magic.model.record import Override
from dvc_magic.model.request import ChangeKind
from dvc_magic.workspace.param_files import ValueChange

CELL = Operation(name="fit", origin="cell", files=(TextFile(path="fit.py", text="lr = 0.1  # small\nn = 3\n"),))
CONFIG = Operation(
    name="train",
    origin="guild.yml",
    files=(TextFile(path="params.json", origin="params.json.in"),),
    presets=(Preset(file="params.json", key="C", value=2.0),),
)


def texts(operation: Operation) -> dict[str, str | None]:
    return {file.path: file.text for file in operation.files}


def value(file: str, key: str, number: float) -> Override:
    return Override(file=file, key=key, value=number)


def test_the_values_of_a_call_replace_only_what_stands_there(tmp_path: Path) -> None:
    changed = bound(CELL, disk_text(tmp_path), [value("fit.py", "lr", 0.5), value("params.yaml", "lr", 7)])
    assert texts(changed) == {"fit.py": "lr = 0.5  # small\nn = 3\n"}


def test_a_config_file_is_taken_from_the_project_with_the_operations_own_values(tmp_path: Path) -> None:
    (tmp_path / "params.json.in").write_text('{"C": 1.0, "gamma": 0.7}')
    assert texts(bound(CONFIG, disk_text(tmp_path))) == {"params.json": '{"C": 2.0, "gamma": 0.7}'}


def test_a_value_of_the_call_beats_that_of_the_operation(tmp_path: Path) -> None:
    (tmp_path / "params.json.in").write_text('{"C": 1.0}')
    assert texts(bound(CONFIG, disk_text(tmp_path), [value("params.json", "C", 3.0)])) == {"params.json": '{"C": 3.0}'}


def test_a_value_for_the_file_that_a_renamed_one_is_taken_from_holds_there_too(tmp_path: Path) -> None:
    (tmp_path / "params.json.in").write_text('{"C": 1.0}')
    asked = [value("params.json.in", "C", 3.0)]
    assert texts(bound(CONFIG, disk_text(tmp_path), asked)) == {"params.json": '{"C": 3.0}'}
    assert texts(bound(CONFIG, disk_text(tmp_path), [value("params.json", "C", 4.0), *asked])) == {
        "params.json": '{"C": 4.0}'
    }


def test_a_config_file_that_the_project_lacks_is_named_with_its_operation(tmp_path: Path) -> None:
    with pytest.raises(OperationError, match="operation 'train' in guild.yml takes 'params.json.in'"):
        bound(CONFIG, disk_text(tmp_path))


def test_one_operation_that_cannot_be_used_is_no_bar_to_the_others(tmp_path: Path) -> None:
    found, faults = described([CONFIG, CELL], disk_text(tmp_path))
    assert [operation.name for operation in found] == ["fit"]
    assert set(faults) == {"op:train"}


def test_an_unknown_key_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ParamError, match="depth"):
        bound(CELL, disk_text(tmp_path), [value("fit.py", "depth", 1)])


def test_the_files_that_operations_bring_are_their_own() -> None:
    assert own_files([CELL, CONFIG]) == {"fit.py", "params.json"}


@pytest.mark.parametrize(
    ("key", "value", "what"),
    [("model", "full", "the text 'full'"), ("model", 5, "the int 5"), ("model.opt", [1], "a list"), ("empty", 1, "1")],
)
@pytest.mark.parametrize("kind", [ChangeKind.SET, ChangeKind.FORCE])
def test_a_single_value_in_the_place_of_a_map_is_refused_with_what_is_in_it(
    key: str, value: object, what: str, kind: ChangeKind
) -> None:
    text = "model:\n  opt: {lr: 1, n: [2]}\n  depth: 3\nempty: {}\n"
    inside = {
        "model": "Set what is in it: model.opt.lr, model.opt.n, model.depth.",
        "model.opt": "Set what is in it: model.opt.lr, model.opt.n.",
        "empty": "Give it a map: '{KEY:VALUE}'.",
    }

    with pytest.raises(ParamError) as raised:
        changed(text, [ValueChange(key=key, value=value, kind=kind)], file="params.yaml")

    assert f"params.yaml: {key!r} is a map, and cannot take " in str(raised.value)
    assert what in str(raised.value)
    assert str(raised.value).endswith(inside[key])


def test_what_dvc_takes_in_a_maps_place_and_maps_elsewhere_are_taken() -> None:
    text = "model: {depth: 3, opt: {lr: 1}}\nlr: 1\nsizes: [1, 2]\n"

    def after(key: str, value: object) -> str:
        return changed(text, [ValueChange(key=key, value=value)], file="params.yaml")

    assert "model: null" in after("model", None)
    assert "depth: 4" in after("model", {"depth": 4})
    assert "lr: {a: 1}" in after("lr", {"a": 1})
    assert "sizes: 5" in after("sizes", 5)
    with pytest.raises(ParamError, match=r"'model\.opt' is a map, and cannot take the int 5"):
        after("model", {"opt": 5})
    with pytest.raises(ParamError, match="is a list, and cannot take a map"):
        after("sizes", {"a": 1})
