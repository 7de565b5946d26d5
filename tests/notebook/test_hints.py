"""Each line that a message hands to its reader, executed in the situation that the message is about."""

from __future__ import annotations

import ast
import atexit
import fcntl
import os
import re
import shlex
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import pytest
from IPython.core.interactiveshell import InteractiveShell
from IPython.utils.capture import capture_output
from traitlets.config import Config

import dvc_magic
from dvc_magic.errors import DvcMagicError
from dvc_magic.project import Project, Run, Runs
from dvc_magic.project.settings import find_root
from tests.support.commands import dvc, git, run
from tests.support.projects import create

pytestmark = [pytest.mark.integration, pytest.mark.timeout(120)]

FILES = {
    "dvc.yaml": """
stages:
  prepare:
    cmd: cp raw.csv clean.csv
    deps: [raw.csv]
    params: [n, timeout]
    outs: [clean.csv]
  train:
    cmd: python train.py
    deps: [train.py, clean.csv]
    params: [train.lr, other.lr, train.layers, {conf/more.yaml: null}]
    metrics: [m.json: {cache: false}]
  failed:
    cmd: "true"
  each:
    foreach: [a, b]
    do: {cmd: 'echo ${item}'}
  later:
    cmd: cp raw.csv later.csv
    deps: [raw.csv]
    outs: [later.csv]
  secretive:
    cmd: cat local/settings.env
""",
    "params.yaml": "n: 1\ntimeout: 5\nextra: 1\ntrain: {lr: 0.5, layers: [1, 2]}\nother: {lr: 1}\n",
    "conf/more.yaml": "depth: 3\nname: base\nshuffle: true\n",
    "train.py": "import json\nopen('clean.csv')\njson.dump({'acc': 0.5}, open('m.json', 'w'))\n",
    "raw.csv": "x\n1\n",
    "kept.csv": "k\n1\n",
    ".gitignore": "local/\n*.csv\n!raw.csv\n",
    "guild.yml": "look: look\n",
    "look.py": "print('loss: 1')\n",
}


class Notebook:
    """A shell in a project of its own, as far as a user sees it."""

    def __init__(self, shell: InteractiveShell) -> None:
        self.shell = shell

    def tells(self, cell: str) -> str:
        """All that a cell shows: what it prints, its result, its error."""
        with capture_output() as shown:
            result = self.shell.run_cell(cell)
        error = result.error_in_exec or result.error_before_exec
        return f"{shown.stdout}{shown.stderr}\n{result.result!r}\n{error or ''}"

    def does(self, cell: str) -> str:
        """What a cell shows that must not fail."""
        with capture_output() as shown:
            result = self.shell.run_cell(cell)
        error = result.error_in_exec or result.error_before_exec
        assert error is None, (cell, str(error))
        return f"{shown.stdout}\n{result.result!r}"


@pytest.fixture(scope="module")
def notebook(tmp_path_factory: pytest.TempPathFactory, dvc_template: Path) -> Iterator[Notebook]:
    root = create(tmp_path_factory.mktemp("hints") / "project", files=FILES, template=dvc_template, track=["kept.csv"])
    (root / "local").mkdir()
    (root / "local/settings.env").write_text("KEY=1\n")
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(root)
        patch.setitem(sys.modules, "__main__", sys.modules["__main__"])
        config = Config()
        config.HistoryManager.enabled = False
        shell = InteractiveShell(config=config)
        shell.extension_manager.load_extension("dvc_magic")
        notebook = Notebook(shell)
        notebook.does("%dvc_run train")
        notebook.does("import dvc_magic as dm\nproject = dm.Project.open('.')")
        yield notebook
        shell.user_ns["project"].close()
        shell.extension_manager.unload_extension("dvc_magic")
        shell.atexit_operations()
        atexit.unregister(shell.atexit_operations)


@dataclass(frozen=True)
class Hint:
    """A situation and what its message says to do.

    Attributes:
        cell: what brings the message about.
        said: how the message says it; each group is a hint.
        pasted: what is executed, one cell for each hint that `said` finds, with the hint in it.
        before: cells that are executed first.
    """

    cell: str
    said: str
    pasted: str = "{0}"
    before: tuple[str, ...] = field(default=())


