from __future__ import annotations

import contextlib
import hashlib
import os
import stat
import threading
import time
from pathlib import Path

import pytest

from dvc_magic.errors import MissingInputError, ProjectError, RecordDamagedError, StoreError
from dvc_magic.model.paths import StorePaths
from dvc_magic.store import RunStore, load_snapshot
from dvc_magic.workspace import take_snapshot
from tests.support.commands import git
from tests.support.digest import changes, project_digest
from tests.support.projects import write


def _object(store: StorePaths, content: bytes) -> Path:
    md5 = hashlib.md5(content).hexdigest()
    return store.objects / md5[:2] / md5[2:]


def test_a_snapshot_holds_every_source_with_its_content(project: Path, store: StorePaths, snap) -> None:
    write(project, {"crlf.txt": b"a\r\nb\r\n", "new\nline 'x'.py": "-"})
    snapshot, warnings = snap()

    assert list(snapshot.files) == [".gitignore", "crlf.txt", "new\nline 'x'.py", "src/model.py", "train.py"]
    assert _object(store, b"a\r\nb\r\n").read_bytes() == b"a\r\nb\r\n"
    assert stat.S_IMODE(_object(store, b"a\r\nb\r\n").stat().st_mode) == 0o444
    assert warnings == ()


def test_a_file_keeps_its_mtime_and_execute_bit(project: Path, snap) -> None:
    os.utime(project / "train.py", ns=(5, 1_234_567_890_123_456_789))
    (project / "train.py").chmod(0o755)
    file = snap()[0].files["train.py"]

    assert (file.mtime_ns, file.executable, file.size, file.link) == (1_234_567_890_123_456_789, True, 9, None)


def test_equal_sources_have_equal_ids(project: Path, snap) -> None:
    first = snap()[0]
    os.utime(project / "train.py")
    git(project, "commit", "--quiet", "--allow-empty", "-m", "again")

    assert snap()[0].id == first.id


@pytest.mark.parametrize(
    "edit",
    [
        lambda root: (root / "train.py").write_text("print(2)\n"),
        lambda root: (root / "train.py").chmod(0o755),
        lambda root: (root / "train.py").rename(root / "trai.py"),
        lambda root: (root / "link").symlink_to("train.py"),
        lambda root: (root / "src/model.py").unlink(),
    ],
)
def test_other_sources_have_another_id(project: Path, snap, edit) -> None:
    first = snap()[0]
    edit(project)

    assert snap()[0].id != first.id


def test_a_snapshot_is_loaded_as_it_was_taken(project: Path, store: StorePaths, snap) -> None:
    write(project, {"data/x": "1", "ünï": "\0"})
    (project / "link").symlink_to("train.py")
    snapshot, _ = snap(copy_paths=["data"])

    assert load_snapshot(store, snapshot.id) == snapshot


def test_a_snapshot_that_is_not_there_or_damaged_says_so(store: StorePaths, snap) -> None:
    snapshot, _ = snap()
    (store.snapshots / f"{snapshot.id}.json").write_text('{"id": 5')

    with pytest.raises(RecordDamagedError, match="damaged"):
        load_snapshot(store, snapshot.id)
    for name in ("0" * 32, "../../x"):
        with pytest.raises(StoreError, match=r"no snapshot|not the id"):
            load_snapshot(store, name)


def test_the_project_is_not_changed(project: Path, snap) -> None:
    write(project, {"data/x": "1"})
    os.utime(project / "train.py")
    before = project_digest(project)
    snap(copy_paths=["data"])

    assert changes(before, project_digest(project)) == []


def test_a_large_file_is_left_out_unless_it_is_named(project: Path, snap) -> None:
    write(project, {"big.bin": b"x" * 3000, "dir/big.bin": b"y" * 3000, "data/big.bin": b"z" * 3000})
    snapshot, warnings = snap(size_limit=1000)
    named, quiet = snap(size_limit=1000, named=["big.bin", "dir"], copy_paths=["data/big.bin"])

    assert snapshot.skipped == {"big.bin": 3000, "dir/big.bin": 3000}
    assert len(warnings) == 2
    assert {"big.bin", "dir/big.bin", "data/big.bin"} <= named.files.keys()
    assert quiet == ()


def test_ignored_files_that_the_user_names_are_copied(project: Path, store: StorePaths, snap) -> None:
    write(project, {"data/x": "1", "data/run.ipynb": "{}", "data/.env": "TOKEN=canary"})
    snapshot, _ = snap(copy_paths=["data", "train.py"])

    assert snapshot.copied == ("data/run.ipynb", "data/x")
    assert snapshot.linked == ("data/.env",)
    assert not _object(store, b"TOKEN=canary").exists()
    assert "data/.env" not in snapshot.files


