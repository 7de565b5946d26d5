"""The doctor: real damage to one full store, found, repaired, and found no more."""

from __future__ import annotations

import fcntl
import os
import shutil
import sqlite3
import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

import pytest
from msgspec.structs import replace

from dvc_magic.errors import StoreError
from dvc_magic.model.checkup import CheckProgress, Finding, FindingKind, Remedy, Repair
from dvc_magic.model.paths import RunPaths, object_path
from dvc_magic.model.record import RunRecord, RunStatus
from dvc_magic.store import Hasher, RunLock, RunStore, check_store, examine, kept_aside, repair, write_noun
from tests.support import stores
from tests.support.stores import MODEL, PARTS, SCORES, SOURCES, md5_of

OLD = time.time() - 100_000


@dataclass
class Place:
    """A store of the test's own, and what names things in it."""

    store: RunStore
    project: Path

    def run(self, number: int) -> RunPaths:
        return self.store.find(number).paths

    def record(self, number: int) -> RunRecord:
        return self.store.find(number).record

    def cached(self, content: bytes) -> Path:
        return Path(object_path(self.store.paths.cache_objects, md5_of(content)))

    def source(self, path: str) -> Path:
        return Path(object_path(self.store.paths.objects, md5_of(SOURCES[path])))

    def listing(self) -> Path:
        return next(self.store.paths.cache_objects.rglob("*.dir"))

    def examine(self) -> tuple[Finding, ...]:
        return examine(self.store)

    def repair(self) -> tuple[Repair, ...]:
        caches = [self.project / ".dvc" / "cache"]
        return repair(self.store, self.examine(), Hasher(), project=self.project, caches=caches)


@pytest.fixture(scope="module")
def template(tmp_path_factory: pytest.TempPathFactory) -> Path:
    place = tmp_path_factory.mktemp("full")
    stores.full_store(place)
    return place


@pytest.fixture
def place(template: Path, tmp_path: Path) -> Place:
    shutil.copytree(template, tmp_path / "place", symlinks=True)
    return Place(RunStore.open(tmp_path / "place" / "store"), tmp_path / "place" / "project")


def alter(file: Path, content: bytes = b"") -> None:
    """Other bytes of the same length in the same file, as a search-and-replace leaves them."""
    file.chmod(0o644)
    file.write_bytes(content or b"#" * file.stat().st_size)


def test_a_full_store_is_in_order(place: Place) -> None:
    assert place.examine() == ()
    assert check_store(place.store) == []


# what is found, what the repair does, and what is left to find


def tear_record(place: Place) -> None:
    record = place.run(2).record
    record.write_bytes(record.read_bytes()[:100])


def swap_record(place: Place) -> None:
    place.run(2).record.write_bytes(place.run(1).record.read_bytes())


def say_lost(place: Place) -> None:
    write_noun(place.run(2).record, replace(place.record(2), status=RunStatus.LOST))


def drop_record(place: Place) -> None:
    folder = place.run(2).folder
    place.run(2).record.unlink()
    os.utime(folder, (OLD, OLD))


def leave_empty_run(place: Place) -> None:
    folder = place.store.paths.runs / "abcdef012345"
    folder.mkdir()
    (folder / "lock").touch()
    os.utime(folder, (OLD, OLD))


def tear_notes(place: Place) -> None:
    place.run(3).notes.write_text("{")


def tear_order(place: Place) -> None:
    place.run(3).order.write_text("{")


def link_lock(place: Place) -> None:
    place.run(1).lock.unlink()
    place.run(1).lock.symlink_to("lock")


def alter_snapshot_object(place: Place) -> None:
    alter(place.source("src/train.py"))


def drop_snapshot_object(place: Place) -> None:
    place.source("src/train.py").unlink()


def alter_cached_file(place: Place) -> None:
    alter(place.cached(MODEL))


def drop_cached_member(place: Place) -> None:
    place.cached(PARTS["deep/b.csv"]).unlink()


def drop_cached_file_that_a_run_alone_has(place: Place) -> None:
    place.cached(SCORES).unlink()


def alter_listing(place: Place) -> None:
    alter(place.listing(), b"[]")


def alter_out(place: Place) -> None:
    alter(place.run(1).workspace / "model.bin")


def exchange_out_for_a_pipe(place: Place) -> None:
    out = place.run(1).workspace / "model.bin"
    out.unlink()
    os.mkfifo(out)


