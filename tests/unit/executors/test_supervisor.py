"""The process that starts a worker's commands, and ends whatever they leave."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping
from pathlib import Path

import psutil
import pytest

from dvc_magic.errors import SupervisorLostError
from dvc_magic.executors import RUN_TOKEN, Ended, Supervisor, supervisor_process
from tests.support.supervisors import supervisor_of_this_process

RUN = "a0123456789b"

# Two children that hide: without the token in a session of their own, and deaf to SIGTERM besides.
HIDING = """
(setsid env -i sleep {0} &)
(setsid env -i sh -c 'trap "" TERM; sleep {0}; sleep {0}' &)
sleep {0} &
"""


@pytest.fixture(params=["as it is", "as macOS"])
def system(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    """What the system offers, and what is left of that where there are neither pidfds nor subreapers."""
    if request.param == "as macOS":
        monkeypatch.delattr(os, "pidfd_open", raising=False)
        monkeypatch.setattr(supervisor_process, "become_subreaper", lambda: False)


@pytest.fixture
def supervisor(system: None) -> Iterator[Supervisor]:
    """A supervisor of this process."""
    with supervisor_of_this_process() as started:
        yield started


@pytest.fixture
def linux_supervisor() -> Iterator[Supervisor]:
    """A supervisor with what Linux offers."""
    if sys.platform != "linux":
        pytest.skip("there are no child subreapers here")
    with supervisor_of_this_process() as started:
        yield started


def _start(supervisor: Supervisor, script: str, folder: Path, *, environ: Mapping[str, str] | None = None) -> None:
    environ = {**os.environ, RUN_TOKEN: RUN} if environ is None else environ
    with (folder / "log").open("ab", buffering=0) as output:
        supervisor.start(["sh", "-c", script], cwd=folder, environ=environ, output=output.fileno())


def _end(supervisor: Supervisor, script: str, folder: Path, *, environ: Mapping[str, str] | None = None) -> Ended:
    _start(supervisor, script, folder, environ=environ)
    return supervisor.wait()


def _log(folder: Path) -> str:
    return (folder / "log").read_text()


def _mark() -> str:
    """A number of seconds that no other process sleeps."""
    return f"3600.{time.monotonic_ns() % 10**9:09}"


def _sleeping(mark: str) -> list[psutil.Process]:
    """The processes with this mark in their arguments."""
    processes = psutil.process_iter(["cmdline", "status"])
    living = [process for process in processes if process.info["status"] != psutil.STATUS_ZOMBIE]
    return [process for process in living if mark in " ".join(process.info["cmdline"] or ())]


def _wait_for(count: int, mark: str) -> None:
    until = time.monotonic() + 10
    while len(_sleeping(mark)) < count:
        assert time.monotonic() < until, "the command has not started them"
        time.sleep(0.01)


def test_commands_run_one_after_the_other_with_both_streams_in_one_log(supervisor: Supervisor, tmp_path: Path) -> None:
    assert _end(supervisor, "echo one; echo two >&2; echo three; exit 3", tmp_path) == Ended(3, 0, stopped=False)
    assert _end(supervisor, "kill -KILL $$", tmp_path) == Ended(-9, 0, stopped=False)
    assert _log(tmp_path) == "one\ntwo\nthree\n"


def test_a_command_inherits_nothing_but_an_empty_input_and_the_log(
    linux_supervisor: Supervisor, tmp_path: Path
) -> None:
    look = f"""{sys.executable} -c '
