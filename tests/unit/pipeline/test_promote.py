from __future__ import annotations

import hashlib

import pytest
from dvc.lock import make_lock
from msgspec.structs import replace

from dvc_magic.errors import DvcMagicError, PipelineError, ProjectError
from dvc_magic.model.operation import OperationParams, TextFile
from dvc_magic.model.promotion import Promotion
from dvc_magic.model.record import OutRecord
from dvc_magic.model.stage import OutKind
from dvc_magic.pipeline import ProjectReader, promote
from dvc_magic.store import RunStore
from tests.support.commands import dvc, git
from tests.support.digest import changes, project_digest

SCRIPT = """\
import json
from pathlib import Path

lr = 0.5
epochs = 3
rows = Path("data.csv").read_text().split()
Path("model.txt").write_text(str(lr * epochs * len(rows)))
Path("m.json").write_text(json.dumps({"loss": lr}))
"""
PIPELINE = """\
# how the data is made
stages:
  load:  # from the shop
    cmd: cp raw.csv data.csv
    deps: [raw.csv]
    outs: [data.csv]
"""
PROMOTION = Promotion(
    name="fit",
    cmd="python fit.py",
    desc="Fit the model",
    deps={"fit.py": "", "data.csv": ""},
    taken=("data.csv",),
    params=(OperationParams(path="fit.py", keys=("lr", "epochs")),),
    locked={"fit.py": {"lr": 0.5, "epochs": 3}},
    outs={"model.txt": OutRecord(), "m.json": OutRecord(kind=OutKind.METRIC, cache=False)},
    files=(TextFile(path="fit.py", text=SCRIPT),),
)


@pytest.fixture
def project(make_project):
    return make_project({"dvc.yaml": PIPELINE, "raw.csv": "1\n2\n"})


def _promote(project, promotion=PROMOTION, *, dry_run=False):
    reader = ProjectReader(project, RunStore(project.parent / "store"))
    return promote(reader, promotion, hash_file=_hash, dry_run=dry_run)


def _hash(path):
    data = path.read_bytes()
    return hashlib.md5(data).hexdigest(), len(data)


def _touched(before, project):
    """What has changed, less DVC's lock file and the times of folders, which a file that comes and goes renews."""
    found = changes(before, project_digest(project))
    folders = [
        f"{path.relative_to(project).as_posix()}: mtime" for path in [project, *project.rglob("*")] if path.is_dir()
    ]
    return [line for line in found if not line.startswith(".dvc/tmp") and line not in folders]


def _refusal(project, promotion=PROMOTION):
    """What a promotion is refused with, while nothing is touched."""
    before = project_digest(project)
    with pytest.raises(DvcMagicError) as caught:
        _promote(project, promotion, dry_run=True)
    with pytest.raises(type(caught.value)) as again:
        _promote(project, promotion)
    assert _touched(before, project) == []
    assert str(again.value) == str(caught.value)
    return str(caught.value)


def test_the_stage_that_is_written_runs_in_a_clean_clone(project, clone):
    _promote(project)
    git(project, "add", "--all")
    git(project, "commit", "--quiet", "-m", "Promote")
    copy = clone(project)
    dvc(copy, "repro", "fit")
    assert (copy / "model.txt").read_text() == "3.0"
    assert dvc(copy, "status") == "Data and pipelines are up to date.\n"


def test_what_git_is_given_is_all_that_a_promotion_and_its_first_run_bring(make_project):
    project = make_project({"data.csv": "1\n"})
    (project / "helper.py").write_text("")
    outs = {**PROMOTION.outs, "deep/out.txt": OutRecord()}
    script = SCRIPT + 'Path("deep").mkdir(exist_ok=True)\nPath("deep/out.txt").write_text("")\n'
    files = (TextFile(path="fit.py", text=script),)
    done = _promote(project, replace(PROMOTION, outs=outs, files=files, deps={**PROMOTION.deps, "helper.py": ""}))
    dvc(project, "repro", "fit")
    git(project, "add", *done.commit, "dvc.lock")
    assert [line for line in git(project, "status", "--porcelain").splitlines() if line[1] != " "] == []