def drop_member_of_out(place: Place) -> None:
    (place.run(1).workspace / "parts" / "deep" / "b.csv").unlink()


def drop_workspace(place: Place) -> None:
    shutil.rmtree(place.run(1).workspace)


def alter_out_and_object(place: Place) -> None:
    alter(place.run(3).workspace / "scores.txt")
    alter(place.cached(SCORES))


def damage_index(place: Place) -> None:
    place.store.index.refresh()
    with sqlite3.connect(place.store.paths.index) as base:
        base.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    base.close()
    with place.store.paths.index.open("r+b") as file:
        file.seek(100)
        file.write(b"\xff" * 3000)


def damage_hashes(place: Place) -> None:
    place.store.paths.hashes.write_text("no database, but of some length" * 100)


def leave_temporary_files(place: Place) -> None:
    for folder in (place.store.home, place.run(1).folder, place.source("params.yaml").parent):
        (folder / ".run.json.0123456789ab.tmp").write_text("half")
        os.utime(folder / ".run.json.0123456789ab.tmp", (OLD, OLD))


def leave_debug_copy(place: Place) -> None:
    copy = place.store.paths.debug / "abcdef012345"
    (copy / "workspace").mkdir(parents=True)
    (copy / "lock").touch()
    for path in (copy, copy / "lock", copy / "workspace"):
        os.utime(path, (OLD, OLD))


def open_store(place: Place) -> None:
    place.store.home.chmod(0o755)


def spoil_gitignore(place: Place) -> None:
    (place.store.home / ".gitignore").write_text("*\n!runs/\n")


K, R = FindingKind, Remedy
MENDED = [
    (tear_record, {(K.RECORD, R.SET_ASIDE)}),
    (swap_record, {(K.RECORD, R.SET_ASIDE)}),
    (say_lost, {(K.RECORD, R.SET_ASIDE)}),
    (drop_record, {(K.RECORD, R.SET_ASIDE)}),
    (leave_empty_run, {(K.LITTER, R.REMOVE)}),
    (tear_notes, {(K.NOTES, R.SET_ASIDE)}),
    (tear_order, {(K.ORDER, R.SET_ASIDE)}),
    (link_lock, {(K.LOCK, R.SET_ASIDE)}),
    (alter_snapshot_object, {(K.SOURCE, R.RESTORE)}),
    (drop_snapshot_object, {(K.SOURCE, R.RESTORE)}),
    (alter_cached_file, {(K.CACHE, R.RESTORE)}),
    (drop_cached_member, {(K.CACHE, R.RESTORE)}),
    (drop_cached_file_that_a_run_alone_has, {(K.CACHE, R.RESTORE)}),
    (alter_listing, {(K.CACHE, R.RESTORE)}),
    (alter_out, {(K.OUT, R.RESTORE)}),
    (exchange_out_for_a_pipe, {(K.OUT, R.RESTORE)}),
    (drop_member_of_out, {(K.OUT, R.RESTORE)}),
    (drop_workspace, {(K.OUT, R.RESTORE)}),
    (alter_out_and_object, {(K.OUT, R.RESTORE), (K.CACHE, R.RESTORE)}),
    (damage_index, {(K.INDEX, R.REBUILD)}),
    (damage_hashes, {(K.INDEX, R.REBUILD)}),
    (leave_temporary_files, {(K.LITTER, R.REMOVE)}),
    (leave_debug_copy, {(K.LITTER, R.REMOVE)}),
    (open_store, {(K.STORE, R.REWRITE)}),
    (spoil_gitignore, {(K.STORE, R.REWRITE)}),
]


@pytest.mark.parametrize(("damage", "expected"), MENDED, ids=[damage.__name__ for damage, _ in MENDED])
def test_damage_is_found_repaired_and_found_no_more(
    place: Place, damage: Callable[[Place], None], expected: set[tuple[FindingKind, Remedy]]
) -> None:
    damage(place)
    found = place.examine()
    assert {(finding.kind, finding.remedy) for finding in found} == expected
    assert all(finding.seen and finding.advice for finding in found)

    repairs = place.repair()

    assert [repaired.said for repaired in repairs if not repaired.done] == []
    assert place.examine() == ()
    assert [entry for entry in place.store.home.rglob("*.tmp") if "workspace" not in str(entry)] == []


