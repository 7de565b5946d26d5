"""From a run of an operation to a stage that ``dvc repro`` runs alike in a clean clone."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from msgspec.structs import replace
from ruamel.yaml import YAML

from dvc_magic.errors import OperationError, RunError, RunFailedError
from dvc_magic.model.operation import Operation, OperationOut, OperationParams, Source, SourceKind, TextFile
from dvc_magic.project import Project, Run
from tests.support.behind import register
from tests.support.commands import dvc, git
from tests.support.digest import changes, project_digest
from tests.support.locks import repro_lock

pytestmark = pytest.mark.integration

FILES = {
    "dvc.yaml": """\
# how the data comes about
stages:
  load:
    cmd: cp raw.csv loaded.txt  # a stage before
    deps: [raw.csv]
    outs: [loaded.txt]
""",
    "raw.csv": "1\n2\n",
    "labels/a.txt": "x\n",
    "unread.csv": "0\n",
    "conf.json": '{"bias": 1, "other": 2}\n',
    "helper.py": "def scale(x):\n    return x * 2\n",
}
SCRIPT = """\
# /// dvc_magic
# requires:
#   - dvcfile: raw.csv
# ///
import json
from pathlib import Path

import helper

lr = 0.5  # how fast
epochs = 3
conf = json.loads(Path("conf.json").read_text())
rows = [Path(name).read_text().split() for name in ("raw.csv", "loaded.txt", "labels/a.txt")]
Path("parts").mkdir()
for at, row in enumerate(rows):
    Path(f"parts/{at}.txt").write_text(str(row))
