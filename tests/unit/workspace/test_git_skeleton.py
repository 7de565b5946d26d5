from __future__ import annotations

import os
import re
from collections.abc import Callable
from pathlib import Path

import pytest

from dvc_magic.store import RunStore
from dvc_magic.workspace import git_skeleton, materialise
from dvc_magic.workspace.git_state import read_git_facts
from tests.support.commands import CommandError, git
from tests.support.digest import changes, project_digest
from tests.support.projects import write


@pytest.fixture
def write_skeleton(tmp_path: Path) -> Callable[..., bool]:
    """Writes a skeleton for a project as it is now."""
    objects = RunStore(tmp_path / "git-store").sources

    def write_now(project: Path, target: Path) -> bool:
        facts = read_git_facts(project, objects)
        return git_skeleton.write_skeleton_git(facts, target, project=project, objects=objects)

    return write_now


@pytest.fixture
def workspace(project: Path, store, snap, write_skeleton) -> Path:
    """A run's workspace inside the project, with its skeleton."""
    target = project / ".dvc_magic" / "runs" / "x" / "workspace"
    target.mkdir(parents=True)
    materialise(snap()[0], RunStore(store.home).sources, target, leave_out=lambda _: False, replace={})
    write(target, {".dvc/config.local": "[core]\n"})
    write_skeleton(project, target)
    return target


def _head(folder: Path) -> str:
    return git(folder, "rev-parse", "HEAD").strip()


def test_git_in_the_workspace_knows_commit_history_and_top(project: Path, workspace: Path) -> None:
    assert _head(workspace) == _head(project)
    assert git(workspace, "log", "--format=%s").strip() == "Start"
    assert git(workspace, "rev-parse", "--show-toplevel").strip() == str(workspace)
    assert git(workspace, "show", "HEAD:train.py") == "print(1)\n"
    git(workspace, "fsck", "--no-dangling")


def test_a_fresh_workspace_is_clean_and_an_edit_shows(workspace: Path) -> None:
    assert git(workspace, "status", "--porcelain") == ""
    (workspace / "train.py").write_text("print(22)\n")

    assert git(workspace, "status", "--porcelain") == " M train.py\n"


def test_an_edit_that_git_could_miss_by_time_shows(project: Path, store, snap, write_skeleton) -> None:
    (project / "train.py").write_text("print(3)\n")
    git(project, "add", "train.py")
    (project / "train.py").write_text("print(4)\n")  # the same size, within the same second as the index
    target = project / ".dvc_magic" / "workspace"
    target.mkdir(parents=True)
    materialise(snap()[0], RunStore(store.home).sources, target, leave_out=lambda _: False, replace={})
    write_skeleton(project, target)

    assert git(target, "status", "--porcelain") == "MM train.py\n"


@pytest.mark.parametrize(
    "commands",
    [
        [["status"]],
        [["add", "--all"], ["commit", "--quiet", "-m", "in the run"], ["log"]],
        [["stash"], ["stash", "pop"]],
        [["checkout", "--quiet", "-b", "branch"], ["tag", "t"], ["reset", "--hard", "--quiet"], ["clean", "-fdq"]],
        [["gc", "--quiet", "--prune=now"], ["prune"], ["repack", "-adq"]],
        [
            ["config", "core.editor", "none"],
            ["update-index", "-q", "--refresh"],
            ["rm", "-q", "--cached", "src/model.py"],
        ],
    ],
    ids=lambda commands: commands[0][0],
)
def test_nothing_that_git_does_in_the_workspace_reaches_the_project(project: Path, workspace: Path, commands) -> None:
    os.utime(project / "train.py")
    (workspace / "train.py").write_text("print('changed in the run')\n")
    before = project_digest(project)
    for command in commands:
        git(workspace, *command)

    assert _beyond_freshening(changes(before, project_digest(project))) == []


def _beyond_freshening(lines: list[str]) -> list[str]:
    """The changes but for the one that git makes to alternates by design: a new mtime of an object it meets again."""
    return [line for line in lines if not re.fullmatch(r"\.git/objects/(../[0-9a-f]+|pack/.*): mtime", line)]


def test_looking_and_staging_anew_in_the_workspace_touch_not_even_a_time(project: Path, workspace: Path) -> None:
    (workspace / "train.py").write_text("print('changed in the run')\n")
    before = project_digest(project)
    for command in (["status"], ["diff"], ["log", "-p"], ["describe", "--always", "--dirty"], ["add", "train.py"]):
        git(workspace, *command)

    assert changes(before, project_digest(project)) == []


