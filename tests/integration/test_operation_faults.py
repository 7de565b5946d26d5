"""Operations that are wrong or wicked harm no other work; code finds in a run what it asks for itself."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from dvc_magic.errors import OperationError
from dvc_magic.operations import cell_operation
from dvc_magic.project import Project
from tests.support.behind import pipeline_of, register

pytestmark = [pytest.mark.integration, pytest.mark.timeout(120)]

LONG = "a" * 40 + "!"
BOMB = "".join(f"x{i}: &x{i} [{', '.join([f'*x{i - 1}' if i else 'lol'] * 9)}]\n" for i in range(10))
FILES = {
    "dvc.yaml": "stages:\n  two:\n    cmd: echo a > a.txt; echo b > b.txt\n    outs: [a.txt, b.txt]\n",
    LONG: "x\n",
}


@pytest.fixture
def folder(make_project: Callable[..., Path]) -> Path:
    """A project with a stage of two outs."""
    return make_project(FILES)


@pytest.fixture
def project(folder: Path) -> Iterator[Project]:
    """The same, open."""
    with Project.open(folder) as opened:
        yield opened


def test_a_bomb_in_guilds_file_is_a_line_below_the_stages(project: Project, folder: Path) -> None:
    (folder / "guild.yml").write_text(f"{BOMB}fit: {{requires: *x9, flags: {{z: *x9}}}}\n")
    began = time.monotonic()
    assert project.run("two").status == "completed"
    assert time.monotonic() - began < 20
    assert "guild.yml: its aliases (*NAME) repeat more than" in pipeline_of(project).problems[-1]


def test_a_wrong_entry_answers_for_itself_alone(project: Project, folder: Path) -> None:
    (folder / "dvc_magic.yaml").write_text("operations:\n  bad: {comd: x}\n  good: {cmd: echo good}\n")
    assert project.run("good").log.text() == "good\n"
    assert "operation 'bad' in dvc_magic.yaml: an operation has no 'comd'" in repr(project.operations)
    for name in ("bad", "op:bad"):
        with pytest.raises(OperationError, match="an operation has no 'comd'. Did you mean 'cmd'"):
            project.run(name)


def test_code_finds_in_a_run_and_in_its_copy_what_it_selects(
    project: Project, capsys: pytest.CaptureFixture[str]
) -> None:
    project.run("two")
    code = (
        "import dvc_magic as dm\n"
        "print(dm.dvcstage('two', select='a.*').read_text(), dm.dvcstage('dvc.yaml:two', select='b.*').read_text())\n"
        "1 / 0\n"
    )
    register(project, cell_operation("look", code))
    run = project.run("look", raise_errors=False)
    assert "a\n b\n" in run.log.text()
    project.debug(run.id, commands=["q"])
    assert "a\n b\n" in capsys.readouterr().out


def test_code_finds_what_an_operation_made_that_serves_a_stage(project: Project) -> None:
    project.op("mid", "open('mid.txt', 'w').write('made')\n", outs=["mid.txt"], stage="mid")
    run = project.op("look", "import dvc_magic as dm\nprint(dm.dvcstage('mid').read_text())\n")
    assert run.log.text() == "made\n"


def test_what_a_run_was_not_given_is_not_looked_for_around_it(project: Project) -> None:
    code = "import dvc_magic as dm\nname = 'two'\nprint(dm.dvcstage(name).paths)\n"
    run = project.op("look", code, raise_errors=False)
    assert "MissingInputError: nothing of 'two' is here: a run has what its operation requires" in run.log.text()
    assert not list(Path(run.workspace).rglob(".dvc_magic"))
