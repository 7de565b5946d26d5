"""Tags and notes, the trash and what comes back from it, in a project with data that runs share."""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path

import pytest
from IPython.core.interactiveshell import InteractiveShell

from dvc_magic.errors import QueryError, RequestError, RunError, RunNotFoundError
from dvc_magic.project import Project, Run, Runs
from dvc_magic.store import RunStore, check_store

pytestmark = pytest.mark.integration

FILES = {
    "dvc.yaml": """
stages:
  prepare:
    cmd: cat raw.txt > clean.txt
    deps: [raw.txt]
    outs: [clean.txt]
  train:
    cmd: sleep $(sed -n 's/^wait. //p' params.yaml); (cat clean.txt; echo $RANDOM) > model.bin; cp loss.in m.json
    deps: [clean.txt, loss.in]
    params: [wait, lr]
    outs: [model.bin]
    metrics:
      - m.json: {cache: false}
""",
    "params.yaml": "wait: 0\nlr: 1\n",
    "raw.txt": "raw " * 1000,
    "loss.in": '{"loss": 1}',
}


@pytest.fixture
def trained(shell: InteractiveShell, place: Path) -> Callable[..., Run]:
    """Runs train with a loss; returns the run."""

    def train(loss: float) -> Run:
        (place / "loss.in").write_text(f'{{"loss": {loss}}}')
        run = shell.run_line_magic("dvc_run", "train")
        assert isinstance(run, Run)
        return run

    return train


def _numbers(shell: InteractiveShell, line: str = "") -> list[int]:
    return [run.number for run in shell.run_line_magic("dvc_runs", line)]


def _store(place: Path) -> RunStore:
    return RunStore.open(place / ".dvc_magic")


def test_a_run_gets_tags_a_label_a_note_and_a_mark(shell: InteractiveShell, trained: Callable[..., Run]) -> None:
    run = trained(0.5)

    tagged = shell.run_line_magic("dvc_tag", f"{run.number} +good new --label 'first try' --note \"table 2\" --mark")
    shell.run_line_magic("dvc_tag", "last -new")

    assert tagged == run
    assert (run.tags, run.label, run.note, run.notes.mark) == (("good",), "first try", "table 2", True)
    assert _numbers(shell, "--tag good") == [run.number]
    shell.run_line_magic("dvc_tag", "'first try' --no-mark --label ''")
    assert (run.label, run.notes.mark) == ("", False)


def test_several_runs_are_tagged_at_once(shell: InteractiveShell, trained: Callable[..., Run]) -> None:
    trained(1), trained(2)
    shell.user_ns["both"] = shell.run_line_magic("dvc_runs", "train")

    tagged = shell.run_line_magic("dvc_tag", "{both} paper")

    assert isinstance(tagged, Runs)
    assert [run.tags for run in tagged] == [("paper",)] * 2


@pytest.mark.parametrize(
    ("line", "message"),
    [
        ("", "takes a run first: %dvc_tag 41"),
        ("last", "nothing to say of it: %dvc_tag last .good"),
        ("last --mark --no-mark", "contradict each other"),
        ("last ++", "is no tag"),
    ],
)
def test_a_line_that_says_nothing_is_answered_with_one_that_does(
    shell: InteractiveShell, trained: Callable[..., Run], line: str, message: str
) -> None:
    trained(1)

    with pytest.raises(RequestError, match=message):
        shell.run_line_magic("dvc_tag", line)


def test_a_removed_run_is_found_in_the_trash_and_comes_back(
    shell: InteractiveShell, trained: Callable[..., Run], place: Path
) -> None:
    first, second = trained(1), trained(2)

    said = repr(shell.run_line_magic("dvc_rm", str(first.number)))

    assert said.splitlines()[0] == f"run {first.number} moved to the trash: %dvc_restore {first.number} takes it back"
    assert _numbers(shell) == [second.number]
    assert _numbers(shell, "--deleted") == [first.number]
    with pytest.raises(RunNotFoundError, match=f"in the trash: %dvc_restore {first.id[:6]} takes it back"):
        shell.run_line_magic("dvc_show", str(first.number))
    back = shell.run_line_magic("dvc_restore", first.id[:6])
    assert back == first
    assert back.metrics["loss"] == 1
    assert back.outs["model.bin"].altered == ""
    assert check_store(_store(place)) == []
    with pytest.raises(RunNotFoundError, match="in the trash, which is empty"):
        shell.run_line_magic("dvc_restore", str(first.number))


