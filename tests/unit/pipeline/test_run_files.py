from __future__ import annotations

import os
import time

import pytest

from dvc_magic.errors import PipelineError
from dvc_magic.pipeline import RunRepo
from dvc_magic.pipeline.config import with_cache
from dvc_magic.pipeline.repos import StillRepo
from dvc_magic.pipeline.run_files import merged_config
from tests.support.projects import write

CORE = '[core]\n    no_scm = "true"\n'
DVC_YAML = "stages:\n  train:\n    cmd: echo\n    outs: [model.bin]\n"


def make_run(home, name, *, config=CORE, folder="workspace", dvc_yaml=DVC_YAML):
    root = home / "runs" / name / folder
    text = with_cache(config, os.path.relpath(home / "cache", root / ".dvc"))
    write(root, {".dvc/config.local": text, "dvc.yaml": dvc_yaml})
    return root


@pytest.fixture(autouse=True)
def user_config(tmp_path, monkeypatch):
    monkeypatch.setenv("DVC_GLOBAL_CONFIG_DIR", str(tmp_path / "user"))
    return tmp_path / "user/config"


def read_by_dvc(root, tmp_path):
    return dict(StillRepo(root=root, tmp=root / ".dvc/tmp", site=tmp_path / "site").config)


def test_the_runs_of_a_store_have_one_configuration_which_is_that_of_dvc(tmp_path):
    first, second = make_run(tmp_path, "one"), make_run(tmp_path, "two")
    assert merged_config(first) is merged_config(second) is not None
    assert dict(merged_config(second)) == read_by_dvc(second, tmp_path)


@pytest.mark.parametrize("folder", ["workspace", "workspace/in/a project"])
@pytest.mark.parametrize("more", ["", '[core]\n    remote = "r"\n[\'remote "r"\']\n    url = "/data/remote"\n'])
def test_another_place_or_text_gives_another_configuration(tmp_path, folder, more):
    stores = [tmp_path / "a", tmp_path / "b/c"]
    for home in stores:
        root = make_run(home, "one", config=more or CORE, folder=folder)
        assert dict(merged_config(root)) == read_by_dvc(root, tmp_path)
        assert merged_config(root)["cache"]["dir"] == str(home / "cache")


def test_a_change_of_the_users_configuration_reaches_the_next_run(tmp_path, user_config):
    root = make_run(tmp_path, "one")
    assert "checksum_jobs" not in merged_config(root)["core"]
    write(user_config.parent, {"config": "[core]\n    checksum_jobs = 3\n"})
    assert merged_config(root) is None  # younger than its times can tell
    time.sleep(0.1)
    assert merged_config(root)["core"]["checksum_jobs"] == 3
    assert dict(merged_config(root)) == read_by_dvc(root, tmp_path)


@pytest.mark.parametrize("path", [".dvc/config", ".dvc/config.local"])
def test_what_a_command_writes_into_its_configuration_counts(tmp_path, path):
    root = make_run(tmp_path, "one")
    merged_config(root)
    write(root, {path: "[core]\n    checksum_jobs = 5\n"})
    assert merged_config(root) is None
    assert read_by_dvc(root, tmp_path)["core"]["checksum_jobs"] == 5


def test_a_run_does_not_change_the_pipeline_of_the_next_one(tmp_path):
    stages = []
    for name in ("one", "two"):
        run = RunRepo(make_run(tmp_path, name), tmp_path / "site")
        run.load("dvc.yaml", "train")
        stages.append(run._stage)
    first, second = stages
    assert (first.cmd, [out.fspath for out in second.outs]) == (
        second.cmd,
        [str(tmp_path / "runs/two/workspace/model.bin")],
    )
    assert first.dvcfile.contents == second.dvcfile.contents
    assert first.dvcfile.contents is not second.dvcfile.contents


def test_what_dvc_refuses_is_told_by_it_each_time(tmp_path):
    for name in ("one", "two"):
        run = RunRepo(make_run(tmp_path, name, dvc_yaml="stages: 3\n"), tmp_path / "site")
        with pytest.raises(PipelineError, match="dvc.yaml"):
            run.load("dvc.yaml", "train")