LINES = [
    # flags
    Hint(
        "%dvc_run prepare --timeout 5 --dry-run",
        r"Write (--option:\S+) for the option or (--\S+) for",
        "%dvc_run prepare {0} 5 --dry-run",
    ),
    Hint("%dvc_run train --lr 1 --dry-run", r"Write (--\S+) or (--\S+?)\.?$", "%dvc_run train {0} 1 --dry-run"),
    Hint(
        "%dvc_run train --extra 1 --dry-run", r"Set another key with (-S) KEY=V", "%dvc_run train {0} extra=1 --dry-run"
    ),
    Hint(
        "%dvc_run train --depth interval(1,3) --dry-run",
        r"A grid over that range: (.*)",
        "%dvc_run train {0} --dry-run",
    ),
    Hint("%dvc_run train --shuffle maybe", r"Write (--\S+ true) or (--\S+ false)", "%dvc_run train {0} --dry-run"),
    Hint("%dvc_run train --layers 3 --dry-run", r"Write (--\S+ \S+) for a list", "%dvc_run train {0} --dry-run"),
    Hint(
        "%dvc_run train --train.lr 0.1 --train.lr 0.2",
        r"Write several values as (a,b),c",
        "%dvc_run train --name {0} --dry-run",
    ),
    Hint(
        "%dvc_run train depth=[4,5] --dry-run",
        r"write (--\S+ \S+?); for the other key write (-S \S+)",
        "%dvc_run train {0} --dry-run",
    ),
    Hint("%dvc_run train -S ~depth --dry-run", r"write -S (\S+)=VALUE", "%dvc_run train -S {0}=1 --dry-run"),
    Hint("%dvc_run train -S +conf/more.yaml:a=1", r"Write (.*)", "%dvc_run train -S {0} --dry-run"),
    Hint("%dvc_run train --upstream latst", r"Did you mean '(latest)'", "%dvc_run train --upstream {0} --dry-run"),
    # targets
    Hint("%dvc_run", r"take all of them with (--all)", "%dvc_run {0} --dry-run"),
    Hint("%dvc_run trian", r"Did you mean '(train)'", "%dvc_run {0} --dry-run"),
    Hint("project.run('each')", r"To run them: (project\.grid\(.*\))", "{0}"),
    Hint("project.run()", r"a run to start from: (project\.run\(from_run=)41\)", "{0}2)"),
    Hint("%dvc_run train --upstream never --n 7", r"run it with (%dvc_run \w+)", "{0}"),
    # looking at runs
    Hint("%dvc_runs failed", r"Write (--stage failed) or (--status failed)", "%dvc_runs {0}"),
    Hint("%dvc_runs 2", r"One run is shown by (%dvc_show 2)", "{0}"),
    Hint("%dvc_runs nothing", r"A query compares: (%dvc_runs .*)", "{0}"),
    Hint("%dvc_runs train completed", r"Write (%dvc_runs .*)", "{0}"),
    Hint("%dvc_runs train prepare", r"Write (%dvc_runs .*)", "{0}"),
    Hint("project.runs", r"one in full: (%dvc_show \d+), (project\.runs\[\d+\])", "{0}"),
    Hint("%dvc_runs --sort acd", r"Did you mean '([\w.]+)'", "%dvc_runs --sort {0}"),
    Hint("%dvc_show 999", r"(%dvc_runs) lists them", "{0}"),
    Hint("%dvc_show train", r"its newest run is (\d+)", "%dvc_show {0}"),
    Hint("project.runs[0]", r"(project\.last) is the newest run, (project\.runs\[:\]\[0\])", "{0}"),
    Hint("%dvc_show 1 2", r"Write (%dvc_show 1)", "{0}"),
    Hint("%dvc_doctor now", r"What they are says (%dvc_doctor --help)", "{0}"),
    Hint("project.runs[2].plot.bar('accc')", r"Did you mean '(\w+)'", "project.runs[2].plot('{0}')"),
    Hint(
        "project.runs[2].plot()",
        r"They have metrics \((acc)\): (\.plot\.bar\()NAME\)",
        "project.runs[2].plot.bar('acc')",
    ),
    Hint(
        "from dvc_magic.project import Run\nRun(project.runs[2].stored, project.store).again()",
        r"use (project\.run\(from_run=2\))",
        "{0}",
    ),
    # operations
    Hint("run = %%dvc_op fit --x 2\nx = 1\n", r"variable: (%%dvc_op fit .*)", "{0}\nx = 1\n"),
    Hint("%%dvc_op\nx = 1\n", r"Give the operation a name: (%%dvc_op) NAME", "{0} fit --dry-run\nx = 1\n"),
    Hint("%%dvc_op fit -n\nx = 1\n", r"The name comes first: (%%dvc_op) NAME", "{0} fit --dry-run\nx = 1\n"),
    Hint(
        "%%dvc_op fit -p params.yaml\nx = 1\n",
        r"a file of params is (--requires \S+?)\.?$",
        "%%dvc_op fit {0} --dry-run\nx = 1\n",
    ),
    Hint(
        "%%dvc_op fit -d dvcfile:raw.csv\nx = 1\n",
        r"is written (--requires \S+)",
        "%%dvc_op fit {0} --dry-run\nx = 1\n",
    ),
    Hint(
        "%%dvc_op json\nimport json\n",
        r"or the script with (--script)",
        "%%dvc_op json {0} src/other.py --dry-run\nimport json\n",
    ),
    Hint("%%dvc_op fit --scalarz\nx = 1\n", r"Did you mean '(scalars)'", "%%dvc_op fit --{0} --dry-run\nx = 1\n"),
    Hint(
        "%%dvc_op fit --x 2\nx = 1\nopen('clean.csv')\n",
        r"first line with it: (%%dvc_op .*)",
        "{0}\nx = 1\nopen('clean.csv')\n",
    ),
    Hint(
        "%%dvc_op fit\nopen('kept.csv')\n",
        r"first line: (-d \S+) \(or (--learn)",
        "%%dvc_op fit {0}\nopen('kept.csv')\n",
    ),
    Hint(
        "%%dvc_op fit\nimport dvc_magic as dm\nname = 'kept.csv'\nopen(dm.dvcfile(name))\n",
        r"Name it with (--requires \S+?),",
        "%%dvc_op fit {0}\nimport dvc_magic as dm\nname = 'kept.csv'\nopen(dm.dvcfile(name))\n",
    ),
    Hint(
        "%%dvc_op fit\n# /// dvc_magic\n# deps: [dvcfile:raw.csv]\n# ///\nx = 1\n",
        r"'(requires: \[.*\])'",
        "%%dvc_op fit --dry-run\n# /// dvc_magic\n# {0}\n# ///\nx = 1\n",
    ),
    Hint(
        "open(dm.dvcstage('later'))", r"have to run first: (%dvc_run later)", "{0}\nopen(dm.dvcstage('later')).close()"
    ),
    Hint(
        "project.op('fit', \"open('kept.csv')\\n\")",
        r"Add it to the operation: (deps=\[.*\])",
        "project.op('fit', \"open('kept.csv')\\n\", {0})",
    ),
    Hint(
        "project.op('fit', \"open('later.csv')\\n\")",
        r"Add it to the operation: (requires=\[.*\])",
        "project.op('fit', \"open('later.csv')\\n\", {0})",
    ),
    Hint(
        "%dvc_promote last",
        r"promote that run first \((%dvc_promote \w+)\)",
        "{0} --dry-run",
        (
            "%%dvc_op one --stage made -o one.txt\nopen('one.txt', 'w').write('1')",
            "%%dvc_op two --requires dvcstage:made -o two.txt\nopen('two.txt', 'w').write(open('one.txt').read())",
        ),
    ),
    Hint(
        "%dvc_promote last --dry-run",
        r"give another name with (--name), or take that stage away first",
        "%dvc_promote last {0} other --dry-run",
        ("%%dvc_op prepare -o three.txt\nopen('three.txt', 'w').write('1')",),
    ),
    Hint("%dvc_promote last --name a.b --dry-run", r"give another: (--name \S+)", "%dvc_promote last {0} --dry-run"),
    Hint("%dvc_promote", r"(%dvc_runs) lists the runs", "{0}"),
    Hint("%dvc_debug 2", r"\((%dvc_runs failed)\)", "%dvc_runs --status failed"),
    # runs that fail
    Hint("%dvc_run secretive", r"(%dvc_run secretive -C \S+)", "{0}"),
    Hint("project.run('secretive')", r"(project\.run\('secretive', copy_paths=.*\))", "{0}"),
    Hint(
        "%%dvc_op broken\nx = 7\n1 / 0\n",
        r"(%dvc_log \d+) shows the whole log, (%dvc_show \d+) the run with its files, %dvc_debug \d+ opens",
        "{0}",
    ),
    # the project
    Hint("%dvc status", r"Here (%dvc_.*) answers to", "{0}"),
    Hint("%dvc run train --dry-run", r"Did you mean (%dvc_run .*)\?", "{0}"),
    Hint("%dvc repro train", r"Here (%dvc_run train) answers", "{0} --dry-run"),
    Hint("%dvc", r"(%dvc_run --help)", "{0}"),
    Hint("%dvc_example", r"Name an example: (%dvc_example \w+)\.", "{0} --help"),
    Hint("%dvc_ui", r"(%dvc_stages) STAGE .*\n.*(%dvc_run) STAGE", "{0} prepare"),
]