import json, os, re, sys
open_here = sorted(int(name) for name in os.listdir("/proc/self/fd") if os.path.exists(f"/proc/self/fd/{{name}}"))
status = open("/proc/self/status").read()
signals = [re.search(rf"{{kind}}:\\s*(\\w+)", status)[1] for kind in ("SigBlk", "SigIgn")]
print(json.dumps([open_here, sys.stdin.read(), os.getsid(0) == os.getpgid(0) == os.getppid(), signals]))'"""

    assert _end(linux_supervisor, look + "; true", tmp_path).exit_code == 0, _log(tmp_path)

    open_here, standard_input, own_session, (blocked, ignored) = json.loads(_log(tmp_path))
    assert (open_here, standard_input, own_session) == ([0, 1, 2], "", True)
    assert int(blocked, 16) == 0
    # The Python that looks ignores two by itself; under nohup SIGHUP is ignored by all. SIGINT and SIGTERM never are.
    passed_on = {number for number in signal.Signals if signal.getsignal(number) is signal.SIG_IGN}
    allowed = {signal.SIGPIPE, signal.SIGXFSZ, *passed_on} - {signal.SIGINT, signal.SIGTERM}
    assert {number for number in signal.Signals if int(ignored, 16) >> (number - 1) & 1} <= allowed


def test_what_is_no_text_reaches_the_command(supervisor: Supervisor, tmp_path: Path) -> None:
    odd = os.fsdecode(b"caf\xe9 \xff")
    environ = {"PATH": os.environ["PATH"], "ODD": odd, "LONG": "x" * 100_000, "LONGER": "y" * 120_000}

    ended = _end(
        supervisor, 'printf %s "$ODD ${#LONG} ${#LONGER}"; printf %s \'' + odd + "'", tmp_path, environ=environ
    )

    assert ended.exit_code == 0
    assert (tmp_path / "log").read_bytes() == b"caf\xe9 \xff 100000 120000caf\xe9 \xff"


def test_a_command_that_the_system_refuses_is_an_error_and_the_next_one_runs(
    supervisor: Supervisor, tmp_path: Path
) -> None:
    with (tmp_path / "log").open("ab") as output:
        with pytest.raises(FileNotFoundError) as missing:
            supervisor.start(["sh"], cwd=tmp_path / "gone", environ=os.environ, output=output.fileno())
        with pytest.raises(OSError, match="Argument list too long"):
            supervisor.start(["sh", "-c", "x" * 200_000], cwd=tmp_path, environ=os.environ, output=output.fileno())
        with pytest.raises(ValueError, match="null"):
            supervisor.start(["sh", "-c", "\0"], cwd=tmp_path, environ=os.environ, output=output.fileno())

    assert missing.value.filename == str(tmp_path / "gone")
    assert _end(supervisor, "echo next", tmp_path).exit_code == 0


def test_what_a_command_leaves_running_is_ended_and_counted(supervisor: Supervisor, tmp_path: Path) -> None:
    mark = _mark()

    ended = _end(supervisor, f"setsid sleep {mark} & sleep {mark} & sleep 0.1", tmp_path)

    assert (ended.exit_code, ended.leftovers) == (0, 2)
    assert _sleeping(mark) == []


def test_what_hides_is_ended_too(linux_supervisor: Supervisor, tmp_path: Path) -> None:
    mark = _mark()

    ended = _end(linux_supervisor, HIDING.format(mark) + "sleep 0.3", tmp_path)

    assert ended.leftovers == 4
    assert _sleeping(mark) == []


def test_what_ends_by_itself_right_after_the_command_is_no_leftover(supervisor: Supervisor, tmp_path: Path) -> None:
    assert _end(supervisor, "sleep 0.02 & true", tmp_path) == Ended(0, 0, stopped=False)


@pytest.mark.parametrize("daemon", [False, True], ids=["alone", "beside a process that is left"])
def test_the_helpers_of_pools_and_shared_memory_that_are_closed_are_no_leftovers(
    linux_supervisor: Supervisor, tmp_path: Path, daemon: bool
) -> None:
    (tmp_path / "pool.py").write_text(
        "import multiprocessing, subprocess, sys\n"
        "from multiprocessing.shared_memory import SharedMemory\n"
        "if __name__ == '__main__':\n"
        "    for method in ('spawn', 'forkserver'):\n"
        "        with multiprocessing.get_context(method).Pool(1) as pool:\n"
        "            assert pool.map(abs, [-1]) == [1]\n"
        "            pool.close()\n"
        "            pool.join()\n"
        "    memory = SharedMemory(create=True, size=10)\n"
        "    memory.close()\n"
        "    memory.unlink()\n"
        "    if sys.argv[1:]:\n"
        "        subprocess.Popen(['sleep', sys.argv[1]])\n"
    )
    mark = _mark()

    ended = _end(linux_supervisor, f"{sys.executable} pool.py {mark if daemon else ''}", tmp_path)

    assert (ended.exit_code, ended.leftovers) == (0, int(daemon)), _log(tmp_path)
    assert _log(tmp_path) == ""
    assert _sleeping(mark) == []


