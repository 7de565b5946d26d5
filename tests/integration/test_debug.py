"""A failed run once more, in a copy with a debugger."""

from __future__ import annotations

import os
import re
import shutil
import signal
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import psutil
import pytest
import yaml
from msgspec.structs import replace

import dvc_magic as dm
from dvc_magic.engine.order import WorkOrder
from dvc_magic.errors import MissingInputError, RunError
from dvc_magic.executors import RUN_TOKEN
from dvc_magic.model.surroundings import ProjectLinks
from dvc_magic.project import Debugged
from dvc_magic.store import read_noun, write_noun
from tests.support.commands import git
from tests.support.digest import changes, project_digest

pytestmark = [pytest.mark.integration, pytest.mark.timeout(60)]

TRAIN = """
import json, yaml

def fit(numbers, lr):
    total = sum(numbers)
    return total / lr

lr = yaml.safe_load(open("params.yaml"))["lr"]
print("fitting")
open("model.txt", "w").write(str(fit(json.load(open("data.json")), lr)))
"""

FILES = {
    "dvc.yaml": """
stages:
  prepare:
    cmd: python -c "import json, time; json.dump([1, 2, time.time_ns()], open('data.json', 'w'))"
    outs: [data.json]
  train:
    cmd: python train.py
    deps: [train.py, data.json]
    params: [lr]
    outs: [model.txt]
  report:
    cmd: echo
    deps: [model.txt]
    outs: [report.txt]
""",
    "params.yaml": "lr: 0\n",
    "train.py": TRAIN,
}


class Bench:
    """A project with one stage of a command, which has failed."""

    def __init__(self, project: dm.Project) -> None:
        self.project = project
        self.shown: list[str] = []

    def debug(self, *commands: str, ask: Callable[[str], str] | None = None) -> Debugged:
        run = self.project.last
        return run.debug(commands, ask=ask or _nobody, show=self.shown.append)

    @property
    def text(self) -> str:
        return "".join(self.shown)


def _nobody(prompt: str) -> str:
    raise NotImplementedError(prompt)


@pytest.fixture
def bench(make_project: Any) -> Iterator[Callable[..., Bench]]:
    """Makes a project in which a command has failed; further arguments: files, keys of the stage."""
    opened: list[dm.Project] = []

    def make(cmd: str, files: dict[str, str] | None = None, *, status: str = "failed", **keys: Any) -> Bench:
        stage = {"cmd": cmd, **keys}
        root = make_project({"dvc.yaml": yaml.safe_dump({"stages": {"job": stage}}), **(files or {})})
        opened.append(dm.Project.open(root))
        run = opened[-1].run("job", raise_errors=False)
        assert run.status == status, run.log.text()
        return Bench(opened[-1])

    yield make
    for project in opened:
        project.close()


@pytest.fixture
def trained(make_project: Any) -> Iterator[Bench]:
    """A project whose ``train`` has failed, with a completed run upstream."""
    with dm.Project.open(make_project(FILES)) as project:
        project.run("train", raise_errors=False)
        yield Bench(project)


