"""The hint at what a stage reads and its deps do not name."""

from __future__ import annotations

import os
import posixpath
from pathlib import Path
from typing import Any

import pytest
import yaml
from hypothesis import example, given
from hypothesis import strategies as st
from ruamel.yaml import YAML

from dvc_magic.engine.runs.reads import undeclared_warning, worth_declaring
from dvc_magic.model.snapshot import Snapshot, SourceFile
from dvc_magic.model.stage import Stage

PARTS = st.text(st.characters(exclude_characters="/\0", exclude_categories=["Cs"]), min_size=1, max_size=8)
PATHS = st.lists(PARTS.filter(lambda part: part not in (".", "..")), min_size=1, max_size=4).map("/".join)


def _stage(*, wdir: str = ".") -> Stage:
    return Stage(address="fit", name="fit", dvcfile="dvc.yaml", wdir=wdir, cmd="true", commands=("true",))


def _declared(warning: str) -> Any:
    """What the line at the warning's end says as YAML, which readers of YAML 1.1 and 1.2 have to agree on."""
    line = warning[warning.index("deps: [") :]
    content = yaml.safe_load(line)
    assert YAML(typ="safe", pure=True).load(line) == content
    return content["deps"]


@given(paths=st.lists(PATHS, min_size=1, max_size=5, unique=True), wdir=st.one_of(st.just("."), PATHS))
@example(paths=["no"], wdir=".")
@example(paths=["a, b.txt", "1.5", "x: y", "#.txt", "é.csv", "~", '"\n\u2028.txt'], wdir="sub")
def test_the_line_names_each_file_from_the_wdir_of_the_stage(paths: list[str], wdir: str) -> None:
    declared = _declared(undeclared_warning(_stage(wdir=wdir), paths))

    places = [posixpath.normpath(posixpath.join(wdir, path.replace("\\${", "${"))) for path in declared]
    assert places == paths


def test_what_would_begin_a_template_of_dvc_is_escaped() -> None:
    assert _declared(undeclared_warning(_stage(), ["${x}.txt"])) == ["\\${x}.txt"]


def test_a_few_are_shown_and_all_can_be_copied() -> None:
    warning = undeclared_warning(_stage(), [f"lib/{number}.py" for number in range(9)])

    assert "lib/4.py and 4 more. " in warning
    assert len(_declared(warning)) == 9


def test_of_very_many_the_first_can_be_copied_and_the_line_says_so() -> None:
    warning = undeclared_warning(_stage(), [f"lib/{number}.py" for number in range(90)])

    assert "to declare the first 20 of them: deps: [" in warning
    assert len(_declared(warning)) == 20


@pytest.fixture
def snapshot(tmp_path: Path) -> Snapshot:
    names = ["cfg.txt", "out/acc.json", "pkg/__init__.py", "pkg/model.py", "pyproject.toml", "sub/uv.lock", "x.dvc"]
    for name in names:
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_text("1\n")
        os.utime(tmp_path / name, ns=(0, 10**18))
    return Snapshot(id="s", files={name: SourceFile(md5="", size=2, mtime_ns=10**18) for name in names})


def _worth(root: Path, snapshot: Snapshot, *, named: tuple[str, ...] = (), **replaced: str) -> list[str]:
    texts = {name.replace("_", "."): text for name, text in replaced.items()}
    return worth_declaring(snapshot.files, root=root, snapshot=snapshot, replaced=texts, named=named)


def test_files_of_tools_and_package_markers_are_not_worth_it(tmp_path: Path, snapshot: Snapshot) -> None:
    assert _worth(tmp_path, snapshot) == ["cfg.txt", "out/acc.json", "pkg/model.py"]


@pytest.mark.parametrize("named", ["out", "out/acc.json"])
def test_what_dvc_yaml_names_as_metrics_or_plots_is_not(tmp_path: Path, snapshot: Snapshot, named: str) -> None:
    assert _worth(tmp_path, snapshot, named=(named,)) == ["cfg.txt", "pkg/model.py"]


def test_what_the_command_wrote_or_removed_is_not(tmp_path: Path, snapshot: Snapshot) -> None:
    (tmp_path / "cfg.txt").write_text("1\n")
    (tmp_path / "out/acc.json").unlink()

    assert _worth(tmp_path, snapshot) == ["pkg/model.py"]


def test_a_param_file_with_the_values_of_the_call_is_unless_the_command_wrote_it(
    tmp_path: Path, snapshot: Snapshot
) -> None:
    (tmp_path / "cfg.txt").write_text("2\n")

    assert "cfg.txt" in _worth(tmp_path, snapshot, cfg_txt="2\n")
    assert "cfg.txt" not in _worth(tmp_path, snapshot, cfg_txt="3\n")
