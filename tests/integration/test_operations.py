"""Operations run for real: each attribute of each source, what they make and learn, and the stages that they serve."""

from __future__ import annotations

import json
import shutil
from collections.abc import Iterator, Sequence
from pathlib import Path

import pytest
import yaml
from msgspec.structs import replace

import dvc_magic as dm
from dvc_magic.errors import MissingInputError, OperationError, ParamError, RequestError, RunError, StageNotFoundError
from dvc_magic.model.operation import Operation, OperationOut, Source
from dvc_magic.model.request import RunRequest, UpstreamPolicy
from dvc_magic.model.stage import overlaps
from dvc_magic.operations import CellSettings, cell_operation, parse_source, read_source
from dvc_magic.project import Project, Run, connection_of, sources
from tests.support.behind import carry_out, register, supplies_of
from tests.support.commands import dvc, dvc_status_code
from tests.support.digest import changes, project_digest
from tests.support.projects import create

pytestmark = [pytest.mark.integration, pytest.mark.timeout(240)]

PIPELINE = """\
stages:
  prepare:
    cmd:
      - mkdir -p parts
      - cp raw.csv clean.csv && cp raw.csv parts/a.csv && cp raw.csv parts/b.csv
      - 'echo "{\\"rows\\": 1}" > rows.json'
    deps: [raw.csv]
    outs: [clean.csv, parts]
    metrics:
      - rows.json: {cache: false}
  train:
    cmd: python train.py
    deps: [train.py, clean.csv]
    params: [lr]
    outs: [model.txt]
"""
FILES = {
    "dvc.yaml": PIPELINE,
    "params.yaml": "lr: 0.5\n",
    "train.py": "open('model.txt', 'w').write(open('clean.csv').read() + open('params.yaml').read())\n",
    "settings.json": '{"depth": 3, "loss": {"name": "l2"}}',
    "labels.txt": "some labels\n",
    "lookup.py": "NAMES = ['a']\n",
    "raw.csv": "x\n1\n",
    "data/more.csv": "y\n2\n",
}


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory, dvc_template: Path) -> Path:
    """The project, and beside it its two remotes: each has one of the files."""
    place = tmp_path_factory.mktemp("operations")
    root = create(place / "project", files=FILES, template=dvc_template, track=["raw.csv", "data/more.csv"])
    dvc(root, "remote", "add", "-d", "near", "../near")
    dvc(root, "remote", "add", "far", "../far")
    dvc(root, "push", "-q", "-r", "far", "data/more.csv")
    dvc(root, "push", "-q", "-r", "near", "raw.csv")
    return place


@pytest.fixture
def folder(made: Path, tmp_path: Path) -> Path:
    """The same, to do with as one likes."""
    return shutil.copytree(made, tmp_path / "made", symlinks=True) / "project"


@pytest.fixture
def project(folder: Path) -> Iterator[Project]:
    with Project.open(folder) as opened:
        yield opened


def start(project: Project, operation: Operation, **request: object) -> Run:
    register(project, operation)
    call = RunRequest(stages=(operation.address,), **request)  # type: ignore[arg-type]
    return carry_out(project, call)[0]


def cell(code: str, *requires: Source | str, name: str = "look", **settings: object) -> Operation:
    sources = tuple(parse_source(one, where="test") if isinstance(one, str) else one for one in requires)
    return cell_operation(name, code, settings=CellSettings(requires=sources, **settings))  # type: ignore[arg-type]


def reads(*paths: str) -> str:
    return "".join(f"print(open({path!r}).read().strip())\n" for path in paths)


def remove_data(folder: Path, *paths: str, caches: bool = True) -> None:
    for path in paths:
        (folder / path).unlink()
    if caches:
        for file in (folder / ".dvc/cache").rglob("*"):
            if file.is_file():
                file.unlink()


# --- dvcfile --------------------------------------------------------------------------------------------------------


def test_a_dvcfile_is_the_workspaces_even_when_it_differs_from_what_dvc_has_recorded(
    project: Project, folder: Path
) -> None:
    (folder / "raw.csv").write_text("changed\n")
    run = start(project, cell(reads("raw.csv"), "dvcfile:raw.csv"))
    assert run.log.text() == "changed\n"
    assert run.deps["raw.csv"].differs


def test_a_dvcfile_that_the_workspace_lacks_is_taken_from_the_cache(project: Project, folder: Path) -> None:
    remove_data(folder, "raw.csv", caches=False)
    (folder.parent / "near").rename(folder.parent / "gone")
    assert start(project, cell(reads("raw.csv"), "dvcfile:raw.csv")).log.text() == "x\n1\n"


