"""Fixtures of every test: a clean environment, and sample projects of one's own."""

from __future__ import annotations

import os
import signal
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import nullcontext
from pathlib import Path

import pytest
from hypothesis import settings

from tests.support import commands, projects
from tests.support.forked_hosts import ForkedHosts

# How long an example takes says nothing on a machine that runs other things besides. A check of one change tries the
# same examples each time; new ones are for those who run the tests at their desk.
settings.register_profile("house", deadline=None, print_blob=True, derandomize=bool(os.environ.get("CI")))
settings.load_profile("house")

_IDENTITY = {
    "GIT_AUTHOR_NAME": "Ada Tester",
    "GIT_AUTHOR_EMAIL": "ada@example.com",
    "GIT_COMMITTER_NAME": "Ada Tester",
    "GIT_COMMITTER_EMAIL": "ada@example.com",
    "GIT_CONFIG_NOSYSTEM": "1",
}
_LEAKS = ("DVC_", "GIT_", "PYTHON", "UV_", "POETRY_", "PIXI_", "CONDA_", "VIRTUAL_ENV", "XDG_")


def pytest_addoption(parser: pytest.Parser) -> None:
    """Add an option."""
    parser.addoption(
        "--started-hosts", action="store_true", help="start all hosts and workers, as for users; fork none"
    )


def pytest_configure() -> None:
    """Let an interrupt reach tests, and what they start, where whoever started them ignores it, as ``nohup`` does."""
    if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
        signal.signal(signal.SIGINT, signal.default_int_handler)


@pytest.fixture(autouse=True, scope="session")
def identity() -> Iterator[None]:
    """Who commits, also in fixtures that serve many tests."""
    with pytest.MonkeyPatch.context() as patch:
        for name, value in _IDENTITY.items():
            patch.setenv(name, value)
        yield


@pytest.fixture(autouse=True, scope="session")
def forked_hosts(pytestconfig: pytest.Config) -> Iterator[ForkedHosts]:
    """Hosts and workers are forked, which takes a tenth of what they take to start (`tests.support.forked_hosts`)."""
    hosts = ForkedHosts()
    with hosts.paused() if pytestconfig.getoption("--started-hosts") else nullcontext(), hosts.in_use():
        yield hosts


@pytest.fixture
def started_hosts(forked_hosts: ForkedHosts) -> Iterator[None]:
    """Hosts and workers of this test are started, as for users."""
    with forked_hosts.paused():
        yield


@pytest.fixture(autouse=True)
def clean_environment(tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch) -> None:
    """Nothing of the developer's settings reaches a test, and nothing of a test reaches the developer's home."""
    home = tmp_path_factory.mktemp("home")
    for name in list(os.environ):
        if name.startswith(_LEAKS):
            monkeypatch.delenv(name)
    for name, value in _IDENTITY.items():
        monkeypatch.setenv(name, value)
    monkeypatch.setenv("HOME", str(home))
    monkeypatch.setenv("DVC_NO_ANALYTICS", "1")
    monkeypatch.setenv("DVC_SITE_CACHE_DIR", str(home / "dvc-site-cache"))


@pytest.fixture(autouse=True)
def figures() -> Iterator[None]:
    """No figure that a test has made is left to the next one."""
    yield
    if pyplot := sys.modules.get("matplotlib.pyplot"):
        pyplot.close("all")


@pytest.fixture
def in_memory() -> Iterator[None]:
    """Figures are drawn into memory."""
    import matplotlib as mpl
    from matplotlib import pyplot as plt

    before = mpl.get_backend()
    plt.switch_backend("Agg")
    yield
    plt.close("all")
    plt.switch_backend(before)


@pytest.fixture(scope="session")
def dvc_template(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder in which ``dvc init`` has been, to be copied: DVC takes half a second for it."""
    folder = tmp_path_factory.mktemp("dvc-template")
    projects.write(folder, {})
    commands.git(folder, "init", "--quiet", "--initial-branch=main")
    commands.dvc(folder, "init", "--quiet")
    return folder


@pytest.fixture
def make_project(tmp_path: Path, dvc_template: Path) -> Callable[..., Path]:
    """A factory of committed DVC projects below the test's folder.

    Its arguments: `files` (path -> text or bytes), `name` of the folder, `track`: paths to give to ``dvc add``.
    """

    def make(files: Mapping[str, str | bytes], *, name: str = "project", track: Sequence[str] = ()) -> Path:
        return projects.create(tmp_path / name, files=files, template=dvc_template, track=track)

    return make


@pytest.fixture
def clone(tmp_path: Path) -> Callable[..., Path]:
    """A factory of fresh git clones below the test's folder; arguments: the project, `name` of the new folder."""

    def make(project: Path, *, name: str = "clone") -> Path:
        target = tmp_path / name
        commands.git(tmp_path, "clone", "--quiet", str(project), str(target))
        return target

    return make
