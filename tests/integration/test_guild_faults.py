"""The faults of Guild AI's DVC support that could be ours: each is a test, listed in ``docs/guild-faults.md``.

The numbers are those of that page.
"""

from __future__ import annotations

import json
import re
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from dvc_magic.errors import ParamError, RunFailedError
from dvc_magic.model.record import RunStatus
from dvc_magic.project import Project, Run, Runs
from tests.support.commands import dvc, git
from tests.support.projects import Files, write

pytestmark = pytest.mark.integration

Open = Callable[..., Project]

PREP_TRAIN = """\
stages:
  prep:
    cmd: sh prep.sh
    deps: [prep.sh]
    params: [prep.n]
    outs: [prep.txt]
  train:
    cmd: sh train.sh
    deps: [train.sh, prep.txt]
    params: [lr]
    outs: [model.txt]
    metrics: [metrics.json: {cache: false}]
"""
CHAIN: Files = {
    "dvc.yaml": PREP_TRAIN,
    "params.yaml": "lr: 0.5\nprep:\n  n: 1\n",
    "prep.sh": "grep n: params.yaml > prep.txt\n",
    "train.sh": "cp prep.txt model.txt\necho '{\"loss\": 5}' > metrics.json\n",
}


@pytest.fixture
def opened(make_project: Any) -> Iterator[Open]:
    """A factory of open projects; arguments as those of `make_project`."""
    projects: list[Project] = []

    def make(files: Files, **options: Any) -> Project:
        projects.append(Project.open(make_project(files, **options)))
        return projects[-1]

    yield make
    for project in projects:
        project.close()


def one_stage(cmd: str, *, more: str = "", files: Files | None = None) -> Files:
    """A project of one stage, ``s``."""
    return {"dvc.yaml": f"stages:\n  s:\n    cmd: {json.dumps(cmd)}\n{more}", **(files or {})}


def text(run: Run, out: str) -> str:
    """The content of an output."""
    return Path(run.outs[out]).read_text()


def numbers(run: Run) -> dict[str, int]:
    """The upstream runs used: stage -> number."""
    return {stage: above.number for stage, above in run.upstream.items()}


def test_d1_a_stage_is_executed_each_time_also_when_the_run_cache_knows_the_answer(opened: Open) -> None:
    project = opened(one_stage("date +%s%N > out.txt", more="    deps: [a]\n    outs: [out.txt]\n", files={"a": "1\n"}))
    dvc(project.root, "repro", "--quiet")

    runs = [project.run("s"), project.run("s")]

    assert len({text(run, "out.txt") for run in runs} | {(project.root / "out.txt").read_text()}) == 3


def test_d2_an_edited_helper_shows_in_the_metrics_though_lock_and_metrics_are_committed(opened: Open) -> None:
    command = "sh train.sh"
    more = "    deps: [train.sh]\n    metrics: [m.json: {cache: false}]\n"
    files = {"train.sh": '. ./helper.sh\necho "{\\"loss\\": $loss}" > m.json\n', "helper.sh": "loss=1\n"}
    project = opened(one_stage(command, more=more, files=files))
    dvc(project.root, "repro", "--quiet")
    git(project.root, "add", "--all")
    git(project.root, "commit", "--quiet", "--message", "Results")

    (project.root / "helper.sh").write_text("loss=2\n")
    run = project.run("s")

    assert dict(run.metrics) == {"loss": 2}
    assert json.loads((project.root / "m.json").read_text()) == {"loss": 1}