def test_comments_of_the_pipeline_stay_and_the_entry_is_complete(project):
    _promote(project)
    text = (project / "dvc.yaml").read_text()
    assert text.startswith("# how the data is made\nstages:\n  load:  # from the shop\n")
    assert text.endswith("""\
  fit:
    desc: Fit the model
    cmd: python fit.py
    deps:
    - data.csv
    - fit.py
    params:
    - fit.py:
      - epochs
      - lr
    outs:
    - model.txt
    metrics:
    - m.json:
        cache: false
""")


def test_a_dry_run_tells_each_byte_and_writes_none(project):
    before = project_digest(project)
    told = _promote(project, dry_run=True)
    assert changes(before, project_digest(project)) == []
    done = _promote(project)
    assert (told.written, done.written) == (False, True)
    assert told == replace(done, written=False)
    assert {change.path: change.after.encode() for change in told.changes} == {
        path: (project / path).read_bytes() for path in ("fit.py", "dvc.yaml", ".gitignore")
    }


def test_it_writes_what_dvc_stage_add_writes(project, make_project):
    other = make_project({"dvc.yaml": PIPELINE, "raw.csv": "1\n2\n", "fit.py": SCRIPT}, name="other")
    plain = replace(PROMOTION, params=(), locked={})  # dvc stage add refuses a script that is a param file, too
    _promote(project, plain)
    words = ["-d", "fit.py", "-d", "data.csv", "-o", "model.txt", "-M", "m.json", "--desc", "Fit the model"]
    dvc(other, "stage", "add", "--quiet", "-n", "fit", *words, "python fit.py")
    for name in ("dvc.yaml", ".gitignore"):
        assert (project / name).read_bytes() == (other / name).read_bytes()


def test_a_project_without_a_pipeline_gets_one(make_project):
    project = make_project({"data.csv": "1\n"})
    done = _promote(project, replace(PROMOTION, taken=()))
    assert [change.path for change in done.changes] == ["fit.py", "dvc.yaml", ".gitignore"]
    dvc(project, "repro", "fit")
    assert dvc(project, "status") == "Data and pipelines are up to date.\n"


def test_a_project_without_git_gets_no_ignore_files(make_project):
    project = make_project({"data.csv": "1\n"})
    dvc(project, "config", "core.no_scm", "true")
    done = _promote(project)
    assert [change.path for change in done.changes] == ["fit.py", "dvc.yaml"]
    assert done.commit == ()


def test_a_stage_of_that_name_is_not_overwritten(project):
    assert "has a stage 'load' already" in _refusal(project, replace(PROMOTION, name="load"))


def test_a_group_of_that_name_is_not_overwritten(make_project):
    project = make_project({"dvc.yaml": "stages:\n  fit:\n    foreach: [a]\n    do: {cmd: 'echo ${item}'}\n"})
    assert "has a stage 'fit' already" in _refusal(project)


def test_a_script_with_other_content_is_not_overwritten(project):
    (project / "fit.py").write_text("print()\n")
    assert "fit.py is there already with another content" in _refusal(project)


def test_a_script_with_the_same_content_is_taken_as_it_is(project):
    (project / "fit.py").write_text(SCRIPT)
    done = _promote(project)
    assert [change.path for change in done.changes] == ["dvc.yaml", ".gitignore"]
    assert "fit.py" in done.commit


def test_an_out_that_a_stage_makes_is_refused(project):
    message = _refusal(project, replace(PROMOTION, outs={"data.csv/part": OutRecord()}, deps={"fit.py": ""}))
    assert "data.csv" in message
    assert "outs must not overlap" in message


def test_two_makers_of_one_path_are_refused(project):
    message = _refusal(project, replace(PROMOTION, outs={"data.csv": OutRecord()}, deps={"fit.py": ""}))
    assert "data.csv is an out of both" in message


def test_a_circle_is_refused(project):
    assert "in a circle" in _refusal(project, replace(PROMOTION, outs={"raw.csv": OutRecord(cache=False)}))


def test_a_file_of_git_is_no_out(project):
    (project / "model.txt").write_text("by hand")
    git(project, "add", "model.txt")
    assert "git rm -r --cached model.txt" in _refusal(project)


@pytest.mark.parametrize("name", ["a.b", "a/b", "a@b", "a:b", ""])
def test_what_dvc_takes_for_no_name_is_refused(project, name):
    assert _refusal(project, replace(PROMOTION, name=name))