def test_a_dvcfile_that_is_nowhere_here_is_pulled_and_the_project_stays_as_it_was(
    project: Project, folder: Path
) -> None:
    remove_data(folder, "raw.csv")
    before = project_digest(folder)
    run = start(project, cell(reads("raw.csv"), "dvcfile:raw.csv"))
    assert run.log.text() == "x\n1\n"
    assert repr(run.deps["raw.csv"]).startswith("<dvcfile raw.csv.dvc from remote 'near'")
    assert changes(before, project_digest(folder)) == []


def test_a_named_remote_is_asked_in_place_of_the_default_one(project: Project, folder: Path) -> None:
    remove_data(folder, "data/more.csv")
    with pytest.raises(MissingInputError, match="near"):
        start(project, cell(reads("data/more.csv"), "dvcfile:data/more.csv"))
    source = read_source({"dvcfile": "data/more.csv", "remote": "far"}, where="test")
    assert start(project, cell(reads("data/more.csv"), source)).log.text() == "y\n2\n"


def test_a_remote_that_is_not_configured_is_told_before_anything_runs(project: Project) -> None:
    source = read_source({"dvcfile": "raw.csv", "remote": "fra"}, where="test")
    with pytest.raises(MissingInputError, match=r"'fra'.*far"):
        start(project, cell(reads("raw.csv"), source))
    assert len(project.runs) == 0


def test_always_pull_takes_what_dvc_has_recorded(project: Project, folder: Path) -> None:
    (folder / "raw.csv").write_text("changed\n")
    source = read_source({"dvcfile": "raw.csv", "always-pull": True}, where="test")
    assert start(project, cell(reads("raw.csv"), source)).log.text() == "x\n1\n"


def test_always_pull_holds_for_the_stages_above_as_well(project: Project, folder: Path) -> None:
    (folder / "raw.csv").write_text("changed\n")
    source = read_source({"dvcfile": "raw.csv", "always-pull": True}, where="test")
    run = start(project, cell(reads("raw.csv", "clean.csv"), source, "dvcstage:prepare:clean.csv"))
    assert run.log.text() == "x\n1\nx\n1\n"


def test_two_sources_that_take_a_path_in_different_ways_are_refused(project: Project) -> None:
    pulled = read_source({"dvcfile": "raw.csv", "always-pull": True}, where="test")
    other = read_source({"dvcfile": "raw.csv", "remote": "far", "rename": "raw.csv other.csv"}, where="test")
    with pytest.raises(OperationError, match=r"take 'raw.csv' in different ways"):
        start(project, cell("print()\n", pulled, other))


@pytest.mark.parametrize(
    ("attributes", "place"),
    [
        ({"rename": "more.csv less.csv"}, "data/less.csv"),
        ({"rename": "less.csv"}, "data/less.csv"),
        ({"rename": {"pattern": r"(\w+)\.csv", "repl": r"\1.txt"}}, "data/more.txt"),
        ({"target-path": "inputs/raw"}, "inputs/raw/more.csv"),
        ({"target-path": ".", "rename": "more less"}, "less.csv"),
    ],
)
def test_a_file_goes_where_its_name_and_folder_say(project: Project, attributes: dict[str, object], place: str) -> None:
    source = read_source({"dvcfile": "data/more.csv", **attributes}, where="test")
    run = start(project, cell(reads(place), source))
    assert run.log.text() == "y\n2\n"
    assert list(run.deps) == ["look.py", place]
    assert not (run.workspace / "data/more.csv").exists()
    assert dvc_status_code(run.workspace) == 0


def test_one_file_can_have_two_names(project: Project) -> None:
    copy = read_source({"dvcfile": "raw.csv", "rename": "copy.csv", "name": "copy"}, where="test")
    run = start(project, cell(reads("raw.csv", "copy.csv"), "dvcfile:raw.csv", copy))
    assert run.log.text() == "x\n1\nx\n1\n"
    assert run.record.deps["copy.csv"].name == "copy"


def test_two_sources_with_one_place_are_refused(project: Project) -> None:
    source = read_source({"file": "labels.txt", "rename": "raw.csv", "target-path": "."}, where="test")
    with pytest.raises(OperationError, match=r"two of its sources go to 'raw.csv'"):
        start(project, cell("print()\n", "dvcfile:raw.csv", source))


# --- file and config ------------------------------------------------------------------------------------------------