def test_restored_outs_are_what_the_run_made_and_nobody_may_write_them(place: Place) -> None:
    drop_workspace(place)
    alter_out_and_object(place)

    place.repair()

    first, last = place.run(1).workspace, place.run(3).workspace
    assert (first / "model.bin").read_bytes() == MODEL
    assert {path: (first / "parts" / path).read_bytes() for path in PARTS} == PARTS
    assert (last / "scores.txt").read_bytes() == SCORES
    assert (last / "scores.txt").stat().st_mode & 0o777 == 0o555
    assert (first / "model.bin").stat().st_mode & 0o777 == 0o444


def test_what_a_repair_replaces_is_kept_in_quarantine_under_its_path(place: Place) -> None:
    run = place.run(1).folder.name
    alter(place.run(1).workspace / "model.bin", b"my own work")
    tear_record_of = place.run(2).folder.name
    tear_record(place)

    place.repair()

    quarantine = place.store.paths.quarantine
    assert (quarantine / "runs" / run / "workspace" / "model.bin").read_bytes() == b"my own work"
    assert (quarantine / "runs" / tear_record_of / "workspace" / "model.bin").read_bytes() == MODEL
    assert kept_aside(place.store)[f"quarantine/runs/{run}/workspace/model.bin"] == len(b"my own work")
    assert [stored.number for stored in place.store.all()] == [3, 1]


def test_a_second_repair_does_not_overwrite_what_the_first_kept_aside(place: Place) -> None:
    for content in (b"first", b"second"):
        (place.run(1).workspace / "model.bin").unlink(missing_ok=True)
        (place.run(1).workspace / "model.bin").write_bytes(content)
        place.repair()

    folder = place.store.paths.quarantine / "runs" / place.run(1).folder.name / "workspace"
    assert sorted(file.read_bytes() for file in folder.iterdir()) == [b"first", b"second"]


# what cannot be repaired


def test_a_run_whose_out_cannot_be_brought_back_is_marked_with_the_reason(place: Place) -> None:
    for number in (1, 2):
        alter(place.run(number).workspace / "model.bin")
    alter(place.cached(MODEL))

    repairs = place.repair()

    assert "no whole copy is left" in place.record(1).spoiled["model.bin"]
    assert [repaired.done for repaired in repairs] == [True, True, True]
    assert any("train 1 is marked" in repaired.said for repaired in repairs)
    assert place.examine() == ()  # a marked run promises its out no more


def test_a_lost_snapshot_is_named_with_the_runs_that_lose_by_it(place: Place) -> None:
    (snapshot,) = place.store.paths.snapshots.glob("*.json")
    alter(snapshot)
    assert place.examine()[0].runs == ("train 1", "train 2", "evaluate 3")

    assert [repaired.done for repaired in place.repair()] == [True]

    (finding,) = place.examine()
    assert (finding.kind, finding.seen, finding.remedy) == (K.SNAPSHOT, "is missing", R.NOTHING)
    assert finding.runs == ("train 1", "train 2", "evaluate 3")
    assert [repaired.done for repaired in place.repair()] == [False]


def test_a_damaged_list_of_packages_goes_aside_and_is_then_missing(place: Place) -> None:
    (packages,) = place.store.paths.environments.iterdir()
    alter(packages)

    place.repair()

    (finding,) = place.examine()
    assert (finding.kind, finding.seen) == (K.ENVIRONMENT, "is missing")


def test_a_source_that_nobody_has_any_more_goes_aside_and_is_named(place: Place) -> None:
    damage = place.source("params.yaml")
    alter(damage)
    for file in [place.project, *(place.run(number).workspace for number in (1, 2, 3))]:
        alter(file / "params.yaml", b"lr: 0.7\n")

    (done,) = place.repair()

    assert "no whole copy is left" in done.said
    assert not damage.exists()
    assert [finding.seen for finding in place.examine()] == ["is missing"]


def test_two_runs_of_one_number_stay_and_are_named(place: Place) -> None:
    record = place.record(2)
    write_noun(place.run(2).record, replace(record, number=1))

    (finding,) = place.examine()

    assert (finding.kind, finding.remedy) == (K.NUMBER, R.NOTHING)
    assert "both have number 1" in finding.seen
    assert [(repaired.done, repaired.said) for repaired in place.repair()] == [(False, finding.advice)]


def test_a_record_of_a_newer_version_is_left_with_the_line_that_helps(place: Place) -> None:
    record = place.run(1).record
    write_noun(record, replace(place.record(1), schema=99))

    (left,) = place.repair()

    assert (left.done, left.finding.kind) == (False, K.RECORD)
    assert "pip install -U dvc-magic" in left.said
    assert record.exists()