def test_d3_projects_that_share_a_home_do_not_take_each_others_runs(
    opened: Open, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("DVC_MAGIC_HOME", str(tmp_path / "home"))
    one, other = opened(CHAIN, name="one"), opened({**CHAIN, "prep.sh": "echo other > prep.txt\n"}, name="other")

    one.run("prep")
    run = other.run("train")

    assert text(run, "model.txt") == "other\n"


def test_d4_an_edit_above_makes_the_upstream_stage_run_again(opened: Open) -> None:
    project = opened(CHAIN)
    project.run("prep")

    write(project.root, {"params.yaml": "lr: 0.5\nprep:\n  n: 2\n"})
    run = project.run("train")

    assert (text(run, "model.txt"), run.upstream["prep"].params["n"]) == ("  n: 2\n", 2)


def test_d5_a_diamond_has_one_lineage(opened: Open) -> None:
    evaluate = (
        "  eval:\n    cmd: cat prep.txt model.txt > eval.txt\n    deps: [prep.txt, model.txt]\n    outs: [eval.txt]\n"
    )
    project = opened({**CHAIN, "dvc.yaml": PREP_TRAIN + evaluate})
    project.run("train")
    project.run("prep", {"n": 9})

    run = project.run("eval")
    again = project.run("eval", {"n": 9})

    assert text(run, "eval.txt") == "  n: 1\n" * 2
    assert text(again, "eval.txt") == "  n: 9\n" * 2


def test_d6_an_upstream_stage_that_fails_now_is_not_replaced_by_an_older_run(opened: Open) -> None:
    project = opened(CHAIN)
    project.run("prep")

    write(project.root, {"prep.sh": "exit 3\n"})
    with pytest.raises(RunFailedError, match=r"prep .* failed"):
        project.run("train")

    assert project.last.status is RunStatus.FAILED


def test_d7_a_directory_comes_whole_also_the_part_that_git_ignores(opened: Open) -> None:
    files = {"raw/a.txt": "a\n", ".gitignore": "big.bin\n"}
    project = opened(one_stage("ls raw > out.txt", more="    deps: [raw]\n    outs: [out.txt]\n", files=files))
    (project.root / "raw" / "big.bin").write_text("b\n")

    run = project.run("s")

    assert text(run, "out.txt") == "a.txt\nbig.bin\n"
    assert run.deps["raw"].files == 2


def test_d8_a_metric_that_is_a_dependency_comes_from_the_run_that_wrote_it(opened: Open) -> None:
    report = "  report:\n    cmd: cp metrics.json report.json\n    deps: [metrics.json]\n    outs: [report.json]\n"
    project = opened({**CHAIN, "dvc.yaml": PREP_TRAIN + report})
    write(project.root, {"metrics.json": '{"loss": 99}\n'})

    run = project.run("report")

    assert json.loads(text(run, "report.json")) == {"loss": 5}
    assert run.deps["metrics.json"].run == run.upstream["train"].id


def test_d9_what_a_stage_prints_is_no_metric(opened: Open) -> None:
    project = opened(
        one_stage(
            "sh s.sh",
            more="    metrics: [m.json: {cache: false}]\n",
            files={"s.sh": 'echo "loss: 77"\necho \'{"loss": 5}\' > m.json\n'},
        )
    )

    assert dict(project.run("s").metrics) == {"loss": 5}


def test_d10_metrics_are_exact_and_keep_their_types(opened: Open) -> None:
    values = {"a": 0.123456789012345, "b": 16777217, "c": True, "d": "text", "e": [1, 2], "f": None}
    more = "    deps: [values.json]\n    metrics: [m.json: {cache: false}]\n"
    project = opened(one_stage("cp values.json m.json", more=more, files={"values.json": json.dumps(values)}))

    metrics = project.run("s").metrics

    assert {key: metrics[key] for key in values} == values
    assert metrics["c"] is True


def test_d11_a_word_is_no_boolean(opened: Open) -> None:
    project = opened(one_stage("true", more="    params: [shuffle]\n", files={"params.yaml": "shuffle: true\n"}))

    with pytest.raises(ParamError, match="maybe"):
        project.run("s", {"shuffle": "maybe"})


def test_d12_a_stage_that_changes_its_input_does_not_change_the_run_that_made_it(opened: Open) -> None:
    project = opened(
        {**CHAIN, "train.sh": "chmod u+w prep.txt; echo more >> prep.txt; echo 1 > model.txt; echo {} > metrics.json\n"}
    )

    first = project.run("train")
    before = project.run("prep")

    assert text(first.upstream["prep"], "prep.txt") == text(before, "prep.txt") == "  n: 1\n"


def test_d13_a_dependency_outside_the_project_is_placed_inside_the_run(opened: Open, tmp_path: Path) -> None:
    (tmp_path / "shared.txt").write_text("shared\n")
    project = opened(one_stage("cp ../shared.txt out.txt", more="    deps: [../shared.txt]\n    outs: [out.txt]\n"))

    run = project.run("s")

    assert text(run, "out.txt") == "shared\n"
    assert Path(run.deps["../shared.txt"]).resolve().is_relative_to(Path(run.path).resolve())


def test_d14_d22_every_param_is_a_flag_whatever_its_file(opened: Open) -> None:
    more = """\
    params:
      - lr
      - model
      - conf.json:
      - more.toml: [count.top]
      - code.py: [RATE]
"""
    files = {
        "params.yaml": "lr: 0.1\nmodel:\n  depth: 2\n  kind: tree\n",
        "conf.json": '{"whole": 1}',
        "more.toml": "[count]\ntop = 4\n",
        "code.py": "RATE = 0.5\n",
    }
    project = opened(one_stage("true", more=more, files=files))

    stage = project.stages["s"]
    run = project.run("s", {"depth": 3, "whole": 2, "top": 5, "RATE": 0.25})

    assert list(stage.params) == ["lr", "model.depth", "model.kind", "whole", "count.top", "RATE"]
    assert [run.params[key] for key in ("model.depth", "whole", "count.top", "RATE")] == [3, 2, 5, 0.25]


def test_d15_d17_outputs_in_folders_and_without_cache_reach_the_next_stage(opened: Open) -> None:
    definition = """\
stages:
  prep:
    cmd: mkdir -p data && echo 1 > data/train.csv
    outs: [data/train.csv: {cache: false}]
  train:
    cmd: cp data/train.csv model.txt
    deps: [data/train.csv]
    outs: [model.txt]
"""
    project = opened({"dvc.yaml": definition})

    run = project.run("train")

    assert text(run, "model.txt") == "1\n"
    assert sorted(path.name for path in Path(run.workspace).iterdir() if path.suffix == ".csv") == []


@pytest.mark.parametrize("dep", ["data", "data/", "data/train.csv"])
def test_d16_a_stage_may_depend_on_an_output_folder_or_on_a_part_of_it(opened: Open, dep: str) -> None:
    definition = f"""\
stages:
  prep:
    cmd: mkdir data && echo 1 > data/train.csv && echo 2 > data/test.csv
    outs: [data]
  train:
    cmd: cat data/train.csv > model.txt
    deps: ["{dep}"]
    outs: [model.txt]
"""
    project = opened({"dvc.yaml": definition})

    assert text(project.run("train"), "model.txt") == "1\n"


def test_d18_templates_may_stand_in_deps_and_metrics_and_what_only_they_use_is_a_flag(opened: Open) -> None:
    more = "    deps: ['${script}']\n    metrics: ['${where}.json': {cache: false}]\n"
    files = {"params.yaml": "script: s.sh\nwhere: m\nscale: 3\n", "s.sh": 'echo "{\\"x\\": $1}" > m.json\n'}
    project = opened(one_stage("sh ${script} ${scale}", more=more, files=files))

    run = project.run("s", {"scale": 4})

    assert dict(run.metrics) == {"x": 4}
    assert "script" in project.stages["s"].params


def test_d19_only_the_value_asked_for_changes_in_a_param_file(opened: Open) -> None:
    params = "# regions\ncountry: no   # Norway\nb: 2\na: 1\n"
    project = opened(
        one_stage(
            "cp params.yaml out.txt",
            more="    params: [country, a]\n    outs: [out.txt]\n",
            files={"params.yaml": params},
        )
    )

    assert text(project.run("s", {"a": 7}), "out.txt") == params.replace("a: 1", "a: 7")


def test_d20_each_item_of_a_foreach_is_a_stage_and_a_run(opened: Open) -> None:
    definition = """\
stages:
  build:
    foreach: [us, uk]
    do:
      cmd: echo ${item} > ${item}.txt
      outs: ['${item}.txt']
"""
    project = opened({"dvc.yaml": definition})

    run = project.run("build@us")

    assert list(project.stages) == ["build@us", "build@uk"]
    assert list(run.outs) == ["us.txt"]


@pytest.mark.parametrize("where", ["", "sub"])
def test_d23_working_directories_and_pipelines_in_folders_run_from_anywhere_below_the_project(
    opened: Open, monkeypatch: pytest.MonkeyPatch, where: str
) -> None:
    project = opened(
        {
            "sub/dvc.yaml": "stages:\n  s:\n    wdir: deep\n    cmd: pwd > out.txt\n    outs: [out.txt]\n",
            "sub/deep/.gitkeep": "",
        }
    )
    monkeypatch.chdir(project.root / where)

    with Project.open() as found:
        run = found.run("sub/dvc.yaml:s")

    assert text(run, "sub/deep/out.txt").endswith("/sub/deep\n")


def test_d24_metrics_named_at_the_top_of_dvc_yaml_count(opened: Open) -> None:
    project = opened({"dvc.yaml": 'metrics: [m.json]\nstages:\n  s:\n    cmd: "echo \'{\\"x\\": 1}\' > m.json"\n'})

    assert dict(project.run("s").metrics) == {"x": 1}


@pytest.mark.parametrize(
    ("name", "content", "metrics"),
    [("m.yaml", "x: 1\n", {"x": 1}), ("m.toml", "x = 1\n", {"x": 1}), ("m.json", "{broken", {})],
)
def test_d25_metrics_in_yaml_and_toml_count_and_a_broken_file_is_a_warning(
    opened: Open, name: str, content: str, metrics: dict[str, int]
) -> None:
    more = f"    deps: [source]\n    metrics: [{name}: {{cache: false}}]\n"
    project = opened(one_stage(f"cp source {name}", more=more, files={"source": content}))

    run = project.run("s")

    assert dict(run.metrics) == metrics
    assert bool(run.record.warnings) is not bool(metrics)


def _with_data_in_a_remote(project: Project, *, config: str, remote: str, local: str = "") -> None:
    """Leave the project's ``data.csv`` in a remote only."""
    (project.root / ".dvc" / "config").write_text(config)
    (project.root / ".dvc" / "config.local").write_text(local)
    dvc(project.root, "push", "--quiet", "--remote", remote)
    (project.root / "data.csv").unlink()
    for path in sorted((project.root / ".dvc" / "cache").rglob("*"), reverse=True):
        path.rmdir() if path.is_dir() else path.unlink()


COPY = "    deps: [data.csv]\n    outs: [out.csv]\n"


def test_d21_data_comes_from_the_remote_that_its_dvc_file_names(opened: Open, tmp_path: Path) -> None:
    project = opened(one_stage("cp data.csv out.csv", more=COPY, files={"data.csv": "1\n"}), track=["data.csv"])
    tracked = project.root / "data.csv.dvc"
    tracked.write_text(tracked.read_text() + "  remote: b\n")
    config = f"[core]\nremote = a\n['remote \"a\"']\nurl = {tmp_path}/a\n['remote \"b\"']\nurl = {tmp_path}/b\n"
    _with_data_in_a_remote(project, config=config, remote="b")

    assert text(project.run("s"), "out.csv") == "1\n"


def test_d26_relative_urls_and_remotes_of_the_local_config_work(opened: Open) -> None:
    project = opened(one_stage("cp data.csv out.csv", more=COPY, files={"data.csv": "1\n"}), track=["data.csv"])
    local = "[core]\nremote = near\n['remote \"near\"']\nurl = ../../near\n"
    _with_data_in_a_remote(project, config="[cache]\ndir = cache\n", local=local, remote="near")

    assert text(project.run("s"), "out.csv") == "1\n"


def test_d27_frozen_stages_and_odd_names_run(opened: Open) -> None:
    more = "    frozen: true\n    deps: [in+1.txt]\n    outs: [data+1.txt]\n"
    project = opened(one_stage("cp in+1.txt data+1.txt", more=more, files={"in+1.txt": "1\n"}))

    assert text(project.run("s"), "data+1.txt") == "1\n"


def test_d28_a_scalar_for_a_list_is_one_message_before_anything_runs(opened: Open) -> None:
    project = opened(one_stage("true", more="    params: [layers]\n", files={"params.yaml": "layers: [4, 5]\n"}))

    with pytest.raises(ParamError, match="layers"):
        project.grid("s", {"layers": [4, 5]})
    runs = project.grid("s", {"layers": [[4], [5, 6]]})

    assert [run.params["layers"] for run in runs] == [[4], [5, 6]]
    assert len(project.runs) == 2


def test_d29_a_failed_stage_keeps_its_exit_code_its_words_and_its_metrics(opened: Open) -> None:
    files = {"s.sh": "echo '{\"loss\": 5}' > m.json\necho no such column >&2\nexit 7\n"}
    project = opened(one_stage("sh s.sh", more="    metrics: [m.json: {cache: false}]\n", files=files))

    with pytest.raises(RunFailedError, match="no such column") as caught:
        project.run("s")

    assert (caught.value.run.exit_code, dict(caught.value.run.metrics)) == (7, {"loss": 5})


def test_d29_an_output_that_was_not_made_is_named(opened: Open) -> None:
    project = opened(one_stage("true", more="    outs: [out.txt]\n"))

    with pytest.raises(RunFailedError, match=r"out\.txt"):
        project.run("s")


def test_d30_neither_the_dvc_program_nor_git_is_needed(opened: Open, monkeypatch: pytest.MonkeyPatch) -> None:
    project = opened(one_stage("echo 1 > out.txt", more="    outs: [out.txt]\n"))
    write(project.root, {".dvc/config": "[core]\nno_scm = true\n"})
    (project.root / ".git").rename(project.root.parent / "elsewhere")
    shell = project.root.parent / "bin"
    shell.mkdir()
    for name in ("sh", "echo"):
        (shell / name).symlink_to(f"/bin/{name}")
    monkeypatch.setenv("PATH", str(shell))

    assert text(project.run("s"), "out.txt") == "1\n"


def test_d31_the_same_call_again_takes_the_code_as_it_is_now(opened: Open) -> None:
    project = opened(CHAIN)
    project.run("train")

    write(project.root, {"train.sh": "echo 2 > model.txt\necho '{\"loss\": 6}' > metrics.json\n"})

    assert dict(project.run("train").metrics) == {"loss": 6}


def test_d32_a_stage_can_build_on_each_run_of_a_grid(opened: Open) -> None:
    evaluate = "  eval:\n    cmd: cp model.txt eval.txt\n    deps: [model.txt]\n    outs: [eval.txt]\n"
    train = "grep lr params.yaml > model.txt\necho {} > metrics.json\n"
    project = opened({**CHAIN, "dvc.yaml": PREP_TRAIN + evaluate, "train.sh": train})
    trained = project.grid("train", {"lr": [0.1, 0.2]})

    evaluated = project.grid("eval", {"lr": [0.1, 0.2]})
    named = project.run("eval", use={"train": trained[0]})

    assert [numbers(run) for run in evaluated] == [{"train": run.number} for run in trained]
    assert text(named, "eval.txt") == "lr: 0.1\n"


def test_d33_an_output_is_kept_once(opened: Open) -> None:
    project = opened(one_stage("head -c 3000000 /dev/zero > out.bin", more="    outs: [out.bin]\n"))

    run = project.run("s")
    kept = project.store.paths.cache / "files" / "md5" / run.outs["out.bin"].hash[:2] / run.outs["out.bin"].hash[2:]

    if not _clones(kept):
        assert kept.samefile(run.outs["out.bin"])


def _clones(file: Path) -> bool:
    """Whether the file system shares blocks between copies, which no inode shows."""
    copy = file.with_name("copy")
    return subprocess.run(["cp", "--reflink=always", file, copy], capture_output=True, check=False).returncode == 0


def test_d37_upstream_params_show_on_downstream_runs_and_labels_are_the_users(opened: Open) -> None:
    project = opened(CHAIN)

    run = project.run("train", {"n": 4})
    frame = Runs.to_frame(project.runs)

    assert (frame.loc[run.id, "params.prep.n"], run.label) == (4, "")


def test_d38_a_run_whose_upstream_failed_says_so_and_logs_hold_the_stages_words_alone(opened: Open) -> None:
    project = opened({**CHAIN, "prep.sh": "echo broken\nexit 1\n"})

    with pytest.raises(RunFailedError):
        project.run("train")
    target, upstream = project.last, project.last.upstream["prep"]

    assert (target.status, target.reason) == (RunStatus.FAILED, "upstream")
    assert (upstream.log.text(), upstream.exit_code) == ("broken\n", 1)
    assert upstream.started is not None


def test_d39_a_stage_that_asks_finds_no_one_to_answer_and_a_run_comes_back(opened: Open) -> None:
    project = opened(one_stage("read answer; echo got $answer", more="    always_changed: true\n"))

    run = project.run("s", raise_errors=False)

    assert isinstance(run, Run)
    assert run.log.text() == "got\n"


def test_the_page_lists_these_tests_and_no_others() -> None:
    page = (Path(__file__).parents[2] / "docs" / "guild-faults.md").read_text()
    here = {name for name in globals() if re.match(r"test_d\d", name)}

    assert set(re.findall(r"`(test_d\d\w+)`", page)) == here