def test_code_that_is_named_like_a_secret_stays_a_source(project: Path, snap) -> None:
    write(project, {"src/secret_sauce.py": "x"})
    snapshot, _ = snap(copy_paths=["src"])

    assert "src/secret_sauce.py" in snapshot.files
    assert snapshot.linked == ()


def test_a_missing_file_that_the_user_names_is_an_error(snap) -> None:
    with pytest.raises(MissingInputError, match="no such file"):
        snap(copy_paths=["nothing"])


def test_what_a_link_in_the_place_of_dvcs_folder_leads_to_is_no_source(project: Path, snap) -> None:
    write(project, {"elsewhere/config.local": "password = x", "elsewhere/cache/a": "", "elsewhere2/a.py": ""})
    (project / ".dvc").symlink_to("elsewhere")

    assert list(snap()[0].files) == [".gitignore", "elsewhere2/a.py", "src/model.py", "train.py"]


def test_links_stay_links(project: Path, tmp_path: Path, snap) -> None:
    texts = {"in": "src/model.py", "dir": "src", "dangling": "nowhere", "loop": "loop", "out": "../beside"}
    (tmp_path / "beside").touch()
    for name, text in texts.items():
        (project / name).symlink_to(text)
    snapshot, warnings = snap()

    assert {name: snapshot.files[name].link for name in texts} == texts
    assert [warning.split()[0] for warning in warnings] == ["out"]


def test_an_absolute_link_into_the_project_becomes_relative(project: Path, tmp_path: Path, snap) -> None:
    (project / "src/self").symlink_to(project / "train.py")
    (project / "away").symlink_to(tmp_path)
    snapshot, warnings = snap()

    assert snapshot.files["src/self"].link == "../train.py"
    assert snapshot.files["away"].link == str(tmp_path)
    assert len(warnings) == 1


def test_deleted_files_and_pipes_are_no_sources(project: Path, snap) -> None:
    (project / "train.py").unlink()
    os.mkfifo(project / "pipe")

    assert list(snap()[0].files) == [".gitignore", "src/model.py"]


def test_a_damaged_object_is_written_anew(store: StorePaths, snap) -> None:
    snap()
    _object(store, b"print(1)\n").unlink()
    _object(store, b"print(1)\n").touch()
    snap()

    assert _object(store, b"print(1)\n").read_bytes() == b"print(1)\n"


def test_a_store_that_is_made_on_the_way_is_private(store: StorePaths, snap) -> None:
    snap()

    assert stat.S_IMODE(store.home.stat().st_mode) == 0o700
    assert not list(store.home.rglob("*.tmp"))


class _Swapper(threading.Thread):
    """Writes the same number into two files again and again, one after the other."""

    def __init__(self, project: Path, pause: float) -> None:
        super().__init__(daemon=True)
        self._project, self._pause = project, pause
        self.done = threading.Event()

    def run(self) -> None:
        number = 0
        while not self.done.is_set():
            number += 1
            for name in ("a.py", "z.py"):
                with (self._project / name).open("r+b", buffering=0) as file:
                    file.write(b"%09d" % number)
            time.sleep(self._pause)


@pytest.mark.parametrize("pause", [0.003, 0.06])
def test_files_that_change_together_are_taken_from_one_moment(project: Path, store: StorePaths, snap, pause) -> None:
    write(project, {"a.py": "0" * 9, "z.py": "0" * 9})
    swapper = _Swapper(project, pause)
    swapper.start()
    taken = []
    for _ in range(6):
        with contextlib.suppress(ProjectError):  # it may well say that the files keep changing
            taken.append(snap()[0])
    swapper.done.set()
    swapper.join()

    for snapshot in taken:
        first, second = (int(_read(store, snapshot, name)) for name in ("a.py", "z.py"))
        assert 0 <= first - second <= 1  # before or after both writes, or between them
    assert len(snap()[0].files) == 5


def _read(store: StorePaths, snapshot, name: str) -> bytes:
    md5 = snapshot.files[name].md5
    content = (store.objects / md5[:2] / md5[2:]).read_bytes()
    assert hashlib.md5(content).hexdigest() == md5
    return content


def test_a_project_without_git_is_taken_too(tmp_path: Path, store: StorePaths, hashes) -> None:
    write(tmp_path / "plain", {"a.py": "1", ".dvc/config": "[core]"})
    snapshot, _ = take_snapshot(tmp_path / "plain", RunStore(store.home), outs=[], named=[], hashes=hashes)

    assert (list(snapshot.files), snapshot.commit, snapshot.dirty) == (["a.py"], None, False)


@pytest.mark.skipif(os.geteuid() == 0, reason="root reads everything")
def test_a_file_that_cannot_be_read_is_left_out_with_a_warning(project: Path, snap) -> None:
    write(project, {"locked.txt": "x"})
    (project / "locked.txt").chmod(0)
    snapshot, warnings = snap()

    assert "locked.txt" not in snapshot.files
    assert "locked.txt" in warnings[0]