def _all_files(folder: Path) -> dict[str, bytes]:
    return {str(path.relative_to(folder)): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def test_the_copy_has_the_run_s_code_params_and_inputs_though_the_project_has_others_now(trained: Bench) -> None:
    run = trained.project.last
    (trained.project.root / "train.py").write_text("print('edited')")
    (trained.project.root / "params.yaml").write_text("lr: 5\n")

    seen = trained.debug("p lr", "p numbers == " + (run.workspace / "data.json").read_text(), "p __file__")

    assert seen.error == "ZeroDivisionError: division by zero"
    assert seen.answers[:2] == ("0", "True")
    assert str(run.path) not in seen.answers[2]


@pytest.mark.parametrize("source", ["dm.dvcstage('prepare')", "dm.dvcstage('prepare', select='data.*')"])
def test_code_that_asks_for_the_outs_of_a_stage_finds_them_in_the_copy(trained: Bench, source: str) -> None:
    code = f"import dvc_magic as dm\nnumbers = {source}.read_text()\n1 / 0"
    failed = trained.project.op("look", code, raise_errors=False)
    assert "ZeroDivisionError" in failed.log.text()

    seen = failed.debug(["p numbers[:4]"], show=trained.shown.append)

    assert (seen.error, seen.answers) == ("ZeroDivisionError: division by zero", ("'[1, '",))


def test_nothing_is_recorded_and_the_run_and_the_project_stay_as_they_are(trained: Bench) -> None:
    project = trained.project
    run, before = project.last, project_digest(project.root)
    files, cache = _all_files(run.path), _all_files(project.store.paths.cache)

    trained.debug("!open('model.txt', 'w').write('other')", "!open('data.json', 'w').write('other')")

    assert _all_files(run.path) == files
    assert _all_files(project.store.paths.cache) == cache
    assert changes(before, project_digest(project.root)) == []
    assert [other.number for other in project.runs.unfolded()] == [2, 1]
    assert list(project.store.paths.debug.iterdir()) == []


def test_a_completed_run_keeps_no_order_and_a_failed_one_no_environment(
    trained: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("API_TOKEN", "hunter2-hunter2")

    failed = trained.project.run("train", raise_errors=False)

    assert not (failed.upstream["prepare"].path / "order.json").exists()
    order = failed.path / "order.json"
    assert order.stat().st_mode & 0o077 == 0
    assert "hunter2" not in order.read_text()


def test_one_asks_and_is_answered_in_the_project_s_own_code(trained: Bench) -> None:
    commands = iter(["u", "p lr", "q"])
    prompts: list[str] = []

    def ask(prompt: str) -> str:
        prompts.append(prompt)
        return next(commands)

    seen = trained.debug(ask=ask)

    assert prompts == ["(Pdb) "] * 3
    text = trained.text
    assert text.index("fitting\n") < text.index("Traceback") < text.index("--- debugger in a copy of train 2")
    assert "> train.py(6)fit()\n-> return total / lr\n" in text
    assert "> train.py(10)<module>()\n" in text
    assert text.endswith("0\ntrain 2: the copy is removed, the run itself is as it was\n")
    assert seen.said == "train 2: the copy is removed, the run itself is as it was"


def test_the_end_of_the_input_ends_the_debugger(trained: Bench) -> None:
    def ask(_: str) -> str:
        raise EOFError

    assert trained.debug(ask=ask).error == "ZeroDivisionError: division by zero"


def test_where_nobody_can_be_asked_the_locals_are_shown_and_how_to_give_commands(trained: Bench) -> None:
    trained.debug()

    assert "locals of fit:\n    numbers = [1, 2, " in trained.text
    assert "    lr = 0\n" in trained.text
    assert '%dvc_debug 2 -c "p NAME"' in trained.text


def test_an_interrupt_at_the_prompt_ends_the_copy_and_the_next_call_works(trained: Bench) -> None:
    def ask(_: str) -> str:
        raise KeyboardInterrupt

    began = time.monotonic()
    with pytest.raises(KeyboardInterrupt):
        trained.debug(ask=ask)

    assert time.monotonic() - began < 8
    assert list(trained.project.store.paths.debug.iterdir()) == []
    assert trained.debug("p lr").answers == ("0",)


def test_an_interrupt_while_the_program_runs_ends_it(bench: Callable[..., Bench]) -> None:
    made = bench(
        "python job.py", {"job.py": "import os, sys, time\nif 'DVC_MAGIC_DEBUG' in os.environ: time.sleep(50)\n1 / 0"}
    )
    threading.Timer(1.5, os.kill, (os.getpid(), signal.SIGINT)).start()

    began = time.monotonic()
    with pytest.raises(KeyboardInterrupt):
        made.debug("p 1")

    assert time.monotonic() - began < 10
    assert list(made.project.store.paths.debug.iterdir()) == []
    assert not [process for process in psutil.process_iter() if _is_of_a_copy(process, made)]


def _is_of_a_copy(process: psutil.Process, made: Bench) -> bool:
    try:
        environ = process.environ()
    except psutil.Error:
        return False
    return RUN_TOKEN in environ and environ.get("DVC_ROOT", "").startswith(str(made.project.store.paths.debug))


def test_a_worker_that_is_killed_leaves_no_copy_and_no_process(bench: Callable[..., Bench]) -> None:
    made = bench("python job.py", {"job.py": "1 / 0"})

    def ask(_: str) -> str:
        for child in psutil.Process().children(recursive=True):
            if "dvc_magic.engine.worker" in " ".join(child.cmdline()):
                child.kill()
        return "q"

    with pytest.raises(dm.DvcMagicError, match="worker process"):
        made.debug(ask=ask)

    assert list(made.project.store.paths.debug.iterdir()) == []
    assert not [process for process in psutil.process_iter() if _is_of_a_copy(process, made)]
    assert made.debug("p 1").answers == ("1",)


def test_an_input_that_is_written_into_at_the_prompt_is_kept_for_nobody_else(make_project: Any) -> None:
    shown: list[str] = []
    linked = {**FILES, ".dvc/config": "[cache]\n    type = hardlink\n"}
    with dm.Project.open(make_project(linked)) as project:
        run = project.run("train", raise_errors=False)
        assert run.deps["data.json"].placed == "hardlink"

        run.debug(["import os; os.chmod('data.json', 0o644)", "!open('data.json', 'a').write('x')"], show=shown.append)

        assert "the command wrote into its dependency data.json" in "".join(shown)
        assert "x" not in project.run("train", raise_errors=False).deps["data.json"].read_text()


def test_a_long_folder_for_temporary_files_is_no_hindrance(
    trained: Bench, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    deep = tmp_path / ("long" * 20)
    deep.mkdir()
    monkeypatch.setattr(tempfile, "tempdir", str(deep))

    assert trained.debug("p lr").answers == ("0",)
    assert list(deep.iterdir()) == []


def test_a_copy_that_nobody_will_remove_any_more_goes_with_the_next_one(trained: Bench) -> None:
    left = trained.project.store.paths.debug / "a0123456789b"
    (left / "workspace" / "sub").mkdir(parents=True)
    (left / "workspace" / "sub").chmod(0o500)
    os.utime(left, (0, 0))

    trained.debug("p 1")

    assert not left.exists()


PLACES = {
    "a script": ("python job.py", {"job.py": "def f(x):\n    raise ValueError(x)\nf(7)"}),
    "a module": (
        "python -m pkg.mod",
        {"pkg/__init__.py": "", "pkg/mod.py": "def f(x):\n    raise ValueError(x)\nf(7)"},
    ),
    "a script of a script": ("sh run.sh", {"run.sh": "python job.py\n", "job.py": "x = 7\nraise ValueError(x)"}),
    "a text": ("python -c 'x = 7; raise ValueError(x)'", {}),
    "a pipe": ("echo 'x = 7; raise ValueError(x)' | python - 2>&1; exit 3", {}),
    "a thread": (
        "python job.py",
        {
            "job.py": "import os, threading\ndef f(x):\n    raise ValueError(x)\n"
            "t = threading.Thread(target=f, args=(7,))\nt.start()\nt.join()\nos._exit(2)"
        },
    ),
    "a child": (
        "python top.py",
        {
            "top.py": "import subprocess, sys\nsubprocess.run([sys.executable, 'job.py'], check=True)",
            "job.py": "x = 7\nraise ValueError(x)",
        },
    ),
    "a hook of its own": (
        "python job.py",
        {"job.py": "import sys\nsys.excepthook = lambda *_: print('mine')\ndef f(x):\n    raise ValueError(x)\nf(7)"},
    ),
}


@pytest.mark.parametrize("place", PLACES)
def test_the_debugger_opens_in(bench: Callable[..., Bench], place: str) -> None:
    cmd, files = PLACES[place]

    seen = bench(cmd, files).debug("p x")

    assert seen.error == "ValueError: 7"
    assert seen.answers == ("7",)


def test_of_several_commands_the_one_that_fails_is_looked_at_and_no_more_are_executed(
    bench: Callable[..., Bench],
) -> None:
    made = bench(["echo one", "python job.py", "echo three"], {"sub/job.py": "x = 7\n1 / 0"}, wdir="sub")

    seen = made.debug("p x", "import os; print(os.path.basename(os.getcwd()))")

    assert seen.answers == ("7", "sub")
    assert "one\n" in made.text
    assert "three" not in made.text


def test_what_a_library_raises_is_looked_at_from_the_project_s_code_first(bench: Callable[..., Bench]) -> None:
    made = bench("python job.py", {"job.py": "import json\ntext = '{x'\njson.loads(text)"})

    seen = made.debug("p text", "d", "p s")

    assert seen.answers[0] == "'{x'"
    assert "json/__init__.py" in seen.answers[1]
    assert seen.answers[2] == "'{x'"


def test_to_go_on_leads_to_the_next_exception_and_to_quit_ends_it_all(bench: Callable[..., Bench]) -> None:
    script = "python job.py 1\npython job.py 2\necho reached\npython job.py 3\nexit 1\n"
    made = bench("sh run.sh", {"run.sh": script, "job.py": "import sys\nx = sys.argv[1]\n1 / 0"})

    seen = made.debug("p x", "c", "p x", "q")

    assert (seen.answers[0], seen.answers[2]) == ("'1'", "'2'")
    assert "p x\n'3'" not in made.text


ENDINGS = {
    "python -c 'import sys; sys.exit(3)'": "exit code 3 and no uncaught exception",
    "python -c 'import argparse; argparse.ArgumentParser().parse_args([\"-x\"])'": "exit code 2.*sys.exit, argparse",
    "python -c 'import os; os._exit(4)'": "exit code 4.*os._exit",
    "python -c 'import os; os.kill(os.getpid(), 9)'": r"ended by signal 9 \(SIGKILL\)",
    "false": "exit code 1.*starts no Python",
    "python -I job.py": "exit code 1.*printed the traceback ignores PYTHONPATH",
    "python -E job.py": "printed the traceback ignores PYTHONPATH",
    "python -S job.py": "printed the traceback ignores PYTHONPATH",
    "python caught.py": "catches the exception, prints it and exits",
}


@pytest.mark.parametrize("cmd", ENDINGS)
def test_an_end_without_an_exception_is_said_to_be_that(bench: Callable[..., Bench], cmd: str) -> None:
    caught = (
        "import sys, traceback\ntry:\n    1 / 0\nexcept ZeroDivisionError:\n    traceback.print_exc()\n    sys.exit(1)"
    )
    made = bench(cmd, {"job.py": "1 / 0", "caught.py": caught})

    seen = made.debug("p 1")

    assert (seen.error, seen.answers) == ("", ())
    assert re.search(ENDINGS[cmd], seen.said), seen.said


def test_a_script_that_is_no_python_was_not_executed(bench: Callable[..., Bench]) -> None:
    made = bench("python job.py", {"job.py": "x = = 1\n"})

    seen = made.debug("p 1")

    assert seen.answers == ()
    assert "SyntaxError: invalid syntax: nothing of the program was executed" in made.text


def test_a_run_that_does_not_fail_again_is_said_to_be_flaky(bench: Callable[..., Bench], tmp_path: Path) -> None:
    there = tmp_path / "there"
    made = bench("python job.py", {"job.py": f"open({str(there)!r})"})
    there.write_text("now")

    seen = made.debug("p 1")

    assert (seen.error, seen.exit_code) == ("", 0)
    assert "job 1 did not fail this time, though it did before (the command ended with exit code 1)" in seen.said


def test_hydra_is_asked_to_let_exceptions_pass(bench: Callable[..., Bench]) -> None:
    made = bench("python job.py", {"job.py": "import os\nhow = os.environ.get('HYDRA_FULL_ERROR')\n1 / 0"})

    assert made.debug("p how").answers == ("'1'",)


def test_the_program_finds_its_path_and_its_modules_as_they_would_be(bench: Callable[..., Bench]) -> None:
    look = "import sys\npath = sys.path[1:]\nmodules = sorted(sys.modules)\nprint('path', path)\n1 / 0"
    made = bench("python job.py", {"job.py": look})
    alone = made.project.last.log.text().splitlines()[0]

    made.debug("p 1")

    assert alone in made.text


def test_a_sitecustomize_of_the_environment_is_imported_all_the_same(
    bench: Callable[..., Bench], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "site").mkdir()
    (tmp_path / "site" / "sitecustomize.py").write_text("import sys\nsys.greeting = 'hello'\n")
    monkeypatch.setenv("PYTHONPATH", str(tmp_path / "site"))
    made = bench("python job.py", {"job.py": "import sys, sitecustomize\nprint(sitecustomize.__file__)\n1 / 0"})

    seen = made.debug("p sys.greeting", "p sitecustomize.__file__")

    assert seen.answers == ("'hello'", repr(str(tmp_path / "site" / "sitecustomize.py")))


@pytest.mark.parametrize("named", [True, False])
def test_of_a_run_that_was_never_executed_the_one_upstream_that_failed_is_debugged(trained: Bench, named: bool) -> None:
    run = trained.project.run("report", raise_errors=False)
    assert run.reason == "upstream"

    seen = trained.project.debug(run if named else None, ["p lr"], show=trained.shown.append)

    assert seen.answers == ("0",)
    assert trained.text.startswith("train 3 once more, in a copy")


class TestRefusals:
    def test_a_completed_run(self, trained: Bench) -> None:
        with pytest.raises(RunError, match="prepare 1 completed; .* runs that failed"):
            trained.project.runs[1].debug()

    def test_a_run_that_was_never_executed_because_another_was_stopped(self, make_project: Any) -> None:
        stages = "stages:\n  one:\n    cmd: sleep 30\n    outs: [one]\n  two:\n    cmd: cat one\n    deps: [one]\n"
        with dm.Project.open(make_project({"dvc.yaml": stages})) as project:
            run = project.run("two", timeout=0.3, raise_errors=False)
            assert run.reason == "upstream"

            with pytest.raises(RunError, match=r"two \d was never executed, because one \d stopped$"):
                run.debug()

    def test_a_run_of_before_orders_were_kept(self, trained: Bench) -> None:
        (trained.project.last.path / "order.json").unlink()

        with pytest.raises(RunError, match="has no order.json"):
            trained.debug()

    def test_a_damaged_order(self, trained: Bench) -> None:
        (trained.project.last.path / "order.json").write_text("{")

        with pytest.raises(dm.DvcMagicError, match="order.json"):
            trained.debug()

    def test_inputs_that_are_gone(self, trained: Bench) -> None:
        shutil.rmtree(trained.project.store.paths.cache / "files")

        with pytest.raises(MissingInputError, match="train 2 cannot be executed again: its input 'data.json' is gone"):
            trained.debug()
        assert list(trained.project.store.paths.debug.iterdir()) == []

    def test_a_run_that_failed_outside_of_its_command(self, bench: Callable[..., Bench]) -> None:
        made = bench("true", outs=["missing.txt"])

        with pytest.raises(RunError, match="did not fail in its command.*missing.txt"):
            made.debug()

    def test_a_run_that_was_stopped(self, make_project: Any) -> None:
        root = make_project({"dvc.yaml": "stages:\n  job:\n    cmd: sleep 30\n"})
        with dm.Project.open(root) as project:
            run = project.run("job", timeout=0.3, raise_errors=False)

            with pytest.raises(RunError, match="job 1 is stopped .*did not fail by itself"):
                run.debug()

    def test_when_nothing_has_failed(self, make_project: Any) -> None:
        with (
            dm.Project.open(make_project({"dvc.yaml": "stages: {}\n"})) as project,
            pytest.raises(RunError, match="no run has failed"),
        ):
            project.debug()


def test_the_message_of_a_failed_run_names_the_debugger(trained: Bench) -> None:
    with pytest.raises(dm.RunFailedError, match=r"project\.runs\[3\]\.debug\(\)"):
        trained.project.run("train")


def test_this_python_is_the_one_of_the_copy(trained: Bench) -> None:
    assert trained.debug("import sys; print(sys.executable)").answers == (sys.executable,)


def test_a_run_whose_order_an_earlier_version_wrote_can_be_debugged(trained: Bench) -> None:
    file = trained.project.last.path / "order.json"
    write_noun(file, replace(read_noun(file, WorkOrder), surroundings="", links=ProjectLinks()))

    seen = trained.debug("p lr")

    assert (seen.error, seen.answers[0]) == ("ZeroDivisionError: division by zero", "0")


def test_the_copy_has_git_and_dvc_as_they_were_at_the_call(trained: Bench) -> None:
    root = trained.project.root
    head = git(root, "rev-parse", "HEAD").strip()
    git(root, "commit", "--quiet", "--allow-empty", "-m", "Later")
    (root / ".dvc/config").write_text("[core]\n    remote = later\n['remote \"later\"']\n    url = /later\n")

    seen = trained.debug(
        "p __import__('subprocess').getoutput('git rev-parse HEAD')", "p 'later' in open('.dvc/config.local').read()"
    )

    assert seen.answers[:2] == (repr(head), "False")
