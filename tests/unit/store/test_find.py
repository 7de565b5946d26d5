from __future__ import annotations

import pytest

from dvc_magic.errors import AmbiguousRunError, RunNotFoundError
from dvc_magic.model.record import CallInfo, Notes


def label(store, record, text):
    store.write_notes(record.id, Notes(label=text))


def test_a_run_is_found_by_number_id_start_of_id_and_label(store, add):
    add(1, id="abc000000000")
    record = add(2, id="abcdef012345")
    label(store, record, "best one")
    for name in (2, "2", " 2 ", "abcdef012345", "abcd", "ABCD", "best one"):
        assert store.find(name).record == record


def test_last_is_the_newest_run_that_was_asked_for(store, add):
    add(1)
    asked = add(2)
    add(3, call=CallInfo(id="ab" * 6, asked=False, index=None))
    assert store.find("last").record == asked


def test_last_of_an_empty_store_says_how_to_start(store):
    with pytest.raises(RunNotFoundError, match="%dvc_run"):
        store.find("last")


def test_a_start_of_several_ids_lists_them(store, add):
    add(1, id="abc000000000", stage="prepare")
    add(2, id="abc111111111")
    with pytest.raises(AmbiguousRunError) as caught:
        store.find("abc")
    assert "  2  abc111111111  train\n  1  abc000000000  prepare" in str(caught.value)


def test_a_label_of_several_runs_is_ambiguous(store, add):
    for number in (1, 2):
        label(store, add(number), "twice")
    with pytest.raises(AmbiguousRunError, match="names 2 runs"):
        store.find("twice")


def test_a_label_that_is_also_the_start_of_another_id_is_ambiguous(store, add):
    label(store, add(1, id="b00000000000"), "abc")
    add(2, id="abc111111111")
    with pytest.raises(AmbiguousRunError):
        store.find("abc")


def test_a_label_that_is_the_start_of_its_own_id_is_not(store, add):
    record = add(1, id="abc000000000")
    label(store, record, "abc")
    assert store.find("abc").record == record


def test_a_number_beats_a_label_of_digits(store, add):
    record = add(1)
    label(store, add(2), "1")
    assert store.find("1").record == record


def test_a_label_of_digits_is_found_when_no_run_has_the_number(store, add):
    record = add(1)
    label(store, record, "2026")
    assert store.find("2026").record == record


@pytest.mark.parametrize(
    ("name", "hint"),
    [
        ("basline", "Did you mean 'baseline'"),
        ("ab", "3 or more characters"),
        ("7", "Numbers go from 1 to 2"),
        ("zzz", "%dvc_runs"),
        ("", "%dvc_runs"),
        ("lst", "Did you mean 'last'"),
    ],
)
def test_an_unknown_name_is_answered_with_a_hint(store, add, name, hint):
    label(store, add(1, id="abc000000000"), "baseline")
    add(2, id="bbb000000000")
    with pytest.raises(RunNotFoundError, match=hint):
        store.find(name)


@pytest.mark.parametrize(
    ("name", "hint"),
    [
        ("look", "It is an operation; its newest run is 2."),
        ("op:look", "It is an operation; its newest run is 2."),
        ("train", "It is a stage; its newest run is 3."),
    ],
)
def test_the_name_of_an_operation_is_answered_as_that_of_a_stage_which_comes_first(store, add, name, hint):
    for number, stage in enumerate(["op:look", "op:look", "train", "op:train"], start=1):
        add(number, stage=stage)
    with pytest.raises(RunNotFoundError, match=hint):
        store.find(name)


def test_a_run_in_the_trash_is_said_to_be_there(store, add):
    record = add(1)
    store.trash.put(record.id)
    for name in ("1", record.id):
        with pytest.raises(RunNotFoundError, match=f"%dvc_restore {record.id[:6]} takes it back"):
            store.find(name)
