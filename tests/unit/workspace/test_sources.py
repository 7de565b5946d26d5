from __future__ import annotations

import os
from pathlib import Path

import pytest

from dvc_magic.errors import MissingInputError
from dvc_magic.workspace.sources import SourceRules, list_sources, named_files
from tests.support.commands import git
from tests.support.digest import changes, project_digest
from tests.support.projects import write

HOSTILE = (
    "a b.py",
    "'q\".py",
    "new\nline.py",
    "ünï.py",
    "-rf",
    "*.py",
    "tab\t.py",
    "100644 0 \tx",
    "<b>.py",
    ":(top)x",
)


def _rules(**parts) -> SourceRules:
    return SourceRules(**{"outs": frozenset(), "named": frozenset()} | {k: frozenset(v) for k, v in parts.items()})


def _listed(project: Path, **parts) -> list[str]:
    return sorted(list_sources(project, _rules(**parts)).paths)


@pytest.fixture(params=["git", "plain"])
def folder(request: pytest.FixtureRequest, tmp_path: Path) -> Path:
    """A project, with git and without."""
    root = tmp_path / "project"
    root.mkdir()
    if request.param == "git":
        git(root, "init", "--quiet")
    return root


def test_tracked_and_new_files_are_sources_and_ignored_ones_are_not(project: Path) -> None:
    write(project, {"new.py": "", "data/raw.csv": "1"})

    assert _listed(project) == [".gitignore", "new.py", "src/model.py", "train.py"]


def test_hostile_names_are_names(folder: Path) -> None:
    write(folder, dict.fromkeys(HOSTILE, "x"))

    assert _listed(folder) == sorted(HOSTILE)


def test_a_name_that_is_no_utf8_is_left_out(folder: Path) -> None:
    write(folder, {"good.py": ""})
    Path(os.fsdecode(os.fsencode(folder) + b"/bad\xff.py")).touch()

    assert _listed(folder) == ["good.py"]


def test_what_dvc_makes_or_tracks_is_no_source(folder: Path) -> None:
    write(folder, {"model.pkl": "", "model.py": "", "out/deep/x": "", "outer": ""})

    assert _listed(folder, outs=["model.pkl", "out"]) == ["model.py", "outer"]


def test_a_link_in_the_place_of_dvcs_folder_is_no_source(folder: Path) -> None:
    write(folder, {"a.py": "", "sub/b.py": ""})
    for place in (".dvc", "sub/.dvc"):
        (folder / place).symlink_to(folder.parent)

    assert _listed(folder) == ["a.py", "sub/b.py"]


def test_files_of_dvc_itself_are_no_sources(folder: Path) -> None:
    write(
        folder, dict.fromkeys([".dvc/config", ".dvc/config.local", ".dvc/tmp/x", ".dvc/cache/y", ".dvc/.gitignore"], "")
    )
    write(folder, dict.fromkeys(["dvc.lock", "sub/dvc.lock", "sub/.dvc/config", ".dvc_magic/runs/x/run.json"], ""))
    kept = ["dvc.yaml", "raw.csv.dvc", "sub/dvc.yaml", ".dvc/plots/linear.json"]
    write(folder, dict.fromkeys(kept, ""))

    assert _listed(folder) == sorted(kept)


def test_a_store_at_another_place_in_the_project_is_no_source(folder: Path) -> None:
    write(folder, {"runs/index.sqlite": "", "runs.py": ""})

    assert list_sources(folder, SourceRules(outs=frozenset(), named=frozenset(), store="runs")).paths == ("runs.py",)


def test_notebooks_are_sources_only_where_a_stage_names_them(folder: Path) -> None:
    write(folder, dict.fromkeys(["a.ipynb", "b.ipynb", "nb/c.ipynb", ".ipynb_checkpoints/a.py"], ""))

    assert _listed(folder, named=["b.ipynb", "nb"]) == ["b.ipynb", "nb/c.ipynb"]


def test_virtual_environments_and_bytecode_are_no_sources(folder: Path) -> None:
    write(folder, dict.fromkeys(["env/pyvenv.cfg", "env/lib/x.py", "c/conda-meta/history", "c/bin/y", "a.py"], ""))
    write(folder, {"__pycache__/a.pyc": ""})

    assert _listed(folder) == ["a.py"]


def test_deleted_files_may_be_listed_but_not_invented(project: Path) -> None:
    (project / "train.py").unlink()

    assert "src/model.py" in _listed(project)


