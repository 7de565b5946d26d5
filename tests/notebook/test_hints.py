"""Each line that a message hands to its reader, executed in the situation that the message is about."""

from __future__ import annotations

import ast
import atexit
import os
import re
import shlex
import subprocess
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

import pytest
from IPython.core.interactiveshell import InteractiveShell
from IPython.utils.capture import capture_output
from traitlets.config import Config

import dvc_magic
from dvc_magic.project import Project, Run, Runs
from tests.support.commands import dvc, git
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
    Hint("%dvc_run prepare --timeout 5 --dry-run", r"Write (--option:\S+) for the option or (--\S+) for", "%dvc_run prepare {0} 5 --dry-run"),
    Hint("%dvc_run train --lr 1 --dry-run", r"Write (--\S+) or (--\S+?)\.?$", "%dvc_run train {0} 1 --dry-run"),
    Hint("%dvc_run train --extra 1 --dry-run", r"Set another key with (-S) KEY=V", "%dvc_run train {0} extra=1 --dry-run"),
    Hint("%dvc_run train --depth interval(1,3) --dry-run", r"A grid over that range: (.*)", "%dvc_run train {0} --dry-run"),
    Hint("%dvc_run train --shuffle maybe", r"Write (--\S+ true) or (--\S+ false)", "%dvc_run train {0} --dry-run"),
    Hint("%dvc_run train --layers 3 --dry-run", r"Write (--\S+ \S+) for a list", "%dvc_run train {0} --dry-run"),
    Hint("%dvc_run train --train.lr 0.1 --train.lr 0.2", r"Write several values as (a,b),c", "%dvc_run train --name {0} --dry-run"),
    Hint("%dvc_run train depth=[4,5] --dry-run", r"write (--\S+ \S+?); for the other key write (-S \S+)", "%dvc_run train {0} --dry-run"),
    Hint("%dvc_run train -S ~depth --dry-run", r"write -S (\S+)=VALUE", "%dvc_run train -S {0}=1 --dry-run"),
    Hint("%dvc_run train -S +conf/more.yaml:a=1", r"Write (.*)", "%dvc_run train -S {0} --dry-run"),
    Hint("%dvc_run --from 2 --depth 3", r"needs a stage here: STAGE (--from 2)", "%dvc_run train {0} --depth 3 --dry-run"),
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
    Hint("project.runs[2].plot()", r"They have metrics \((acc)\): (\.plot\.bar\()NAME\)", "project.runs[2].plot.bar('acc')"),
    Hint("from dvc_magic.project import Run\nRun(project.runs[2].stored, project.store).again()", r"use (project\.run\(from_run=2\))", "{0}"),
    # operations
    Hint("run = %%dvc_op fit --x 2\nx = 1\n", r"variable: (%%dvc_op fit .*)", "{0}\nx = 1\n"),
    Hint("%%dvc_op\nx = 1\n", r"Give the operation a name: (%%dvc_op) NAME", "{0} fit --dry-run\nx = 1\n"),
    Hint("%%dvc_op fit -n\nx = 1\n", r"The name comes first: (%%dvc_op) NAME", "{0} fit --dry-run\nx = 1\n"),
    Hint("%%dvc_op fit -p params.yaml\nx = 1\n", r"a file of params is (--requires \S+?)\.?$", "%%dvc_op fit {0} --dry-run\nx = 1\n"),
    Hint("%%dvc_op fit -d dvcfile:raw.csv\nx = 1\n", r"is written (--requires \S+)", "%%dvc_op fit {0} --dry-run\nx = 1\n"),
    Hint("%%dvc_op json\nimport json\n", r"or the script with (--script)", "%%dvc_op json {0} src/other.py --dry-run\nimport json\n"),
    Hint("%%dvc_op fit --scalarz\nx = 1\n", r"Did you mean '(scalars)'", "%%dvc_op fit --{0} --dry-run\nx = 1\n"),
    Hint(
        "%%dvc_op fit --x 2\nx = 1\nopen('clean.csv')\n",
        r"first line with it: (%%dvc_op .*)",
        "{0}\nx = 1\nopen('clean.csv')\n",
    ),
    Hint("%%dvc_op fit\nopen('kept.csv')\n", r"first line: (-d \S+) \(or (--learn)", "%%dvc_op fit {0}\nopen('kept.csv')\n"),
    Hint(
        "%%dvc_op fit\nimport dvc_magic as dm\nname = 'kept.csv'\nopen(dm.dvcfile(name))\n",
        r"Name it with (--requires \S+?),",
        "%%dvc_op fit {0}\nimport dvc_magic as dm\nname = 'kept.csv'\nopen(dm.dvcfile(name))\n",
    ),
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