def test_a_file_is_the_projects_and_is_neither_cached_nor_pulled(project: Project, folder: Path) -> None:
    assert start(project, cell(reads("labels.txt"), "file:labels.txt")).log.text() == "some labels\n"
    remove_data(folder, "raw.csv", caches=False)
    with pytest.raises(MissingInputError, match=r"'raw.csv'.*raw.csv.dvc records it: require it as dvcfile:raw.csv"):
        start(project, cell(reads("raw.csv"), "file:raw.csv"))


def test_a_missing_file_is_told_in_the_words_of_its_operations_author(project: Project) -> None:
    source = read_source({"file": "none.txt", "help": "Ask the lab for none.txt."}, where="test")
    with pytest.raises(MissingInputError, match=r"(?s)operation 'look' needs 'none.txt'.*Ask the lab for none.txt\."):
        start(project, cell("print()\n", source))


@pytest.mark.parametrize(
    ("source", "meant"),
    [
        ("dvcfile:more.csv", "'data/more.csv'"),
        ("file:src/labels.txt", "'labels.txt'"),
        ("file:labels.text", "'labels.txt'"),
        ("dvcfile:in/data", "'data'"),
    ],
)
def test_a_missing_file_is_answered_with_those_of_its_name_elsewhere(
    project: Project, folder: Path, source: str, meant: str
) -> None:
    remove_data(folder, "data/more.csv", caches=False)
    with pytest.raises(MissingInputError, match=rf"Did you mean {meant}\?"):
        start(project, cell("print()\n", source))


def test_a_renamed_source_file_is_copied_and_keeps_its_place_too(project: Project) -> None:
    source = read_source({"file": "labels.txt", "rename": "names.txt", "target-path": "in"}, where="test")
    assert start(project, cell(reads("in/names.txt"), source)).log.text() == "some labels\n"


def test_the_values_of_a_config_file_are_flags(project: Project) -> None:
    operation = cell("import json\nprint(json.load(open('settings.json')))\n", "config:settings.json")
    run = project_run(project, operation, {"depth": 5})
    assert run.log.text() == "{'depth': 5, 'loss': {'name': 'l2'}}\n"
    assert run.params == {"depth": 5, "loss.name": "l2"}
    assert repr(run.deps["settings.json"]) == "<config settings.json>"


def test_a_renamed_config_file_has_its_values_under_the_new_name_alone(project: Project) -> None:
    source = read_source({"config": "settings.json", "rename": "params.json"}, where="test")
    operation = cell("print(open('params.json').read(), open('settings.json').read())\n", source)
    run = project_run(project, operation, {"depth": 5})
    assert run.log.text() == '{"depth": 5, "loss": {"name": "l2"}} {"depth": 3, "loss": {"name": "l2"}}\n'
    lock = yaml.safe_load((run.workspace / "dvc.lock").read_text())
    assert lock["stages"]["look"]["params"] == {"params.json": {"depth": 5, "loss": {"name": "l2"}}}


def project_run(project: Project, operation: Operation, params: dict[str, object], **more: object) -> Run:
    register(project, operation)
    return project.run(operation.address, params, **more)  # type: ignore[arg-type]


# --- dvcstage -------------------------------------------------------------------------------------------------------


def test_a_stages_outs_come_from_its_run_which_is_made_when_it_is_missing(project: Project) -> None:
    run = start(project, cell(reads("clean.csv", "parts/a.csv", "rows.json"), "dvcstage:prepare"))
    assert run.log.text() == 'x\n1\nx\n1\n{"rows": 1}\n'
    assert run.upstream["prepare"].number == 1
    assert start(project, cell("print()\n", "dvcstage:prepare")).upstream["prepare"].number == 1


@pytest.mark.parametrize(
    ("select", "there"),
    [
        ("clean.csv", ["clean.csv"]),
        (r"(clean|rows)\..*", ["clean.csv", "rows.json"]),
        (["clean.csv", "parts"], ["clean.csv", "parts"]),
        ("parts/b.csv", ["parts/b.csv"]),
        (r"parts/b\.csv", ["parts/b.csv"]),
    ],
)
def test_what_is_selected_of_a_stage_is_there_and_nothing_else(
    project: Project, select: str | Sequence[str], there: list[str]
) -> None:
    source = read_source({"dvcstage": "prepare", "select": select}, where="test")
    run = start(project, cell("print()\n", source))
    assert list(run.deps) == ["look.py", *there]
    every = ("clean.csv", "parts/a.csv", "parts/b.csv", "rows.json")
    present = [path for path in every if (run.workspace / path).exists()]
    assert present == [path for path in every if any(overlaps(path, chosen) for chosen in there)]