@pytest.mark.parametrize("hint", LINES, ids=lambda hint: hint.cell.partition("\n")[0])
def test_the_line_of_a_message_does_what_the_message_says(notebook: Notebook, hint: Hint) -> None:
    for cell in hint.before:
        notebook.does(cell)
    message = notebook.tells(hint.cell)
    found = re.search(hint.said, message, re.MULTILINE)
    assert found is not None, message
    for said in filter(None, found.groups()):
        notebook.does(hint.pasted.format(said))


def test_values_of_a_run_whose_params_are_gone_are_a_line_without_them(notebook: Notebook) -> None:
    notebook.does("first = %dvc_run train --layers [3] --depth 4")
    before = Path("dvc.yaml").read_text()
    try:
        Path("dvc.yaml").write_text(before.replace("train.layers, ", ""))
        message = notebook.tells("%dvc_run --from {first}")
        assert "has params that no stage has any more: train.layers" in message
        notebook.does(f"{message.partition('its values are')[2].splitlines()[1].strip()} --dry-run")
    finally:
        Path("dvc.yaml").write_text(before)


def test_a_path_that_no_stage_makes_any_more_is_taken_from_the_run_that_made_it(notebook: Notebook) -> None:
    before = Path("dvc.yaml").read_text()
    try:
        Path("dvc.yaml").write_text(before.replace("outs: [clean.csv]", "outs: [other.csv]"))
        message = notebook.tells("%dvc_run train")
        lines = dict.fromkeys(re.findall(r"^  (run = %dvc_show \d+|run\.copy\(.*\))$", message, re.MULTILINE))
        assert len(lines) == 2
        for line in lines:
            notebook.does(line)
        notebook.does("%dvc_run train")
    finally:
        Path("dvc.yaml").write_text(before)
        Path("clean.csv").unlink(missing_ok=True)