def test_runs_below_a_removed_one_keep_what_they_took(
    shell: InteractiveShell, trained: Callable[..., Run], place: Path
) -> None:
    first, second = trained(1), trained(2)
    prepare = first.upstream["prepare"]

    said = repr(shell.run_line_magic("dvc_rm", f"{prepare.number} --purge"))

    assert f"Runs {second.number}, {first.number} used it upstream and keep what they took." in said
    assert (first.workspace / "clean.txt").read_text() == FILES["raw.txt"]
    assert check_store(_store(place)) == []
    again = trained(3)
    assert again.upstream["prepare"].number > second.number


def test_a_purge_gives_the_disk_back_and_is_final(
    shell: InteractiveShell, trained: Callable[..., Run], place: Path
) -> None:
    first, second = trained(1), trained(2)
    shell.run_line_magic("dvc_rm", str(first.number))

    said = repr(shell.run_line_magic("dvc_rm", f"{first.number} --purge"))

    assert said.startswith(f"run {first.number} deleted for good, ")
    assert " kB given back" in said
    assert _numbers(shell, "--deleted") == []
    assert check_store(_store(place)) == []
    assert second.outs["model.bin"].altered == ""
    assert trained(3).number > second.number


def test_a_purge_alone_empties_the_trash(shell: InteractiveShell, trained: Callable[..., Run]) -> None:
    first, second = trained(1), trained(2)
    shell.run_line_magic("dvc_rm", f"{first.number} {second.number}")

    said = repr(shell.run_line_magic("dvc_rm", "--purge"))

    assert said.startswith("2 runs deleted for good")
    assert _numbers(shell, "--deleted") == []
    with pytest.raises(RequestError, match="takes runs: %dvc_rm 41 42"):
        shell.run_line_magic("dvc_rm", "")


def test_all_but_the_best_are_removed(shell: InteractiveShell, trained: Callable[..., Run]) -> None:
    made = [trained(loss) for loss in (0.3, 0.1, 0.2, 0.4)]
    made[3].tag(mark=True)
    shell.user_ns["runs"] = shell.run_line_magic("dvc_runs", "train")

    for line, message in {
        "{runs} --keep-best 2": "go together",
        "{runs} --keep-best two --metric loss": "expected a whole number",
    }.items():
        with pytest.raises(RequestError, match=message):
            shell.run_line_magic("dvc_rm", line)
    with pytest.raises(QueryError, match="lss"):
        shell.run_line_magic("dvc_rm", "{runs} --keep-best 2 --metric lss")
    shell.run_line_magic("dvc_rm", "{runs} --keep-best 2 --metric loss")

    assert _numbers(shell) == [made[3].number, made[2].number, made[1].number]
    shell.user_ns["runs"] = shell.run_line_magic("dvc_runs", "train")
    shell.run_line_magic("dvc_rm", "{runs} --keep-best 1 --metric -loss")
    assert _numbers(shell) == [made[3].number]


def test_what_goes_is_not_removed_and_says_how_to_stop_it(shell: InteractiveShell, trained: Callable[..., Run]) -> None:
    trained(1)
    runs = shell.run_line_magic("dvc_run", "train --wait 60,61 --background")
    assert isinstance(runs, Runs)
    call = runs[0].call
    while runs[0].status != "running":
        time.sleep(0.02)

    for run in runs:
        with pytest.raises(RunError, match=f"goes on: %dvc_stop call:{call.id[:6]} stops it"):
            run.rm()
    done = shell.run_line_magic("dvc_rm", "1 --purge")
    assert "calls go on" in repr(done)
    shell.run_line_magic("dvc_stop", f"call:{call.id}")
    shell.run_line_magic("dvc_rm", f"call:{call.id} --purge")
    assert not {run.number for run in runs} & set(_numbers(shell, "--all"))


def test_the_table_tells_what_runs_take_of_the_disk(shell: InteractiveShell, trained: Callable[..., Run]) -> None:
    trained(1)

    table = shell.run_line_magic("dvc_runs", "--disk").table()

    assert "disk" in table.headers
    assert all(row[table.headers.index("disk")].endswith(("kB", " B")) for row in table.rows)
    assert table.note.startswith("store ")
    assert "runs " in table.note


def test_the_same_from_python(place: Path, trained: Callable[..., Run]) -> None:
    run = trained(1)
    with Project.open(place) as project:
        mine = project.runs[run.number]
        assert repr(mine.rm()) == f"run {run.number} moved to the trash: %dvc_restore {run.number} takes it back"
        assert [gone.id for gone in project.runs.deleted()] == [run.id]
        assert mine.restore() == run
        mine.rm()
        assert [back.id for back in project.runs.deleted().restore()] == [run.id]
        assert project.runs[:].rm(purge=True).freed > 0
        assert len(project.runs) == 0
