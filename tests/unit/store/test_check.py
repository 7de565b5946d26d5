from __future__ import annotations

import hashlib
from datetime import UTC, datetime

import pytest
from msgspec.structs import replace

from dvc_magic.model.record import RunStatus
from dvc_magic.store import check_store, write_noun


def put_object(store, content, name=None):
    name = name or hashlib.md5(content).hexdigest()
    path = store.paths.cache / "files" / "md5" / name[:2] / name[2:]
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(content)


def test_a_store_in_order_has_no_problems(store, add):
    add(1)
    add(2, status=RunStatus.FAILED)
    put_object(store, b"data")
    put_object(store, b"[]", hashlib.md5(b"[]").hexdigest() + ".dir")
    assert check_store(store) == []


@pytest.mark.parametrize("end", ["", ".dir"])
def test_a_cache_object_with_other_content_is_found(store, end):
    put_object(store, b"corrupt", "ab" * 16 + end)
    (problem,) = check_store(store)
    assert f"cache/files/md5/ab/{'ab' * 15}{end}" in problem


def test_a_number_given_twice_is_found(store, add):
    add(1)
    add(1)
    assert ["both have number 1" in problem for problem in check_store(store)] == [True]


def test_a_state_that_went_backwards_is_found(store, add):
    record = add(1)
    times = replace(record.times, finished=datetime(2026, 1, 31, tzinfo=UTC))
    write_noun(store.paths.run(record.id).record, replace(record, status=RunStatus.RUNNING, times=times))
    assert ["running but has a time of its end" in problem for problem in check_store(store)] == [True]


def test_a_record_that_says_lost_is_found(store, add):
    record = add(1)
    write_noun(store.paths.run(record.id).record, replace(record, status=RunStatus.LOST))
    assert ["says lost" in problem for problem in check_store(store)] == [True]
