"""Cells as operations, in a shell of their own: what they return, and how each mistake is answered."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from IPython.core.completer import provisionalcompleter
from IPython.core.interactiveshell import InteractiveShell

from dvc_magic.errors import DvcMagicError, RunFailedError
from tests.support.digest import changes, project_digest

pytestmark = pytest.mark.integration

FILES = {
    "dvc.yaml": """
stages:
  prepare:
    cmd: python prepare.py
    deps: [prepare.py]
    params: [n]
    outs: [data.txt]
""",
    "params.yaml": "n: 2\n",
    "prepare.py": "import yaml\nopen('data.txt', 'w').write('x' * yaml.safe_load(open('params.yaml'))['n'])\n",
    "labels.csv": "a\nb\n",
    ".gitignore": "/data.txt\n",
}
FIT = """\
import json
lr = 0.1
shuffle = True
rows = len(open("data.txt").read())
print("fitting with", lr)
json.dump({"loss": lr * rows, "shuffle": shuffle}, open("m.json", "w"))
open("model.txt", "w").write("model")
"""


def _op(shell: InteractiveShell, line: str, cell: str = FIT) -> Any:
    return shell.run_cell_magic("dvc_op", line, cell)


def _message(shell: InteractiveShell, line: str, cell: str = FIT) -> str:
    before = project_digest(Path.cwd())
    with pytest.raises(DvcMagicError) as caught:
        _op(shell, line, cell)
    assert changes(before, project_digest(Path.cwd())) == []
    return str(caught.value)


def test_a_cell_runs_with_what_it_requires(shell: InteractiveShell, capsys: pytest.CaptureFixture[str]) -> None:
    before = project_digest(Path.cwd())
    line = "fit --requires dvcstage:prepare -o model.txt -M m.json --lr 0.25 --label first"

    run = _op(shell, line)

    assert (run.status, run.metrics["loss"], run.params["lr"], run.label) == ("completed", 0.5, 0.25, "first")
    assert run.record.line == f"%%dvc_op {line}"
    assert (run.outs["model.txt"].path).read_text() == "model"
    printed = capsys.readouterr().out.splitlines()
    assert printed[0].startswith("prepare 1 runs (")
    assert "fitting with 0.25" in printed
    assert changes(before, project_digest(Path.cwd())) == []


def test_a_cell_that_reads_what_a_stage_makes_is_told_its_first_line(shell: InteractiveShell) -> None:
    message = _message(shell, "fit -M m.json --lr 0.2")

    (line,) = [text for text in message.splitlines() if "The cell's first line with it: " in text]
    line = line.partition("The cell's first line with it: %%dvc_op ")[2]
    assert line == "fit --requires dvcstage:prepare:data.txt -M m.json --lr 0.2"
    assert _op(shell, line).metrics["loss"] == 0.4


def test_what_only_a_run_has_can_be_taken_from_it_as_the_error_says(shell: InteractiveShell) -> None:
    _op(shell, "note", "import os\nos.mkdir('made')\nopen('made/note.txt', 'w').write('hello')")
    code = "open('copy.txt', 'w').write(open('made/note.txt').read())"

    message = _message(shell, "read -d made/note.txt", code)
    assert "no stage makes it" in message
    assert "\nRuns made it: op:note 1. To have it in the project:\n" in message

    assert shell.run_cell("\n".join(line.strip() for line in message.splitlines()[-2:])).success
    assert (_op(shell, "read -d made/note.txt", code).workspace / "copy.txt").read_text() == "hello"


def test_several_values_are_a_grid_and_booleans_are_flags(shell: InteractiveShell) -> None:
    runs = _op(shell, "fit -d data.txt -M m.json --lr 0.1,0.2 --no-shuffle --jobs 2")

    assert [run.metrics["loss"] for run in runs] == [0.2, 0.4]
    assert {run.metrics["shuffle"] for run in runs} == {0.0}


def test_what_a_cell_writes_counts_when_it_names_no_outs(shell: InteractiveShell) -> None:
    run = _op(shell, "note", "open('note.txt', 'w').write('hello')")

    assert list(run.outs) == ["note.txt"]


def test_a_block_says_what_the_line_does_not(shell: InteractiveShell) -> None:
    block = "# /// dvc_magic\n# requires:\n#   - dvcstage: prepare\n# metrics: [m.json: {cache: false}]\n# ///\n"

    run = _op(shell, "fit -o model.txt", block + FIT)

    assert (run.metrics["loss"], sorted(run.outs)) == (0.2, ["m.json", "model.txt"])


def test_a_second_cell_of_a_name_takes_the_place_of_the_first(shell: InteractiveShell) -> None:
    _op(shell, "note", "text = 'one'\nopen('note.txt', 'w').write(text)")
    _op(shell, "note", "word = 'two'\nopen('note.txt', 'w').write(word)")

    run = shell.run_line_magic("dvc_run", "note --word three")

    assert run.outs["note.txt"].path.read_text() == "three"


def test_values_of_the_notebook_are_passed(shell: InteractiveShell) -> None:
    shell.user_ns.update(rate=0.5, inputs=("labels.csv", "prepare.py"))

    run = _op(shell, "look -d {inputs} --lr {rate}", "lr = 1.0\nopen('out.txt', 'w').write(str(lr))")

    assert (run.params["lr"], sorted(run.deps)) == (0.5, ["labels.csv", "look.py", "prepare.py"])


def test_an_equal_cell_is_answered_with_its_run_when_asked_to(shell: InteractiveShell) -> None:
    first = _op(shell, "note", "open('note.txt', 'w').write('hello')")
    shell.run_line_magic("config", "DvcMagics.reuse = True")

    assert _op(shell, "note", "open('note.txt', 'w').write('hello')").id == first.id
    assert _op(shell, "note", "open('note.txt', 'w').write('bye')").id != first.id


def test_a_dry_run_shows_the_plan_and_runs_nothing(shell: InteractiveShell) -> None:
    plan = _op(shell, "fit -d data.txt --dry-run")

    assert "prepare runs" in repr(plan)
    assert len(shell.run_line_magic("dvc_runs", "")) == 0


def test_into_names_the_variable_and_a_semicolon_silences(shell: InteractiveShell) -> None:
    assert _op(shell, "note --into made;", "open('note.txt', 'w').write('hello');") is None

    assert shell.user_ns["made"].status == "completed"


def test_a_cell_that_fails_says_where(shell: InteractiveShell) -> None:
    with pytest.raises(RunFailedError) as caught:
        _op(shell, "broken", "x = 1\nraise ValueError('no luck')")

    assert "no luck" in str(caught.value)
    assert caught.value.run.status == "failed"


@pytest.mark.parametrize(
    ("line", "cell", "expected"),
    [
        ("", FIT, "Give the operation a name"),
        ("fit", "\n", "the cell is empty"),
        ("fit", "x = (1\n", "line 2 of the cell: this is not Python"),
        ("fit", "x = 1\n!ls\n", "line 3 of the cell: a notebook can do this"),
        ("fit", "print(frame)\n", "line 2: frame lives in the notebook (a dict)"),
        ("fit", "display(1)\n", "display is IPython's"),
        ("fit --rate 1", FIT, "There is no flag --rate"),
        ("fit --lr fast", FIT, "lr in fit.py is a float"),
        ("fit --label x", "label = 'a'\n", "Write --option:label for the option or --fit.py:label"),
        ("fit --stage x", "stage = 'a'\n", "--stage is an option of this magic"),
        ("fit --requires dvcstage:prepar", FIT, "Did you mean 'prepare'"),
        ("fit again", FIT, "One name can be given"),
        ("fit -d ../up", FIT, "leads out of the project"),
        ("fit -d not-there.csv", FIT, "not-there.csv"),
    ],
)
def test_mistakes_are_answered(shell: InteractiveShell, line: str, cell: str, expected: str) -> None:
    shell.user_ns["frame"] = {1: 2}

    assert expected in _message(shell, line, cell)


@pytest.mark.parametrize("line", ["fit twice", "fit --rate 1", "fit --requires dvcstage:prepar"])
def test_a_line_that_is_refused_leaves_no_operation(shell: InteractiveShell, line: str) -> None:
    _message(shell, line)

    known = shell.run_line_magic("dvc_stages", "").pipeline
    assert (known.operations, known.faults) == ((), {})


def test_a_line_that_is_refused_leaves_the_operation_before_it(shell: InteractiveShell) -> None:
    _op(shell, "note", "word = 'one'\nopen('note.txt', 'w').write(word)")
    _message(shell, "note --rate 1", "word = 'two'\nopen('note.txt', 'w').write(word)")

    assert shell.run_line_magic("dvc_run", "note").outs["note.txt"].path.read_text() == "one"


@pytest.mark.parametrize("option", ["-d ../in/labels.csv", "--requires file:../in/labels.csv", "-o ../in/labels.csv"])
def test_a_path_from_the_notebooks_folder_is_answered_with_that_from_the_root(
    shell: InteractiveShell, monkeypatch: pytest.MonkeyPatch, option: str
) -> None:
    shell.run_line_magic("dvc_project", "")
    (Path.cwd() / "notebooks").mkdir()
    monkeypatch.chdir("notebooks")

    assert "write 'in/labels.csv'" in _message(shell, f"fit {option}")
    assert "write" not in _message(shell, f"fit {option.replace('../', '../../')}")


def test_flags_that_are_options_have_another_spelling(shell: InteractiveShell) -> None:
    cell = "label = 'a'\nopen('out.txt', 'w').write(label)\n"

    run = _op(shell, "fit --fit.py:label b --option:label first", cell)

    assert (run.outs["out.txt"].path.read_text(), run.label) == ("b", "first")


def test_help_shows_the_flags_of_the_cell(shell: InteractiveShell) -> None:
    shown = repr(_op(shell, "fit --help"))

    assert shown.startswith("%%dvc_op: Run the cell as an operation")
    assert "--lr       0.1" in shown
    assert len(shell.run_line_magic("dvc_runs", "")) == 0


def test_a_lone_line_is_answered_by_us(shell: InteractiveShell, capsys: pytest.CaptureFixture[str]) -> None:
    asked = shell.run_cell("%%dvc_op --help")
    empty = shell.run_cell("%%dvc_op fit\n")
    single = shell.run_cell("%dvc_op fit")

    assert repr(asked.result).startswith("%%dvc_op: ")
    assert "the cell is empty" in str(empty.error_in_exec)
    assert "two percent signs" in str(single.error_in_exec)


@pytest.mark.parametrize(
    ("cell", "expected"),
    [
        ("run = %%dvc_op note --lr 1\nlr = 2", "%%dvc_op note --lr 1 --into run"),
        ("run = %%dvc_op note", "%%dvc_op note --into run"),
        ("run=%%dvc_op note --into made\nlr = 2", "%%dvc_op note --into made"),
    ],
)
def test_a_cell_that_is_assigned_is_answered_with_into(shell: InteractiveShell, cell: str, expected: str) -> None:
    asked = shell.run_cell(cell)

    assert str(asked.error_in_exec).endswith(f"its line names the variable: {expected}")
    assert len(shell.run_line_magic("dvc_runs", "")) == 0


def _restart(shell: InteractiveShell) -> None:
    shell.extension_manager.unload_extension("dvc_magic")
    shell.extension_manager.load_extension("dvc_magic")


@pytest.mark.parametrize("asked", ["dvc_run", "dvc_stages"])
def test_a_kernel_that_has_just_started_knows_cells_by_their_runs(shell: InteractiveShell, asked: str) -> None:
    _op(shell, "note", "word = 'one'\nopen('note.txt', 'w').write(word)")
    _restart(shell)

    shown = shell.run_line_magic(asked, "note")

    assert "note.py" in shown._repr_html_()


def test_a_line_that_names_several_cells_of_an_earlier_kernel_knows_all_of_them(shell: InteractiveShell) -> None:
    for name in ("note", "memo"):
        _op(shell, name, f"open('{name}.txt', 'w').write('one')")
    _restart(shell)

    plan = shell.run_line_magic("dvc_run", "note op:memo --dry-run")

    assert [point.target for point in plan.points] == ["op:note", "op:memo"]


@pytest.mark.parametrize("line", ["dvc_run note", "dvc_run note --dry-run", "dvc_stages note"])
def test_a_cell_that_is_known_by_its_run_is_said_to_be_once(
    shell: InteractiveShell, capsys: pytest.CaptureFixture[str], line: str
) -> None:
    run = _op(shell, "note", "open('note.txt', 'w').write('one')")
    _restart(shell)
    capsys.readouterr()

    for expected in (1, 0):
        shell.run_line_magic(*line.split(" ", 1))
        said = f"op:note is taken as it was in run {run.number}; execute its cell to have it as it is now\n"
        assert capsys.readouterr().out.count(said) == expected


def test_unloading_leaves_the_shell_as_it_was(shell: InteractiveShell) -> None:
    shell.extension_manager.unload_extension("dvc_magic")

    assert "dvc_op" not in shell.magics_manager.magics["cell"]
    assert not any("dvc_magic" in known.__module__ for known in shell.input_transformers_cleanup)


def test_nothing_of_a_cell_reaches_the_notebook(shell: InteractiveShell) -> None:
    shell.user_ns["lr"] = 7

    _op(shell, "note", "lr = 0.1\nmade = 1\nopen('note.txt', 'w').write(str(lr))")

    assert (shell.user_ns["lr"], "made" in shell.user_ns) == (7, False)


@pytest.mark.parametrize(
    ("line", "expected"),
    [
        ("fit --l", ["--lr", "--learn", "--label"]),
        ("fit --lr ", ["0.1"]),
        ("fit --fit", ["--fit.py:stage"]),
        ("fit --no-sh", ["--no-shuffle"]),
        ("fit -d lab", ["labels.csv"]),
        ("fit --requires dvcs", ["dvcstage:"]),
        ("fit --requires dvcstage:p", ["dvcstage:prepare"]),
        ("fit --requires file:lab", ["file:labels.csv"]),
        ("fit --option:st", ["--option:stage"]),
    ],
)
def test_the_line_is_completed_from_the_cell(shell: InteractiveShell, line: str, expected: list[str]) -> None:
    shell.run_line_magic("dvc_stages", "")
    text = f"%%dvc_op {line}"

    with provisionalcompleter():
        found = list(shell.Completer.completions(f"{text}\n{FIT}stage = 'a'\n", len(text)))

    assert [text[: one.start] + one.text for one in found] == [f"{text.rpartition(' ')[0]} {item}" for item in expected]