def test_a_run_that_lacks_its_order_is_made_to_fail_once_more(notebook: Notebook) -> None:
    notebook.tells("%%dvc_op broken\nx = 7\n1 / 0\n")
    failed = notebook.shell.user_ns["project"].last
    failed.stored.paths.order.unlink()
    hint = re.search(r"once more \((%dvc_run --from \d+) or ", notebook.tells(f"%dvc_debug {failed.number}"))
    assert hint is not None
    assert "ZeroDivisionError" in notebook.tells(hint[1])
    notebook.does('%dvc_debug -c "p x"')


# --- where runs are kept, and what is damaged there -------------------------------------------------------------------

HOME = r"(%env DVC_MAGIC_HOME=\S+), then (%dvc_project \.)"


@pytest.fixture
def elsewhere(shell: InteractiveShell, monkeypatch: pytest.MonkeyPatch) -> Notebook:
    """A shell in a project of its own, whose environment is as before at the end."""
    monkeypatch.setenv("DVC_MAGIC_HOME", "")
    return Notebook(shell)


def test_a_store_that_cannot_be_written_is_left_for_one_in_the_own_home(elsewhere: Notebook) -> None:
    Path("dvc_magic.yaml").write_text("home: /sys/runs\n")  # not even root can make a folder there
    elsewhere.does("%dvc_project .")
    hint = re.search(HOME, elsewhere.tells("%dvc_run failed"))
    assert hint is not None
    for line in hint.groups():
        elsewhere.does(line)
    elsewhere.does("%dvc_run failed")
    assert len([*Path("~/dvc_magic_runs").expanduser().glob("*/runs/*/run.json")]) == 1