def test_hooks_of_the_project_do_not_run(project: Path, store, snap, tmp_path: Path, write_skeleton) -> None:
    hook = project / ".git/hooks/pre-commit"
    hook.parent.mkdir(exist_ok=True)
    hook.write_text("#!/bin/sh\nexit 1\n")
    hook.chmod(0o755)
    target = tmp_path / "w"
    target.mkdir()
    write_skeleton(project, target)
    git(target, "commit", "--quiet", "--allow-empty", "-m", "x")

    assert _head(target) != _head(project)


def test_a_worktree_gives_its_own_commit_and_index(project: Path, tmp_path: Path, write_skeleton) -> None:
    tree = tmp_path / "tree"
    git(project, "worktree", "add", "--quiet", "-b", "side", str(tree))
    write(tree, {"extra.py": ""})
    git(tree, "add", "--all")
    git(tree, "commit", "--quiet", "-m", "Side")
    target = tree / ".dvc_magic" / "w"
    target.mkdir(parents=True)

    assert write_skeleton(tree, target)
    assert git(target, "log", "--format=%s").split() == ["Side", "Start"]
    assert "extra.py" in git(target, "ls-files")


def test_a_packed_branch_and_a_detached_head_are_read(project: Path, tmp_path: Path) -> None:
    git(project, "pack-refs", "--all")
    objects = RunStore(tmp_path / "store").sources
    packed = read_git_facts(project, objects)
    git(project, "checkout", "--quiet", "--detach")
    detached = read_git_facts(project, objects)

    assert packed is not None
    assert detached is not None
    assert packed.commit == detached.commit == _head(project)
    assert (packed.head, detached.head) == ("ref: refs/heads/main", _head(project))


def test_refs_that_are_packed_or_set_anew_are_read_anew(project: Path, tmp_path: Path) -> None:
    objects = RunStore(tmp_path / "store").sources
    for number in range(3):
        git(project, "commit", "--quiet", "--allow-empty", "-m", f"Commit {number}")
        git(project, "tag", "--force", "moving")
        for _ in ("set", "packed"):
            facts = read_git_facts(project, objects)
            assert facts is not None
            assert facts.refs == {"refs/heads/main": _head(project), "refs/tags/moving": _head(project)}
            assert (facts.commit, facts.head) == (_head(project), "ref: refs/heads/main")
            git(project, "pack-refs", "--all")


def test_an_amended_commit_can_be_read_after_a_gc_until_the_reflog_forgets_it(project: Path, workspace: Path) -> None:
    head = _head(workspace)
    git(project, "commit", "--quiet", "--amend", "-m", "Amended")
    git(project, "gc", "--quiet", "--prune=now")

    assert _head(workspace) == head != _head(project)
    assert git(workspace, "log", "--format=%s") == "Start\n"
    assert git(workspace, "status", "--porcelain") == ""

    git(project, "reflog", "expire", "--expire=now", "--expire-unreachable=now", "--all")
    git(project, "gc", "--quiet", "--prune=now")

    with pytest.raises(CommandError, match="bad object HEAD"):
        git(workspace, "log")


def test_a_shallow_clone_stays_one(project: Path, tmp_path: Path, write_skeleton) -> None:
    git(project, "commit", "--quiet", "--allow-empty", "-m", "Second")
    git(tmp_path, "clone", "--quiet", "--depth=1", f"file://{project}", "shallow")
    target = tmp_path / "w"
    target.mkdir()
    write_skeleton(tmp_path / "shallow", target)

    assert git(target, "log", "--format=%s").split() == ["Second"]


def test_a_split_index_is_whole(project: Path, tmp_path: Path, write_skeleton) -> None:
    git(project, "update-index", "--split-index")
    target = tmp_path / "w"
    target.mkdir()
    write_skeleton(project, target)

    assert git(target, "ls-files") == git(project, "ls-files")


def test_the_time_of_the_index_stays_and_a_split_one_is_not_marked(project: Path, tmp_path: Path) -> None:
    objects = RunStore(tmp_path / "store").sources

    def written(name: str) -> Path:
        (tmp_path / name).mkdir()
        facts = read_git_facts(project, objects)
        git_skeleton.write_skeleton_git(
            facts, tmp_path / name, project=project, objects=objects, hidden=lambda *_: True
        )
        return tmp_path / name / ".git/index"

    own = project / ".git/index"
    marked = written("whole")
    assert marked.stat().st_mtime_ns == own.stat().st_mtime_ns
    assert marked.read_bytes() != own.read_bytes()

    git(project, "update-index", "--split-index")
    assert written("split").read_bytes() == own.read_bytes()


def test_a_packed_refs_file_without_a_line_is_no_harm(project: Path, tmp_path: Path, write_skeleton) -> None:
    (project / ".git/packed-refs").write_bytes(b"")
    (tmp_path / "w").mkdir()
    write_skeleton(project, tmp_path / "w")

    assert _head(tmp_path / "w") == _head(project)


