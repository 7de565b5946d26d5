"""The magics in a shell of their own: what they return, what they print, and how each mistake is answered."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from IPython.core.interactiveshell import InteractiveShell

from dvc_magic.errors import DvcMagicError
from tests.support.digest import changes, project_digest
from tests.support.small import prepare_and_train

pytestmark = pytest.mark.integration

FILES = prepare_and_train(
    "prepare.n",
    "train.lr, train.name, train.shuffle, train.layers, model.depth, tree.depth",
    prepare="""
import yaml
open("data.txt", "w").write("x" * yaml.safe_load(open("params.yaml"))["prepare"]["n"])
""",
    train="""
import json, yaml
params = yaml.safe_load(open("params.yaml"))["train"]
if params["name"] == "crash":
    raise SystemExit("crashed on purpose")
print("training", params["name"])
json.dump({"loss": params["lr"], "html": "<script>alert(1)</script>"}, open("m.json", "w"))
""",
    stages="""
  lonely:
    cmd: cat not-there.csv
    deps: [not-there.csv]
  keyless:
    cmd: "true"
    params: [nowhere]
  fileless:
    cmd: "true"
    params: [absent.yaml: [a]]
  secretive:
    cmd: cat local/settings.env
""",
    **{
        "params.yaml": """
prepare: {n: 2}
train:
  lr: 0.5   # learning rate
  name: base
  shuffle: true
  layers: [64, 64]