@pytest.mark.parametrize("select", ["clean", "lean.csv", "parts/.*", "model.txt"])
def test_an_expression_matches_whole_paths_of_outs(project: Project, select: str) -> None:
    source = read_source({"dvcstage": "prepare", "select": select}, where="test")
    with pytest.raises(OperationError, match=r"matches no out of 'prepare', which makes clean.csv, parts, rows.json"):
        start(project, cell("print()\n", source))


def test_a_stages_out_can_be_renamed_and_put_elsewhere(project: Project) -> None:
    entry = {"dvcstage": "prepare", "select": "clean.csv", "rename": "clean dirty", "target-path": "in"}
    run = start(project, cell(reads("in/dirty.csv"), read_source(entry, where="test")))
    assert run.log.text() == "x\n1\n"
    assert dvc_status_code(run.workspace) == 0


def test_a_stage_that_there_is_not_is_answered_with_those_that_there_are(project: Project) -> None:
    with pytest.raises(OperationError, match=r"'prepar', which there is not. Did you mean 'prepare'\?"):
        start(project, cell("print()\n", "dvcstage:prepar"))


def test_a_named_run_is_used_however_old_it_is(project: Project, folder: Path) -> None:
    first = project.run("train")
    project.run("train", {"lr": 0.9})
    source = read_source({"dvcstage": "train", "run": str(first.number)}, where="test")
    run = start(project, cell(reads("model.txt"), source))
    assert run.log.text() == "x\n1\nlr: 0.5\n"
    again = start(project, cell(reads("model.txt"), "dvcstage:train"), use={"train": str(first.number + 1)})
    assert again.log.text() == "x\n1\nlr: 0.9\n"


def test_a_run_of_another_stage_is_refused(project: Project) -> None:
    prepared = project.run("prepare")
    source = read_source({"dvcstage": "train", "run": str(prepared.number)}, where="test")
    with pytest.raises(RunError, match="is a run of 'prepare', not of 'train'"):
        start(project, cell("print()\n", source))


def test_the_marked_run_comes_before_newer_ones(project: Project) -> None:
    first, second = project.run("train"), project.run("train")
    assert start(project, cell("print(1)\n", "dvcstage:train")).upstream["train"].number == second.number
    first.tag(mark=True)
    assert start(project, cell("print(2)\n", "dvcstage:train")).upstream["train"].number == first.number


def test_a_policy_holds_for_the_stages_that_an_operation_requires(project: Project, folder: Path) -> None:
    run = project.run("prepare")
    (folder / "raw.csv").write_text("new\n")
    latest = start(project, cell(reads("clean.csv"), "dvcstage:prepare"), upstream=UpstreamPolicy.LATEST)
    assert (latest.log.text(), latest.upstream["prepare"].number) == ("x\n1\n", run.number)
    with pytest.raises(MissingInputError, match="never"):
        start(project, cell(reads("clean.csv"), "dvcstage:prepare"), upstream=UpstreamPolicy.NEVER)


# --- what operations make and learn ---------------------------------------------------------------------------------

WRITES = """\
import json, os
lr = 0.5
steps = [1, 2]
os.makedirs('plots/deep')
open('plots/deep/a.txt', 'w').write('a')
open('weights.txt', 'w').write(str(lr))
json.dump({'loss': lr * 2}, open('metrics.json', 'w'))
"""


def test_what_a_cell_writes_are_its_outs_and_metrics(project: Project) -> None:
    run = start(project, cell(WRITES))
    assert {path: str(out.kind) for path, out in run.outs.items()} == {
        "metrics.json": "metric",
        "plots": "out",
        "weights.txt": "out",
    }
    assert run.metrics == {"loss": 1.0}
    assert dvc_status_code(run.workspace) == 0
    assert json.loads(run.outs["metrics.json"].read_text()) == {"loss": 1.0}


def test_outs_that_are_named_are_those_alone(project: Project) -> None:
    outs = (OperationOut(path="weights.txt"), OperationOut(path="metrics.json", metric=True, cache=False))
    run = start(project, cell(WRITES, outs=outs))
    assert sorted(run.outs) == ["metrics.json", "weights.txt"]
    assert run.record.learned is not None
    assert run.record.learned.made == ("plots",)


def test_a_metric_that_is_named_leaves_the_other_files_to_be_outs(project: Project) -> None:
    code = "open('scores.json', 'w').write('{\"f1\": 0.5}')\nopen('metrics.json', 'w').write('[1]')\n"
    run = start(project, cell(code, outs=(OperationOut(path="scores.json", metric=True),)))
    assert run.metrics == {"f1": 0.5}
    assert {path: str(out.kind) for path, out in run.outs.items()} == {"metrics.json": "out", "scores.json": "metric"}


