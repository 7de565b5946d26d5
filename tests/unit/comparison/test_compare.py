from __future__ import annotations

import hashlib
import math
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from msgspec.structs import replace

from dvc_magic.comparison import MISSING, Content, Difference, FileChange, ValueChange, difference
from dvc_magic.model.operation import Operation, SourceKind
from dvc_magic.model.record import DepRecord, Environment, OutRecord
from dvc_magic.model.snapshot import SourceFile
from dvc_magic.model.stage import OutKind
from dvc_magic.store import DIR_SUFFIX, RunStore, listing_hash

FILES = {"train.py": "one\ntwo\nthree\n", "lib/model.py": "net\n", "README.md": "read me\n", "params.yaml": "lr: 1\n"}
DEP = DepRecord(source=SourceKind.FILE, hash="")


def _values(changes: tuple[ValueChange, ...]) -> dict[str, tuple[Any, Any]]:
    return {change.name: (change.a, change.b) for change in changes}


def test_values_that_differ_are_told_with_what_changed(store: RunStore, make_row: Any) -> None:
    a = make_row(1, metrics={"m.json": {"loss": 0.5, "acc": 1}}, params={"params.yaml": {"lr": 0.1, "seed": 1}})
    b = make_row(2, metrics={"m.json": {"loss": 0.25, "f1": None}}, params={"params.yaml": {"lr": 0.2, "seed": 1}})

    found = difference(a, b, store)

    assert _values(found.metrics) == {"loss": (0.5, 0.25), "acc": (1, MISSING), "f1": (MISSING, None)}
    assert [change.delta for change in found.metrics] == [-0.25, None, None]
    assert _values(found.params) == {"lr": (0.1, 0.2)}


@pytest.mark.parametrize(
    ("a", "b", "delta"),
    [
        (1, 3, 2),
        (True, False, None),
        ("a", "b", None),
        (0.5, MISSING, None),
        (math.nan, 1.0, None),
        (math.inf, 1.0, None),
        (10**400, 0.5, None),
    ],
)
def test_a_change_of_numbers_is_a_number(a: Any, b: Any, delta: Any) -> None:
    assert ValueChange(name="x", a=a, b=b).delta == delta


def test_one_and_one_point_zero_differ_and_nan_does_not_differ_from_itself(store: RunStore, make_row: Any) -> None:
    a = make_row(1, metrics={"m.json": {"n": 1, "nan": math.nan}})
    b = make_row(2, metrics={"m.json": {"n": 1.0, "nan": math.nan}})

    assert _values(difference(a, b, store).metrics) == {"n": (1, 1.0)}


def test_lines_are_those_of_files_that_either_run_declares_or_has_read(store: RunStore, make_row: Any) -> None:
    a = make_row(1, files=FILES, deps={"train.py": DEP})
    edited = {**FILES, "train.py": "one\n2\nthree\n", "lib/model.py": "other net\n", "README.md": "edited\n"}
    b = make_row(2, files=edited, deps={"train.py": DEP}, read={"lib/model.py": "whatever"})

    found = difference(a, b, store)

    assert [(change.path, change.kind, change.counts) for change in found.sources] == [
        ("lib/model.py", "changed", (1, 1)),
        ("train.py", "changed", (1, 1)),
    ]
    assert found.sources[1].diff == (
        "--- a/train.py",
        "+++ b/train.py",
        "@@ -1,3 +1,3 @@",
        " one",
        "-two",
        "+2",
        " three",
    )
    assert [(change.path, change.diff) for change in found.unread] == [("README.md", ())]
    assert difference(a, b, store, everything=True).unread[0].diff[-2:] == ("-read me", "+edited")


def test_a_folder_that_is_declared_means_the_files_in_it(store: RunStore, make_row: Any) -> None:
    a = make_row(1, files={"src/a.py": "1\n", "src/b.py": "1\n"}, deps={"src": DEP})
    b = make_row(2, files={"src/a.py": "1\n", "src/c/d.py": "2\n"}, deps={"src": DEP})

    found = difference(a, b, store)

    assert [(change.path, change.kind) for change in found.sources] == [
        ("src/b.py", "removed"),
        ("src/c/d.py", "added"),
    ]
    assert not found.data