model: {depth: 3}
tree: {depth: 4}
""",
        ".gitignore": "local/\n/data.txt\n",
    },
)

Magic = Callable[..., Any]


@pytest.fixture
def place(make_project: Any) -> Path:
    """A project with a file that git ignores."""
    root: Path = make_project(FILES)
    (root / "local").mkdir()
    (root / "local/settings.env").write_text("KEY=1\n")
    return root


def _magic(shell: InteractiveShell, name: str, line: str = "") -> Any:
    return shell.run_line_magic(name, line)


def _message(shell: InteractiveShell, name: str, line: str = "") -> str:
    """The message of the error that a magic ends in; the project and its store must not notice."""
    before = project_digest(Path.cwd())
    with pytest.raises(DvcMagicError) as caught:
        _magic(shell, name, line)
    assert changes(before, project_digest(Path.cwd())) == []
    shown = caught.value._render_traceback_()
    assert not any("Traceback" in line for line in shown)
    return str(caught.value)


def test_a_run_comes_back_with_its_metrics(shell: InteractiveShell, capsys: pytest.CaptureFixture[str]) -> None:
    run = _magic(shell, "dvc_run", "train --lr 0.25 --label 'first try' --tag good")

    assert (run.stage, run.status, run.metrics["loss"]) == ("train", "completed", 0.25)
    assert (run.label, run.tags, run.record.line) == (
        "first try", ("good",), "%dvc_run train --lr 0.25 --label 'first try' --tag good",
    )  # fmt: skip
    printed = capsys.readouterr().out.splitlines()
    assert printed[0].startswith("prepare 1 runs (")
    assert printed[0].endswith("-> train 2 runs")
    assert "training base" in printed


def test_html_of_a_run_is_escaped(shell: InteractiveShell) -> None:
    run = _magic(shell, "dvc_run", "train")

    assert "<script>" not in run._repr_html_()
    assert "&lt;script&gt;" in run._repr_html_()
    assert "<script>" not in _magic(shell, "dvc_runs")._repr_html_()


def test_values_of_the_notebook_are_passed_as_values(shell: InteractiveShell) -> None:
    shell.user_ns.update(rate=1e-5, sizes=[8, 8], rates=(0.1, 0.2))

    run = _magic(shell, "dvc_run", "train --lr {rate} --layers {sizes} --name v{rate}")
    runs = _magic(shell, "dvc_run", "train --lr {rates} --jobs 2")

    assert (run.params["lr"], run.params["layers"], run.params["name"]) == (1e-5, [8, 8], "v1e-05")
    assert [one.metrics["loss"] for one in runs] == [0.1, 0.2]


def test_a_dry_run_shows_the_plan_and_runs_nothing(shell: InteractiveShell) -> None:
    plan = _magic(shell, "dvc_run", "train --dry-run")

    assert "prepare runs" in repr(plan)
    assert len(_magic(shell, "dvc_runs")) == 0


def test_a_plan_says_what_was_asked_for_beside_the_file_and_not_what_ran_last(shell: InteractiveShell) -> None:
    _magic(shell, "dvc_run", "train --lr 0.9 --n 5")
    _magic(shell, "dvc_run", "train --lr 0.9")

    def plan(line: str) -> str:
        return repr(_magic(shell, "dvc_run", f"train {line} --dry-run"))

    assert plan("--lr 0.1,0.2 --model.depth 4,5") == (
        "4 runs, lr 0.5 -> 0.1, 0.2 x depth 3 -> 4, 5: 4 train; prepare 3 reused (code, data, params equal)"
    )
    assert plan("--n 7 --lr 0.1") == "prepare runs (asked for: prepare.n 2 -> 7) -> train runs"
    assert plan("--reuse --lr 0.1").endswith("train runs (asked for: train.lr 0.5 -> 0.1)")
    assert plan("--reuse").endswith("train runs (params changed: train.lr 0.9 (asked for) -> 0.5)")


def test_a_grid_makes_as_many_runs_of_each_stage_as_its_plan_says(
    shell: InteractiveShell, capsys: pytest.CaptureFixture[str]
) -> None:
    _magic(shell, "dvc_run", "train --n 7,8 --lr 0.1,0.2")

    printed = capsys.readouterr().out
    assert printed.startswith("4 runs, n 2 -> 7, 8 x lr 0.5 -> 0.1, 0.2: 2 prepare (no run of it yet; ")
    assert printed.partition("\n")[0].endswith(") + 4 train")
    assert [len(_magic(shell, "dvc_runs", f"--all {stage}")) for stage in ("prepare", "train")] == [2, 4]


def test_into_names_the_variable_and_a_semicolon_silences(shell: InteractiveShell) -> None:
    assert _magic(shell, "dvc_run", "prepare --into made;") is None

    assert shell.user_ns["made"].stage == "prepare"


def test_no_raise_gives_the_failed_run_back(shell: InteractiveShell) -> None:
    run = _magic(shell, "dvc_run", "train --name crash --no-raise")

    assert (run.status, run.exit_code) == ("failed", 1)
    assert "crashed on purpose" in repr(_magic(shell, "dvc_log"))
    assert _magic(shell, "dvc_show").id == run.id


def test_a_timeout_stops_the_run(shell: InteractiveShell) -> None:
    Path("train.py").write_text("import time\ntime.sleep(60)\n")

    run = _magic(shell, "dvc_run", "train --timeout 0.3 --no-raise")

    assert (run.status, run.reason) == ("stopped", "timeout")


def test_set_adds_and_changes_keys_in_dvcs_grammar(shell: InteractiveShell) -> None:
    run = _magic(shell, "dvc_run", "train -S train.lr=0.125 -S +train.extra=[1,2]")

    text = (run.workspace / "params.yaml").read_text()
    assert "lr: 0.125   # learning rate" in text
    assert "extra: [1, 2]" in text


def test_runs_are_listed_filtered_and_sorted(shell: InteractiveShell) -> None:
    _magic(shell, "dvc_run", "train --lr 0.3,0.1,0.2 --tag grid")

    assert [run.metrics["loss"] for run in _magic(shell, "dvc_runs", "--sort metrics.loss")] == [0.1, 0.2, 0.3]
    assert len(_magic(shell, "dvc_runs", "metrics.loss < 0.25 and stage == 'train'")) == 2
    assert len(_magic(shell, "dvc_runs", "--stage train --status completed --tag grid -n 2")) == 2
    assert len(_magic(shell, "dvc_runs", "--all")) == 4
    assert "loss" in repr(_magic(shell, "dvc_runs"))


def test_a_stage_or_a_status_alone_lists_its_runs(shell: InteractiveShell) -> None:
    _magic(shell, "dvc_run", "train --tag grid")
    _magic(shell, "dvc_run", "train --name crash --no-raise")

    assert [run.number for run in _magic(shell, "dvc_runs", "train")] == [3, 2]
    assert [run.number for run in _magic(shell, "dvc_runs", "--all prepare")] == [1]
    assert [run.number for run in _magic(shell, "dvc_runs", "failed")] == [3]
    assert [run.number for run in _magic(shell, "dvc_runs", "run = 2")] == [2]
    assert "Did you mean 'train'?" in _message(shell, "dvc_runs", "trian")
    assert "Did you mean 'train'?" in _message(shell, "dvc_runs", "--stage trian")
    assert "Did you mean 'failed'?" in _message(shell, "dvc_runs", "--status fail")
    assert "Did you mean 'loss'?" in _message(shell, "dvc_runs", "los < 1")
    assert "Did you mean 'loss'?" in _message(shell, "dvc_runs", "--sort los")


def test_a_stage_given_for_a_run_is_answered_with_its_newest_run(shell: InteractiveShell) -> None:
    _magic(shell, "dvc_run", "train")

    assert "its newest run is 2" in _message(shell, "dvc_show", "train")


def test_a_terminal_shows_a_run_as_a_line_and_the_shown_one_as_its_card(shell: InteractiveShell) -> None:
    run = _magic(shell, "dvc_run", "train")
    shown = _magic(shell, "dvc_show")
    text = shell.display_formatter.formatters["text/plain"]  # type: ignore[union-attr]

    assert text(run) == repr(run)
    assert text(shown).startswith("run train 2\n")
    assert (shown, repr(shown)) == (run, repr(run))
    assert text([shown]) == f"[{shown!r}]"


def test_copied_files_reach_the_stage(shell: InteractiveShell) -> None:
    run = _magic(shell, "dvc_run", "secretive -C local/settings.env")

    assert run.log.text() == "KEY=1\n"


def test_an_unknown_stage_is_answered_with_near_ones(shell: InteractiveShell) -> None:
    assert "'train'" in _message(shell, "dvc_run", "trian")


def test_an_unknown_flag_is_answered_with_near_ones(shell: InteractiveShell) -> None:
    message = _message(shell, "dvc_run", "train --shufle false")

    assert "shuffle" in message


def test_an_ambiguous_flag_shows_both_ways(shell: InteractiveShell) -> None:
    message = _message(shell, "dvc_run", "train --depth 5")

    assert "--model.depth" in message
    assert "--tree.depth" in message


@pytest.mark.parametrize(
    ("flag", "words"),
    [
        ("--lr high", ("params.yaml", "train.lr", "float", "high")),
        ("--layers 64", ("train.layers", "[64]")),
        ("--lr [0.1,0.2]", ("train.lr", "0.1,0.2")),
        ("--shuffle=3", ("train.shuffle", "bool")),
        ("--layers '[1, 2]'", ("Leave out the quotes: --train.layers [1, 2]",)),
        ("--model.depth true", ("model.depth in params.yaml is an int", "such as 3")),
    ],
)
def test_a_value_of_a_wrong_type_names_file_key_expected_and_got(
    shell: InteractiveShell, flag: str, words: tuple[str, ...]
) -> None:
    message = _message(shell, "dvc_run", f"train {flag}")

    assert [word for word in words if word not in message] == []


def test_a_range_prints_the_grid_that_may_be_meant(shell: InteractiveShell) -> None:
    assert "linspace(0.1,0.2,5)" in _message(shell, "dvc_run", "train --lr interval(0.1,0.2)")


def test_a_missing_dependency_is_named(shell: InteractiveShell) -> None:
    message = _message(shell, "dvc_run", "lonely")

    assert "'lonely' needs 'not-there.csv'" in message
    assert len(_magic(shell, "dvc_runs")) == 0


def test_a_missing_param_file_and_a_missing_key_are_named(shell: InteractiveShell) -> None:
    assert "absent.yaml" in _message(shell, "dvc_run", "fileless")
    assert "'nowhere'" in _message(shell, "dvc_run", "keyless")


def test_a_failing_command_shows_chain_log_and_next_commands(shell: InteractiveShell) -> None:
    message = _message(shell, "dvc_run", "train --name crash")

    assert "prepare 1 completed -> train 2 failed, exit 1" in message
    assert "crashed on purpose" in message
    assert "%dvc_log 2" in message


def _ids(runs: Any) -> set[str]:
    return {run.id for run in runs}


def _pasted(shell: InteractiveShell, message: str) -> Any:
    """What the line in a message gives that lists all runs of its call."""
    magic, _, line = message.partition("%")[2].partition(". ")[0].partition(" ")
    return _magic(shell, magic, line)


@pytest.mark.parametrize("assigned", ["runs = %dvc_run {}", "%dvc_run {} --into runs"])
def test_runs_of_a_grid_of_which_some_fail_are_in_the_variable_and_in_the_line_to_paste(
    shell: InteractiveShell, assigned: str
) -> None:
    shell.user_ns["runs"] = "what was there before"
    _magic(shell, "dvc_run", "train --lr 0.1")

    answer = shell.run_cell(assigned.format("train --lr 0.1,0.2 --name base,crash --reuse"))

    _magic(shell, "dvc_run", "train --lr 0.2")
    message = str(answer.error_in_exec)
    assert message.startswith("2 of 4 runs did not complete: 3, 5. All 4: %dvc_runs call = ")
    assert [run.number for run in shell.user_ns["runs"]] == [2, 3, 4, 5]
    assert _ids(_pasted(shell, message)) == _ids(shell.user_ns["runs"])


def test_runs_that_nobody_asked_for_are_in_the_line_to_paste_as_well(shell: InteractiveShell) -> None:
    _magic(shell, "dvc_run", "train")  # makes run 1, of prepare

    answer = shell.run_cell("runs = %dvc_run prepare --n 2,3,1000000000000000 --reuse")

    assert [run.number for run in shell.user_ns["runs"]] == [1, 3, 4]
    assert _ids(_pasted(shell, str(answer.error_in_exec))) == _ids(shell.user_ns["runs"])


def test_a_run_that_fails_is_in_the_variable_that_the_cell_assigns_to(shell: InteractiveShell) -> None:
    shell.run_cell("def inside():\n    run = %dvc_run train --name crash\n    return run\n")

    for cell in ("run = %dvc_run train --name crash", "other = inside()", "print(%dvc_run train --name crash)"):
        shell.run_cell(cell)

    assert (shell.user_ns["run"].status, shell.user_ns["run"].number) == ("failed", 2)
    assert "other" not in shell.user_ns


def test_an_error_below_the_log_itself_repeats_its_last_line_only(shell: InteractiveShell) -> None:
    Path("train.py").write_text("for step in range(30):\n    print('step', step)\nraise SystemExit('crashed')\n")

    message = _message(shell, "dvc_run", "train")

    assert "its log ends with: crashed\n" in message
    assert "step 29" not in message


def test_a_dollar_before_a_variable_is_answered_with_braces(shell: InteractiveShell) -> None:
    shell.user_ns["rate"] = 0.1

    assert "{rate}" in _message(shell, "dvc_run", "train --lr $rate")
    assert "{rate}" in _message(shell, "dvc_run", "train --name $rate")
    assert "with braces" in _message(shell, "dvc_run", "train --lr $unknown")


def test_a_failing_upstream_is_the_cause_that_is_shown(shell: InteractiveShell) -> None:
    Path("prepare.py").write_text("raise SystemExit('no data today')\n")

    message = _message(shell, "dvc_run", "train")

    assert "train 2 was not executed: prepare 1 failed, exit 1" in message or "prepare" in message
    assert "no data today" in message


def test_the_debugger_opens_in_the_upstream_run_that_failed(
    shell: InteractiveShell, capsys: pytest.CaptureFixture[str]
) -> None:
    Path("prepare.py").write_text("rows = 7\n1 / 0\n")
    _message(shell, "dvc_run", "train")

    _magic(shell, "dvc_debug", '-c "p rows"')

    assert "prepare 1 once more, in a copy" in (shown := capsys.readouterr().out)
    assert "(Pdb) p rows\n7\n" in shown


def test_a_file_that_git_ignores_is_pointed_at(shell: InteractiveShell) -> None:
    message = _message(shell, "dvc_run", "secretive")

    assert "%dvc_run secretive -C local/settings.env" in message


def test_no_project_is_said(shell: InteractiveShell, tmp_path: Path) -> None:
    shell.extension_manager.unload_extension("dvc_magic")
    (tmp_path / "elsewhere").mkdir()
    os.chdir(tmp_path / "elsewhere")
    shell.extension_manager.load_extension("dvc_magic")

    assert "no DVC project" in _message(shell, "dvc_stages")


@pytest.mark.parametrize(
    "text", ["stages: [", "stages:\n  a:\n    command: x\n", "stages:\n  a:\n    cmd: echo ${nope}\n"]
)
def test_a_bad_dvc_yaml_is_said_in_dvcs_words(shell: InteractiveShell, text: str) -> None:
    Path("dvc.yaml").write_text(text)

    assert "dvc.yaml" in _message(shell, "dvc_run", "a")