@pytest.mark.parametrize(
    ("said", "cell"),
    [
        (r"(home:) in dvc_magic\.yaml", "%%writefile dvc_magic.yaml\n{0} ../one\n"),
        (r"\b(DVC_MAGIC_HOME) or", "%env {0}=../two"),
        (r"(%config DvcMagics\.home)\.", "{0} = '../three'"),
    ],
)
def test_a_store_beside_other_files_gets_a_folder_of_its_own(elsewhere: Notebook, said: str, cell: str) -> None:
    Path(".dvc_magic").rename("../left")  # at once: the host may just be at work in it
    Path(".dvc_magic").mkdir()
    Path(".dvc_magic/notes.txt").touch()
    message = elsewhere.tells("%dvc_project .")
    hint = re.search(said, message)
    assert hint is not None, message
    elsewhere.does(cell.format(hint[1]))
    elsewhere.does("%dvc_project .")
    elsewhere.does("%dvc_run failed")


def test_a_store_that_others_can_write_is_closed_by_the_command_that_is_told(
    make_project: Callable[..., Path],
) -> None:
    root = make_project({"dvc.yaml": "stages:\n  t:\n    cmd: echo\n"}, name="a b")
    with Project.open(root) as project:
        project.run("t")
    (root / ".dvc_magic").chmod(0o777)
    with Project.open(root) as project:
        with pytest.raises(DvcMagicError) as caught:
            project.run("t")
        _execute(root, str(caught.value).partition("If all of it is yours: ")[2])
        project.run("t")


def test_what_the_doctor_finds_is_repaired_by_the_line_that_it_ends_with(notebook: Notebook) -> None:
    Path(".dvc_magic/.gitignore").write_text("")
    hint = re.search(r"^next\n  (%dvc_doctor .*)$", notebook.tells("%dvc_doctor"), re.MULTILINE)
    assert hint is not None
    with _locked(Path(".dvc_magic")):
        told = re.search(r"wait until that ends, then: (%dvc_doctor .*)$", notebook.tells(hint[1]), re.MULTILINE)
    assert told is not None
    assert (told[1], Path(".dvc_magic/.gitignore").read_text()) == (hint[1], "")
    notebook.does(told[1])
    assert "is in order" in notebook.does("%dvc_doctor")


@contextmanager
def _locked(folder: Path) -> Iterator[None]:
    """As while another process repairs the store."""
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX)
        yield
    finally:
        os.close(descriptor)


def test_an_example_goes_where_there_is_room(shell: InteractiveShell, tmp_path: Path) -> None:
    notebook = Notebook(shell)
    told = {notebook.tells(f"%dvc_example guild {taken}").strip().rpartition(": ")[2] for taken in ("conf", "raw.csv")}
    assert {line.rpartition(" ")[2] for line in told} == {"DIR"}
    for at, line in enumerate(sorted(told)):
        assert f"{tmp_path}/new {at}" in notebook.does(line.replace("DIR", f"'{tmp_path}/new {at}'"))


# --- what is to be done in a shell, with DVC --------------------------------------------------------------------------


@dataclass(frozen=True)
class Command:
    """A situation in which a command of DVC or git helps.

    Attributes:
        files, track: of the project. begun: commands that bring the situation about.
        call: what raises the error at first, and then works.
        said: how its message says what to do; the group is the command. means: what stands for words in it.
    """

    files: dict[str, str]
    call: Callable[[Project], object]
    said: str
    track: tuple[str, ...] = ()
    begun: tuple[str, ...] = ()
    means: dict[str, str] = field(default_factory=dict)