@pytest.mark.parametrize(
    ("content", "note"),
    [
        (b"\0\1", "binary"),
        ("latin é".encode("latin-1"), "binary"),
        (b"x" * 1_100_000, "1.1 MB"),
        (b"x\n" * 10_001, "more than 10,000 lines"),
        (b"one\r\ntwo\r\nthree\r\n", "only the ends of lines differ"),
    ],
)
def test_what_cannot_be_read_as_lines_says_why(store: RunStore, make_row: Any, content: bytes, note: str) -> None:
    a, b = (
        make_row(n, files={"train.py": text}, deps={"train.py": DEP})
        for n, text in ((1, FILES["train.py"]), (2, content))
    )

    (change,) = difference(a, b, store).sources

    assert (change.diff, change.note) == ((), note)


def test_a_content_that_was_altered_in_the_store_is_not_shown(store: RunStore, make_row: Any) -> None:
    a, b = (make_row(n, files={"train.py": text}, deps={"train.py": DEP}) for n, text in ((1, "a\n"), (2, "b\n")))
    (change,) = difference(a, b, store).sources
    assert change.b is not None
    place = Path(store.sources.path(change.b.md5))
    place.chmod(0o644)
    place.write_text("forged\n")

    (change,) = difference(a, b, store).sources

    assert (change.diff, change.note) == ((), "the store no longer has its content")


def test_code_of_a_stage_upstream_is_told_once_with_the_stage_that_has_read_it(store: RunStore, make_row: Any) -> None:
    edited = {**FILES, "lib/model.py": "other\n"}
    one, other = (
        make_row(n, make_row(n - 1, files=files, stage="prepare", read={"lib/model.py": ""}), files=files, **more)
        for n, files, more in ((2, FILES, {}), (4, edited, {"read": {"lib/model.py": ""}}))
    )

    found = difference(one, other, store)

    assert [(change.path, change.stage) for change in found.sources] == [("lib/model.py", "train")]
    assert not found.unread


def test_a_command_that_changed_is_told_with_its_stage(store: RunStore, make_row: Any) -> None:
    a, b = make_row(1, cmd="python train.py"), make_row(2, cmd=["echo", "python train.py"])

    assert _values(difference(a, b, store).definition) == {
        "train: cmd": ("python train.py", ["echo", "python train.py"])
    }


def test_outs_that_a_failed_run_lacks_are_no_change_of_the_stage(store: RunStore, make_row: Any) -> None:
    a = make_row(1, outs={"model.pkl": OutRecord(hash="a" * 32)})
    b = make_row(2, exit_code=1)

    assert not difference(a, b, store).definition


def test_data_is_told_by_hash_and_size_what_no_stage_makes_first(store: RunStore, make_row: Any) -> None:
    def deps(raw: str, made: str) -> dict[str, DepRecord]:
        return {
            "features.csv": DepRecord(source=SourceKind.DVCSTAGE, origin="prepare", run="a" * 12, hash=made, size=5),
            "raw.csv": DepRecord(source=SourceKind.DVCFILE, hash=raw, size=3),
        }

    a, b = make_row(1, deps=deps("1" * 32, "2" * 32)), make_row(2, deps=deps("3" * 32, "4" * 32))

    found = difference(a, b, store).data

    assert [(change.path, change.a, change.b) for change in found] == [
        ("raw.csv", Content(hash="1" * 32, size=3), Content(hash="3" * 32, size=3)),
        (
            "features.csv",
            Content(hash="2" * 32, size=5, made_by="prepare"),
            Content(hash="4" * 32, size=5, made_by="prepare"),
        ),
    ]


