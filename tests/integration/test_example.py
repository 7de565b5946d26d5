"""The sample project: what is written, that it runs, and that nothing else is touched."""

from __future__ import annotations

import os
import shutil
import sys
from pathlib import Path

import pytest
import yaml

from dvc_magic import Project
from dvc_magic.errors import ProjectError, RequestError
from dvc_magic.project import write_example
from tests.support.commands import dvc, dvc_status_code, git
from tests.support.digest import changes, project_digest
from tests.support.locks import read_locks

pytestmark = [pytest.mark.integration, pytest.mark.timeout(240)]

DATA_MD5 = "013d0da08d6506664ce640459139176b"


@pytest.fixture(scope="module")
def written(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_example("iris", tmp_path_factory.mktemp("example") / "iris").root


@pytest.fixture
def iris(written: Path, tmp_path: Path) -> Path:
    """The example as it was written, to do with as one likes: nothing in it says where it lies."""
    return shutil.copytree(written, tmp_path / "iris")


def test_the_data_lies_in_the_remote_only_and_git_has_all_that_a_clone_needs(iris: Path) -> None:
    copies = [path for path in iris.rglob("*") if path.is_file() and path.stat().st_size == 3858]

    assert copies == [iris / "storage/files/md5" / DATA_MD5[:2] / DATA_MD5[2:]]
    assert git(iris, "status", "--short") == ""
    assert git(iris, "log", "--format=%an %s") == "dvc_magic Start from the example iris of dvc_magic\n"
    assert "url = ../storage" in (iris / ".dvc/config").read_text()


def test_its_stages_run_with_pulled_data_and_known_results_and_change_nothing(iris: Path) -> None:
    before = project_digest(iris)

    with Project.open(iris) as project:
        run = project.run("evaluate", {"lr": 0.1})
        prepare, train = (run.upstream[stage] for stage in ("prepare", "train"))

    assert "storage" in repr(prepare.deps["data/iris.csv"])
    assert train.metrics == {"loss": 0.0783, "train_accuracy": 0.981}
    assert run.metrics == {"accuracy": 0.9778, "f1": 0.9778}
    assert list(train.history()["loss"])[-1] == train.metrics["loss"]
    assert changes(before, project_digest(iris)) == []


def test_a_clone_works_with_dvc_and_gets_what_a_run_gets(iris: Path, tmp_path: Path) -> None:
    with Project.open(iris) as project:
        run = project.run("evaluate")
    clone = tmp_path / "elsewhere" / "clone"
    git(iris, "clone", "--quiet", str(iris), str(clone))

    dvc(clone, "pull", "--quiet", "data/iris.csv")
    dvc(clone, "repro")

    assert dvc_status_code(clone) == 0
    assert git(clone, "status", "--short") == "?? dvc.lock\n?? reports/\n"
    assert (
        read_locks(clone)["dvc.yaml"]["evaluate"]
        == yaml.safe_load((run.workspace / "dvc.lock").read_text())["stages"]["evaluate"]
    )


def test_the_params_are_of_every_kind(iris: Path) -> None:
    with Project.open(iris) as project:
        params = [param for stage in project.stages.values() for param in stage.params.values()]

    assert {param.type for param in params} >= {"bool", "float", "int", "list", "null", "text"}
    assert {param.file for param in params} == {"params.yaml", "model.toml"}


def test_the_example_is_found_again_whatever_became_of_it(iris: Path) -> None:
    (iris / "params.yaml").write_text("prepare: {}\n")
    (iris / "mine.txt").write_text("mine")
    git(iris, "commit", "--quiet", "--all", "--message", "Mine")
    before = project_digest(iris)

    found = write_example("iris", iris)

    assert (found.root, found.made) == (iris, False)
    assert changes(before, project_digest(iris)) == []


def test_an_empty_folder_is_filled_and_stays_the_same_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    inode = tmp_path.stat().st_ino

    write_example("iris", Path())

    assert tmp_path.stat().st_ino == inode
    assert git(tmp_path, "status", "--short") == ""


def test_a_folder_with_something_else_is_left_alone(tmp_path: Path) -> None:
    (tmp_path / "iris").mkdir()
    (tmp_path / "iris/notes.txt").write_text("notes")

    with pytest.raises(RequestError, match=r"is not the example 'iris' \(it holds notes.txt\); nothing was changed"):
        write_example("iris", tmp_path / "iris")

    assert [path.name for path in (tmp_path / "iris").iterdir()] == ["notes.txt"]


def test_another_git_and_dvc_project_is_not_taken_for_the_example(make_project: object, tmp_path: Path) -> None:
    make_project({}, name="iris")

    with pytest.raises(RequestError, match="is not the example"):
        write_example("iris", tmp_path / "iris")


def test_a_file_in_its_place_is_left_alone(tmp_path: Path) -> None:
    (tmp_path / "iris").write_text("a file")

    with pytest.raises(RequestError, match="is no folder"):
        write_example("iris", tmp_path / "iris")


def test_an_unknown_name_lists_the_examples(tmp_path: Path) -> None:
    with pytest.raises(RequestError, match="no example 'irs'. Did you mean 'iris'. Examples: iris"):
        write_example("irs", tmp_path / "irs")


def test_without_scikit_learn_nothing_is_written(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "sklearn", None)

    with pytest.raises(RequestError, match=r"pip install 'dvc-magic\[examples\]'"):
        write_example("iris", tmp_path / "a/iris")

    assert list(tmp_path.iterdir()) == []


def failing_git(folder: Path, word: str) -> str:
    """A ``PATH`` on which git fails when `word` is among its arguments."""
    folder.mkdir()
    fail = f'case " $* " in *" {word} "*) echo "out of order" >&2; exit 1;; esac'
    (folder / "git").write_text(f'#!/bin/sh\n{fail}\nexec {shutil.which("git")} "$@"\n')
    (folder / "git").chmod(0o755)
    return f"{folder}{os.pathsep}{os.environ['PATH']}"


@pytest.mark.parametrize("empty", [False, True], ids=["new folder", "empty folder"])
def test_what_was_made_goes_away_when_something_fails_half_way(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, *, empty: bool
) -> None:
    monkeypatch.setenv("PATH", failing_git(tmp_path / "bin", "commit"))
    root = tmp_path / "deep/down/iris"
    if empty:
        root.mkdir(parents=True)

    with pytest.raises(ProjectError, match="git commit .* failed: out of order"):
        write_example("iris", root)

    assert [path for path in (tmp_path / "deep").rglob("*") if not empty or path.name not in ("down", "iris")] == []
    assert (tmp_path / "deep").exists() is empty


def test_no_git_setting_of_the_user_has_a_say(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    home = Path(os.environ["HOME"])
    (home / ".config/git").mkdir(parents=True)
    for ignoring in ("ignored", ".config/git/ignore"):
        (home / ignoring).write_text("data\nstorage\nsrc\n.dvc\n")
    (home / "template/hooks").mkdir(parents=True)
    (home / "template/hooks/pre-commit").write_text("#!/bin/sh\nexit 1\n")
    (home / "template/hooks/pre-commit").chmod(0o755)
    settings = {
        "commit.gpgSign": "true",
        "core.excludesFile": home / "ignored",
        "core.autocrlf": "true",
        "init.defaultBranch": "trunk",
        "init.templateDir": home / "template",
    }
    for name, value in settings.items():
        git(home, "config", "--global", name, str(value))
    for variable in ("GIT_AUTHOR_NAME", "GIT_AUTHOR_EMAIL", "GIT_COMMITTER_NAME", "GIT_COMMITTER_EMAIL"):
        monkeypatch.delenv(variable)
    monkeypatch.setenv("GIT_DIR", str(home / "nowhere"))

    root = write_example("iris", tmp_path / "iris").root

    monkeypatch.delenv("GIT_DIR")
    assert {"data/iris.csv.dvc", "src/train.py"} <= set(git(root, "ls-files").splitlines())
    assert git(root, "ls-files", "storage").count("\n") == 1


def test_no_dvc_setting_of_the_user_has_a_say(tmp_path: Path) -> None:
    home = Path(os.environ["HOME"])
    dvc(home, "config", "--global", "cache.dir", str(tmp_path / "shared"))

    root = write_example("iris", tmp_path / "iris").root

    assert not (tmp_path / "shared").exists()
    assert (root / "storage/files/md5" / DATA_MD5[:2] / DATA_MD5[2:]).is_file()
