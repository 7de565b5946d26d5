"""Deleting runs for good, and giving back what no run needs any more."""

from __future__ import annotations

import hashlib
import json
import os
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from dvc_magic import codec
from dvc_magic.errors import RunError
from dvc_magic.model.operation import SourceKind
from dvc_magic.model.paths import object_path
from dvc_magic.model.record import DepRecord, Environment, OutRecord, RunRecord
from dvc_magic.model.snapshot import Snapshot, SourceFile, snapshot_id
from dvc_magic.store import RunLock, RunStore, alone, begin_use, check_store, give_back, listing_hash, purge
from tests.support.records import add_run


@pytest.fixture
def store(tmp_path: Path) -> RunStore:
    return RunStore.open(tmp_path / "store")


def _sources(store: RunStore, *texts: str) -> str:
    """Keeps a snapshot with a file for each text; its id."""
    files = {
        f"{place}.py": SourceFile(md5=store.sources.keep(text.encode()), size=len(text), mtime_ns=0)
        for place, text in enumerate(texts)
    }
    snapshot = Snapshot(id=snapshot_id(files, ()), files=files)
    (store.paths.snapshots / f"{snapshot.id}.json").write_text(codec.encode(snapshot))
    return snapshot.id


def _packages(store: RunStore, text: str) -> str:
    content = json.dumps({text: "1.0"})
    digest = hashlib.sha256(content.encode()).hexdigest()[:32]
    (store.paths.environments / f"{digest}.json").write_text(content)
    return digest


def _run(
    store: RunStore, number: int, *, outs: tuple[str, ...] = (), deps: tuple[str, ...] = (), **more: Any
) -> RunRecord:
    """A run with outs and deps of these texts, its outs in the workspace as hardlinks of the cache."""
    kept = {text: store.cache.keep(text.encode()) for text in (*outs, *deps)}
    record = add_run(
        store,
        number,
        outs={f"{text}.out": OutRecord(hash=kept[text], size=len(text)) for text in outs},
        deps={f"{text}.dep": DepRecord(source=SourceKind.DVCFILE, hash=kept[text]) for text in deps},
        **more,
    )
    root = store.paths.run(record.id).workspace
    root.mkdir()
    for text in outs:
        os.link(store.cache.path(kept[text]), root / f"{text}.out")
    return record


def _kept(store: RunStore) -> set[str]:
    """What the store has of objects, snapshots and lists, by its text or name."""
    objects = [file for folder in (store.paths.cache_objects, store.paths.objects) for file in folder.glob("??/*")]
    lists = [*store.paths.snapshots.glob("*.json"), *store.paths.environments.glob("*.json")]
    return {file.read_text() for file in objects} | {file.stem for file in lists}


def test_a_purge_gives_back_what_only_that_run_needed(store: RunStore) -> None:
    snapshots = [_sources(store, "common", text) for text in ("first", "second")]
    packages = [_packages(store, text) for text in ("old", "new")]
    runs = [
        _run(
            store,
            number,
            outs=(f"out {number}", "same"),
            deps=("data",),
            snapshot=snapshot,
            environment=Environment(packages=digest),
        )
        for number, snapshot, digest in zip((1, 2), snapshots, packages, strict=True)
    ]

    freed = purge(store, [runs[0].id])

    assert _kept(store) == {"common", "second", "out 2", "same", "data", snapshots[1], packages[1]}
    assert freed.size >= len("first") + len("out 1")
    assert freed.kept == ""
    assert check_store(store) == []
    assert [run.number for run in store.all()] == [2]


def test_a_run_in_the_trash_keeps_what_it_needs_and_can_be_restored_whole(store: RunStore) -> None:
    kept = _run(store, 1, outs=("model",), deps=("data",), snapshot=_sources(store, "code"))
    other = _run(store, 2, outs=("else",))
    store.trash.put(kept.id)

    purge(store, [other.id])

    assert {"model", "data", "code"} <= _kept(store)
    store.trash.restore(kept.id)
    assert check_store(store) == []


def test_folders_of_data_keep_their_files(store: RunStore) -> None:
    md5s = {name: store.cache.keep(name.encode()) for name in ("a", "b", "c")}
    listing = store.cache.put_listing({name: md5s[name] for name in ("a", "b")})
    add_run(store, 1, deps={"raw": DepRecord(source=SourceKind.DVCFILE, hash=listing, files=2)})

    give_back(store)

    assert {Path(object_path(store.paths.cache_objects, md5s[name])).exists() for name in ("a", "b")} == {True}
    assert not Path(object_path(store.paths.cache_objects, md5s["c"])).exists()
    assert listing == listing_hash({name: md5s[name] for name in ("a", "b")})


def test_objects_that_a_deleted_workspace_linked_to_are_not_hashed_anew(store: RunStore) -> None:
    first, _ = (_run(store, number, outs=("shared",)) for number in (1, 2))
    path = store.cache.path(first.outs["shared.out"].hash)
    assert store.known.altered({path: first.outs["shared.out"].hash}) == {}

    purge(store, [first.id])

    assert store.known.doubtful({path: first.outs["shared.out"].hash}) == []


def test_nothing_is_given_back_while_a_call_goes(store: RunStore) -> None:
    record = _run(store, 1, outs=("model",))
    store.sources.keep(b"of a call that has no record yet")
    use = begin_use(store.paths)
    assert use is not None

    freed = purge(store, [record.id])

    assert "calls go on" in freed.kept
    assert {"model", "of a call that has no record yet"} == _kept(store)
    use.end()
    assert give_back(store).kept == ""
    assert _kept(store) == set()