ONE = {"dvc.yaml": "stages:\n  t:\n    cmd: cat d.txt > o.txt\n    deps: [d.txt]\n    outs: [o.txt]\n"}
AWAY = ("dvc push -q -r far", "dvc remote default -u", "rm -r .dvc/cache d.txt")
FAR = "dvc remote add -d far ../far"
PIPELINE = {
    "raw.txt": "1\n",
    "dvc.yaml": (
        "stages:\n  make:\n    cmd: cp raw.txt made.txt\n    deps: [raw.txt]\n    outs: [made.txt]\n"
        "  use:\n    cmd: cat made.txt > used.txt\n    deps: [made.txt]\n    outs: [used.txt]\n"
    ),
}
OLD_LOCK = "t:\n  cmd: cat d.txt > o.txt\n  deps:\n  - path: d.txt\n    md5: abc\n"
PROMOTED = "open('model.txt', 'w').write('1')\n"


def _promoted(project: Project) -> object:
    return project.promote(project.op("fit", PROMOTED, outs=["model.txt"]), dry_run=True)


def _promoted_as_fit(project: Project) -> object:
    run = project.runs[1] if len(project.runs) else project.op("new", PROMOTED, stage="fit")
    return project.promote(run, dry_run=True)


COMMANDS = {
    "a lock of DVC 1": Command(
        {**ONE, "d.txt": "1\n", "dvc.lock": OLD_LOCK},
        lambda project: project.run("t"),
        r"`(rm dvc\.lock)`, then `(dvc commit -f)` to",
        begun=("touch o.txt",),
    ),
    "a lock of DVC 1, made anew": Command(
        {**ONE, "d.txt": "1\n", "dvc.lock": OLD_LOCK},
        lambda project: project.run("t"),
        r"`(rm dvc\.lock)`, then .* or `(dvc repro)`",
    ),
    "no remote is the default": Command(
        {**ONE, "d.txt": "1\n"},
        lambda project: project.run("t"),
        r"choose one with: (dvc remote default far)",
        ("d.txt",),
        (FAR, *AWAY),
    ),
    "no remote": Command(
        {**ONE, "d.txt": "1\n"},
        lambda project: project.run("t"),
        r"add one with: (dvc remote add -d NAME URL)",
        ("d.txt",),
        (FAR, *AWAY, "dvc remote remove far"),
        {"NAME": "far", "URL": "../far"},
    ),
    "no record": Command(
        {"d 1.txt": "1\n"},
        lambda project: project.op("look", "open('d 1.txt')\n", requires=[{"dvcfile": "d 1.txt", "always-pull": True}]),
        r"and there is none; (dvc add 'd 1\.txt')",
        begun=("git rm -q --cached 'd 1.txt'",),
    ),
    "an out that is not made": Command(
        PIPELINE, lambda project: project.run("use", upstream="project"), r"make it with (dvc repro make), or"
    ),
    "an out that git has": Command(
        {"dvc.yaml": "stages: {}\n", "model.txt": "by hand\n"}, _promoted, r"first \((git rm -r --cached model\.txt)\)"
    ),
    "a stage of the name": Command(
        {"dvc.yaml": "stages:\n  fit:\n    cmd: echo\n"}, _promoted, r"take that stage away first \((dvc remove fit)\)"
    ),
    "a stage that is served": Command(
        {"dvc.yaml": "stages:\n  fit:\n    cmd: echo > model.txt\n    outs: [model.txt]\n"},
        _promoted_as_fit,
        r"take that stage away \((dvc remove fit)\)",
    ),
}


@pytest.mark.parametrize("name", COMMANDS)
def test_the_command_of_a_message_helps(make_project: Callable[..., Path], tmp_path: Path, name: str) -> None:
    case = COMMANDS[name]
    root = make_project(case.files, track=case.track)
    for command in case.begun:
        _execute(root, command)
    with Project.open(root) as project:
        with pytest.raises(DvcMagicError) as caught:
            case.call(project)
        found = re.search(case.said, str(caught.value))
        assert found is not None, str(caught.value)
        for command in found.groups():
            _execute(root, " ".join(case.means.get(word, word) for word in command.split()))
        case.call(project)


