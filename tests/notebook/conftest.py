"""A shell with the extension loaded, for every test of magics."""

from __future__ import annotations

import atexit
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from IPython.core.interactiveshell import InteractiveShell
from traitlets.config import Config


@pytest.fixture
def place(make_project: Callable[..., Path], request: pytest.FixtureRequest) -> Path:
    """Where the shell stands: a project of the ``FILES`` of the test's module, unless that module says otherwise."""
    return make_project(request.module.FILES)


@pytest.fixture
def shell(place: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[InteractiveShell]:
    """A shell that stands there, with the extension loaded."""
    monkeypatch.chdir(place)
    monkeypatch.setitem(sys.modules, "__main__", sys.modules["__main__"])  # a shell makes itself the main module
    config = Config()
    config.HistoryManager.enabled = False
    made = InteractiveShell(config=config)
    made.extension_manager.load_extension("dvc_magic")
    yield made
    made.extension_manager.unload_extension("dvc_magic")
    made.atexit_operations()
    atexit.unregister(made.atexit_operations)
