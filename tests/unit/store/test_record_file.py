from __future__ import annotations

import errno
import json
import os
import resource
import stat
from contextlib import suppress

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from dvc_magic.errors import RecordDamagedError, RecordVersionError, StoreError
from dvc_magic.model.record import Notes, RunRecord
from dvc_magic.store import read_noun, write_noun
from dvc_magic.store.record_file import decode_noun, encode_noun, make_reserve
from tests.support.limits import no_more_files


@pytest.fixture
def record(make_record):
    return make_record(
        params={"params.yaml": {"lr": 0.1, "nan": float("inf"), "big": 2**70, "naïve": "π\n"}},
        metrics={"m.json": {"loss": 1e-300, "list": [1, None, True]}},
    )


def test_a_noun_comes_back_equal(tmp_path, record):
    write_noun(tmp_path / "run.json", record)
    assert read_noun(tmp_path / "run.json", RunRecord) == record


def test_a_file_name_that_is_not_utf8_comes_back(tmp_path, make_record):
    record = make_record(copied=(os.fsdecode(b"caf\xe9"),))
    write_noun(tmp_path / "run.json", record)
    assert read_noun(tmp_path / "run.json", RunRecord) == record


def test_the_file_is_for_the_owner_alone_whatever_the_umask(tmp_path):
    before = os.umask(0o277)
    try:
        write_noun(tmp_path / "notes.json", Notes())
    finally:
        os.umask(before)
    assert stat.S_IMODE((tmp_path / "notes.json").stat().st_mode) == 0o600


def test_every_truncation_is_caught(tmp_path, record):
    content = encode_noun(record)
    for length in range(len(content)):
        with pytest.raises(RecordDamagedError):
            decode_noun(content[:length], RunRecord, path=tmp_path)


def test_no_flipped_bit_gives_another_record(tmp_path, record):
    content = bytearray(encode_noun(record))
    for position in range(len(content)):
        for bit in range(8):
            content[position] ^= 1 << bit
            with suppress(StoreError):  # `1E-5` for `1e-5` is the same number
                assert decode_noun(bytes(content), RunRecord, path=tmp_path) == record
            content[position] ^= 1 << bit


def test_a_record_laid_out_by_hand_still_reads(tmp_path, record):
    path = tmp_path / "run.json"
    path.write_text(json.dumps(json.loads(encode_noun(record)), indent=2))
    assert read_noun(path, RunRecord) == record


@settings(max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(content=st.binary(max_size=200))
def test_other_content_is_damage_and_nothing_worse(tmp_path, content):
    with pytest.raises(RecordDamagedError):
        decode_noun(content, Notes, path=tmp_path)


def test_endless_nesting_is_damage(tmp_path):
    with pytest.raises(RecordDamagedError):
        decode_noun(b"[" * 100_000, Notes, path=tmp_path)


def test_a_newer_record_says_what_to_do(tmp_path, make_record):
    path = tmp_path / "run.json"
    write_noun(path, make_record(schema=2))
    with pytest.raises(RecordVersionError, match="Upgrade dvc_magic"):
        read_noun(path, RunRecord)


def test_a_newer_record_is_never_written_over(tmp_path, make_record):
    path = tmp_path / "run.json"
    write_noun(path, make_record(schema=2))
    before = path.read_bytes()
    with pytest.raises(RecordVersionError):
        write_noun(path, make_record())
    assert path.read_bytes() == before


def test_a_damaged_file_is_healed_by_a_new_write(tmp_path, record):
    path = tmp_path / "run.json"
    path.write_bytes(b"{torn")
    write_noun(path, record)
    assert read_noun(path, RunRecord) == record


def test_a_failed_rename_leaves_no_temporary_file(tmp_path):
    (tmp_path / "notes.json" / "in the way").mkdir(parents=True)
    with pytest.raises(StoreError, match=r"notes\.json"):
        write_noun(tmp_path / "notes.json", Notes())
    assert [path.name for path in tmp_path.iterdir()] == ["notes.json"]


@pytest.mark.parametrize("durable", [True, False])
def test_a_failed_write_keeps_the_old_file_and_nothing_else(tmp_path, make_record, durable):
    path = tmp_path / "run.json"
    old, new = make_record(), make_record(error="x" * 100_000)
    write_noun(path, old)
    limits = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (10_000, limits[1]))
    try:
        with pytest.raises(StoreError, match="File too large"):
            write_noun(path, new, durable=durable)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limits)
    assert [entry.name for entry in tmp_path.iterdir()] == ["run.json"]
    assert read_noun(path, RunRecord) == old


def test_a_missing_file_is_told_from_a_damaged_one(tmp_path):
    with pytest.raises(FileNotFoundError):
        read_noun(tmp_path / "run.json", RunRecord)


def full_disk(*_):
    raise OSError(errno.ENOSPC, "No space left on device")


def test_a_record_is_written_into_its_reserve_when_the_disk_is_full(tmp_path, make_record, monkeypatch):
    path, reserve = tmp_path / "run.json", tmp_path / "reserve"
    write_noun(path, make_record())
    make_reserve(reserve)
    assert reserve.stat().st_size >= 64_000
    monkeypatch.setattr("dvc_magic.store.whole_files.os.write", full_disk)
    last = make_record(2, error="x" * 60_000)
    write_noun(path, last, reserve=reserve)
    assert read_noun(path, RunRecord) == last
    assert [entry.name for entry in tmp_path.iterdir()] == ["run.json"]


def test_a_record_larger_than_its_reserve_is_an_error_and_the_reserve_stays(tmp_path, make_record, monkeypatch):
    path, reserve = tmp_path / "run.json", tmp_path / "reserve"
    old = make_record()
    write_noun(path, old)
    make_reserve(reserve)
    monkeypatch.setattr("dvc_magic.store.whole_files.os.write", full_disk)
    with pytest.raises(StoreError, match="make room"):
        write_noun(path, make_record(2, error="x" * 300_000), reserve=reserve)
    assert read_noun(path, RunRecord) == old
    write_noun(path, make_record(3), reserve=reserve)
    assert read_noun(path, RunRecord).number == 3


def test_what_cannot_be_read_is_not_written_over(tmp_path, make_record, monkeypatch):
    path = tmp_path / "run.json"
    write_noun(path, make_record())
    before = path.read_bytes()
    with no_more_files(), pytest.raises(StoreError, match="Too many open files"):
        write_noun(path, make_record())
    assert path.read_bytes() == before
