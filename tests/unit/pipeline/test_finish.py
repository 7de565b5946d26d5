from __future__ import annotations

import hashlib
import os
from pathlib import Path

import pytest
from dvc_data.hashfile import hash as hash_module
from dvc_objects.fs import system

from dvc_magic.errors import PipelineError
from dvc_magic.model.stage import OutKind, Stage
from dvc_magic.pipeline import RunRepo, command_environment, shell_argv, status_clean
from dvc_magic.store import RunStore
from tests.support.projects import write

DVC_YAML = """\
stages:
  train:
    cmd: echo
    deps: [data, ../shared.txt]
    params: [lr]
    outs: [model.bin]
    metrics:
      - m.json: {cache: false}
"""
STAGE = Stage(address="sub/dvc.yaml:train", name="train", dvcfile="sub/dvc.yaml", wdir="sub", cmd="x", commands=("x",))


@pytest.fixture
def root(tmp_path):
    """A run's DVC root one folder below its workspace, its command done."""
    folder = tmp_path / "workspace/root"
    config = "[core]\n    no_scm = true\n[cache]\n    dir = ../../../cache\n    type = reflink,hardlink,copy\n"
    write(folder, {".dvc/config.local": config, "dvc.yaml": DVC_YAML, "params.yaml": "lr: 1.0e-05\n"})
    write(folder, {"data/a": "a", "data/n/b": "b", "../shared.txt": "s", "model.bin": "m", "m.json": "{}"})
    return folder


def _finish(root, tmp_path):
    run = RunRepo(root, tmp_path / "site")
    run.load("dvc.yaml", "train")
    return run.finish(RunStore(tmp_path).cache)


def test_a_finished_run_is_locked_committed_and_clean(root, tmp_path):
    finished = _finish(root, tmp_path)
    assert finished.locked == {"params.yaml": {"lr": 1e-05}}
    assert (finished.deps["data"].files, finished.deps["data"].size) == (2, 2)
    assert set(finished.deps) == {"data", "../shared.txt"}
    md5 = finished.outs["model.bin"].hash
    assert (tmp_path / "cache/files/md5" / md5[:2] / md5[2:]).read_text() == "m"
    assert (finished.outs["m.json"].kind, finished.outs["m.json"].cache) == (OutKind.METRIC, False)
    assert status_clean(root)


def test_a_changed_out_is_not_clean(root, tmp_path):
    _finish(root, tmp_path)
    (root / "model.bin").unlink()
    (root / "model.bin").write_text("other")
    assert not status_clean(root)


def test_an_out_that_was_not_written_is_named(root, tmp_path):
    (root / "model.bin").unlink()
    with pytest.raises(PipelineError, match="output 'model.bin' does not exist: the command ended with exit code 0"):
        _finish(root, tmp_path)


def test_an_empty_out_is_a_warning_and_nothing_is_printed(root, tmp_path, capfd):
    (root / "model.bin").write_text("")
    assert any("model.bin" in line and "empty" in line for line in _finish(root, tmp_path).warnings)
    assert capfd.readouterr() == ("", "")


def test_a_process_that_is_killed_while_it_makes_an_object_leaves_none_that_is_empty(root, tmp_path, monkeypatch):
    class Killed(BaseException):
        pass

    def made_empty(_: str, target: str) -> None:
        Path(target).touch()  # as DVC does before it clones
        monkeypatch.setattr(os, "unlink", lambda *_, **__: None)  # a process that is killed removes nothing
        raise Killed

    monkeypatch.setattr(system, "reflink", made_empty)

    with pytest.raises(Killed):
        _finish(root, tmp_path)

    objects = [file for file in (tmp_path / "cache/files/md5").rglob("*") if file.is_file()]
    assert [file.name for file in objects if not file.name.endswith(".tmp")] == []
    assert objects


def test_content_of_an_older_run_does_not_serve(root, tmp_path):
    first = _finish(root, tmp_path).outs["model.bin"].hash
    (tmp_path / "cache/files/md5" / first[:2] / first[2:]).unlink()
    again = tmp_path / "other/root"
    write(again, {path.relative_to(root).as_posix(): path.read_bytes() for path in root.rglob("*") if path.is_file()})
    write(again, {"../shared.txt": "s"})
    (root / "model.bin").unlink()
    assert _finish(again, tmp_path).outs["model.bin"].hash == first
    assert (tmp_path / "cache/files/md5" / first[:2] / first[2:]).read_text() == "m"


@pytest.mark.parametrize("mode", [0o444, 0o644])
def test_a_damaged_object_in_the_cache_is_replaced_though_dvc_would_trust_it(root, tmp_path, mode):
    md5 = hashlib.md5(b"m").hexdigest()
    kept = tmp_path / "cache/files/md5" / md5[:2] / md5[2:]
    write(kept.parent, {kept.name: ""})
    kept.chmod(mode)
    assert _finish(root, tmp_path).outs["model.bin"].hash == md5
    assert kept.read_text() == "m"
    assert (root / "model.bin").read_text() == "m"


def test_files_whose_content_is_known_are_not_hashed_again(root, tmp_path, monkeypatch):
    store, hashed = RunStore(tmp_path), []
    original = hash_module._hash_file
    monkeypatch.setattr(
        hash_module, "_hash_file", lambda path, *rest, **more: hashed.append(path) or original(path, *rest, **more)
    )
    store.known.note({os.fspath(root / "data/a"): hashlib.md5(b"a").hexdigest()})
    run = RunRepo(root, tmp_path / "site")
    run.load("dvc.yaml", "train")
    run.finish(store.cache)
    names = [os.path.relpath(path, root) for path in hashed if not path.startswith("memory:")]
    assert sorted(names) == ["../shared.txt", "data/n/b", "m.json", "model.bin"]


def test_a_missing_dep_is_told_in_dvcs_words(root, tmp_path):
    (tmp_path / "workspace/shared.txt").unlink()
    with pytest.raises(PipelineError, match="shared.txt' does not exist"):
        _finish(root, tmp_path)


def test_the_command_sees_its_own_root_and_nothing_of_an_outer_stage(tmp_path):
    outer = {"DVC_EXP_NAME": "x", "DVC_CHECKPOINT": "1", "DVC_ROOT": "/old", "DVC_STAGE": "old"}
    kept = {"PATH": "/bin", "DVC_SITE_CACHE_DIR": "/s", "DVC_GLOBAL_CONFIG_DIR": "/c", "DVC_STUDIO_TOKEN": "t"}
    env = command_environment(STAGE, tmp_path, outer | kept)
    assert env == kept | {"DVC_ROOT": str(tmp_path), "DVC_STAGE": STAGE.address}


@pytest.mark.parametrize(
    ("environ", "argv"),
    [
        ({}, ["/bin/sh", "-c", "a b"]),
        ({"SHELL": ""}, ["/bin/sh", "-c", "a b"]),
        ({"SHELL": "/bin/bash"}, ["/bin/bash", "--noprofile", "--norc", "-c", "a b"]),
        ({"SHELL": "/usr/bin/zsh"}, ["/usr/bin/zsh", "--no-rcs", "-c", "a b"]),
    ],
)
def test_commands_start_in_the_users_shell_without_its_startup_files(environ, argv):
    assert shell_argv("a b", environ) == argv


def test_a_run_whose_folder_is_gone_is_an_error_and_nothing_comes_in_its_place(tmp_path):
    with pytest.raises(PipelineError):
        RunRepo(tmp_path / "project" / "run", tmp_path / "site")

    assert not (tmp_path / "project").exists()