def test_an_unmerged_file_is_listed_once(project: Path) -> None:
    git(project, "checkout", "--quiet", "-b", "other")
    for branch, text in (("other", "a"), ("main", "b")):
        git(project, "checkout", "--quiet", branch)
        (project / "train.py").write_text(text)
        git(project, "commit", "--quiet", "-am", branch)
    with pytest.raises(AssertionError):
        git(project, "merge", "other")

    listing = list_sources(project, _rules())
    assert listing.paths.count("train.py") == 1
    assert listing.edited == ("train.py",)


def test_files_of_a_nested_repository_are_sources(project: Path) -> None:
    write(project, {"vendor/lib/x.py": "", "vendor/lib/.gitignore": "junk\n", "vendor/lib/junk": ""})
    git(project / "vendor/lib", "init", "--quiet")

    assert {"vendor/lib/x.py", "vendor/lib/.gitignore"} == {path for path in _listed(project) if "vendor" in path}


def test_files_of_a_submodule_are_sources_and_an_empty_one_has_none(project: Path, tmp_path: Path) -> None:
    other = tmp_path / "other"
    write(other, {"inner.py": ""})
    git(other, "init", "--quiet")
    git(other, "add", "--all")
    git(other, "commit", "--quiet", "-m", "x")
    for name in ("sub", "gone"):
        git(project, "-c", "protocol.file.allow=always", "submodule", "add", "--quiet", str(other), name)
    git(project, "commit", "--quiet", "-m", "modules")
    git(project, "submodule", "deinit", "--force", "--quiet", "gone")

    assert [path for path in _listed(project) if path.startswith(("sub", "gone/"))] == ["sub/inner.py"]


def test_a_project_in_a_subdirectory_lists_its_own_files_from_its_root(project: Path) -> None:
    write(project, {"team/proj/a.py": "", "team/other.py": ""})
    git(project, "add", "--all")
    git(project, "commit", "--quiet", "-m", "more")
    (project / "train.py").write_text("changed outside of the project")
    listing = list_sources(project / "team/proj", _rules())

    assert listing.paths == ("a.py",)
    assert (listing.commit, listing.dirty) == (git(project, "rev-parse", "HEAD").strip(), False)


def test_a_project_that_a_repository_around_it_ignores_is_walked(project: Path) -> None:
    write(project, {"data/demo/dvc.yaml": "", "data/demo/a.py": ""})
    listing = list_sources(project / "data/demo", _rules())

    assert (sorted(listing.paths), listing.commit) == (["a.py", "dvc.yaml"], None)


def test_the_commit_and_whether_tracked_files_differ_are_told(project: Path) -> None:
    write(project, {"new.py": ""})
    os.utime(project / "train.py")
    clean = list_sources(project, _rules())
    (project / "train.py").write_text("print(2)\n")

    assert (clean.commit, clean.dirty) == (git(project, "rev-parse", "HEAD").strip(), False)
    edited = list_sources(project, _rules())
    assert (edited.dirty, edited.edited) == (True, ("train.py",))


def test_edited_files_are_named_from_the_projects_root_whatever_they_are_called(tmp_path: Path) -> None:
    project = tmp_path / "teams/ü"
    write(project, {"a b.py": "", "c.py": "", "gone.py": ""})
    write(tmp_path, {"above.py": ""})
    git(tmp_path, "init", "--quiet")
    git(tmp_path, "add", "--all")
    git(tmp_path, "commit", "--quiet", "-m", "Start")
    for name in ("a b.py", "../../above.py"):
        (project / name).write_text("edited")
    (project / "gone.py").unlink()
    (project / "c.py").rename(project / "d.py")
    git(project, "add", "--all")

    assert list_sources(project, _rules()).edited == ("a b.py", "c.py", "d.py", "gone.py")


def test_before_the_first_commit_there_is_none(tmp_path: Path) -> None:
    write(tmp_path, {"a.py": ""})
    git(tmp_path, "init", "--quiet")

    assert list_sources(tmp_path, _rules()).commit is None


def test_listing_changes_nothing_and_starts_no_monitor(project: Path, tmp_path: Path) -> None:
    hook = tmp_path / "hook"
    hook.write_text(f"#!/bin/sh\ntouch '{tmp_path}/started'\n")
    hook.chmod(0o755)
    git(project, "config", "core.fsmonitor", str(hook))
    os.utime(project / "train.py")
    before = project_digest(project)
    list_sources(project, _rules())

    assert changes(before, project_digest(project)) == []
    assert not (tmp_path / "started").exists()