def test_files_of_a_folder_are_told_as_long_as_the_store_lists_them(store: RunStore, make_row: Any) -> None:
    listings = [{"a": "1" * 32, "b": "2" * 32, "c": "3" * 32}, {"b": "2" * 32, "c": "4" * 32, "d/e": "5" * 32}]
    hashes = [store.cache.put_listing(listing) for listing in listings]
    a, b = (
        make_row(n, deps={"raw": DepRecord(source=SourceKind.DVCFILE, hash=md5, files=3)})
        for n, md5 in enumerate(hashes, 1)
    )
    lost = make_row(3, deps={"raw": DepRecord(source=SourceKind.DVCFILE, hash=listing_hash({"x": "6" * 32}), files=1)})

    (change,) = difference(a, b, store).data
    (unlisted,) = difference(a, lost, store).data

    assert (change.added, change.removed, change.changed) == (("d/e",), ("a",), ("c",))
    assert (unlisted.added, unlisted.note) == (None, "the store no longer lists its files")
    assert hashes[0].endswith(DIR_SUFFIX)


def test_outs_are_told_without_files_of_metrics(store: RunStore, make_row: Any) -> None:
    a, b = (
        make_row(
            n,
            outs={
                "m.json": OutRecord(kind=OutKind.METRIC, hash=str(n) * 32),
                "model.pkl": OutRecord(hash=str(n) * 32, size=n),
                "same.txt": OutRecord(hash="9" * 32),
            },
        )
        for n in (1, 2)
    )

    assert [change.path for change in difference(a, b, store).outs] == ["model.pkl"]


def test_versions_of_python_and_packages_are_told(store: RunStore, make_row: Any) -> None:
    for digest, packages in (
        ("1" * 32, '{"numpy": "1.26", "dvc": "3.66"}'),
        ("2" * 32, '{"numpy": "2.0", "dvc": "3.66"}'),
    ):
        (store.paths.environments / f"{digest}.json").write_text(packages)
    a = make_row(1, environment=Environment(python="3.11.7", packages="1" * 32, platform="linux"))
    b = make_row(2, environment=Environment(python="3.12.1", packages="2" * 32, platform="linux"))
    gone = make_row(3, environment=Environment(python="3.12.1", packages="3" * 32, platform="linux"))

    assert _values(difference(a, b, store).environment) == {"python": ("3.11.7", "3.12.1"), "numpy": ("1.26", "2.0")}
    assert "packages" in _values(difference(b, gone, store).environment)


def test_commits_differ_by_their_edits_too(store: RunStore, make_row: Any) -> None:
    a, b = make_row(1, commit="a" * 40), make_row(2, commit="a" * 40, dirty=True)

    change = difference(a, b, store).commit

    assert change is not None
    assert (change.a, change.b) == ("a" * 40, f"{'a' * 40} dirty")


def test_runs_of_different_stages_are_compared_by_what_they_share(store: RunStore, make_row: Any) -> None:
    prepared = [make_row(n, stage="prepare", params={"params.yaml": {"seed": n}}, cmd=f"prepare {n}") for n in (1, 2)]
    train = make_row(3, prepared[0], params={"params.yaml": {"lr": 1}}, metrics={"m.json": {"loss": 1}})
    test = make_row(4, prepared[1], stage="test", params={"params.yaml": {"k": 1}}, metrics={"t.json": {"acc": 1}})

    found = difference(train, test, store)

    assert _values(found.params) == {"seed": (1, 2)}
    assert not found.metrics
    assert _values(found.definition) == {"prepare: cmd": ("prepare 1", "prepare 2")}
    assert "different stages" in found.notes[0]


def test_a_snapshot_that_is_gone_leaves_what_the_runs_read(store: RunStore, make_row: Any) -> None:
    a = make_row(1, files=FILES, deps={"train.py": DEP}, read={"lib/model.py": "x"})
    b = make_row(2, snapshot="0" * 32, deps={"train.py": DepRecord(source=SourceKind.FILE, hash="1" * 32)})

    found = difference(a, b, store)

    assert [change.path for change in found.sources] == ["train.py"]
    assert found.sources[0].note == "the store no longer has its content"
    assert not found.unread
    assert "the snapshot of train 2 is gone" in found.notes[0]


def test_an_upstream_run_that_is_gone_is_told_of(store: RunStore, make_row: Any) -> None:
    a, b = make_row(1, upstream={"prepare": "a" * 12}), make_row(2)

    assert "the run of prepare that train 1 used is gone" in difference(a, b, store).notes[0]


