"""What pulls do in their worker; tests/integration/test_pull.py has the whole way."""

from __future__ import annotations

import time

import pytest

from dvc_magic.errors import StoreError
from dvc_magic.model.inputs import RemoteData
from dvc_magic.pipeline import Watch, pull

ONE = "b026324c6904b2a9cb4b88d6d61c81d1"  # the md5 of "1\n"
WANTED = RemoteData(path="d.txt", hash=ONE, file="d.txt.dvc", remote="r")
PATIENT = Watch(tell=lambda _: None, stopped=lambda: False, deadline=0.4)


@pytest.fixture
def fetch(make_reader, hash_file, tmp_path):
    """Pulls ``d.txt`` from a folder, with a deadline of 0.4 seconds."""
    (tmp_path / "remote/files/md5/b0").mkdir(parents=True)
    (tmp_path / "remote/files/md5/b0" / ONE[2:]).write_text("1\n")
    tracked = f"outs:\n- md5: {ONE}\n  hash: md5\n  path: d.txt\n"
    reader = make_reader({"d.txt.dvc": tracked}, config=f"['remote \"r\"']\n    url = {tmp_path / 'remote'}\n")

    def run():
        place = tmp_path / "store/dvc/tmp/pull-1"
        return reader.pull([WANTED], incoming=place, watch=PATIENT, hash_file=hash_file)

    return run


def test_hashing_for_longer_than_the_deadline_is_no_silence(fetch, monkeypatch):
    def slow(path, *, name="md5", callback=None):
        for _ in range(10):
            time.sleep(0.1)
            if callback is not None:
                callback.relative_update(1)
        return ONE

    monkeypatch.setattr(pull, "file_md5", slow)
    assert [facts.hash for facts in fetch()] == [ONE]


@pytest.mark.parametrize("taken", ["store/cache/files/md5/b0", "store/dvc/tmp"])
def test_a_store_that_takes_no_files_is_not_blamed_on_the_remote(fetch, tmp_path, taken):
    (tmp_path / taken).parent.mkdir(parents=True)
    (tmp_path / taken).write_text("")
    with pytest.raises(
        StoreError, match=r"cannot be stored in the runs' cache \(.*/store/cache\): (Not a|File exists)"
    ):
        fetch()
