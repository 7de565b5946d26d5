"""``%dvc`` and ``--help``: what is on the screens that a newcomer sees first."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

import pytest
from IPython.core.interactiveshell import InteractiveShell

from dvc_magic.errors import LineError
from dvc_magic.notebook.usage import explained

pytestmark = pytest.mark.integration

FILES = {
    "dvc.yaml": """
stages:
  prepare:
    cmd: echo > data.txt
    outs: [data.txt: {cache: false}]
  train:
    desc: Fit <b>it</b>.
    cmd: "true"
    deps: [data.txt]
    params: [lr]
""",
    "params.yaml": "lr: 0.5\n",
}


@pytest.fixture
def place(make_project: Callable[..., Path]) -> Path:
    """A project whose name is no markup."""
    return make_project(FILES, name="a<b>")


def _magics(shell: InteractiveShell) -> list[str]:
    return [name for name in shell.magics_manager.magics["line"] if name.startswith("dvc_")]


def test_one_screen_has_the_project_the_magics_and_the_last_runs(shell: InteractiveShell) -> None:
    shell.run_line_magic("dvc_run", "train --lr 0.25")

    text = repr(shell.run_line_magic("dvc", ""))

    assert f"folder        {Path.cwd()}" in text
    assert "runs          1 in " in text
    assert "final stages  train" in text
    assert "completed" in text.partition("last runs")[2]


def test_the_screen_names_each_registered_magic_with_an_example(shell: InteractiveShell) -> None:
    lines = repr(shell.run_line_magic("dvc", "")).split("\n")

    rows = {line.split()[0]: line for line in lines if line.strip().startswith(("%dvc_", "%%dvc_"))}
    assert sorted(name.lstrip("%") for name in rows) == sorted(_magics(shell))
    assert "%%dvc_op" in rows
    assert rows["%dvc_run"].endswith("%dvc_run train")


def test_the_screen_as_html_is_escaped_and_without_scripts(shell: InteractiveShell) -> None:
    html = shell.run_line_magic("dvc", "")._repr_html_()

    assert "a&lt;b&gt;" in html
    assert "a<b>" not in html
    assert "<script" not in html


def test_outside_of_a_project_it_says_how_to_begin(shell: InteractiveShell, tmp_path: Path) -> None:
    shell.extension_manager.unload_extension("dvc_magic")
    os.chdir(tmp_path)
    shell.extension_manager.load_extension("dvc_magic")

    text = repr(shell.run_line_magic("dvc", ""))

    assert "no project" in text
    assert "%dvc_example iris" in text.partition("to begin")[2]
    assert "%dvc_project PATH" in text.partition("to begin")[2]


def test_a_broken_pipeline_is_told_on_the_screen(shell: InteractiveShell) -> None:
    Path("dvc.yaml").write_text("stages: [")

    assert "dvc.yaml" in repr(shell.run_line_magic("dvc", "")).partition("magics")[0]


@pytest.mark.parametrize(("line", "meant"), [("run train --lr 1", "%dvc_run train --lr 1?"), ("runs", "%dvc_runs?")])
def test_a_magic_spelled_as_dvc_spells_its_commands_is_named(shell: InteractiveShell, line: str, meant: str) -> None:
    with pytest.raises(LineError) as caught:
        shell.run_line_magic("dvc", line)

    assert str(caught.value).endswith(f"Did you mean {meant}")


@pytest.mark.parametrize(
    ("line", "said"),
    [
        ("status", "Here %dvc_run --dry-run --all answers to 'dvc status'. DVC's own command is !dvc status"),
        ("repro train -f", "Here %dvc_run train answers to 'dvc repro'. DVC's own command is !dvc repro train -f"),
        ("exp run", "Here %dvc_run answers to 'dvc exp run'. DVC's own command is !dvc exp run"),
        ("exp show -n 3", "Here %dvc_runs answers to 'dvc exp'. DVC's own command is !dvc exp show -n 3"),
        ("pull", "DVC's own command is !dvc pull"),
        ("rnus", "Did you mean %dvc_runs? DVC's own command is !dvc rnus"),
    ],
)
def test_a_command_of_dvc_is_answered_with_what_does_it(shell: InteractiveShell, line: str, said: str) -> None:
    with pytest.raises(LineError) as caught:
        shell.run_line_magic("dvc", line)

    assert str(caught.value) == f"%dvc takes nothing. {said}"


def test_every_magic_explains_itself_outside_of_a_project_too(shell: InteractiveShell, tmp_path: Path) -> None:
    shell.extension_manager.unload_extension("dvc_magic")
    os.chdir(tmp_path)
    shell.extension_manager.load_extension("dvc_magic")

    for name in ["dvc", *_magics(shell)]:
        card = repr(shell.run_line_magic(name, "--help"))
        assert card.startswith((f"%{name}: ", f"%%{name}: "))
        assert f"%{name}" in card.partition("\nexamples\n")[2] or name == "dvc"
        assert repr(shell.run_line_magic(name, "-h")) == card


def test_help_beside_a_stage_lists_its_flags_and_the_options(shell: InteractiveShell) -> None:
    card = repr(shell.run_line_magic("dvc_run", "train -h"))

    assert card.startswith("%dvc_run train\n")
    assert "--lr  float  0.5    params.yaml" in card
    assert "--use STAGE=RUN" in card.partition("\noptions\n")[2]


def test_every_docstring_begins_with_examples(shell: InteractiveShell) -> None:
    without = [name for name in _magics(shell) if not explained(shell.find_line_magic(name).__doc__).examples]

    assert without == []