def test_an_out_that_is_named_and_not_written_fails_the_run(project: Project) -> None:
    with pytest.raises(RunError, match="nothing.txt"):
        start(project, cell("print()\n", outs=(OperationOut(path="nothing.txt"),)))


def test_constants_are_flags_and_a_grid_runs_over_them(project: Project) -> None:
    register(project, cell(WRITES))
    runs = project.grid("op:look", {"lr": [0.1, 0.2], "steps": [[1], [3, 4]]})
    assert [run.metrics["loss"] for run in runs] == [0.2, 0.2, 0.4, 0.4]
    assert [run.params["steps"] for run in runs] == [[1], [3, 4], [1], [3, 4]]
    assert (runs[3].workspace / "look.py").read_text().splitlines()[1:3] == ["lr = 0.2", "steps = [3, 4]"]


def test_an_equal_run_answers_until_the_code_or_what_it_reads_changes(project: Project, folder: Path) -> None:
    operation = cell(f"import lookup\n{WRITES}")
    first = start(project, operation, reuse=True)
    assert start(project, operation, reuse=True).id == first.id
    (folder / "lookup.py").write_text("NAMES = ['b']\n")
    second = start(project, operation, reuse=True)
    assert second.id != first.id
    assert start(project, cell(f"import lookup  # changed\n{WRITES}"), reuse=True).id not in (first.id, second.id)


def test_what_a_cell_reads_is_found_when_it_learns(project: Project, folder: Path) -> None:
    code = "import lookup, os\nunused = 'labels.txt'\nos.path.exists('data/more.csv')\nprint(open('raw.csv').read())\n"
    run = start(project, cell(code, learn=True))
    learned = run.record.learned
    assert learned is not None
    assert learned.read == ("lookup.py", "raw.csv")
    assert sorted(learned.found) == ["data/more.csv", "labels.txt", "raw.csv"]
    assert run.log.text() == "x\n1\n\n"


def test_data_that_a_learning_cell_names_is_pulled(project: Project, folder: Path) -> None:
    remove_data(folder, "raw.csv")
    assert start(project, cell(reads("raw.csv"), learn=True)).record.learned.read == ("raw.csv",)  # type: ignore[union-attr]


def test_an_out_of_a_stage_that_a_learning_cell_names_is_that_of_its_run(project: Project) -> None:
    run = start(project, cell(reads("parts/a.csv"), learn=True))
    assert list(run.upstream) == ["prepare"]
    assert run.record.learned.read == ("parts/a.csv",)  # type: ignore[union-attr]


def test_without_learning_only_what_is_named_is_there(project: Project) -> None:
    with pytest.raises(RunError, match=r"raw\.csv"):
        start(project, cell(reads("raw.csv")))


def test_a_cell_that_asks_for_its_data_itself_is_given_it(project: Project) -> None:
    code = (
        "import dvc_magic as dm\n"
        "print(dm.dvcfile('raw.csv', rename='in.csv').path.name, dm.dvcfile('raw.csv', rename='in.csv').read_text())\n"
        "print(dm.dvcstage('prepare', select='clean.csv').read_text())\n"
    )
    run = start(project, cell(code))
    assert run.log.text() == "in.csv x\n1\n\nx\n1\n\n"


def test_an_operation_changes_nothing_in_the_project(project: Project, folder: Path) -> None:
    (folder / "look.py").write_text("raise SystemExit('the project has a file of this name')\n")
    before = project_digest(folder)
    assert start(project, cell(WRITES, "dvcfile:raw.csv", "dvcstage:prepare")).status == "completed"
    assert changes(before, project_digest(folder)) == []


# --- serving a stage ------------------------------------------------------------------------------------------------


def test_an_operation_serves_as_the_stage_that_it_names_while_it_matches(project: Project, folder: Path) -> None:
    operation = cell(
        "open('model.txt', 'w').write('mine')\nopen('notes.txt', 'w').write('n')\n",
        name="mine",
        stage="train",
        outs=(OperationOut(path="model.txt"), OperationOut(path="notes.txt")),
    )
    served = start(project, operation)
    look = start(project, cell(reads("model.txt"), "dvcstage:train"))
    assert (look.log.text(), look.upstream["train"].id) == ("mine\n", served.id)
    register(project, cell("open('model.txt', 'w').write('other')\n", name="mine", stage="train"))
    assert start(project, cell(reads("model.txt"), "dvcstage:train")).upstream["train"].stage == "train"


def test_an_operation_that_names_no_outs_makes_those_of_its_stage(project: Project) -> None:
    run = start(project, cell("open('model.txt', 'w').write('mine')\n", name="mine", stage="train"))
    assert list(run.outs) == ["model.txt"]


