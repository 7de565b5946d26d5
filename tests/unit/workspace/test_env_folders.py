from __future__ import annotations

from pathlib import Path

import pytest

from dvc_magic.workspace import (
    environment_folders,
    import_roots,
    link_environments,
    linkable,
    poetry_environment,
    tool_settings,
    uv_project_above,
)
from tests.support.projects import write

FILES = {
    ".venv/pyvenv.cfg": "",
    "conda/conda-meta/history": "",
    ".pixi/envs/default/conda-meta/history": "",
    "node_modules/x/package.json": "{}",
    "service/pyproject.toml": "",
    "service/.venv/pyvenv.cfg": "",
    "jobs/env/pyvenv.cfg": "",
    "far/away/venv/pyvenv.cfg": "",
    "src/venv.py": "",
}


def test_environments_are_found_in_the_root_in_the_wdir_and_beside_their_descriptions(tmp_path: Path) -> None:
    write(tmp_path, FILES)

    found = environment_folders(tmp_path, ["service/pyproject.toml", "src/venv.py"], wdir="jobs/deep")

    everywhere = [".venv", "conda", ".pixi/envs/default", "node_modules"]
    assert set(found) == {*everywhere, "jobs/env", "service/.venv"}


def test_links_are_made_where_nothing_is_and_no_output_comes(tmp_path: Path) -> None:
    project, target = tmp_path / "project", tmp_path / "workspace"
    write(project, FILES)
    write(target, {"conda/own.txt": ""})

    environments = [".venv", "conda", "node_modules", "service/.venv"]
    linked = link_environments(project, target, linkable(environments, commands=[], outs=["node_modules/x.json"]))

    assert linked == (".venv", "service/.venv")
    assert (target / "service/.venv").readlink() == project / "service/.venv"


def test_no_link_is_made_through_a_link(tmp_path: Path) -> None:
    project, target, outside = tmp_path / "project", tmp_path / "workspace", tmp_path / "outside"
    write(project, FILES)
    write(outside, {"x": ""})
    target.mkdir()
    (target / "service").symlink_to(outside)

    assert link_environments(project, target, ["service/.venv"]) == ()
    assert [path.name for path in outside.iterdir()] == ["x"]


@pytest.mark.parametrize(
    "command",
    [
        "uv sync && uv run train.py",
        "poetry install",
        "pixi update",
        "python3 -m venv .venv",
        "virtualenv env",
        "conda env create -p env",
        "npm ci",
    ],
)
def test_a_command_that_installs_gets_neither_links_nor_variables(command: str, tmp_path: Path) -> None:
    assert linkable([".venv"], commands=[command], outs=[]) == ()
    assert tool_settings(tmp_path / "project", [".venv"], commands=[command], environ={}, uv_project="") == {}


def test_what_the_user_has_set_stays(tmp_path: Path) -> None:
    found = tool_settings(tmp_path, [".venv"], commands=["uv run x"], environ={"UV_NO_SYNC": "0"}, uv_project="")

    assert found == {"PIXI_FROZEN": "true"}


def test_uv_is_pointed_at_the_project_that_lies_around_this_one(tmp_path: Path) -> None:
    write(tmp_path, {"pyproject.toml": "", ".venv/pyvenv.cfg": "", "ml/dvc.yaml": ""})

    above = uv_project_above(tmp_path / "ml")
    found = tool_settings(tmp_path / "ml", [], commands=["uv run python x.py"], environ={}, uv_project=above)

    assert found == {"UV_NO_SYNC": "1", "UV_PROJECT": str(tmp_path)}
    assert tool_settings(tmp_path / "ml", [], commands=["python x.py"], environ={}, uv_project=above) == {}


def test_of_several_environments_of_poetry_none_is_guessed(tmp_path: Path) -> None:
    environ = {"POETRY_VIRTUALENVS_PATH": str(tmp_path)}
    mark = "MFN0qiRM"  # poetry: the first 8 letters of the base64 of the SHA-256 of the path
    project = Path("/home/ada/demo")
    write(tmp_path, {f"demo-{mark}-py3.11/pyvenv.cfg": "", "demo-otherone-py3.11/pyvenv.cfg": ""})

    assert poetry_environment(project, environ) == tmp_path / f"demo-{mark}-py3.11"
    write(tmp_path, {f"demo-{mark}-py3.12/pyvenv.cfg": ""})
    assert poetry_environment(project, environ) is None


def test_editable_installs_of_other_environments_are_import_roots_too(tmp_path: Path) -> None:
    project = tmp_path / "project"
    write(project, {"src/pkg/__init__.py": "", ".venv/pyvenv.cfg": ""})
    write(project, {".venv/lib/python3.12/site-packages/pkg.pth": f"{project / 'src'}\n"})

    assert import_roots("", project, {}, [project / ".venv"]) == ("src",)