def test_an_out_of_a_frozen_stage_is_taken_from_a_run(make_project: Callable[..., Path]) -> None:
    root = make_project({**PIPELINE, "dvc.yaml": PIPELINE["dvc.yaml"].replace("  use:", "    frozen: true\n  use:")})
    with Project.open(root) as project:
        made = project.run("make")
        with pytest.raises(DvcMagicError) as caught:
            project.run("use")
        use = re.search(r"take a run's with --use (\w+)=RUN", str(caught.value))
        assert use is not None
        assert project.run("use", use={use[1]: made}).status == "completed"


def test_what_git_ignores_reaches_a_clone_by_the_commands_of_a_promotion(
    make_project: Callable[..., Path], clone: Callable[..., Path]
) -> None:
    root = make_project({"dvc.yaml": "stages: {}\n", ".gitignore": "*.csv\n*.py\nown/\nbig/\n"})
    files = ("secret 1.csv", "own/x.txt", "big/y.txt")
    for file in files:
        (root / file).parent.mkdir(exist_ok=True)
        (root / file).write_text("1\n")
    code = f"open('model.txt', 'w').write(''.join(open(name).read() for name in {files}))\n"
    with Project.open(root) as project:
        promoted = project.op("fit", code, deps=["secret 1.csv", "own/x.txt", "big"], outs=["model.txt"]).promote()
    hints = re.findall(r"^git ignores .*: ((?:dvc|git) add .*)$", "\n".join(promoted.notices), re.MULTILINE)
    assert [(hint.split()[0], *sorted(shlex.split(hint)[2:])) for hint in hints] == [
        ("dvc", "big", "secret 1.csv"),
        ("git", "-f", "own/x.txt"),
        ("git", "-f", "fit.py"),
    ]
    for command in (*hints, *promoted.commands):
        for told_by_dvc in re.findall(r"^\t(git add .*)$", _execute(root, command), re.MULTILINE):
            _execute(root, told_by_dvc)
    for command in (FAR, "dvc push -q", "git commit -q -a -m Promote"):
        _execute(root, command)
    copy = clone(root)
    for command in ("dvc pull -q", "rm dvc.lock model.txt", promoted.commands[0]):
        _execute(copy, command)
    assert (copy / "model.txt").read_text() == "1\n1\n1\n"


def _execute(root: Path, command: str) -> str:
    """What a command of DVC or git prints."""
    program, *words = shlex.split(command)
    return dvc(root, *words) if program == "dvc" else run(root, program, *words)


@pytest.mark.parametrize("git_at", [None, ".", ".."])
def test_a_folder_becomes_a_project_by_the_command_that_is_told(tmp_path: Path, git_at: str | None) -> None:
    folder = tmp_path / "a/b"
    folder.mkdir(parents=True)
    if git_at:
        git(folder / git_at, "init", "-q")
    with pytest.raises(DvcMagicError) as caught:
        Project.open(folder)
    _execute(folder, str(caught.value).partition("make this folder one with: ")[2])
    assert find_root(folder) == folder


# --- what is to be put into a file ------------------------------------------------------------------------------------

WRITTEN = {
    "dvc.yaml": """
stages:
  make:
    cmd: cp 'notes 1.txt' 'made, 1.csv'
    deps: [notes 1.txt]
    outs: ['made, 1.csv']
  peek:
    cmd: python peek.py
    # peek
  data:
    wdir: src
    cmd: cat '../kept, 1.csv'
    # data
  out:
    cmd: cat 'made, 1.csv'
    # out
  secret:
    cmd: cat 'local/s, 1.env'
  asks:
    cmd: python asks.py
    # asks
""",
    "dvc_magic.yaml": """
# secret
operations:
  op-data:
    cmd: cat 'kept, 1.csv'
    # op-data
  op-out:
    cmd: cat 'made, 1.csv'
    # op-out
  op-asks:
    main: asks.py
    # op-asks
""",
    "peek.py": "open('notes 1.txt').read()\n",
    "asks.py": "import dvc_magic as dm\nopen(dm.dvcfile('kept.csv'))\n",
    "notes 1.txt": "1\n",
    "kept, 1.csv": "1\n",
    "kept.csv": "1\n",
    "src/.keep": "",
    ".gitignore": "local/\n",
}


