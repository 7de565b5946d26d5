"""Corners of lineage and isolation: links, params that are deps, shared upstream runs, interrupts at bad moments."""

from __future__ import annotations

import os
import signal
import time
from pathlib import Path
from typing import Any

import pytest

from dvc_magic.errors import MissingInputError, ParamError
from dvc_magic.model.record import RunRecord
from dvc_magic.model.request import Change, RunRequest
from dvc_magic.project import Project
from dvc_magic.project.follow import Silent
from tests.support.behind import carry_out
from tests.support.small import TWO, MakeProject, two_stages

pytestmark = pytest.mark.integration


def _stage(cmd: str, *, deps: str = "", params: str = "", outs: str = "o.txt") -> str:
    lines = ["stages:", "  t:", f"    cmd: {cmd}", f"    outs: [{outs}]"]
    lines += [f"    deps: [{deps}]"] if deps else []
    lines += [f"    params:\n      - {params}:\n          - lr"] if params else []
    return "\n".join(lines) + "\n"


@pytest.mark.parametrize("dep", ["conf/params.yaml", "conf"])
def test_a_param_file_that_is_a_dep_as_well_has_the_values_of_the_call(make_project: MakeProject, dep: str) -> None:
    stages = _stage("cat conf/params.yaml > o.txt", deps=dep, params="conf/params.yaml")
    with Project.open(make_project({"dvc.yaml": stages, "conf/params.yaml": "lr: 1\n"})) as project:
        run = project.run("t", {"lr": 9})

    assert (run.workspace / "o.txt").read_text() == "lr: 9\n"
    assert [(dep.seen, dep.changed) for dep in run.record.deps.values()] == [(run.deps[dep].hash, False)]


@pytest.mark.parametrize("dep", ["data", "data/x.txt"])
def test_placing_a_dep_does_not_touch_what_a_link_leads_to(make_project: MakeProject, tmp_path: Path, dep: str) -> None:
    far = tmp_path / "far" / "x.txt"
    far.parent.mkdir()
    far.write_text("hi\n")
    root = make_project({"dvc.yaml": _stage("cat data/x.txt > o.txt; echo more >> data/x.txt", deps=dep)})
    (root / "data").symlink_to(far.parent)
    before = far.stat()
    with Project.open(root) as project:
        run = project.run("t", raise_errors=False)

    assert (run.workspace / "o.txt").read_text() == "hi\n"
    assert (far.stat().st_ino, far.stat().st_ctime_ns, far.read_text()) == (before.st_ino, before.st_ctime_ns, "hi\n")


def test_a_link_that_is_set_to_another_file_makes_the_stage_that_read_through_it_run_again(
    make_project: MakeProject,
) -> None:
    script = "open('d.txt', 'w').write(open('c.txt').read())\n"
    root = make_project(two_stages(script, **{"a.txt": "A", "b.txt": "B"}))
    (root / "c.txt").symlink_to("a.txt")
    with Project.open(root) as project:
        project.run("t")
        (root / "c.txt").unlink()
        (root / "c.txt").symlink_to("b.txt")

        assert (project.run("t").workspace / "o.txt").read_text() == "B"


def test_points_of_a_grid_do_not_share_an_upstream_run_that_read_their_params_undeclared(
    make_project: MakeProject,
) -> None:
    script = "open('d.txt', 'w').write(open('params.yaml').read())\n"
    with Project.open(make_project(two_stages(script))) as project:
        runs = project.grid("t", {"lr": [1, 2, 3]}, jobs=2)

    assert [(run.workspace / "o.txt").read_text() for run in runs] == ["lr: 1\n", "lr: 2\n", "lr: 3\n"]


def test_a_point_that_comes_late_to_a_finished_upstream_run_uses_it(make_project: MakeProject) -> None:
    stages = """
stages:
  a:
    cmd: sleep ${pause}; echo same > a.txt
    outs: [a.txt]
  b:
    cmd: cat a.txt > b.txt
    deps: [a.txt]
    outs: [b.txt]
  t:
    cmd: cat b.txt > o.txt
    deps: [b.txt]
    outs: [o.txt]
"""
    with Project.open(make_project({"dvc.yaml": stages, "params.yaml": "pause: 0\n"})) as project:
        runs = project.grid("t", {"pause": [0, 1]}, jobs=2)

    assert len({run.upstream["b"].id for run in runs}) == 1


