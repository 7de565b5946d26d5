from __future__ import annotations

import shutil

import pytest
from msgspec.structs import replace

from dvc_magic.model.record import CallInfo


def numbers(runs):
    return [run.number for run in runs]


def test_a_listing_is_what_the_store_has_newest_first(store, add):
    for number in (2, 1, 3):
        add(number)
    assert list(store.listing()) == store.all()
    assert store.listing()[-1] == store.all()[-1]
    assert numbers(store.listing()[1:]) == [2, 1]


def test_runs_that_no_call_asked_for_can_be_left_out(store, add):
    add(1, call=CallInfo(id="ab" * 6, asked=False, index=None))
    add(2)
    assert numbers(store.listing(asked=True)) == [2]
    assert len(store.listing()) == 2


def test_runs_made_after_a_listing_are_not_in_it(store, add):
    add(1)
    listing = store.listing()
    add(2)
    assert (len(listing), numbers(listing)) == (1, [1])


def test_a_run_that_was_looked_at_stays_as_it_was_seen(store, add):
    record = add(1)
    listing = store.listing()
    first = listing[:1][0]
    store.write(replace(record, exit_code=3))
    assert listing[0] is first


def test_runs_that_are_gone_by_the_first_look_drop_out(store, add):
    records = [add(number) for number in (1, 2, 3, 4)]
    listing = store.listing()
    shutil.rmtree(store.paths.run(records[3].id).folder)
    store.paths.run(records[1].id).record.write_bytes(b"{")
    assert listing[0].number == 3
    assert numbers(listing) == [3, 1]
    assert len(listing) == 2
    with pytest.raises(IndexError):
        listing[2]


def test_the_stages_of_runs_are_told_once_each_the_newest_first(store, add):
    for number, stage in enumerate(["a", "b", "a"], start=1):
        add(number, stage=stage)
    assert store.stages() == ["a", "b"]