@pytest.fixture(scope="module")
def written(tmp_path_factory: pytest.TempPathFactory, dvc_template: Path) -> Iterator[Project]:
    root = tmp_path_factory.mktemp("written") / "project"
    create(root, files=WRITTEN, template=dvc_template, track=["kept, 1.csv", "kept.csv"])
    (root / "local").mkdir()
    (root / "local/s, 1.env").write_text("1\n")
    with Project.open(root) as project:
        yield project


@pytest.mark.parametrize(
    ("name", "file", "said", "line"),
    [
        ("peek", "dvc.yaml", r"to declare them: (deps: \[.*\])", "{0}"),
        ("data", "dvc.yaml", r"Add it to the stage: (deps: \[.*\])", "{0}"),
        ("out", "dvc.yaml", r"Add it to the stage: (deps: \[.*\])", "{0}"),
        ("asks", "dvc.yaml", r"Add (\S+) to those of 'asks' in dvc\.yaml", "deps: [{0}]"),
        ("secret", "dvc_magic.yaml", r"'(copy-paths: \[.*\])' in dvc_magic\.yaml", "{0}"),
        ("op-data", "dvc_magic.yaml", r"operation in dvc_magic\.yaml: (requires: \[.*\])", "{0}"),
        ("op-out", "dvc_magic.yaml", r"operation in dvc_magic\.yaml: (requires: \[.*\])", "{0}"),
        ("op-asks", "dvc_magic.yaml", r"Add ('\S+') to 'requires' of 'op-asks'", "requires: [{0}]"),
    ],
)
def test_the_line_of_a_message_helps_in_the_file_that_it_names(
    written: Project, name: str, file: str, said: str, line: str
) -> None:
    message = _message(written, name)
    hint = re.search(said, message)
    assert hint is not None, message
    path = written.root / file
    path.write_text(path.read_text().replace(f"# {name}\n", f"{line.format(hint[1])}\n"))
    assert re.search(said, _message(written, name)) is None
    assert written.last.status == "completed"


def _message(project: Project, name: str) -> str:
    """What a run says: its error or its warnings."""
    try:
        return "\n".join(project.run(name).record.warnings)
    except DvcMagicError as error:
        return str(error)


# --- all of them ------------------------------------------------------------------------------------------------------

NAMED = re.compile(r"%{1,2}(dvc\w*)((?: +--?[a-z][\w-]*)*)|\b(project|run|runs)\.([a-z_]+)\b(?!\.py)")
TYPES = {"project": Project, "run": Run, "runs": Runs}


def _texts() -> Iterator[str]:
    """The texts of the package that are no docstrings, with what is filled in left out."""
    for path in sorted(Path(dvc_magic.__file__).parent.rglob("*.py")):
        tree = ast.parse(path.read_text(encoding="utf-8"))
        docs = {node.value for node in ast.walk(tree) if isinstance(node, ast.Expr)}
        for node in ast.walk(tree):
            if isinstance(node, ast.JoinedStr):
                yield "".join(part.value if isinstance(part, ast.Constant) else "{}" for part in node.values)
            elif isinstance(node, ast.Constant) and isinstance(node.value, str) and node not in docs:
                yield node.value


def test_no_message_names_a_magic_or_a_method_that_there_is_not(notebook: Notebook) -> None:
    magics = notebook.shell.magics_manager.magics
    known = {*magics["line"], *magics["cell"]}
    missing = []
    for text in _texts():
        for magic, _, kind, attribute in NAMED.findall(text):
            if magic and magic not in known and magic != "dvc_":
                missing.append(text)
            if kind and attribute != "json" and not hasattr(TYPES[kind], attribute):
                missing.append(text)
    assert missing == []