def test_a_folder_that_cannot_be_looked_into_is_named_and_the_rest_checked(place: Place) -> None:
    shutil.rmtree(place.store.paths.environments)
    place.store.paths.environments.write_text("no folder")
    alter_cached_file(place)

    kinds = [finding.kind for finding in place.examine()]

    assert kinds == [K.ENVIRONMENT, K.CACHE, K.STORE]
    assert place.examine()[-1].seen == "cannot be looked into: Not a directory"


def test_files_of_another_user_are_named_and_left(place: Place) -> None:
    if os.geteuid() != 0:
        pytest.skip("only root may give files away")
    folder = place.run(1).folder
    os.chown(folder, 12345, -1)

    (left,) = place.repair()

    assert (left.finding.kind, left.done) == (K.STORE, False)
    assert "sudo chown -R" in left.said
    assert folder.stat().st_uid == 12345


# beside runs that still go


def test_a_run_that_still_goes_keeps_its_damaged_record_and_its_young_files(place: Place) -> None:
    paths = place.run(2)
    tear_record(place)
    (paths.folder / ".run.json.0123456789ab.tmp").write_text("half")
    with RunLock(paths.lock):
        repairs = place.repair()

    assert [(repaired.finding.kind, repaired.done) for repaired in repairs] == [(K.RECORD, False)]
    assert "still executes this run" in repairs[0].said
    assert paths.record.exists()


def test_nothing_of_a_run_that_goes_is_litter_or_an_altered_out(place: Place) -> None:
    record, paths = place.record(2), place.run(2)
    write_noun(paths.record, replace(record, status=RunStatus.RUNNING))
    (paths.workspace / "model.bin").unlink()
    temporary = place.store.home / ".x.0123456789ab.tmp"
    temporary.touch()
    older_than_an_hour = record.times.created.timestamp() + 10
    os.utime(temporary, (older_than_an_hour, older_than_an_hour))
    with RunLock(paths.lock):
        assert place.examine() == ()
    assert [finding.kind for finding in place.examine()] == [K.LITTER]  # a lost run is no fault of the store


def test_one_repair_at_a_time(place: Place) -> None:
    descriptor = os.open(place.store.home, os.O_RDONLY)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX)
        with pytest.raises(StoreError, match="is being repaired by another process"):
            place.repair()
    finally:
        os.close(descriptor)


def test_an_object_that_a_call_has_made_anew_since_the_check_is_left_alone(place: Place) -> None:
    alter_cached_file(place)
    findings = place.examine()
    alter(place.cached(MODEL), MODEL)

    (done,) = repair(place.store, findings, Hasher(), project=place.project)

    assert (done.done, done.said) == (True, "whole again")
    assert kept_aside(place.store) == {}


def test_a_repair_that_is_cut_off_anywhere_is_finished_by_the_next(place: Place) -> None:
    alter_out_and_object(place)
    drop_member_of_out(place)
    alter_listing(place)

    class CutOffError(Exception):
        pass

    for step in range(1, 12):
        seen = iter(range(step))

        def tell(_: object, seen: Iterator[int] = seen) -> None:
            if next(seen, None) is None:
                raise CutOffError

        with suppress(CutOffError):
            repair(place.store, place.examine(), Hasher(tell, pause=0), project=place.project)
    place.repair()

    assert place.examine() == ()


def test_nothing_is_written_through_a_link_out_of_the_store(place: Place, tmp_path: Path) -> None:
    parts = place.run(1).workspace / "parts"
    shutil.rmtree(parts)
    (tmp_path / "outside").mkdir()
    parts.symlink_to(tmp_path / "outside")

    repairs = place.repair()

    assert list((tmp_path / "outside").iterdir()) == []
    assert [repaired.done for repaired in repairs] == [False]
    assert "is a link out of the store" in repairs[0].said


# how much is read, and what is told


def test_a_hardlinked_out_is_read_once_and_progress_is_told(place: Place) -> None:
    told: list[CheckProgress] = []
    apart, linked = Hasher(told.append, pause=0), Hasher()
    examine(place.store, apart)
    out = place.run(1).workspace / "model.bin"
    out.unlink()
    out.hardlink_to(place.cached(MODEL))

    assert examine(place.store, linked) == ()

    assert apart.progress.size - linked.progress.size == len(MODEL)
    assert told[-1].size == apart.progress.size
