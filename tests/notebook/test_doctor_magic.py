"""``%dvc_doctor``: what it finds in a store that real runs made, and what it repairs."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from IPython.core.interactiveshell import InteractiveShell

from dvc_magic.errors import LineError
from dvc_magic.model.checkup import CheckProgress, FindingKind
from dvc_magic.notebook.doctor import ProgressLine
from dvc_magic.project import Checkup

pytestmark = pytest.mark.integration

FILES = {
    "dvc.yaml": "stages:\n"
    "  hello:\n    cmd: mkdir d && echo hello > d/hello.txt && echo 1 > n.txt\n    outs: [d, n.txt]\n"
    "  use:\n    cmd: cp d/hello.txt used.txt\n    deps: [d]\n    outs: [used.txt]\n"
}


def _doctor(shell: InteractiveShell, line: str = "") -> Checkup:
    checkup = shell.run_line_magic("dvc_doctor", line)
    assert isinstance(checkup, Checkup)
    return checkup


def test_a_store_of_real_runs_is_in_order_until_it_is_damaged_and_again_after_a_repair(
    shell: InteractiveShell, place: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    run = shell.run_line_magic("dvc_run", "use")
    home = place / ".dvc_magic"
    capsys.readouterr()

    whole = _doctor(shell)
    assert (whole.ok, whole.findings) == (True, ())
    assert repr(whole).startswith(f"{home} is in order (2 runs, ")
    assert capsys.readouterr().out == ""  # a quick check has no line of progress

    made = Path(next(iter(run.upstream.values())).outs["d"]) / "hello.txt"
    made.chmod(0o644)
    made.write_text("<b>xx\n")
    (home / ".gitignore").write_text("")
    secret = place / ".dvc" / "config.local"
    secret.write_text("['remote \"s3\"']\n    url = s3://bucket\n    secret_access_key = hunter2\n")
    secret.chmod(0o644)

    found = _doctor(shell)
    kinds = {finding.kind for finding in found.findings}
    # where the runs' cache shares the file with the workspace, its object is altered with it
    assert kinds - {FindingKind.CACHE} == {FindingKind.OUT, FindingKind.STORE, FindingKind.SECRET}
    assert not found
    assert repr(found).endswith("next\n  %dvc_doctor --repair")
    assert "hunter2" not in repr(found)
    assert "has remote.s3.secret_access_key, and other users may read it: its mode is 644" in repr(found)
    assert "d  is not what the run made in 1 of 1 files: hello.txt (hello 1)" in repr(found)

    repaired = _doctor(shell, "--repair")
    assert [one.finding.kind for one in repaired.repairs if not one.done] == [FindingKind.SECRET]
    assert f"chmod 600 {secret}" in repr(repaired)
    assert made.read_text() == "hello\n"
    assert any(path.endswith("hello.txt") for path in repaired.aside)
    secret.chmod(0o600)
    assert _doctor(shell).ok


def test_a_line_that_makes_no_sense_is_refused(shell: InteractiveShell) -> None:
    with pytest.raises(LineError):
        shell.run_line_magic("dvc_doctor", "everything")


def test_a_slow_check_draws_one_line_and_erases_it() -> None:
    shown: list[str] = []
    line = ProgressLine(shown.append)

    for progress in (CheckProgress(seconds=1.0), CheckProgress(files=12, size=3400, seconds=2.5)):
        line.draw(progress)
    line.erase()

    text = "checking the run store: 12 files, 3.4 kB read, 2.50 s"
    assert shown == [f"\r{text}", f"\r{' ' * len(text)}\r"]


def test_an_interrupted_check_leaves_the_project_usable(shell: InteractiveShell, place: Path) -> None:
    project = shell.magics_manager.registry["DoctorMagics"]._session.project
    large = project.store.paths.cache_objects / "ab" / ("c" * 30)
    large.parent.mkdir(parents=True)
    large.touch()
    os.truncate(large, 300_000_000)  # sparse: it takes time to read and no room

    def interrupt(progress: CheckProgress) -> None:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        project.check(repair=True, watch=interrupt)
    assert large.exists()

    os.truncate(large, 10)
    assert [(one.done, one.finding.seen) for one in project.check(repair=True).repairs] == [
        (True, "does not hold what its name says")
    ]
