"""The magics that say what differs between runs, in a project whose code and data change."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
from IPython.core.interactiveshell import InteractiveShell

from dvc_magic.errors import LineError, RequestError, RunNotFoundError
from dvc_magic.project import Comparison, Diff, Run
from dvc_magic.store import RunStore
from tests.support.digest import changes, project_digest

pytestmark = pytest.mark.integration

FILES = {
    "dvc.yaml": """
stages:
  prepare:
    cmd: python prepare.py
    deps: [prepare.py, raw]
    outs: [numbers.txt]
  train:
    cmd: python train.py
    deps: [train.py, numbers.txt]
    params: [lr]
    metrics:
      - m.json: {cache: false}
""",
    "prepare.py": "import helper; helper.join()\n",
    "helper.py": """
import pathlib
def join():
    text = "".join(path.read_text() for path in sorted(pathlib.Path("raw").iterdir()))
    pathlib.Path("numbers.txt").write_text(text)
""",
    "train.py": "import yaml; lr = yaml.safe_load(open('params.yaml'))['lr']\n"
    "open('m.json', 'w').write(f'{{\"loss\": {1 / lr}}}')\n",
    "params.yaml": "lr: 1\n",
    "raw/a.txt": "1\n",
    "raw/b.txt": "2\n",
    "README.md": "First\n",
}


@pytest.fixture
def place(make_project: Callable[..., Path]) -> Path:
    return make_project(FILES, track=["raw"])


@pytest.fixture
def two(shell: InteractiveShell, place: Path) -> tuple[Run, Run]:
    """Two runs of train that differ in everything, but for Python and packages."""
    first = shell.run_line_magic("dvc_run", "train")
    (place / "helper.py").write_text(FILES["helper.py"].replace('"".join', '"\\n".join'))
    (place / "raw/c.txt").write_text("3\n")
    (place / "raw/a.txt").unlink()
    (place / "README.md").write_text("Second\n")
    second = shell.run_line_magic("dvc_run", "train --lr 2")
    return first, second


def test_two_runs_that_differ_in_code_and_data_do_not_show_one_difference(
    shell: InteractiveShell, two: tuple[Run, Run], place: Path
) -> None:
    before = project_digest(place)

    diff = shell.run_line_magic("dvc_diff", f"{two[0].number} {two[1].number}")

    assert isinstance(diff, Diff)
    assert (diff.metrics["loss"].a, diff.metrics["loss"].b, diff.metrics["loss"].delta) == (1.0, 0.5, -0.5)
    assert (diff.params["lr"].a, diff.params["lr"].b) == (1, 2)
    assert list(diff.sources) == ["helper.py"]
    assert diff.sources["helper.py"].stage == "prepare"
    assert "+    text = " in "\n".join(diff.sources["helper.py"].diff)
    assert list(diff.unread) == ["README.md"]
    assert list(diff.data) == ["raw", "numbers.txt"]
    assert (diff.data["raw"].added, diff.data["raw"].removed) == (("c.txt",), ("a.txt",))
    assert diff.data["numbers.txt"].counts == (2, 1)
    assert diff.commit is not None
    assert not diff.environment
    assert changes(before, project_digest(place)) == []


def test_the_line_shows_what_the_method_gives(shell: InteractiveShell, two: tuple[Run, Run]) -> None:
    shell.user_ns.update(a=two[0], b=two[1])
    lines = (f"{two[0].number} {two[1].number}", "{a} {b}", f"{two[0].id[:6]}", str(two[0].number))

    shown = {repr(shell.run_line_magic("dvc_diff", line)) for line in lines}

    assert shown == {repr(two[0].diff(two[1]))}
    brief, full = (repr(shell.run_line_magic("dvc_diff", f"{{a}} {{b}} {option}")) for option in ("--stat", "--all"))
    assert "helper.py" in brief
    assert "def join" not in brief
    assert "+Second" in full


def test_tables_tell_that_code_and_data_differ(shell: InteractiveShell, two: tuple[Run, Run]) -> None:
    table = shell.run_line_magic("dvc_runs", "train").table()

    letters = {row[0]: row[table.headers.index("code")] + row[table.headers.index("data")] for row in table.rows}
    assert letters == {str(two[0].number): "AA", str(two[1].number): "BB"}
    assert "packages" not in table.headers
    assert "the same letter: the same code or data (%dvc_diff)" in table.note


def test_runs_stand_side_by_side(shell: InteractiveShell, two: tuple[Run, Run]) -> None:
    third = shell.run_line_magic("dvc_run", "train --lr 4")

    compared = shell.run_line_magic("dvc_compare", f"{two[0].number} {two[1].number} {third.number}")

    assert isinstance(compared, Comparison)
    frame = compared.to_frame()
    assert list(frame.columns) == [two[0].number, two[1].number, third.number]
    assert list(frame.loc[("params", "lr")]) == [1, 2, 4]
    assert list(frame.loc[("code", "helper.py")]) == ["A", "B", "B"]
    assert list(frame.loc[("data", "raw")]) == ["A", "B", "B"]
    newest = shell.run_line_magic("dvc_compare", "").to_frame()
    assert list(newest.columns) == [third.number, two[1].number, two[0].number]
    assert shell.run_line_magic("dvc_compare", f"call:{third.record.call.id}").to_frame().empty


@pytest.mark.parametrize(
    ("line", "message"),
    [
        ("", "names 0"),
        ("1 2 3", "names 3: %dvc_diff 41 42; %dvc_compare puts several side by side"),
        ("1 2 --stat --all", "leave one of them out"),
    ],
)
def test_a_line_that_does_not_name_two_runs_says_what_it_names(
    shell: InteractiveShell, line: str, message: str
) -> None:
    for _ in range(3):
        shell.run_line_magic("dvc_run", "prepare")

    with pytest.raises(RequestError, match=message):
        shell.run_line_magic("dvc_diff", line)
    with pytest.raises(RunNotFoundError):
        shell.run_line_magic("dvc_diff", "1 99")
    with pytest.raises(LineError):
        shell.run_line_magic("dvc_diff", "1 2 --code")


def test_a_card_names_the_edited_files_and_the_sources_can_be_read(
    shell: InteractiveShell, two: tuple[Run, Run]
) -> None:
    first, second = two

    assert "with edits: README.md, helper.py" in second.card().text()
    assert "with edits" not in first.card().text()
    assert first.source("helper.py") == FILES["helper.py"]
    assert second.source("params.yaml") == "lr: 2\n"
    for path, message in {
        "helpr.py": "Did you mean 'helper.py'",
        "numbers.txt": "is data of train",
        "nothing": f"%dvc_show {first.number} --files lists them",
    }.items():
        with pytest.raises(RequestError, match=message):
            first.source(path)
    files = repr(shell.run_line_magic("dvc_show", f"{first.upstream['prepare'].number} --files"))
    rows = {line.split()[0]: line.split()[1] for line in files.splitlines()[2:5]}
    assert rows == {"helper.py": "read", "prepare.py": "dep", ".dvcignore": "139"}


def test_a_run_whose_upstream_run_was_removed_is_compared_as_far_as_it_is_known(
    shell: InteractiveShell, two: tuple[Run, Run], place: Path
) -> None:
    first, second = two
    RunStore.open(place / ".dvc_magic").trash.put(first.upstream["prepare"].id)

    diff = shell.run_line_magic("dvc_diff", f"{first.number} {second.number}")

    assert (diff.params["lr"].a, diff.metrics["loss"].delta) == (1, -0.5)
    assert diff.notes == (f"the run of prepare that train {first.number} used is gone, and its params with it",)
