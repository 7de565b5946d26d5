"""What each Python of a copy imports by itself, started as a stage would start it."""

from __future__ import annotations

import ast
import os
import select
import subprocess
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import pytest

from dvc_magic.debugger.prompt import Prompt
from dvc_magic.debugging import INJECTED, VARIABLE

pytestmark = pytest.mark.timeout(60)


@dataclass(frozen=True, slots=True, kw_only=True)
class Seen:
    """What a program has printed and come to, and what its debugger has said."""

    printed: str
    exit_code: int
    errors: list[str]
    answers: list[str]
    reached: bool


def _run(folder: Path, code: str, commands: Sequence[str], *, options: Sequence[str] = ()) -> Seen:
    (folder / "job.py").write_text(code)
    with Prompt(
        workspace=folder,
        root=folder,
        name="job 1",
        commands=commands,
        ask=input,
        show=lambda _: None,
        meanwhile=lambda: None,
    ) as prompt:
        environ = {**os.environ, "PYTHONPATH": str(INJECTED), VARIABLE: str(prompt.folder)}
        process = subprocess.Popen(
            [sys.executable, *options, "job.py"],
            cwd=folder, env=environ, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
        )  # fmt: skip
        while process.poll() is None:
            if select.select(prompt.listening, [], [], 0.02)[0]:
                prompt.serve()
        assert process.stdout is not None
        with process.stdout:
            printed = process.stdout.read()
        return Seen(
            printed=printed,
            exit_code=process.returncode,
            errors=prompt.errors,
            answers=prompt.answers,
            reached=prompt.seen,
        )


@pytest.mark.parametrize("module", sorted(INJECTED.glob("*.py")), ids=lambda path: path.stem)
def test_it_imports_the_standard_library_alone(module: Path) -> None:
    names = []
    for node in ast.walk(ast.parse(module.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            names += [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom):
            names.append(node.module or "")

    assert {name.partition(".")[0] for name in names} <= sys.stdlib_module_names


def test_a_program_that_ends_well_is_left_alone(tmp_path: Path) -> None:
    seen = _run(tmp_path, "print('well')", ["p 1"])

    assert seen == Seen(printed="well\n", exit_code=0, errors=[], answers=[], reached=True)


def test_the_traceback_and_the_exit_code_are_python_s_own(tmp_path: Path) -> None:
    (tmp_path / "job.py").write_text("def f(x):\n    return 1 / x\nf(0)")
    plain = subprocess.run([sys.executable, "job.py"], cwd=tmp_path, capture_output=True, text=True, check=False)

    seen = _run(tmp_path, "def f(x):\n    return 1 / x\nf(0)", ["p x"])

    assert (seen.printed, seen.exit_code) == (plain.stderr, plain.returncode)


@pytest.mark.parametrize("options", [["-W", "error"], ["-X", "dev"], ["-OO"], ["-B"], ["-P"]], ids=" ".join)
def test_it_opens_under_options_of_python(tmp_path: Path, options: list[str]) -> None:
    seen = _run(tmp_path, "x = 7\n1 / 0", ["p x"], options=options)

    assert (seen.answers, seen.errors) == (["7"], ["ZeroDivisionError: division by zero"])
    assert "dvc_magic" not in seen.printed


DIVISION = "ZeroDivisionError: division by zero"
CODES = {
    "closed outputs": ("import sys\nx = 7\nsys.stdout = sys.stderr = None\n1 / 0", DIVISION),
    "a deep stack": ("x = 7\ndef f():\n    f()\nf()", "RecursionError: maximum recursion depth exceeded"),
    "notes": ("x = 7\ne = ValueError('a\\nb')\ne.add_note('n')\nraise e", "ValueError: a"),
    "a default timeout": ("import socket\nx = 7\nsocket.setdefaulttimeout(0.001)\n1 / 0", DIVISION),
    "another folder": ("import os\nx = 7\nos.chdir('/')\n1 / 0", DIVISION),
    "a group": ("x = 7\nraise ExceptionGroup('g', [ValueError(1)])", "ExceptionGroup: g (1 sub-exception)"),
    "a fork": ("import os\nx = 7\nif os.fork() == 0:\n    1 / 0\nos.wait()", DIVISION),
    "tasks": ("import asyncio\nx = 7\nasync def f():\n    1 / 0\nasyncio.run(f())", DIVISION),
}


@pytest.mark.parametrize("case", CODES)
def test_it_opens_whatever_the_program_has_done(tmp_path: Path, case: str) -> None:
    code, error = CODES[case]

    seen = _run(tmp_path, code, ["p globals()['x']"])

    assert seen.answers == ["7"]
    assert seen.errors[0].startswith(error)


def test_threads_that_fail_together_are_looked_at_one_after_the_other(tmp_path: Path) -> None:
    code = (
        "import threading\ndef f(x):\n    raise ValueError(x)\n"
        "for x in (1, 2):\n    threading.Thread(target=f, args=(x,)).start()"
    )

    seen = _run(tmp_path, code, ["p x", "c", "p x", "c"])

    assert sorted(seen.errors) == ["ValueError: 1", "ValueError: 2"]
    assert sorted(seen.answers[::2]) == ["1", "2"]


def test_what_is_printed_for_one_command_is_bounded(tmp_path: Path) -> None:
    seen = _run(tmp_path, "x = 'a' * 1_000_000\n1 / 0", ["p x", "p 1"])

    assert len(seen.answers[0]) < 201_000
    assert seen.answers[0].endswith("characters are shown, no more")
    assert seen.answers[1] == "1"


def test_halves_of_characters_can_be_shown(tmp_path: Path) -> None:
    seen = _run(tmp_path, "x = '\\udc80'\n1 / 0", ["!print(x)"])

    assert seen.answers == ["\\udc80"]


def test_a_command_that_fails_leaves_the_debugger_open(tmp_path: Path) -> None:
    seen = _run(tmp_path, "x = 7\n1 / 0", ["p y", "run", "x +"])

    assert seen.answers[0] == "*** NameError: name 'y' is not defined"
    assert "run and restart do nothing here" in seen.answers[1]


def test_an_interrupt_is_no_failure(tmp_path: Path) -> None:
    assert _run(tmp_path, "raise KeyboardInterrupt", ["p 1"]).errors == []


def test_without_a_prompt_a_program_ends_as_it_does_without_a_debugger(tmp_path: Path) -> None:
    environ = {**os.environ, "PYTHONPATH": str(INJECTED), VARIABLE: str(tmp_path / "gone")}

    done = subprocess.run([sys.executable, "-c", "1 / 0"], env=environ, capture_output=True, text=True, check=False)

    assert done.returncode == 1
    assert done.stderr.endswith("ZeroDivisionError: division by zero\n")