def test_an_operation_can_serve_as_a_stage_that_is_in_no_dvc_yaml_yet(project: Project) -> None:
    maker = cell("open('a.txt', 'w').write('a')\n", name="first", stage="begin", outs=(OperationOut(path="a.txt"),))
    register(project, maker)
    run = start(project, cell(reads("a.txt"), "dvcstage:begin"))
    assert run.log.text() == "a\n"
    assert run.upstream["op:first"].stage == "op:first"


def test_a_stage_that_is_in_no_dvc_yaml_has_to_be_made_with_named_outs(project: Project) -> None:
    register(project, cell("open('a.txt', 'w').write('a')\n", name="first", stage="begin"))
    with pytest.raises(OperationError, match="serves 'begin'"):
        start(project, cell(reads("a.txt"), "dvcstage:begin"))


def test_use_takes_the_run_of_a_serving_operation(project: Project) -> None:
    operation = cell("open('model.txt', 'w').write('mine')\n", name="mine", stage="train")
    served = start(project, operation)
    project.run("train")
    run = start(project, cell(reads("model.txt"), "dvcstage:train"), use={"train": str(served.number)})
    assert run.log.text() == "mine\n"


def test_values_are_the_same_for_an_operation_and_the_stages_above_it(project: Project) -> None:
    run = project_run(project, cell(reads("model.txt"), "dvcstage:train"), {"lr": 0.25})
    assert run.log.text() == "x\n1\nlr: 0.25\n"
    assert project.run("train", {"lr": 0.25}, reuse=True).id == run.upstream["train"].id


# --- again ----------------------------------------------------------------------------------------------------------


def test_a_run_of_a_cell_is_made_again_with_its_values_by_a_kernel_that_never_saw_the_cell(folder: Path) -> None:
    with Project.open(folder) as first:
        number = project_run(first, cell(WRITES), {"lr": 0.75}).number
    with Project.open(folder) as second:
        again = second.runs[number].again({"steps": [9]})
        assert again.params == {"lr": 0.75, "steps": [9]}
        assert second.run("op:look").params["lr"] == 0.5


def test_an_operation_that_was_never_there_is_not_found(project: Project) -> None:
    with pytest.raises(StageNotFoundError, match="nothing"):
        project.run("op:nothing")


# --- in Python ------------------------------------------------------------------------------------------------------


def test_code_is_run_from_python_as_from_a_cell(project: Project) -> None:
    code = """
        lr = 0.1
        open('o.txt', 'w').write(open('in.csv').read() + str(lr))
    """
    sources = ["dvcstage:prepare:clean.csv", {"dvcfile": "raw.csv", "rename": "in.csv"}, dm.dvcfile("data/more.csv")]
    run = project.op("fit", code, {"lr": 0.2}, requires=sources, deps=["labels.txt"], outs=["o.txt"])
    assert list(run.deps) == ["fit.py", "labels.txt", "clean.csv", "in.csv", "data/more.csv"]
    assert run.outs["o.txt"].read_text() == "x\n1\n0.2"
    assert [one.metrics for one in project.grid("op:fit", {"lr": [0.3, 0.4]})] == [{}, {}]
    assert project.operations["fit"].params["lr"].value == 0.1


def test_names_from_nowhere_are_refused_in_python_as_well(project: Project) -> None:
    with pytest.raises(OperationError, match="lr is defined nowhere"):
        project.op("fit", "print(lr)")


def test_code_that_is_refused_with_its_params_leaves_no_operation(project: Project) -> None:
    with pytest.raises(ParamError, match="rate"):
        project.op("fit", "lr = 0.1", {"rate": 1})
    assert "fit" not in project.operations


# --- paths for plain use --------------------------------------------------------------------------------------------


def test_a_source_is_the_projects_own_path_where_it_lies_there(project: Project, folder: Path) -> None:
    assert sources.dvcfile("raw.csv", find=lambda: supplies_of(project)).path == folder / "raw.csv"
    assert sources.config("settings.json", find=lambda: supplies_of(project)).path == folder / "settings.json"
    assert sources.file("labels.txt", find=lambda: supplies_of(project)).read_text() == "some labels\n"


def test_a_source_that_is_not_here_is_pulled_into_a_place_of_its_own(project: Project, folder: Path) -> None:
    remove_data(folder, "raw.csv")
    before = project_digest(folder)
    attributes = {"rename": "raw.csv rows.csv", "target_path": "in"}
    found = sources.dvcfile("raw.csv", **attributes, find=lambda: supplies_of(project))
    assert (found.path.name, found.path.parent.name, found.read_text()) == ("rows.csv", "in", "x\n1\n")
    assert found.path.stat().st_mode & 0o222 == 0
    assert sources.dvcfile("raw.csv", **attributes, find=lambda: supplies_of(project)).path == found.path
    assert changes(before, project_digest(folder)) == []