def test_a_partial_clone_and_a_config_that_git_refuses_are_read_as_far_as_can_be(project: Path, tmp_path: Path) -> None:
    objects = RunStore(tmp_path / "store").sources
    head = _head(project)
    git(project, "config", "extensions.partialClone", "origin")
    partial = read_git_facts(project, objects)
    (project / ".git/config").write_text("[core\n")
    broken = read_git_facts(project, objects)

    assert partial is not None
    assert broken is not None
    assert partial.commit == broken.commit == head


def test_a_repository_of_sha256_works(tmp_path: Path, write_skeleton) -> None:
    write(tmp_path / "p", {"a.py": "1"})
    git(tmp_path / "p", "init", "--quiet", "--object-format=sha256")
    git(tmp_path / "p", "add", "--all")
    git(tmp_path / "p", "commit", "--quiet", "-m", "x")
    (tmp_path / "w").mkdir()
    write_skeleton(tmp_path / "p", tmp_path / "w")

    assert _head(tmp_path / "w") == _head(tmp_path / "p")
    assert git(tmp_path / "w", "ls-files") == "a.py\n"


@pytest.mark.parametrize("name", ["a b", "new\nline", '"quoted"', "ünï", "#hash"])
@pytest.mark.parametrize("inside", [True, False])
def test_a_project_of_any_name_lends_its_objects(
    project: Path, tmp_path: Path, name: str, inside: bool, write_skeleton
) -> None:
    moved = project.rename(tmp_path / name)
    target = (moved / ".dvc_magic" if inside else tmp_path) / "w"
    target.mkdir(parents=True)
    write_skeleton(moved, target)

    assert git(target, "show", "HEAD:train.py") == "print(1)\n"


def test_a_project_can_be_moved_with_its_runs(project: Path, workspace: Path, tmp_path: Path) -> None:
    project.rename(tmp_path / "moved")

    assert git(tmp_path / "moved" / workspace.relative_to(project), "log", "--format=%s").strip() == "Start"


def test_a_project_in_a_subdirectory_keeps_commit_and_log(project: Path, write_skeleton) -> None:
    write(project, {"team/proj/a.py": "1"})
    git(project, "add", "--all")
    git(project, "commit", "--quiet", "-m", "Team")
    target = project / "team/proj/.dvc_magic/w"
    target.mkdir(parents=True)
    before = project_digest(project)

    assert write_skeleton(project / "team/proj", target)
    assert _head(target) == _head(project)
    assert git(target, "log", "-1", "--format=%s").strip() == "Team"
    git(target, "status")
    git(target, "add", "--all")
    assert _beyond_freshening([line for line in changes(before, project_digest(project)) if "/w" not in line]) == []


def test_before_the_first_commit_the_workspace_has_none_either(tmp_path: Path, write_skeleton) -> None:
    git(tmp_path, "init", "--quiet")
    (tmp_path / "w").mkdir()

    assert not write_skeleton(tmp_path, tmp_path / "w")
    assert git(tmp_path / "w", "rev-parse", "--show-toplevel").strip() == str(tmp_path / "w")


def test_without_git_nothing_is_written(tmp_path: Path, write_skeleton) -> None:
    assert read_git_facts(tmp_path, RunStore(tmp_path / "store").sources) is None
    assert not write_skeleton(tmp_path, tmp_path)
    assert not (tmp_path / ".git").exists()


def test_a_store_inside_another_repository_is_kept_from_it(project: Path, tmp_path: Path) -> None:
    target = project / "data" / "w"
    target.mkdir(parents=True)
    before = project_digest(project)
    objects = RunStore(tmp_path / "store").sources
    git_skeleton.write_skeleton_git(None, target, project=tmp_path / "elsewhere", objects=objects)
    git(target, "add", "--all")

    assert git(target, "rev-parse", "--show-toplevel").strip() == str(target)
    assert [line for line in changes(before, project_digest(project)) if not line.startswith("data")] == []


def test_settings_that_change_what_git_sees_come_along(project: Path, tmp_path: Path, write_skeleton) -> None:
    git(project, "config", "core.autocrlf", "input")
    git(project, "config", "user.name", 'Ada "of" Tests')
    git(project, "config", "remote.origin.url", "https://user:canary@example.com/x")
    (tmp_path / "w").mkdir()
    write_skeleton(project, tmp_path / "w")

    assert git(tmp_path / "w", "config", "core.autocrlf").strip() == "input"
    assert git(tmp_path / "w", "config", "user.name").strip() == 'Ada "of" Tests'
    assert "canary" not in (tmp_path / "w/.git/config").read_text()
