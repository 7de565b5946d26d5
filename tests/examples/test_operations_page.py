"""The page on operations: its examples are read as it says."""

from __future__ import annotations

import re
import textwrap
from pathlib import Path

import yaml

from dvc_magic.model.operation import SourceKind
from dvc_magic.operations import ATTRIBUTES, cell_operation, read_operations

PAGE = (Path(__file__).parents[2] / "docs/operations.md").read_text(encoding="utf-8")
BLOCKS = [textwrap.dedent(block) for block in re.findall(r"(?m)(?:^    .*\n|^\n(?=    ))+", PAGE)]


def block_with(mark: str) -> str:
    (found,) = [block for block in BLOCKS if mark in block]
    return found.strip("\n")


def test_the_cell_is_an_operation_with_its_flag() -> None:
    line, code = block_with("%%dvc_op fit").split("\n", 1)
    operation = cell_operation("fit", code)
    assert line == "%%dvc_op fit -d data/iris.csv -M metrics.json"
    assert [file.keys for file in operation.params] == [("share",)]


def test_the_block_in_a_cell_is_read() -> None:
    operation = cell_operation("fit", f"{block_with('/// dvc_magic')}\nprint()\n")
    assert [(source.kind, source.path) for source in operation.requires] == [
        (SourceKind.DVCFILE, "data/iris.csv"),
        (SourceKind.DVCSTAGE, "prepare"),
    ]
    assert operation.requires[0].target("data/iris.csv") == "data/flowers.csv"


def test_the_file_is_read() -> None:
    content = yaml.safe_load(block_with("# dvc_magic.yaml"))
    (operation,), _ = read_operations(content, exists=lambda _: True, read_text=lambda _: "train:\n  lr: 1\n")
    assert (operation.name, operation.serves, operation.cmd) == ("score", "evaluate", "python src/score.py")
    assert [(out.path, out.metric, out.cache) for out in operation.outs] == [
        ("scores.csv", False, True),
        ("scores.json", True, False),
    ]


def test_every_source_and_attribute_is_told() -> None:
    rows = dict(re.findall(r"(?m)^\| `(\w+): \w+` \|.*\| (.*) \|$", PAGE))
    common = set.intersection(*(set(names) for names in ATTRIBUTES.values()))
    assert {kind: set(re.findall(r"`([\w-]+)`", said)) for kind, said in rows.items()} == {
        str(kind): set(names) - common for kind, names in ATTRIBUTES.items()
    }
    assert [name for name in common if f"`{name}:" not in PAGE] == []
