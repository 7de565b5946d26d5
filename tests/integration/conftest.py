"""Fixtures of tests that start real processes."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest

from dvc_magic.project import Project


@pytest.fixture
def opened() -> Iterator[Callable[[Path], Project]]:
    """Opens projects, and closes them at the end."""
    with ExitStack() as projects:
        yield lambda root: projects.enter_context(Project.open(root))