def test_an_out_of_a_stage_is_the_path_in_the_run_that_made_it(project: Project) -> None:
    with pytest.raises(MissingInputError, match="'prepare' would have to run first: %dvc_run prepare"):
        _ = sources.dvcstage("prepare", select="clean.csv", find=lambda: supplies_of(project)).path
    run = project.run("prepare")
    chosen = sources.dvcstage("prepare", select="clean.csv", find=lambda: supplies_of(project))
    assert chosen.path == run.outs["clean.csv"].path
    every = sources.dvcstage("prepare", find=lambda: supplies_of(project))
    assert list(every.paths) == ["clean.csv", "parts", "rows.json"]
    with pytest.raises(RequestError, match="stands for 3 paths"):
        _ = every.path


def test_an_old_run_is_used_when_it_is_named(project: Project, folder: Path) -> None:
    run = project.run("prepare")
    (folder / "raw.csv").write_text("new\n")
    with pytest.raises(MissingInputError, match="would have to run first"):
        _ = sources.dvcstage("prepare", select="clean.csv", find=lambda: supplies_of(project)).path
    assert (
        sources.dvcstage("prepare", select="clean.csv", run=run, find=lambda: supplies_of(project)).read_text()
        == "x\n1\n"
    )


def test_what_there_is_not_is_told_at_the_first_use(project: Project) -> None:
    missing = sources.dvcfile("none.csv", find=lambda: supplies_of(project))
    assert repr(missing) == "<dvcfile none.csv>"
    with pytest.raises(MissingInputError, match="needs 'none.csv'"):
        _ = missing.path
    with pytest.raises(OperationError, match=r"dm\.dvcstage.*rename"):
        sources.dvcstage("prepare", rename="( x", find=lambda: supplies_of(project))


# --- what an operation must not get wrong ---------------------------------------------------------------------------


def test_an_out_is_absent_before_the_command_although_the_project_has_a_file_there(
    project: Project, folder: Path
) -> None:
    (folder / "o.txt").write_text("of the project")
    with pytest.raises(RunError, match=r"o\.txt"):
        project.op("look", "print()", outs=["o.txt"])
    run = project.op("look", "open('o.txt', 'a').write('new')", outs=["o.txt"])
    assert run.outs["o.txt"].read_text() == "new"


def test_an_operation_does_not_stand_for_a_stage_under_a_value_that_it_does_not_take(project: Project) -> None:
    served = project.op("mine", "open('model.txt', 'w').write('mine')", stage="train")
    look = cell(reads("model.txt"), "dvcstage:train")
    register(project, look)
    assert project.run("op:look").upstream["train"].id == served.id
    assert project.run("op:look", {"lr": 0.9}).log.text() == "x\n1\nlr: 0.9\n"
    assert "mine does not take lr" in repr(project.plan("op:look", {"lr": 0.7}))


def test_a_value_of_a_config_file_holds_for_the_stages_above_as_well(project: Project) -> None:
    operation = cell(reads("params.yaml", "model.txt"), "config:params.yaml", "dvcstage:train")
    run = project_run(project, operation, {"params.yaml:lr": 0.125})
    assert run.log.text() == "lr: 0.125\nx\n1\nlr: 0.125\n"


def test_two_cells_with_one_script_have_values_of_their_own(project: Project) -> None:
    first = cell("x = 1\nopen('a.txt', 'w').write(str(x))\n", name="first", script="s.py", stage="begin")
    register(project, replace(first, outs=(OperationOut(path="a.txt"),)))
    second = cell("x = 2\nprint(open('a.txt').read(), x)\n", "dvcstage:begin", name="second", script="s.py")
    assert project_run(project, second, {"x": 7}).log.text() == "1 7\n"


def test_one_stage_is_taken_from_one_run(project: Project) -> None:
    first, second = project.run("train"), project.run("train", {"lr": 0.9})
    both = [{"dvcstage": "train", "run": str(run.number), "rename": f"{run.number}.txt"} for run in (first, second)]
    with pytest.raises(OperationError, match="takes outs of 'train' from two runs, 2 and 3"):
        project.op("look", "print()", requires=both)