Path("model.txt").write_text(str(helper.scale(lr * epochs) + conf["bias"]))
Path("metrics.json").write_text(json.dumps({"loss": lr}))
"""
FIT = Operation(
    name="fit",
    origin="cell",
    cmd="python fit.py",
    requires=(
        Source(kind=SourceKind.DVCFILE, path="raw.csv"),
        Source(kind=SourceKind.DVCSTAGE, path="load"),
        Source(kind=SourceKind.CONFIG, path="conf.json"),
    ),
    code=("fit.py",),
    params=(OperationParams(path="fit.py", keys=("lr", "epochs")), OperationParams(path="conf.json", keys=("bias",))),
    files=(TextFile(path="fit.py", text=SCRIPT),),
    learn=True,
    hints=("labels", "unread.csv"),
    desc="Fit <b>it</b>",
)


@pytest.fixture
def root(make_project: Callable[..., Path]) -> Path:
    """A project whose data is in DVC."""
    return make_project(FILES, track=["raw.csv"])


@pytest.fixture
def project(root: Path) -> Iterator[Project]:
    """The same, opened."""
    with Project.open(root) as opened:
        yield opened


def _run(project: Project, operation: Operation = FIT, params: dict[str, Any] | None = None) -> Run:
    register(project, operation)
    return project.run(operation.address, params or {})


def _commit(root: Path) -> None:
    git(root, "add", "--all")
    git(root, "commit", "--quiet", "--message", "Promote")


def _entry(run: Run, name: str = "fit") -> Any:
    return YAML(typ="safe").load(run.workspace / "dvc.lock")["stages"][name]


def _by_path(entries: list[dict[str, Any]]) -> dict[str, dict[str, Any]]:
    return {entry["path"]: entry for entry in entries}


def test_dvc_repro_in_a_clean_clone_does_what_the_run_did(project: Project) -> None:
    run = _run(project, params={"lr": 0.25})
    run.promote()
    _commit(project.root)
    own, made = _entry(run), repro_lock(project.root)["dvc.yaml"]["fit"]
    assert (made["cmd"], made["params"], made["outs"]) == (own["cmd"], own["params"], own["outs"])
    assert made["params"] == {"conf.json": {"bias": 1}, "fit.py": {"epochs": 3, "lr": 0.25}}
    own_deps, made_deps = _by_path(own["deps"]), _by_path(made["deps"])
    helper = made_deps.pop("helper.py")  # found by reading, so that the run's own lock does not have it
    assert helper["md5"] == run.record.read["helper.py"]
    assert own_deps.pop("unread.csv")  # named in the code and never read
    assert made_deps == own_deps
    assert set(own_deps) == {"fit.py", "raw.csv", "loaded.txt", "labels"}


def test_an_operation_that_names_all_has_the_very_lock_entry_of_its_stage(project: Project) -> None:
    helper = Source(kind=SourceKind.FILE, path="helper.py")
    labels = Source(kind=SourceKind.FILE, path="labels")
    outs = (OperationOut(path="model.txt"), OperationOut(path="parts"), OperationOut(path="metrics.json", metric=True))
    named = replace(FIT, requires=(*FIT.requires, helper, labels), learn=False, hints=(), outs=outs)
    run = _run(project, named)
    run.promote()
    _commit(project.root)
    assert repro_lock(project.root)["dvc.yaml"]["fit"] == _entry(run)


def test_data_that_is_only_in_a_remote_is_enough_for_a_clone(project: Project, root: Path, clone: Any) -> None:
    dvc(root, "remote", "add", "-d", "far", str(root.parent / "far"))
    dvc(root, "push", "--quiet")
    _run(project).promote()
    _commit(root)
    copy = clone(root)
    dvc(copy, "pull", "--quiet", "raw.csv.dvc")
    dvc(copy, "repro", "fit")
    assert (copy / "model.txt").read_text() == "4.0"
    assert dvc(copy, "status") == "Data and pipelines are up to date.\n"


def test_the_script_keeps_its_text_but_for_the_values_of_the_run(project: Project, root: Path) -> None:
    _run(project, params={"lr": 0.25}).promote()
    assert (root / "fit.py").read_text() == SCRIPT.replace("lr = 0.5", "lr = 0.25")


def test_values_of_a_config_file_that_the_run_had_are_told(project: Project, root: Path) -> None:
    promoted = _run(project, params={"bias": 7}).promote(dry_run=True)
    assert promoted.notices == (
        "conf.json of the project has bias 1 (the run had 7); dvc repro takes the project's values",
    )


def test_a_dry_run_shows_each_byte_and_touches_nothing(project: Project, root: Path) -> None:
    run = _run(project)
    before = project_digest(root)
    told = run.promote(dry_run=True)
    assert changes(before, project_digest(root)) == []
    assert "would be written" in repr(told)
    run.promote()
    assert {path: (root / path).read_text() for path in told.changes} == told.changes
    assert set(told.changes) == {"fit.py", "dvc.yaml", ".gitignore"}


def test_only_what_is_told_is_written(project: Project, root: Path) -> None:
    run = _run(project)
    before = project_digest(root)
    run.promote()
    folders = (".: mtime", ".dvc: mtime")
    touched = {line.partition(":")[0] for line in changes(before, project_digest(root)) if line not in folders}
    assert {path for path in touched if not path.startswith(".dvc/tmp")} == {"fit.py", "dvc.yaml", ".gitignore"}
    assert (root / "dvc.yaml").read_text().startswith("# how the data comes about\nstages:\n  load:\n")


def test_a_run_is_promoted_once(project: Project, root: Path) -> None:
    run = _run(project)
    run.promote()
    before = project_digest(root)
    with pytest.raises(OperationError, match="has a stage 'fit' already"):
        run.promote()
    with pytest.raises(OperationError, match="is an out of both .* let the operation write elsewhere"):
        run.promote(name="again")
    assert [line for line in changes(before, project_digest(root)) if not line.startswith(".dvc")] == []


def test_a_promoted_stage_runs_here_as_well(project: Project) -> None:
    first = _run(project)
    first.promote()
    second = project.run("fit")
    assert second.record.op is None
    assert second.metrics == first.metrics


def test_runs_of_stages_and_failed_runs_are_refused(project: Project) -> None:
    with pytest.raises(RunError, match="'load', which is a stage already"):
        project.run("load").promote()
    broken = replace(FIT, files=(TextFile(path="fit.py", text="lr = 0.5\nepochs = 3\n1 / 0\n"),))
    with pytest.raises(RunFailedError) as caught:
        _run(project, broken)
    with pytest.raises(RunError, match="is failed: only a completed run"):
        caught.value.run.promote()


def test_operations_are_promoted_in_the_order_of_their_data(project: Project) -> None:
    text = "from pathlib import Path\n\nPath('clean.csv').write_text(Path('raw.csv').read_text())\n"
    clean = Operation(
        name="tidy",
        origin="cell",
        cmd="python tidy.py",
        serves="clean",
        requires=(Source(kind=SourceKind.DVCFILE, path="raw.csv"),),
        code=("tidy.py",),
        files=(TextFile(path="tidy.py", text=text),),
        outs=(OperationOut(path="clean.csv"),),
    )
    use = Operation(
        name="use",
        origin="cell",
        cmd="cp clean.csv used.csv",
        requires=(Source(kind=SourceKind.DVCSTAGE, path="clean"),),
        outs=(OperationOut(path="used.csv"),),
    )
    register(project, clean)
    run = _run(project, use)
    with pytest.raises(OperationError, match="promote that run first"):
        run.promote()
    upstream = run.upstream["op:tidy"]
    assert upstream.promote().stage == "clean"
    run.promote()
    _commit(project.root)
    assert set(repro_lock(project.root)["dvc.yaml"]) == {"load", "clean", "use"}


def test_markup_in_names_and_texts_is_shown_as_text(project: Project) -> None:
    promoted = _run(project).promote(dry_run=True)
    assert "Fit &lt;b&gt;it&lt;/b&gt;" in promoted._repr_html_()
    assert "<b>it" not in promoted._repr_html_()


def test_code_that_the_project_has_needs_no_script(make_project: Callable[..., Path]) -> None:
    script = "lr = 0.5\nopen('model.txt', 'w').write(str(lr))\n"
    operation = Operation(
        name="train",
        origin="guild.yml",
        cmd="python train.py",
        code=("train.py",),
        params=(OperationParams(path="train.py", keys=("lr",)),),
        outs=(OperationOut(path="model.txt"),),
    )
    with Project.open(make_project({"train.py": script})) as project:
        run = _run(project, operation, {"lr": 0.25})
        promoted = run.promote()
        assert list(promoted.changes) == ["dvc.yaml", ".gitignore"]
        told = "train.py of the project has lr 0.5 (the run had 0.25); dvc repro takes the project's values"
        assert promoted.notices == (told,)
        assert (project.root / "train.py").read_text() == script


def test_a_project_behind_a_link_is_written_as_any_other(root: Path) -> None:
    link = root.parent / "link"
    link.symlink_to(root)
    with Project.open(link) as project:
        assert set(_run(project).promote().changes) == {"fit.py", "dvc.yaml", ".gitignore"}
    assert (root / "fit.py").stat().st_mode & 0o777 == (root / "helper.py").stat().st_mode & 0o777
    dvc(root, "repro", "fit")


def test_a_project_in_a_folder_of_a_git_repository_is_written_as_any_other(
    tmp_path: Path, make_project: Callable[..., Path]
) -> None:
    outer = make_project({"README": ""}, name="outer")
    root = outer / "inner project"
    root.mkdir()
    dvc(root, "init", "--subdir", "--quiet")
    for name in ("raw.csv", "helper.py", "conf.json", "dvc.yaml"):
        (root / name).write_text(FILES[name])
    (root / "labels").mkdir()
    (root / "labels/a.txt").write_text("x\n")
    _commit(outer)
    with Project.open(root) as project:
        promoted = _run(project, replace(FIT, hints=("labels",))).promote()
    assert (root / ".gitignore").read_text() == "/model.txt\n/parts\n"
    dvc(root, "repro", "fit")
    git(root, "add", *promoted.files.commit, "dvc.lock")