def test_a_signal_reaches_the_group_of_the_command(supervisor: Supervisor, tmp_path: Path) -> None:
    mark = _mark()
    _start(supervisor, f"trap 'echo interrupted; exit 7' INT; sleep {mark} & wait", tmp_path)
    _wait_for(1, mark)

    supervisor.signal(signal.SIGINT)

    assert supervisor.wait() == Ended(7, 1, stopped=True)  # what a shell has in the background ignores SIGINT
    assert _log(tmp_path) == "interrupted\n"
    assert _sleeping(mark) == []


def test_ending_a_command_spares_nothing_below_it(linux_supervisor: Supervisor, tmp_path: Path) -> None:
    mark = _mark()
    _start(linux_supervisor, HIDING.format(mark) + f"trap '' TERM; while :; do sleep {mark}; done", tmp_path)
    _wait_for(5, mark)

    linux_supervisor.end(grace=0.2)

    assert linux_supervisor.wait().exit_code == -9
    assert _sleeping(mark) == []


def test_a_command_ends_when_the_kernel_does_with_all_below_it(system: None, tmp_path: Path) -> None:
    mark = _mark()
    kernel = subprocess.Popen(["sleep", "600"])
    with supervisor_of_this_process(kernel=kernel.pid) as supervisor:
        _start(supervisor, f"(setsid sh -c 'trap : TERM; sleep {mark}; sleep {mark}' &) ; exec sleep {mark}", tmp_path)
        _wait_for(3, mark)

        kernel.kill()
        ended = supervisor.wait()  # nobody has waited for the kernel

    kernel.wait()
    assert (ended.exit_code, ended.stopped) == (-15, True)
    assert _sleeping(mark) == []


def test_a_supervisor_that_is_killed_is_an_error_of_its_own(supervisor: Supervisor, tmp_path: Path) -> None:
    mark = _mark()
    _start(supervisor, f"sleep {mark}", tmp_path)

    os.kill(supervisor.pid, signal.SIGKILL)
    with pytest.raises(SupervisorLostError, match=f"process {supervisor.pid}.* signal 9.*run it again"):
        supervisor.wait()

    assert supervisor.gone
    assert _sleeping(mark) == []


def test_a_supervisor_that_was_let_go_of_ends_with_all_below_it(linux_supervisor: Supervisor, tmp_path: Path) -> None:
    mark = _mark()
    with supervisor_of_this_process() as other:
        _start(other, HIDING.format(mark) + f"sleep {mark}", tmp_path)
        _wait_for(5, mark)

    assert not psutil.pid_exists(other.pid)
    assert _sleeping(mark) == []


def test_interrupts_and_requests_to_end_do_not_reach_the_supervisor(supervisor: Supervisor, tmp_path: Path) -> None:
    _end(supervisor, "true", tmp_path)
    for number in (signal.SIGINT, signal.SIGTERM):
        os.kill(supervisor.pid, number)

    assert not supervisor.gone
    assert os.getsid(supervisor.pid) == supervisor.pid
    assert _end(supervisor, "true", tmp_path).exit_code == 0


def test_a_supervisor_is_forked_before_anything_large_is_imported() -> None:
    large = ("dataclasses", "dvc", "dvc_magic.engine", "dvc_magic.errors", "msgspec", "pathlib")
    look = f"import sys, dvc_magic.executors.start_worker; print([name for name in {large} if name in sys.modules])"

    done = subprocess.run([sys.executable, "-c", look], capture_output=True, text=True, check=False)

    assert (done.stdout, done.stderr) == ("[]\n", "")