def test_the_run_that_an_operation_above_names_is_used(project: Project) -> None:
    first = project.run("train")
    project.run("train", {"lr": 0.9})
    middle = cell(
        "open('m.txt', 'w').write(open('model.txt').read())\n",
        read_source({"dvcstage": "train", "run": str(first.number)}, where="test"),
        name="middle",
        stage="between",
        outs=(OperationOut(path="m.txt"),),
    )
    register(project, middle)
    run = start(project, cell(reads("m.txt"), "dvcstage:between"))
    assert run.log.text() == "x\n1\nlr: 0.5\n"


def test_what_changes_in_a_config_file_is_noticed_although_it_is_no_flag(project: Project, folder: Path) -> None:
    (folder / "dvc_magic.yaml").write_text(
        "operations:\n"
        "  show:\n"
        "    main: show.py\n"
        "    requires: [{config: settings.json}]\n"
        "    flags: [depth]\n"
        "    flags-dest: config:settings.json\n"
    )
    (folder / "show.py").write_text("print(open('settings.json').read())\n")
    first = project.run("show", reuse=True)
    assert first.params == {"depth": 3}
    assert project.run("show", reuse=True).id == first.id
    (folder / "settings.json").write_text('{"depth": 3, "loss": {"name": "l1"}}')
    assert project.run("show", reuse=True).id != first.id


def test_an_equal_run_has_the_same_outs_of_the_same_kind(project: Project) -> None:
    code = "open('m.json', 'w').write('{\"f1\": 0.5}')\nopen('b.txt', 'w').write('b')"
    first = project.op("look", code, outs=["m.json"])
    assert project.op("look", code, outs=["m.json"], reuse=True).id == first.id
    assert project.op("look", code, metrics=["m.json"], reuse=True).metrics == {"f1": 0.5}
    assert sorted(project.op("look", code, reuse=True).outs) == ["b.txt", "m.json"]


def test_a_file_that_was_read_and_removed_is_noticed_when_it_changes(project: Project, folder: Path) -> None:
    code = "import os\nprint(open('labels.txt').read())\nos.remove('labels.txt')"
    first = project.op("look", code, reuse=True)
    (folder / "labels.txt").write_text("other labels\n")
    assert project.op("look", code, reuse=True).id != first.id


def test_a_stage_that_is_spelled_with_its_file_is_served_too(project: Project) -> None:
    served = project.op("mine", "open('model.txt', 'w').write('mine')", stage="dvc.yaml:train")
    assert start(project, cell(reads("model.txt"), "dvcstage:train")).upstream["train"].id == served.id


def test_nothing_above_a_stage_runs_that_an_operation_stands_for(project: Project) -> None:
    project.op("mine", "open('model.txt', 'w').write('mine')", stage="train")
    run = start(project, cell(reads("model.txt"), "dvcstage:train"))
    assert run.number == 2
    assert [one.stage for one in project.runs.unfolded()] == ["op:look", "op:mine"]


def test_a_new_kernel_recalls_the_cell_that_is_asked_for_and_no_other(project: Project, folder: Path) -> None:
    project.op("mine", "open('model.txt', 'w').write('mine')", stage="train")
    project.op("look", "print(1)")
    with Project.open(folder) as second:
        assert connection_of(second).recall("none") == ""
        assert "op:look is taken as it was in run 2; call project.op()" in connection_of(second).recall("look")
    with Project.open(folder) as second:
        assert second.run("look").log.text() == "1\n"
        assert list(second.operations) == ["look"]


@pytest.mark.parametrize(
    "both",
    [
        [{"config": "settings.json", "rename": "s.json"}, {"config": "params.yaml", "rename": "s.json"}],
        [{"config": "settings.json", "rename": "s.json"}, {"file": "labels.txt", "rename": "s.json"}],
        [{"file": "labels.txt", "target-path": "data/more.csv"}, {"dvcfile": "data/more.csv"}],
        [{"file": "labels.txt", "rename": "look.py"}],
        [{"file": "labels.txt", "rename": "data"}],
    ],
)
def test_sources_that_take_each_others_place_are_refused(project: Project, both: list[dict[str, str]]) -> None:
    with pytest.raises(OperationError, match="two of its sources go to|would take the place of"):
        project.op("look", "print()", requires=both)


def test_a_script_in_the_place_of_a_file_of_the_project_is_told(project: Project) -> None:
    run = project.op("lookup", "print(1)")
    assert "the project's lookup.py is not in this run: the operation's script has its place" in run.record.warnings


def test_names_that_look_like_templates_are_names(project: Project, folder: Path) -> None:
    (folder / "${lr}.txt").write_text("odd")
    run = project.op("look", "print(open('${lr}.txt').read())", deps=["${lr}.txt"], desc="${nope}")
    assert run.log.text() == "odd\n"
    assert dvc_status_code(run.workspace) == 0
