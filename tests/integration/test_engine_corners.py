"""Corners of a run: odd stages, odd places of a project or its store, odd metrics and logs."""

from __future__ import annotations

import math
import shutil
from pathlib import Path
from typing import Any

import pytest

from dvc_magic.project import Project
from tests.support.commands import git
from tests.support.small import ONE, WRITE, MakeProject, one_stage, two_stages

pytestmark = pytest.mark.integration


def test_a_stage_without_deps_and_outs_runs(make_project: MakeProject) -> None:
    with Project.open(make_project({"dvc.yaml": "stages:\n  t:\n    cmd: echo hi\n"})) as project:
        run = project.run("t")

    assert (run.status, run.log.text(), dict(run.deps), dict(run.outs)) == ("completed", "hi\n", {}, {})


@pytest.mark.parametrize(
    ("script", "message"),
    [
        ("", "output 'o.txt' does not exist"),
        ("import os; os.remove('x.txt')\n" + WRITE, "dependency 'x.txt' does not exist"),
    ],
)
def test_a_stage_that_writes_nothing_or_deletes_its_input_fails_with_the_file_named(
    make_project: MakeProject, script: str, message: str
) -> None:
    files = one_stage(script, **{"x.txt": "x\n"})
    files["dvc.yaml"] = ONE.replace("[t.py]", "[t.py, x.txt]")
    root = make_project(files)
    with Project.open(root) as project:
        run = project.run("t", raise_errors=False)

    assert run.status == "failed"
    assert message in run.error
    assert (root / "x.txt").read_text() == "x\n"


def test_metrics_that_are_no_numbers_or_no_json_do_not_break_runs(make_project: MakeProject) -> None:
    stages = """
stages:
  t:
    cmd: python t.py
    deps: [t.py]
    metrics: [m.json, broken.json]
  u:
    cmd: cp m.json again.json
    deps: [m.json]
    metrics: [again.json]
"""
    script = "open('m.json', 'w').write('{\"a\": NaN, \"b\": Infinity}')\nopen('broken.json', 'w').write('{no')\n"
    with Project.open(make_project({"dvc.yaml": stages, "t.py": script})) as project:
        run = project.run("u")
        above = project.run("u").upstream["t"]

        assert math.isnan(run.metrics["a"])
        assert run.metrics["b"] == math.inf
        assert (above.number, "broken.json" in " ".join(above.record.warnings)) == (1, True)
        assert len(project.runs.to_frame()) == 2


def test_values_that_json_has_no_word_for_reach_a_stage_as_they_are(make_project: MakeProject) -> None:
    stages = """
stages:
  t:
    cmd: cp params.yaml seen.yaml
    params: [x, n, $float]
    outs: [seen.yaml]
"""
    root = make_project({"dvc.yaml": stages, "params.yaml": "x: .inf\nn: 36893488147419103232\n$float: a\n"})
    with Project.open(root) as project:
        run = project.run("t", {"n": 2**70})

        assert dict(run.params) == {"x": math.inf, "n": 2**70, "$float": "a"}
        assert run.record.locked == {"params.yaml": {"x": math.inf, "n": 2**70, "$float": "a"}}
        assert f"n: {2**70}" in run.outs["seen.yaml"].read_text()


def test_a_huge_log_is_kept_whole(make_project: MakeProject) -> None:
    script = "import sys\nfor _ in range(200): sys.stdout.write('x' * 100_000)\n" + WRITE
    with Project.open(make_project(one_stage(script))) as project:
        assert project.run("t").log.path.stat().st_size == 200 * 100_000


def test_deps_and_params_above_the_wdir_and_the_project_lie_where_the_command_looks(
    make_project: MakeProject, tmp_path: Path
) -> None:
    stages = """
stages:
  t:
    cmd: cat ../../shared.txt ../y.txt ../params.yaml > o.txt
    wdir: sub
    deps: [../../shared.txt, ../y.txt]
    params:
      - ../params.yaml:
          - lr
    outs: [o.txt]
"""
    (tmp_path / "shared.txt").write_text("above\n")
    root = make_project({"dvc.yaml": stages, "params.yaml": "lr: 1\n", "y.txt": "y\n", "sub/.gitkeep": ""})
    with Project.open(root) as project:
        run = project.run("t", {"lr": 3})

    assert (run.workspace / "sub/o.txt").read_text() == "above\ny\nlr: 3\n"
    assert run.workspace.is_relative_to(run.path)


def test_a_project_without_git_opened_through_a_link_with_blanks_and_umlauts_in_its_path(
    make_project: MakeProject, tmp_path: Path
) -> None:
    root = make_project(two_stages(), name="prüf mit ö")
    shutil.rmtree(root / ".git")
    (root / ".dvc/config").write_text("[core]\n    no_scm = True\n")
    (tmp_path / "link").symlink_to(root)
    with Project.open(tmp_path / "link") as project:
        first, second = project.run("t"), project.run("t", {"lr": 2}, upstream="latest")

    assert second.git_commit is None
    assert second.upstream["prepare"] == first.upstream["prepare"]


def test_a_git_worktree_is_a_project_like_any_other(make_project: MakeProject, tmp_path: Path) -> None:
    root = make_project(one_stage("import subprocess\nsubprocess.run(['git', 'status'], check=True)\n" + WRITE))
    git(root, "worktree", "add", "-q", "-b", "other", str(tmp_path / "work tree"))
    with Project.open(tmp_path / "work tree") as project:
        run = project.run("t")

    assert run.git_commit == git(root, "rev-parse", "HEAD").strip()


@pytest.mark.parametrize("home", ["project/inner runs", "else where"])
def test_a_store_elsewhere_or_below_the_project_is_no_source(
    make_project: MakeProject, tmp_path: Path, home: str
) -> None:
    with Project.open(make_project(two_stages()), home=str(tmp_path / home)) as project:
        project.run("t")
        again = project.run("t")

    assert again.upstream["prepare"].number == 1
    assert sorted(path.name for path in again.workspace.iterdir() if not path.name.startswith(".")) == [
        "d.txt", "dvc.lock", "dvc.yaml", "o.txt", "params.yaml", "prepare.py",
    ]  # fmt: skip


def test_a_folder_that_git_does_not_keep_and_a_part_of_it_serve_downstream(make_project: MakeProject) -> None:
    stages = """
stages:
  make:
    cmd: python make.py
    deps: [make.py]
    outs:
      - out:
          cache: false
  t:
    cmd: cat out/x/y > o.txt
    deps: [out/x/y]
    outs: [o.txt]
"""
    script = "import os\nos.makedirs('out/x')\nopen('out/x/y', 'w').write('1')\n"
    with Project.open(make_project({"dvc.yaml": stages, "make.py": script})) as project:
        run = project.run("t")
        again = project.run("t")

    assert (run.workspace / "o.txt").read_text() == "1"
    assert again.upstream["make"].number == 1


def test_a_link_as_dep_is_placed_as_a_file_of_the_runs_own(make_project: MakeProject, tmp_path: Path) -> None:
    (tmp_path / "big.txt").write_text("hi\n")
    files: dict[str, Any] = one_stage("open('x.txt', 'a').write('more')\n" + WRITE)
    files["dvc.yaml"] = ONE.replace("[t.py]", "[t.py, x.txt]")
    root = make_project(files)
    (root / "x.txt").symlink_to(tmp_path / "big.txt")
    with Project.open(root) as project:
        run = project.run("t")

    assert (tmp_path / "big.txt").read_text() == "hi\n"
    assert not (run.workspace / "x.txt").is_symlink()
