from __future__ import annotations

from functools import partial

import pytest

from dvc_magic.store import RunStore
from tests.support import records


@pytest.fixture
def store(tmp_path):
    return RunStore.open(tmp_path / "store")


@pytest.fixture
def make_record():
    return records.make_record


@pytest.fixture
def add(store):
    """Puts a finished run into the store."""
    return partial(records.add_run, store)