def test_a_frozen_stage_above_is_taken_from_the_project_and_one_that_always_changes_runs(
    make_project: MakeProject,
) -> None:
    frozen = make_project({**two_stages(), "dvc.yaml": TWO.replace("  prepare:", "  prepare:\n    frozen: true")})
    (frozen / "d.txt").write_text("the project's")
    always = TWO.replace("  prepare:", "  prepare:\n    always_changed: true")
    with Project.open(frozen) as project:
        assert (project.run("t").workspace / "o.txt").read_text() == "the project's"
    with Project.open(make_project({**two_stages(), "dvc.yaml": always}, name="always")) as project:
        assert [project.run("t").upstream["prepare"].number for _ in range(2)] == [1, 3]


def test_links_that_a_stage_has_nothing_to_do_with_are_not_told_as_its_reads(make_project: MakeProject) -> None:
    root = make_project({"dvc.yaml": _stage("cat seen.txt > o.txt"), "seen.txt": "1\n", "conf/a.txt": "1\n"})
    (root / "link").symlink_to("conf")
    with Project.open(root) as project:
        warnings = project.run("t").record.warnings

    assert [warning.split(".txt.")[0] for warning in warnings] == ["stage 't' reads what its deps do not name: seen"]


def test_a_grid_tells_once_what_its_runs_read_without_a_word_in_the_definition(make_project: MakeProject) -> None:
    stage = _stage("cat seen.txt > o.txt") + "    params: [x]\n"
    with Project.open(make_project({"dvc.yaml": stage, "seen.txt": "1\n", "params.yaml": "x: 0\n"})) as project:
        runs = project.grid("t", {"x": [0, 1]})

    assert [len(run.record.warnings) for run in runs] == [1, 0]


def test_the_hint_at_undeclared_reads_can_be_pasted_whatever_the_wdir(make_project: MakeProject) -> None:
    stages = """
stages:
  t:
    wdir: sub
    cmd: cat cfg.txt ../top.txt pkg/__init__.py live.json pyproject.toml named.csv > o.txt; echo 2 > live.json
    outs: [o.txt]
plots: [sub/named.csv]
"""
    read = ["cfg.txt", "pkg/__init__.py", "live.json", "pyproject.toml", "named.csv"]
    root = make_project({"dvc.yaml": stages, "top.txt": "1\n", **{f"sub/{name}": "1\n" for name in read}})
    with Project.open(root) as project:
        (warning,) = project.run("t").record.warnings
        hint = warning.partition("to declare them: ")[2]
        (root / "dvc.yaml").write_text(stages.replace("    outs:", f"    {hint}\n    outs:"))
        declared = project.run("t").record

    assert hint == "deps: [cfg.txt, ../top.txt]"
    assert (set(declared.deps), declared.warnings) == ({"sub/cfg.txt", "top.txt"}, ())


def test_items_of_a_group_do_not_repeat_what_one_of_them_has_told(make_project: MakeProject) -> None:
    stages = """
stages:
  part:
    foreach: [a, b]
    do:
      cmd: cat seen.txt > ${item}.txt
      outs: ["${item}.txt"]
  t:
    cmd: cat a.txt b.txt > o.txt
    deps: [a.txt, b.txt]
    outs: [o.txt]
"""
    with Project.open(make_project({"dvc.yaml": stages, "seen.txt": "1\n"})) as project:
        parts = project.run("t").upstream.values()

    assert sorted(len(run.record.warnings) for run in parts) == [0, 1]


def test_what_an_operation_reads_undeclared_is_noted_without_a_warning(make_project: MakeProject) -> None:
    in_file = "operations: {fit: {cmd: cat seen.txt}}"
    root = make_project({"dvc.yaml": "stages: {}", "seen.txt": "1\n", "dvc_magic.yaml": in_file})
    with Project.open(root) as project:
        record = project.run("fit").record

    assert record.warnings == ()
    assert list(record.read) == ["seen.txt"]


