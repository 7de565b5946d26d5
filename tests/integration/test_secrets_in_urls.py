"""A dependency whose URL has a password: it is fetched with it, and nothing that is kept or shown has it."""

from __future__ import annotations

import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
import yaml

from dvc_magic.errors import RunFailedError
from dvc_magic.project import Project
from tests.support import http_remote
from tests.support.locks import lock_entry, repro_lock

pytestmark = pytest.mark.integration

PASSWORD = "hunter22"


@pytest.fixture
def server(tmp_path: Path) -> Iterator[http_remote.HttpRemote]:
    folder = tmp_path / "served"
    folder.mkdir()
    (folder / "x.txt").write_text("x")
    with http_remote.serve(folder) as remote:
        remote.account = f"ada:{PASSWORD}"
        yield remote


@pytest.fixture
def root(make_project: Callable[..., Path], server: http_remote.HttpRemote) -> Path:
    url = f"{server.url.replace('://', f'://ada:{PASSWORD}@')}/x.txt"
    stages = {
        "get": {"cmd": "echo > y.txt", "deps": [f"{url}?token={PASSWORD}&v=2"], "outs": ["y.txt"]},
        "each": {"foreach": ["a"], "do": {"cmd": "echo ${item} > ${item}", "deps": [url], "outs": ["${item}"]}},
        "bad": {"cmd": "exit 1", "deps": [url]},
    }
    return make_project({"dvc.yaml": yaml.safe_dump({"stages": stages})})


def _kept(root: Path) -> list[str]:
    """The files of the store that have the password, but for the copies of the project's own sources."""
    found = subprocess.run(
        ["grep", "-rlaF", "--exclude-dir=objects", PASSWORD, str(root / ".dvc_magic")],
        capture_output=True,
        text=True,
        check=False,
    )
    return found.stdout.split()


def test_the_password_of_a_dependency_is_used_and_neither_kept_nor_shown(
    root: Path, server: http_remote.HttpRemote
) -> None:
    with Project.open(root) as project:
        runs = [project.run("get"), project.run("each@a")]
        with pytest.raises(RunFailedError) as caught:
            project.run("bad")
        server.account = "somebody:else"
        with pytest.raises(RunFailedError) as refused:
            project.run("get")
        server.account = f"ada:{PASSWORD}"
        stage = project.stages["get"]
        things = [*runs, *(run.deps for run in runs), project.stages, stage, stage.stage, project.runs]
        shown = [text for thing in things for text in (repr(thing), getattr(thing, "_repr_html_", str)())]
        shown += [str(caught.value), str(refused.value), project.runs.to_frame().to_string()]

    assert [text for text in shown if PASSWORD in text] == []
    assert _kept(root) == []
    assert list(runs[0].deps) == [f"{server.url}/x.txt?v=2"]
    by_dvc = repro_lock(root, {"dvc.yaml": {"exit 1": "exit 0"}})["dvc.yaml"]
    for run in runs:
        expected = by_dvc[run.stage]
        assert PASSWORD in expected["deps"][0]["path"]
        assert lock_entry(run) == {**expected, "deps": [{**expected["deps"][0], "path": next(iter(run.deps))}]}
