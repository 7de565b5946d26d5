from __future__ import annotations

from datetime import UTC, datetime

import pytest
from msgspec.structs import replace

from dvc_magic.errors import RecordDamagedError
from dvc_magic.model.operation import Operation, TextFile
from dvc_magic.model.record import DepRecord, Learned, OutRecord, RunRecord, Times
from dvc_magic.store import write_noun
from dvc_magic.store.record_file import decode_noun, encode_noun
from tests.support.records import CREATED

DEP = DepRecord(source="file")
ODD = {
    "a root above": {"root": "../../.."},
    "a root elsewhere": {"root": "/etc"},
    "an out elsewhere": {"outs": {"/etc/hostname": OutRecord()}},
    "an out above": {"outs": {"../x": OutRecord()}},
    "an out above in the end": {"outs": {"a/../../x": OutRecord()}},
    "a dep above": {"deps": {"../x": DEP}},
    "a dep elsewhere that was copied": {"deps": {"/etc/hostname": DEP}},
    "a read above": {"read": {"../../x": "0"}},
    "a read elsewhere": {"read": {"/etc/hostname": "0"}},
    "an import root above": {"import_roots": ("..",)},
    "a copied file above": {"copied": ("../.env",)},
    "a learned file above": {"learned": Learned(made=("../x",))},
    "a script of an operation above": {"op": Operation(name="a", origin="cell", files=(TextFile(path="../x.py"),))},
    "a NUL": {"outs": {"a\0b": OutRecord()}},
    "a hash that is a path": {"outs": {"x": OutRecord(hash="../../../etc/passwd")}},
    "a seen hash that is a path": {"deps": {"x": replace(DEP, seen="..")}},
    "a number of 60 digits": {"number": 10**60},
    "a number of 5000 digits": {"number": 10**4000},
    "a number below zero": {"number": -1},
    "a size that no file has": {"outs": {"x": OutRecord(size=2**70)}},
    "a size below zero": {"deps": {"x": replace(DEP, size=-5)}},
    "a time at the end of the calendar": {"times": Times(created=datetime(9999, 12, 31, tzinfo=UTC))},
    "a time without a zone": {"times": Times(created=datetime(2026, 1, 1))},  # noqa: DTZ001
    "an endless duration": {"times": Times(created=CREATED, duration=float("inf"))},
}
USUAL = {
    "a root in a git repository": {"root": "a/b", "outs": {"../x": OutRecord()}, "deps": {"../../y": DEP}},
    "a dep elsewhere": {"deps": {"/data/big.csv": replace(DEP, placed="in place")}},
    "a dep elsewhere that was read": {
        "deps": {"/data/big.csv": replace(DEP, placed="in place")},
        "learned": Learned(read=("/data/big.csv",)),
    },
    "an out elsewhere that DVC does not cache": {"outs": {"/scratch/x": OutRecord(cache=False)}},
    "a URL": {"deps": {"s3://bucket/a/../b": replace(DEP, placed="in place")}},
    "an etag": {"outs": {"s3://bucket/b": OutRecord(hash='"ab-2"', cache=False)}},
    "dots in a name": {"outs": {"a..b": OutRecord(hash="0" * 32 + ".dir")}},
    "metrics by any name": {"metrics": {"../m.json": {"loss": 1}}},
}


@pytest.mark.parametrize("case", ODD)
def test_a_record_that_leads_astray_is_damage_with_one_sentence(make_record, tmp_path, case):
    with pytest.raises(RecordDamagedError) as told:
        decode_noun(encode_noun(make_record(**ODD[case])), RunRecord, path=tmp_path)
    assert len(str(told.value)) < 400
    assert "\n" not in str(told.value)


@pytest.mark.parametrize("case", USUAL)
def test_a_record_of_a_usual_run_is_read(make_record, tmp_path, case):
    record = make_record(**USUAL[case])
    assert decode_noun(encode_noun(record), RunRecord, path=tmp_path) == record


def test_a_record_that_leads_astray_is_not_listed_and_the_others_are(store, add):
    good, bad = add(1), add(2)
    write_noun(store.paths.run(bad.id).record, replace(bad, root="../../.."))
    assert [run.id for run in store.all()] == [run.id for run in store.listing()] == [good.id]
    assert "leads out of the run's workspace" in store.damaged()[0].problem