def test_a_frozen_stage_whose_output_is_not_there_says_what_helps(make_project: MakeProject) -> None:
    root = make_project({**two_stages(), "dvc.yaml": TWO.replace("  prepare:", "  prepare:\n    frozen: true")})
    with Project.open(root) as project:
        with pytest.raises(MissingInputError, match=r"'prepare' is frozen.*--use prepare=RUN"):
            project.run("t")
        made = project.run("prepare")

        assert (project.run("t", use={"prepare": made}).workspace / "o.txt").read_text() == "x"


def test_an_output_outside_of_the_project_is_made_again_once_it_is_another(
    make_project: MakeProject, tmp_path: Path
) -> None:
    far = tmp_path / "far.txt"
    stages = f"""\
stages:
  make:
    cmd: echo made > {far}
    outs:
      - {far}:
          cache: false
  t:
    cmd: cat {far} > o.txt
    deps: [{far}]
    outs: [o.txt]
"""
    with Project.open(make_project({"dvc.yaml": stages})) as project:
        first, again = project.run("t"), project.run("t")
        far.write_text("somebody else's\n")
        plan = project.plan("t")
        last = project.run("t")

    assert [run.upstream["make"].number for run in (first, again, last)] == [1, 1, 4]
    assert repr(plan).startswith("make runs (the outputs of its runs are gone or were changed)")
    assert (last.workspace / "o.txt").read_text() == "made\n"


def test_values_for_a_param_file_above_the_root_are_refused_before_anything_runs(make_project: MakeProject) -> None:
    root = make_project({"dvc.yaml": _stage("cat ../shared.yaml > o.txt", params="../shared.yaml")})
    (root.parent / "shared.yaml").write_text("lr: 1\n")
    with Project.open(root) as project:
        with pytest.raises(ParamError, match=r"\.\./shared\.yaml lies above the project's root"):
            project.run("t", {"lr": 2})

        assert not project.runs
        assert project.run("t").params["lr"] == 1


def test_names_that_sort_differently_as_text_and_as_paths_make_dvcs_hash(make_project: MakeProject) -> None:
    script = "import os\nfor n in ('a/x', 'a-b/y', 'a.txt'):\n"
    script += "    os.makedirs(os.path.dirname('out/' + n), exist_ok=True)\n"
    script += "    open('out/' + n, 'w').write(n)\n"
    stages = """
stages:
  make:
    cmd: python make.py
    deps: [make.py]
    outs:
      - out:
          cache: false
  t:
    cmd: ls out > o.txt
    deps: [out]
    outs: [o.txt]
"""
    with Project.open(make_project({"dvc.yaml": stages, "make.py": script})) as project:
        assert project.run("t").status == "completed"


def test_a_metric_counts_when_the_run_wrote_it_and_only_then(make_project: MakeProject) -> None:
    stages = """
metrics: [old.json]
stages:
  t:
    cmd: python t.py
    deps: [t.py]
    metrics:
      - m.json:
          cache: false
          persist: true
"""
    script = "import json\nm = json.load(open('m.json'))\nm['steps'] += 1\njson.dump(m, open('m.json', 'w'))\n"
    root = make_project({"dvc.yaml": stages, "t.py": script, "old.json": '{"acc": 1}', "m.json": '{"steps": 1}'})
    with Project.open(root) as project:
        assert dict(project.run("t").metrics) == {"steps": 2}


class _Hook(Silent):
    """Interrupts the call when its second run starts, or when its first ends."""

    def __init__(self, *, at: str) -> None:
        self._at = at
        self._started = 0

    def started(self, record: RunRecord) -> None:  # noqa: ARG002
        """Interrupt at the start of the second run, or wait until both have ended."""
        self._started += 1
        if self._started == 2:
            time.sleep(1.0 if self._at == "end" else 0.0)
            if self._at == "start":
                os.kill(os.getpid(), signal.SIGINT)

    def finished(self, record: RunRecord) -> None:  # noqa: ARG002
        """Interrupt when the first run has ended."""
        if self._at == "end":
            self._at = ""
            os.kill(os.getpid(), signal.SIGINT)