@pytest.mark.parametrize(
    "path", [".git/hooks/fit.py", ".dvc/fit.py", "data.csv/fit.py", "link/fit.py", "raw.csv/fit.py"]
)
def test_a_script_goes_to_no_place_that_is_not_the_projects_own(project, path):
    (project / "link").symlink_to(project.parent)
    script = replace(PROMOTION.files[0], path=path)
    assert path in _refusal(project, replace(PROMOTION, files=(script,)))


def test_a_broken_pipeline_is_told_and_left_alone(make_project):
    project = make_project({"dvc.yaml": "stages:\n  a: [\n"})
    assert "dvc.yaml" in _refusal(project)


def test_outs_that_dvc_does_not_see_are_refused(project):
    (project / ".dvcignore").write_text("model.txt\n")
    with pytest.raises(PipelineError, match="model.txt"):
        _promote(project)


def test_a_failed_write_puts_all_files_back(project):
    (project / "out").mkdir()
    (project / "out/.gitignore").symlink_to("nowhere")
    before = project_digest(project)
    files = (replace(PROMOTION.files[0], path="new/fit.py"),)
    outs = {"out/model.txt": OutRecord()}
    promotion = replace(PROMOTION, outs=outs, files=files, deps={"new/fit.py": ""}, params=(), locked={})
    with pytest.raises(ProjectError, match=r"out/.gitignore cannot be written .*; everything is as it was"):
        _promote(project, promotion)
    assert _touched(before, project) == []
    assert not list(project.glob(".dvc.yaml-*"))


def test_nothing_is_written_while_a_dvc_command_is_at_work(project):
    (project / ".dvc/tmp").mkdir(exist_ok=True)
    with make_lock(str(project / ".dvc/tmp/lock")), pytest.raises(ProjectError, match="a DVC command is at work"):
        _promote(project)
    assert not (project / "fit.py").exists()


def test_values_that_the_project_has_otherwise_are_told(make_project):
    project = make_project({"data.csv": "1\n", "params.yaml": "lr: 0.1\nn: 1\n"})
    promotion = replace(
        PROMOTION, params=(OperationParams(path="params.yaml"),), locked={"params.yaml": {"lr": 0.5, "n": 1}}
    )
    assert "params.yaml of the project has lr 0.1 (the run had 0.5); dvc repro takes the project's values" in (
        _promote(project, promotion, dry_run=True).notices
    )


def test_deps_that_a_clone_would_lack_are_told(make_project):
    project = make_project({".gitignore": "secret.csv\n", "secret.csv": "1\n", "new.py": "", "data.csv": ""})
    deps = {"fit.py": "", "secret.csv": "", "gone.csv": "", "../shared.csv": ""}
    told = " ".join(_promote(project, replace(PROMOTION, deps=deps), dry_run=True).notices)
    assert "git ignores secret.csv, and DVC does not track it: a clone will not have it: dvc add secret.csv" in told
    assert "../shared.csv lies outside of the project" in told
    assert "gone.csv is not in the project any more" in told


def test_what_git_has_although_it_ignores_it_is_not_told(make_project):
    project = make_project({".gitignore": "secret.csv\n*.py\n", "secret.csv": "1\n", "data.csv": ""})
    promotion = replace(PROMOTION, deps={"fit.py": "", "secret.csv": ""})
    told = _promote(project, promotion).notices
    assert "git ignores fit.py: git add -f fit.py" in told
    git(project, "add", "-f", "secret.csv", "fit.py")
    dvc(project, "remove", "fit")
    assert not any("git ignores" in notice for notice in _promote(project, promotion, dry_run=True).notices)


def test_in_a_folder_that_git_ignores_a_dep_is_for_git(make_project):
    project = make_project({".gitignore": "own/\n", "own/a b.csv": "1\n"})
    told = _promote(project, replace(PROMOTION, deps={"own/a b.csv": ""}), dry_run=True).notices
    assert (
        "git ignores own/a b.csv, and would a .dvc file there: a clone will not have it: git add -f 'own/a b.csv'"
    ) in told