def test_the_script_of_an_operation_is_code(store: RunStore, make_row: Any) -> None:
    def row(number: int, text: str) -> Any:
        op = Operation(name="fit", origin="cell", cmd="python fit.py", code=("fit.py",))
        run = make_row(number, files={}, op=op, deps={"fit.py": DepRecord(source=SourceKind.FILE, hash=_md5(text))})
        place = run.run.paths.dvc_root(".") / "fit.py"
        place.parent.mkdir(parents=True)
        place.write_text(text)
        return run

    (change,) = difference(row(1, "x = 1\n"), row(2, "x = 2\n"), store).sources

    assert (change.path, change.diff[-2:]) == ("fit.py", ("-x = 1", "+x = 2"))


def _md5(text: str) -> str:
    return hashlib.md5(text.encode()).hexdigest()


NAMES = st.sampled_from(["a", "b", "c.d"])
VALUES = st.none() | st.booleans() | st.integers() | st.floats(allow_nan=True) | st.text(max_size=3)
WORLDS = st.fixed_dictionaries(
    {
        "metrics": st.dictionaries(NAMES, VALUES, max_size=3),
        "params": st.dictionaries(NAMES, VALUES, max_size=3),
        "files": st.dictionaries(st.sampled_from(["x.py", "y.py", "z/x.py"]), st.text("ab\n", max_size=4), max_size=3),
        "read": st.sets(st.sampled_from(["x.py", "y.py", "z/x.py"])),
        "data": st.dictionaries(st.sampled_from(["d", "e"]), st.sampled_from(["1" * 32, "2" * 32]), max_size=2),
        "dirty": st.booleans(),
        "python": st.sampled_from(["3.11", "3.12"]),
        "cmd": st.sampled_from(["one", "other"]),
    }
)


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=60)
@given(one=WORLDS, other=WORLDS)
def test_a_difference_is_empty_of_equal_runs_and_mirrors_when_they_change_places(
    store: RunStore, make_row: Any, one: dict[str, Any], other: dict[str, Any]
) -> None:
    a, twin, b = _row(make_row, one), _row(make_row, one), _row(make_row, other)

    assert not difference(a, twin, store)
    assert not difference(a, a, store)
    assert _facts(difference(a, b, store)) == _facts(_mirrored(difference(b, a, store)))


def _row(make_row: Any, world: dict[str, Any]) -> Any:
    deps = {path: DepRecord(source=SourceKind.DVCFILE, hash=md5) for path, md5 in world["data"].items()}
    return make_row(
        1,
        metrics={"m.json": world["metrics"]},
        params={"params.yaml": world["params"]},
        files=world["files"],
        read=dict.fromkeys(sorted(world["read"]), ""),
        deps=deps,
        commit="c" * 40,
        dirty=world["dirty"],
        environment=Environment(python=world["python"]),
        cmd=world["cmd"],
    )


def _facts(found: Difference) -> tuple[Any, ...]:
    """All of it that has no order of its own, NaN equal to itself."""
    values = [
        *found.metrics,
        *found.params,
        *found.definition,
        *found.environment,
        *([found.commit] if found.commit else []),
    ]
    files = [*found.sources, *found.unread, *found.data, *found.outs]
    return (
        sorted((change.name, repr(change.a), repr(change.b)) for change in values),
        sorted((type(change).__name__, change.path, repr(change.a), repr(change.b), change.note) for change in files),
        found.notes,
    )


def _mirrored(found: Difference) -> Difference:
    turned = {
        name: tuple(replace(change, a=change.b, b=change.a) for change in getattr(found, name))
        for name in ("metrics", "params", "definition", "sources", "unread", "data", "outs", "environment")
    }
    commit = replace(found.commit, a=found.commit.b, b=found.commit.a) if found.commit is not None else None
    return replace(found, commit=commit, **turned)


def test_a_file_change_of_mode_alone_is_told() -> None:
    plain = SourceFile(md5="1" * 32, size=1, mtime_ns=0)
    change = FileChange(path="run.sh", a=plain, b=SourceFile(md5="1" * 32, size=1, mtime_ns=0, executable=True))

    assert (change.kind, change.counts) == ("mode", (0, 0))