def _pair(project: Project, observer: Any) -> float:
    """Run two points at once; returns the seconds that the interrupted call took."""
    request = RunRequest(stages=("t",), changes=(Change(file="params.yaml", key="lr", values=(1, 2)),), jobs=2)
    began = time.monotonic()
    with pytest.raises(KeyboardInterrupt):
        carry_out(project, request, observer=observer)
    return time.monotonic() - began


def test_an_interrupt_reaches_a_run_whose_worker_is_only_starting(make_project: MakeProject) -> None:
    stages = _stage("sleep 20", params="params.yaml")
    with Project.open(make_project({"dvc.yaml": stages, "params.yaml": "lr: 1\n"})) as project:
        assert _pair(project, _Hook(at="start")) < 8
        assert {run.status for run in project.runs} == {"stopped"}


def test_an_interrupt_between_two_answers_loses_neither(make_project: MakeProject) -> None:
    stages = _stage("echo 1 > o.txt", params="params.yaml")
    with Project.open(make_project({"dvc.yaml": stages, "params.yaml": "lr: 1\n"})) as project:
        assert project.stages
        assert _pair(project, _Hook(at="end")) < 8


def test_an_interrupt_right_after_an_order_was_sent_stops_its_run(make_project: MakeProject) -> None:
    class Hasty(Silent):
        def started(self, record: RunRecord) -> None:  # noqa: ARG002
            os.kill(os.getpid(), signal.SIGINT)

    stages = _stage("sleep 20", params="params.yaml")
    with Project.open(make_project({"dvc.yaml": stages, "params.yaml": "lr: 1\n"})) as project:
        with pytest.raises(KeyboardInterrupt):
            carry_out(project, RunRequest(stages=("t",)), observer=Hasty())

        assert project.last.status == "stopped"


def test_edits_of_a_folder_around_outs_and_of_a_persistent_out_do_not_reach_or_end_a_call_under_way(
    make_project: MakeProject,
) -> None:
    stages = """
stages:
  prepare:
    cmd: echo made > data/d.txt
    outs: [data/d.txt]
  t:
    cmd: cat data/raw.txt >> o.txt
    deps: [data]
    outs:
      - o.txt:
          persist: true
"""
    root = make_project({"dvc.yaml": stages, "data/raw.txt": "raw\n"})
    (root / "o.txt").write_text("seed\n")

    class Editor(Silent):
        """Edits the project while the call is under way."""

        def started(self, record: RunRecord) -> None:  # noqa: ARG002
            """Edit while the first run goes."""
            (root / "data/raw.txt").write_text("edited\n")
            (root / "o.txt").write_text("edited\n")

    with Project.open(root) as project:
        (run,) = carry_out(project, RunRequest(stages=("t",)), observer=Editor())

    assert (run.workspace / "o.txt").read_text() == "seed\nraw\n"


def test_a_frozen_stage_above_needs_its_deps_unless_dvc_lock_has_it_as_it_is(make_project: MakeProject) -> None:
    stages = TWO.replace("  prepare:", "  prepare:\n    frozen: true").replace("python prepare.py", "make")
    root = make_project({**two_stages(), "dvc.yaml": stages, "d.txt": "hi\n"})
    (root / "prepare.py").unlink()
    lock = (
        "schema: '2.0'\nstages:\n  prepare:\n    cmd: make\n"
        "    deps: [{path: prepare.py, hash: md5, md5: aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa, size: 1}]\n"
        "    outs: [{path: d.txt, hash: md5, md5: 764efa883dda1e11db47671c4a3bbd9e, size: 3}]\n"
    )
    refused = r"'prepare' is frozen.*'prepare.py' has to be in the project.*--use prepare=RUN.*--upstream project"
    with Project.open(root) as project:
        for text in (None, lock.replace("cmd: make", "cmd: other"), lock.replace("764e", "764f")):
            if text is not None:
                (root / "dvc.lock").write_text(text)
            with pytest.raises(MissingInputError, match=refused):
                project.plan("t")
        assert project.plan("t", upstream="project").points
        (root / "dvc.lock").write_text(lock)
        assert project.plan("t").points