def test_the_git_of_the_callers_environment_is_not_asked(project: Path, tmp_path: Path, monkeypatch) -> None:
    monkeypatch.setenv("GIT_DIR", str(tmp_path / "elsewhere"))
    monkeypatch.setenv("GIT_INDEX_FILE", str(tmp_path / "index"))

    assert "train.py" in _listed(project)


@pytest.mark.parametrize("broken", ["pointer", "folder"])
def test_a_repository_that_git_cannot_open_is_told_with_what_to_do(tmp_path: Path, broken: str) -> None:
    write(tmp_path, {"train.py": "", ".git" if broken == "pointer" else ".git/config": "gitdir: ../gone\n"})

    listing = list_sources(tmp_path, _rules())

    assert "train.py" in listing.paths
    (warning,) = listing.warnings
    assert "not a git repository" in warning
    assert "until `git status` works there" in warning


def test_a_project_in_no_repository_is_no_reason_to_warn(tmp_path: Path) -> None:
    write(tmp_path, {"train.py": ""})

    assert list_sources(tmp_path, _rules()).warnings == ()


def test_without_the_program_git_the_tree_is_walked(project: Path, monkeypatch) -> None:
    monkeypatch.setenv("PATH", "")

    assert _listed(project) == [".gitignore", "src/model.py", "train.py"]


def test_dvcignore_holds_without_git_at_every_level(tmp_path: Path) -> None:
    write(tmp_path, {".dvcignore": "*.log\n/raw/\n", "sub/.dvcignore": "!keep.log\ntmp*\n"})
    write(tmp_path, dict.fromkeys(["a.log", "sub/b.log", "sub/keep.log", "sub/tmp1", "raw/x", "sub/raw/y", "tmp2"], ""))

    assert _listed(tmp_path) == [".dvcignore", "sub/.dvcignore", "sub/keep.log", "sub/raw/y", "tmp2"]


def test_the_git_file_of_a_worktree_is_no_source(tmp_path: Path) -> None:
    write(tmp_path, {".git": "gitdir: /nowhere\n", "a.py": ""})

    assert _listed(tmp_path) == ["a.py"]


def test_a_walk_ends_at_links_and_loops(tmp_path: Path) -> None:
    write(tmp_path, {"a/b.py": ""})
    (tmp_path / "a/loop").symlink_to("..")
    (tmp_path / "self").symlink_to("self")

    assert _listed(tmp_path) == ["a/b.py", "a/loop", "self"]


def test_named_files_are_found_below_ignored_folders(project: Path) -> None:
    write(project, {"data/a.csv": "", "data/deep/b.csv": "", "data/__pycache__/c.pyc": "", "data/.git/config": ""})

    assert named_files(project, ["data"], _rules()).plain == ("data/a.csv", "data/deep/b.csv")


@pytest.mark.parametrize(
    "name",
    [".env", ".ENV", ".env.local", "server.pem", "id_rsa", "my_credentials.json", "Secret.txt", "a.key", ".ssh/x"],
)
def test_named_files_that_look_secret_are_told_apart(project: Path, name: str) -> None:
    write(project, {f"data/{name}": "", "data/plain.csv": ""})
    found = named_files(project, ["data"], _rules())

    assert (found.plain, found.secret) == (("data/plain.csv",), (f"data/{name}",))


@pytest.mark.parametrize("name", ["keyboard.csv", "environment.yaml", "monkey.txt", "pem.py"])
def test_names_that_only_resemble_secrets_are_plain(project: Path, name: str) -> None:
    write(project, {f"data/{name}": ""})

    assert named_files(project, [f"data/{name}"], _rules()).secret == ()


@pytest.mark.parametrize("name", ["nothing", "../beside", "/etc/hostname", "link/x", ".dvc/config.local", ".git", ""])
def test_what_cannot_be_named_is_an_error_that_says_why(project: Path, tmp_path: Path, name: str) -> None:
    write(tmp_path, {"beside": "", "away/x": "", "project/.dvc/config.local": "[remote]"})
    (project / "link").symlink_to(tmp_path / "away")
    if name == "":
        assert named_files(project, [], _rules()).plain == ()
        return
    with pytest.raises(MissingInputError, match="cannot copy"):
        named_files(project, [name], _rules())


def test_a_named_path_through_a_link_in_the_project_is_the_file_it_leads_to(project: Path) -> None:
    write(project, {"data/a.csv": ""})
    (project / "short").symlink_to("data")

    assert named_files(project, ["short/a.csv", "./data/../data/a.csv"], _rules()).plain == ("data/a.csv",)