def test_deps_that_git_does_not_have_are_named_for_it(project):
    (project / "helper.py").write_text("x = 1\n")
    done = _promote(project, replace(PROMOTION, deps={**PROMOTION.deps, "helper.py": ""}), dry_run=True)
    assert done.commit == ("fit.py", "dvc.yaml", ".gitignore", "helper.py", "m.json")


def test_inputs_that_are_not_the_runs_are_told(project):
    deps = {"fit.py": "", "raw.csv": hashlib.md5(b"other").hexdigest()}
    told = _promote(project, replace(PROMOTION, deps=deps), dry_run=True).notices
    assert "raw.csv is not what the run had: the stage takes what the project has" in told


def test_templates_are_filled_from_the_operations_files(make_project):
    project = make_project({"conf.yaml": "lr: 0.5\n"})
    promotion = Promotion(
        name="say",
        cmd="echo ${lr} > said.txt",
        variables=("conf.yaml",),
        params=(OperationParams(path="conf.yaml", keys=("lr",)),),
        locked={"conf.yaml": {"lr": 0.5}},
        outs={"said.txt": OutRecord()},
    )
    assert _promote(project, promotion).notices == ()
    dvc(project, "repro", "say")
    assert (project / "said.txt").read_text() == "0.5\n"


@pytest.mark.parametrize(
    "change",
    [lambda text: text.replace("\n", "\r\n"), lambda text: f"\ufeff{text}", lambda text: text],
    ids=["crlf", "bom", "plain"],
)
def test_the_pipeline_keeps_its_line_ends_and_its_mark(make_project, change):
    before = change(PIPELINE).encode()
    project = make_project({"dvc.yaml": before, "raw.csv": "1\n2\n"})
    done = _promote(project)
    after = (project / "dvc.yaml").read_bytes()
    assert after.startswith(before)
    assert after.count(b"\r\n") in {0, after.count(b"\n")}
    assert not any("anew" in notice for notice in done.notices)
    dvc(project, "repro", "fit")


def test_a_pipeline_with_both_line_ends_keeps_those_of_most_lines(make_project):
    project = make_project({"dvc.yaml": PIPELINE.replace("\n", "\r\n", 5).encode(), "raw.csv": "1\n2\n"})
    _promote(project)
    after = (project / "dvc.yaml").read_bytes()
    assert after.count(b"\r\n") == after.count(b"\n")


@pytest.mark.parametrize("name", ["dvc.yaml", ".gitignore"])
def test_a_file_that_lies_elsewhere_is_not_written(project, tmp_path, name):
    outside = tmp_path / "outside"
    outside.write_text(PIPELINE if name == "dvc.yaml" else "/data.csv\n")
    (project / name).unlink(missing_ok=True)
    (project / name).symlink_to(outside)
    before = outside.read_bytes()
    assert _refusal(project).startswith(f"{name} leads by a link to {outside}, which is outside of the project")
    assert outside.read_bytes() == before


def test_an_out_in_a_folder_that_lies_elsewhere_is_not_written_to(project, tmp_path):
    (tmp_path / "outside").mkdir()
    (project / "link").symlink_to(tmp_path / "outside")
    message = _refusal(project, replace(PROMOTION, outs={"link/model.txt": OutRecord()}))
    assert "link" in message
    assert list((tmp_path / "outside").iterdir()) == []


@pytest.mark.parametrize("there", [True, False], ids=["there", "gone"])
def test_a_script_in_a_folder_that_lies_elsewhere_is_not_written(project, tmp_path, there):
    if there:
        (tmp_path / "outside").mkdir()
    (project / "src").symlink_to(tmp_path / "outside")
    files = (TextFile(path="src/fit.py", text=SCRIPT),)
    message = _refusal(project, replace(PROMOTION, files=files, deps={"src/fit.py": "", "data.csv": ""}))
    assert message == "src/fit.py is no place for a script: name one inside the project with --script"
    assert there == (tmp_path / "outside").exists()


def test_a_link_inside_the_project_is_followed(project):
    (project / "dvc.yaml").rename(project / "real.yaml")
    (project / "dvc.yaml").symlink_to("real.yaml")
    _promote(project)
    assert (project / "dvc.yaml").is_symlink()
    assert "  fit:\n" in (project / "real.yaml").read_text()
