"""What operations make, run for real: what becomes of it when DVC cannot keep it, and what is said of it."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from dvc_magic.errors import OperationError
from dvc_magic.project import Project, Run
from tests.support.commands import dvc_status_code
from tests.support.digest import changes, project_digest

pytestmark = [pytest.mark.integration, pytest.mark.timeout(120)]

FILES = {
    "dvc.yaml": "stages:\n  pipe:\n    cmd: mkdir -p o && mkfifo o/pipe\n    deps: [raw.csv]\n    outs: [o]\n"
    "  beside:\n    cmd: echo 1 > data/x.csv && echo 2 > data/more && echo 3 > three\n    deps: [data]\n"
    "    outs: [three]\n",
    ".dvcignore": "*.log\n",
    "params.yaml": "lr: 0.5\n",
    "settings.json": '{"depth": 3}',
    "raw.csv": "x\n1\n",
    "data/x.csv": "y\n2\n",
    "data/code.py": "VALUE = 1\n",
}
LEFT_OUT = "the command made what DVC cannot keep, which is left out of the run's outs: "


@pytest.fixture
def folder(make_project: Callable[..., Path]) -> Path:
    return make_project(FILES)


@pytest.fixture
def project(folder: Path) -> Iterator[Project]:
    with Project.open(folder) as opened:
        yield opened


def run(project: Project, *lines: str, **settings: object) -> Run:
    code = "\n".join(["import os, socket", *lines, "open('kept.txt', 'w').write('k')\n"])
    return project.op("make", code, raise_errors=False, **settings)  # type: ignore[arg-type]


def completed(made: Run) -> tuple[list[str], list[str]]:
    """The outs and the warnings of a run that completed, and that DVC finds up to date."""
    assert made.error == ""
    assert dvc_status_code(made.workspace) == 0
    return sorted(made.outs), list(made.record.warnings)


# --- pipes, sockets and links ---------------------------------------------------------------------------------------


def test_what_is_no_file_is_left_out_of_the_outs_and_the_rest_of_its_folder_is_not(project: Project) -> None:
    outs, warnings = completed(
        run(
            project,
            "os.makedirs('o/deep')",
            "os.mkfifo('o/pipe')",
            "socket.socket(socket.AF_UNIX).bind('o/socket')",
            "os.symlink('nowhere', 'o/lost')",
            "for path in ('o/a.txt', 'o/deep/b.txt', 'o/deep/c.txt'): open(path, 'w').write('1')",
        )
    )
    assert outs == ["kept.txt", "o/a.txt", "o/deep"]
    assert warnings == [f"{LEFT_OUT}o/lost (a link that leads nowhere), o/pipe (a named pipe), o/socket (a socket)"]


def test_a_named_folder_with_a_pipe_in_it_fails_the_run_at_once(project: Project) -> None:
    made = run(project, "os.makedirs('o')", "os.mkfifo('o/pipe')", outs=["o"])
    assert made.status == "failed"
    assert made.error.startswith("output 'o': DVC cannot read o/pipe (a named pipe)")


def test_the_same_holds_for_an_out_of_a_stage_and_for_a_dep(project: Project) -> None:
    assert "DVC cannot read o/pipe (a named pipe)" in project.run("pipe", raise_errors=False).error
    made = run(project, "os.mkfifo('data/pipe')", deps=["data"])
    assert made.error.startswith("dependency 'data': DVC cannot read data/pipe (a named pipe)")


def test_what_dvc_passes_over_may_be_a_pipe_in_a_named_folder(project: Project) -> None:
    made = run(project, "os.makedirs('o')", "os.mkfifo('o/pipe.log')", "open('o/a', 'w').write('1')", outs=["o"])
    assert made.record.outs["o"].files == 1


def test_a_link_to_a_file_is_kept_as_the_file(project: Project) -> None:
    made = run(project, "os.symlink('raw.csv', 'same.csv')")
    assert completed(made) == (["kept.txt", "same.csv"], [])
    assert made.outs["same.csv"].read_text() == "x\n1\n"


def test_a_link_to_a_folder_is_left_out_and_said_to_be(project: Project) -> None:
    made = run(project, "os.makedirs('o/1')", "open('o/1/a', 'w').write('1')", "os.symlink('1', 'o/latest')")
    assert completed(made) == (["kept.txt", "o"], [f"{LEFT_OUT}o/latest (a link to a folder)"])


def test_an_out_that_is_a_link_into_the_project_is_refused_and_the_project_left_alone(
    project: Project, folder: Path
) -> None:
    os.link(folder / "data/x.csv", folder.parent / "x.csv")  # DVC would put a file of its own in its place
    before = project_digest(folder)
    made = run(project, f"os.symlink({str(folder / 'data')!r}, 'o')", outs=["o"])
    assert "DVC would change the files there" in made.error
    assert changes(before, project_digest(folder)) == []


def test_dvcs_own_files_are_not_written_through_links_that_the_command_made(project: Project, folder: Path) -> None:
    before = project_digest(folder)
    link = f"[(os.path.lexists(n) and os.remove(n), os.symlink({str(folder)!r} + '/' + n, n)) for n in {{}}]"
    assert completed(run(project, link.format(("dvc.yaml", "dvc.lock"))))[0] == ["dvc.yaml.written", "kept.txt"]
    named = run(project, link.format(("dvc.lock",)), outs=["kept.txt"])
    assert named.error.startswith("DVC needs a plain file at dvc.lock")
    assert changes(before, project_digest(folder)) == []


# --- what DVC cannot take -------------------------------------------------------------------------------------------


def test_what_dvc_passes_over_or_takes_for_its_own_is_left_out(project: Project) -> None:
    write = "for path in ('a.log', 'o/b.log', 'o/b.txt', 'n.dvc', 'p/.dvcignore', 'p/c', 's3:/d'): "
    made = run(project, "[os.makedirs(path) for path in ('o', 'p', 's3:')]", write + "open(path, 'w').write('zz')")
    assert made.error == ""
    assert sorted(made.outs) == ["kept.txt", "o", "p/c"]
    assert made.record.warnings[0] == (
        f"{LEFT_OUT}a.log (ignored by DVC), n.dvc (a name that DVC gives another meaning), o/b.log (ignored by DVC), "
        "p/.dvcignore (DVC's own file), s3: (a name that DVC gives another meaning)"
    )


@pytest.mark.parametrize("name", ["${x}.txt", "\\\\${lr}", "-f", "#a", "a: b", " blank ", "[a]*.txt", "line\\nend"])
def test_a_name_is_no_template_and_no_yaml(project: Project, name: str) -> None:
    outs, warnings = completed(run(project, f"open('{name}', 'w').write('1')"))
    assert (len(outs), warnings) == (2, [])


def test_a_name_that_is_no_text_is_told_as_python_writes_it(project: Project) -> None:
    made = run(project, "os.makedirs('o')", "open(b'o/\\xff', 'w').write('1')", "open('o/a', 'w').write('1')")
    assert completed(made) == (["kept.txt", "o/a"], [f"{LEFT_OUT}o/\\udcff (a name that is no UTF-8 text)"])


def test_files_that_dvc_reads_are_put_aside_when_it_cannot(project: Project) -> None:
    write = "[open(path, 'w').write('[1]') for path in ('dvc.lock', 'params.yaml', 'settings.json', 'make.py')]"
    made = run(project, "depth = 1", write, requires=["config:settings.json"])
    outs, warnings = completed(made)
    assert outs == ["dvc.lock.written", "kept.txt", "make.py.written", "params.yaml.written", "settings.json.written"]
    assert warnings[0] == "the command wrote dvc.lock, which a run has of its own: kept as dvc.lock.written"
    assert "DVC cannot read as params what the command wrote into settings.json" in "\n".join(warnings)
    assert (made.workspace / "settings.json").read_text() == FILES["settings.json"]
    assert (made.workspace / "settings.json.written").read_text() == "[1]"


def test_with_named_outs_such_a_file_fails_the_run(project: Project) -> None:
    made = run(project, "open('dvc.lock', 'w').write('no lock')", outs=["kept.txt"])
    assert (made.status, sorted(made.outs)) == ("failed", ["kept.txt"])
    assert made.error.startswith("the command wrote dvc.lock, which a run has of its own")
    with pytest.raises(OperationError, match="is ignored by .dvcignore"):
        run(project, "open('a.log', 'w').write('1')", outs=["a.log"])


# --- what is written into deps --------------------------------------------------------------------------------------


def test_what_is_written_into_a_folder_that_is_a_dep_is_told_and_no_out(project: Project) -> None:
    made = run(
        project,
        "os.makedirs('data/new')",
        "for path in ('data/x.csv', 'data/new/1', 'data/new/2', 'data/metrics.json'): open(path, 'w').write('{}')",
        deps=["data"],
    )
    outs, warnings = completed(made)
    assert outs == ["kept.txt"]
    assert made.record.learned is not None
    assert made.record.learned.made == ("data/metrics.json", "data/new", "data/x.csv", "kept.txt")
    assert made.record.deps["data"].changed
    told = "the command wrote data/metrics.json, data/new, data/x.csv into its dependency data, which is no output of"
    assert warnings == [f"{told} the run: write it elsewhere, or name single files of data with requires"]


def test_the_same_holds_for_a_folder_that_was_merely_found_and_writing_is_not_reading(project: Project) -> None:
    made = run(
        project, "D = 'data'", "os.mkdir(D + '/' + 'n' * 2)", "open(D + '/' + 'n' * 3, 'w').write('1')", learn=True
    )
    assert made.record.learned is not None
    assert (made.record.learned.found, made.record.learned.read) == (("data",), ())
    assert made.record.learned.made == ("data/nnn", "kept.txt")
    assert "the command wrote data/nnn into its dependency data" in made.record.warnings[0]


def test_what_python_keeps_beside_code_is_no_change(project: Project) -> None:
    made = run(project, "import py_compile", "py_compile.compile('data/code.py')", deps=["data"])
    assert completed(made) == (["kept.txt"], [])
    assert list((made.workspace / "data/__pycache__").iterdir()) != []
    assert not made.record.deps["data"].changed


def test_a_stage_that_changes_a_folder_it_depends_on_is_told_the_files(project: Project) -> None:
    made = project.run("beside")
    assert made.record.deps["data"].changed
    assert made.record.warnings == ("the command changed its own dependency data: data/more, data/x.csv",)


# --- as ever --------------------------------------------------------------------------------------------------------


def test_files_in_folders_that_were_there_are_outs_and_removed_sources_are_not(project: Project) -> None:
    made = run(project, "open('data/new.csv', 'w').write('1')", "os.remove('raw.csv')")
    assert completed(made) == (["data/new.csv", "kept.txt"], [])


def test_a_folder_of_many_files_is_one_out(project: Project) -> None:
    made = run(project, "os.makedirs('o')", "for i in range(5000): open(f'o/{i}', 'w').write(str(i))")
    assert made.record.outs["o"].files == 5000
    assert made.record.times.total is not None
    assert made.record.times.total < 60
