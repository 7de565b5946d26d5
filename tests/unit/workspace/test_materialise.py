from __future__ import annotations

import os
import stat
from pathlib import Path

import pytest
from msgspec.structs import replace

from dvc_magic.errors import StoreError
from dvc_magic.model.paths import StorePaths, object_path
from dvc_magic.model.snapshot import Snapshot, SourceFile
from dvc_magic.store import RunStore
from dvc_magic.workspace import materialise
from tests.support.projects import write

_EMPTY = "d41d8cd98f00b204e9800998ecf8427e"


@pytest.fixture
def target(tmp_path: Path) -> Path:
    folder = tmp_path / "runs" / "workspace"
    folder.mkdir(parents=True)
    return folder


def _make(snapshot: Snapshot, store: StorePaths, target: Path, **options) -> tuple[str, ...]:
    return materialise(
        snapshot, RunStore(store.home).sources, target, **{"leave_out": lambda _: False, "replace": {}} | options
    )


def test_a_workspace_gets_every_file_with_content_mode_and_mtime(project: Path, store, target, snap) -> None:
    content = os.urandom(700_000)
    write(project, {"new\nline 'q'.py": b"a\r\nb", "-rf": "", "large.bin": content})
    (project / "train.py").chmod(0o755)
    os.utime(project / "train.py", ns=(7, 1_111_111_111_222_222_222))
    written = _make(snap()[0], store, target)

    assert set(written) == {".gitignore", "new\nline 'q'.py", "-rf", "large.bin", "train.py", "src/model.py"}
    assert all((target / path).read_bytes() == (project / path).read_bytes() for path in written)
    assert stat.S_IMODE((target / "train.py").stat().st_mode) == 0o755
    assert stat.S_IMODE((target / "-rf").stat().st_mode) == 0o644
    assert (target / "train.py").stat().st_mtime_ns == 1_111_111_111_222_222_222


def test_files_begin_unread(store, target, snap) -> None:
    snapshot, _ = snap()
    written = _make(snapshot, store, target, replace={"params.yaml": b"lr: 1"})

    assert {path: (target / path).lstat().st_atime_ns for path in written} == dict.fromkeys(written, 0)


def test_files_have_contents_of_their_own(store: StorePaths, target: Path, snap) -> None:
    _make(snap()[0], store, target)
    with (target / "train.py").open("a") as file:
        file.write("more")
    again = target.parent / "again"
    again.mkdir()
    _make(snap()[0], store, again)

    assert (again / "train.py").read_text() == "print(1)\n"


def test_the_mode_does_not_depend_on_the_umask(store: StorePaths, target: Path, snap) -> None:
    before = os.umask(0o077)
    try:
        _make(snap()[0], store, target)
    finally:
        os.umask(before)

    assert stat.S_IMODE((target / "train.py").stat().st_mode) == 0o644


def test_what_is_left_out_is_not_written(store: StorePaths, target: Path, snap) -> None:
    written = _make(snap()[0], store, target, leave_out=lambda path: path.startswith("src/"))

    assert "src/model.py" not in written
    assert not (target / "src").exists()


def test_other_content_takes_the_place_of_a_files_or_a_links(project: Path, store, target, snap) -> None:
    (project / "params.yaml").symlink_to("train.py")
    texts = {"params.yaml": b"lr: 0.1\n", "train.py": b"print(2)\n", "conf/new.yaml": b"x: 1\n"}
    _make(snap()[0], store, target, replace=texts)

    assert {path: (target / path).read_bytes() for path in texts} == texts
    assert not (target / "params.yaml").is_symlink()
    assert (target / "train.py").stat().st_mtime_ns > (project / "train.py").stat().st_mtime_ns


def test_links_are_links_in_the_workspace_too(project: Path, store, target, snap) -> None:
    (project / "src/up").symlink_to("../train.py")
    (project / "folder").symlink_to("src")
    (project / "loop").symlink_to("loop")
    _make(snap()[0], store, target)

    assert (target / "src/up").read_text() == "print(1)\n"
    assert (target / "folder/model.py").read_text() == "x = 1\n"
    assert (target / "loop").readlink() == Path("loop")


@pytest.mark.parametrize("path", ["../out", "/tmp/out", "a/../../out", "", "a//b", "./a", "a/", "nul\0"])
def test_a_path_that_leads_out_is_refused_before_anything_is_written(store, target: Path, snap, path: str) -> None:
    snapshot, _ = snap()
    hostile = replace(snapshot, files=snapshot.files | {path: snapshot.files["train.py"]})

    with pytest.raises(StoreError, match="not to be trusted"):
        _make(hostile, store, target)
    with pytest.raises(StoreError, match="not to be trusted"):
        _make(snapshot, store, target, replace={path: b""})
    assert list(target.iterdir()) == []


def test_a_file_below_a_link_is_refused(store: StorePaths, target: Path, snap, tmp_path: Path) -> None:
    snapshot, _ = snap()
    link = SourceFile(md5=_EMPTY, size=0, mtime_ns=0, link=str(tmp_path))
    hostile = replace(snapshot, files={"a": link, "a/b": snapshot.files["train.py"]})

    with pytest.raises(StoreError, match="which is a link"):
        _make(hostile, store, target)
    assert not (tmp_path / "b").exists()


def test_a_link_that_is_there_before_is_not_followed(store: StorePaths, target: Path, snap, tmp_path: Path) -> None:
    (target / "src").symlink_to(tmp_path)

    with pytest.raises(StoreError, match="expected a folder"):
        _make(snap()[0], store, target)
    assert not (tmp_path / "model.py").exists()


@pytest.mark.parametrize("damage", [None, b"longer than it should be", b"Print(1)\n"])
def test_a_missing_or_altered_content_says_what_to_do(store: StorePaths, target: Path, snap, damage) -> None:
    snapshot, _ = snap()
    kept = Path(object_path(store.objects, snapshot.files["train.py"].md5))
    kept.unlink()
    if damage is not None:
        kept.write_bytes(damage)
    with pytest.raises(StoreError, match=r"no longer has 'train\.py'.*run again"):
        _make(snapshot, store, target)

    assert not (target / "train.py").exists()
    assert not kept.exists()


def test_a_content_that_was_altered_is_kept_anew_with_the_next_snapshot(store: StorePaths, target: Path, snap) -> None:
    snapshot, _ = snap()
    kept = Path(object_path(store.objects, snapshot.files["train.py"].md5))
    content, before = kept.read_bytes(), kept.stat()
    kept.chmod(0o644)
    kept.write_bytes(content.swapcase())
    kept.chmod(0o444)
    os.utime(kept, ns=(before.st_atime_ns, before.st_mtime_ns))
    assert snap()[0] == snapshot
    _make(snapshot, store, target)

    assert (target / "train.py").read_bytes() == content