def test_no_call_begins_while_content_is_given_back(store: RunStore) -> None:
    with alone(store.paths) as is_alone:
        assert is_alone
        assert begin_use(store.paths) is None

    use = begin_use(store.paths)
    assert use is not None
    use.end()
    use.end()


@pytest.mark.parametrize("place", ["runs", "trash"])
def test_a_record_that_cannot_be_read_keeps_everything(store: RunStore, place: str) -> None:
    damaged, record = _run(store, 1, outs=("unknown",)), _run(store, 2, outs=("model",))
    if place == "trash":
        store.trash.put(damaged.id)
    (getattr(store.paths, place) / damaged.id / "run.json").write_text("{")

    freed = purge(store, [record.id])

    assert "%dvc_doctor" in freed.kept
    assert _kept(store) == {"unknown", "model"}


def _folder(store: RunStore) -> Path:
    """A run whose dep is a folder of two files; the listing of it."""
    md5s = {name: store.cache.keep(name.encode()) for name in ("a", "b")}
    listing = store.cache.put_listing(md5s)
    record = add_run(store, 1, deps={"raw": DepRecord(source=SourceKind.DVCFILE, hash=listing, files=2)})
    place = store.paths.run(record.id).workspace / "raw"
    place.mkdir(parents=True)
    for name, md5 in md5s.items():
        os.link(store.cache.path(md5), place / name)
    return Path(object_path(store.paths.cache_objects, listing))


def test_a_folder_whose_listing_is_damaged_keeps_everything(store: RunStore) -> None:
    listing = _folder(store)
    listing.chmod(0o644)
    listing.write_text("torn")
    store.cache.keep(b"of no run")

    assert "%dvc_doctor" in give_back(store).kept
    assert {"a", "b", "of no run"} <= _kept(store)


def test_files_that_a_workspace_links_to_stay_when_the_listing_of_their_folder_is_gone(store: RunStore) -> None:
    _folder(store).unlink()
    store.cache.keep(b"of no run")

    assert give_back(store).kept == ""
    assert _kept(store) == {"a", "b"}


def test_what_a_project_was_keeps_everything_when_it_is_damaged(store: RunStore) -> None:
    record = _run(store, 1)
    md5 = store.sources.keep(b"{")
    store.paths.run(record.id).order.write_text(json.dumps({"surroundings": md5}))
    store.cache.keep(b"of no run")

    assert "%dvc_doctor" in give_back(store).kept
    assert "of no run" in _kept(store)


def test_a_snapshot_that_cannot_be_read_keeps_everything(store: RunStore) -> None:
    snapshot = _sources(store, "code")
    _run(store, 1, snapshot=snapshot)
    (store.paths.snapshots / f"{snapshot}.json").write_text("{")

    assert "%dvc_doctor" in give_back(store).kept


def test_a_run_that_goes_is_not_purged_and_says_how_to_stop_it(store: RunStore) -> None:
    record = _run(store, 7, outs=("model",))

    with (
        RunLock(store.paths.run(record.id).lock),
        pytest.raises(RunError, match="Run 7 is still going: %dvc_stop 7 stops it"),
    ):
        purge(store, [record.id])

    assert "model" in _kept(store)


def test_what_a_killed_purge_has_left_is_no_run_and_goes_with_the_next(store: RunStore) -> None:
    record = _run(store, 1, outs=("model",))
    store.trash.put(record.id)
    (store.paths.trash / record.id).rename(store.paths.trash / f"purged-{record.id}")

    assert store.trash.runs() == []
    give_back(store)

    assert list(store.paths.trash.iterdir()) == []
    assert _kept(store) == set()


def test_runs_that_are_gone_are_passed_over(store: RunStore) -> None:
    assert purge(store, ["a" * 12]).size == 0


STEPS = st.lists(st.tuples(st.sampled_from(["run", "trash", "restore", "purge"]), st.integers(0, 3)), max_size=12)


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=40, deadline=None)
@given(steps=STEPS)
def test_whatever_is_removed_the_other_runs_have_all_that_they_need(
    steps: list[tuple[str, int]], tmp_path_factory: pytest.TempPathFactory
) -> None:
    store = RunStore.open(tmp_path_factory.mktemp("steps") / "store")
    live: list[RunRecord] = []
    trashed: list[RunRecord] = []
    texts: dict[str, set[str]] = {}
    for number, (step, choice) in enumerate(steps, 1):
        if step == "run":
            outs, code = (f"out {choice}", f"own {number}"), f"code {choice}"
            snapshot = _sources(store, code)
            live.append(_run(store, number, outs=outs, deps=(f"out {(choice + 1) % 4}",), snapshot=snapshot))
            texts[live[-1].id] = {*outs, f"out {(choice + 1) % 4}", code}
        elif step == "trash" and live:
            trashed.append(live.pop(choice % len(live)))
            store.trash.put(trashed[-1].id)
        elif step == "restore" and trashed:
            live.append(trashed.pop(choice % len(trashed)))
            store.trash.restore(live[-1].id)
        elif step == "purge" and live + trashed:
            chosen = (live + trashed)[choice % len(live + trashed)]
            purge(store, [chosen.id])
            live, trashed = ([run for run in runs if run.id != chosen.id] for runs in (live, trashed))

        needed = set[str]().union(*(texts[run.id] for run in live + trashed))
        kept = {text for text in _kept(store) if " " in text}
        assert needed <= kept
        if step == "purge":
            assert kept == needed
        assert {run.id for run in store.all()} == {run.id for run in live}
        assert check_store(store) == []
