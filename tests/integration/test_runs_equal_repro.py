"""A run is what ``dvc repro`` would have made, and the project never notices."""

from __future__ import annotations

from typing import Any

import pytest
import yaml

from dvc_magic.errors import RunFailedError
from tests.support.behind import pipeline_of
from tests.support.commands import dvc_status_code, git
from tests.support.digest import changes, project_digest
from tests.support.locks import lock_entry, repro_lock
from tests.support.projects import ALL, SampleProject

pytestmark = pytest.mark.integration


@pytest.mark.parametrize("sample", ALL, ids=lambda sample: sample.name)
def test_every_stage_gets_the_lock_entry_of_dvc_repro_and_a_clean_status(
    sample: SampleProject, make_project: Any, opened: Any
) -> None:
    root = make_project(sample.files, name=sample.name, track=sample.track)
    expected = repro_lock(root)
    before = project_digest(root)
    project = opened(root)

    runs = [project.run(stage.address) for stage in pipeline_of(project).stages]

    assert changes(before, project_digest(root)) == []
    for run in [*project.runs.unfolded()]:
        name = run.stage.rpartition(":")[2]
        assert lock_entry(run) == expected[run.record.dvcfile][name]
        assert dvc_status_code(run.workspace) == 0
    assert len(runs) == sum(map(len, expected.values()))


@pytest.mark.parametrize("sample", ALL, ids=lambda sample: sample.name)
def test_an_override_gives_the_lock_entries_of_the_edited_project(
    sample: SampleProject, make_project: Any, opened: Any
) -> None:
    root = make_project(sample.files, name=sample.name, track=sample.track)
    expected = repro_lock(root, sample.edit)
    before = project_digest(root)
    project = opened(root)
    key, value = sample.override.rsplit("=", 1)

    run = project.run(sample.target, {key: yaml.safe_load(value)})

    assert changes(before, project_digest(root)) == []
    for one in [run, *run.upstream.values()]:
        assert lock_entry(one) == expected[one.record.dvcfile][one.stage.rpartition(":")[2]]


FAILING = {
    "dvc.yaml": """
stages:
  bad:
    cmd: git status && cp m.in m.json && exit 3
    metrics: [m.json: {cache: false}]
    outs: [never.txt]
""",
    "m.in": '{"loss": 1}',
}


def test_a_failed_run_keeps_its_log_and_metrics_and_leaves_the_project_alone(make_project: Any, opened: Any) -> None:
    root = make_project(FAILING)
    before = project_digest(root)
    project = opened(root)

    with pytest.raises(RunFailedError, match="bad 1 failed, exit 3") as failure:
        project.run("bad")

    run = failure.value.run
    assert changes(before, project_digest(root)) == []
    assert (run.status, run.exit_code, run.metrics["loss"]) == ("failed", 3, 1)
    assert "On branch main" in run.log.text()


def test_a_missing_output_is_named(make_project: Any, opened: Any) -> None:
    root = make_project({"dvc.yaml": "stages:\n  lazy:\n    cmd: 'true'\n    outs: [model.pkl]\n"})

    with pytest.raises(RunFailedError, match=r"model\.pkl"):
        opened(root).run("lazy")


COMMITTING = {
    "dvc.yaml": """
stages:
  commit:
    cmd:
      - echo $RANDOM$$ > a.txt
      - git add a.txt
      - git commit -qm x
      - git log --oneline > l.txt
    outs: [l.txt]
"""
}


def test_git_inside_a_stage_never_reaches_the_project(make_project: Any, opened: Any) -> None:
    root = make_project(COMMITTING)
    before = project_digest(root)
    head = git(root, "rev-parse", "HEAD")

    opened(root).run("commit")

    assert git(root, "rev-parse", "HEAD") == head
    # git touches the time of an object that it finds again in the project's history; its content is never written
    refreshed = [line for line in changes(before, project_digest(root)) if not line.startswith(".git/objects/")]
    assert refreshed == []
