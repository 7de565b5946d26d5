"""JupyterLab, Notebook 7 and a Chromium to look at them. ``BROWSER_SHOTS=DIR`` keeps a picture of each test's end.

A test takes `lab_page`, writes its notebook into a project of `make_project`, and goes on as a user does::

    lab_page.open(write_notebook(project / "first.ipynb", "%load_ext dvc_magic", "%dvc_run train"))
    lab_page.run(0)
    lab_page.run(1).get_by_text("accuracy").wait_for()
"""

from __future__ import annotations

import importlib.util
import os
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from tests.support.lab_page import LabPage
from tests.support.lab_server import FrontEnd, LabServer, serve
from tests.support.tools import do_without

if TYPE_CHECKING:
    from playwright.sync_api import Browser

_CHROMIUMS = ("chromium", "chromium-browser", "google-chrome")
_OPTIONS = (
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-dev-shm-usage",  # containers have 64 MB of it
    "--disable-gpu",
    "--disable-quic",
    "--disable-sync",
    "--no-first-run",
    "--no-sandbox",  # root and many containers have none; the pages are our own
)


@pytest.fixture(scope="session")
def chromium() -> str:
    """The browser's program. None, or no driver for it: a failure where ``CI=true``, a skipped test elsewhere."""
    if importlib.util.find_spec("playwright") is None:
        do_without("playwright is not installed: make test installs it, and so does pip install playwright")
    named = os.environ.get("CHROMIUM")
    found = next(filter(None, map(shutil.which, [named] if named else _CHROMIUMS)), None)
    if found is None and named:
        pytest.fail(f"CHROMIUM names {named!r}, which is no program: give it the path of a Chromium, or unset it")
    return found or do_without(
        f"none of {', '.join(_CHROMIUMS)} is on PATH: apt-get install chromium, or name one by the variable CHROMIUM"
    )


@pytest.fixture(scope="session")
def lab(chromium: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[LabServer]:
    """A server of all that tests write: what is below `tmp_path` is below its root."""
    with serve(tmp_path_factory.getbasetemp(), home=tmp_path_factory.mktemp("lab")) as server:
        yield server


@pytest.fixture(scope="module")  # not longer: its driver keeps an event loop running, in which no other can be started
def browser(chromium: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Browser]:
    """A headless Chromium with an empty home."""
    from playwright.sync_api import sync_playwright

    home = {**os.environ, "HOME": str(tmp_path_factory.mktemp("browser"))}
    with sync_playwright() as driver:
        started = driver.chromium.launch(executable_path=chromium, args=list(_OPTIONS), env=home)
        yield started
        started.close()


@pytest.fixture
def shots(tmp_path: Path) -> Path:
    """Where screenshots go."""
    return Path(os.environ.get("BROWSER_SHOTS") or tmp_path)


@pytest.fixture
def lab_page(browser: Browser, lab: LabServer, request: pytest.FixtureRequest, shots: Path) -> Iterator[LabPage]:
    """A page of its own, in a browser without cookies and with Lab's default settings."""
    yield from _page_of(FrontEnd.LAB, browser, lab, shots / request.node.name)


@pytest.fixture(params=FrontEnd, ids=[front_end.name.lower() for front_end in FrontEnd])
def any_page(browser: Browser, lab: LabServer, request: pytest.FixtureRequest, shots: Path) -> Iterator[LabPage]:
    """A page as `lab_page` is, once in each front end."""
    yield from _page_of(request.param, browser, lab, shots / request.node.name)


def _page_of(front_end: FrontEnd, browser: Browser, lab: LabServer, shot: Path) -> Iterator[LabPage]:
    page = LabPage(browser.new_page(viewport={"width": 1280, "height": 1000}), lab, front_end)
    yield page
    page.screenshot(shot.parent, shot.name)
    page.close()
