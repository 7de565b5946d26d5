from __future__ import annotations

import os
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from dvc_magic.workspace.git_index import GitIndex
from tests.support.commands import git
from tests.support.projects import write

NAMES = ["a.py", "src/long/name/one.py", "src/long/name/two.py", "z" * 200, "é ü.txt"]
GONE = ["src/long/name/one.py", "z" * 200, "é ü.txt"]


def hide(file: Path, hidden: Callable[[str, str], bool], *, sha256: bool = False) -> None:
    file.write_bytes(GitIndex(file.read_bytes(), sha256=sha256).marked(hidden=hidden, compared=[]))


def _repository(folder: Path, *options: str) -> Path:
    write(folder, dict.fromkeys(NAMES, "text"))
    git(folder, "init", "--quiet", *options)
    return folder


def _commit(folder: Path) -> None:
    git(folder, "add", "--all")
    git(folder, "commit", "--quiet", "-m", "Start")


def _lose_some(folder: Path) -> None:
    (folder / "a.py").write_text("other text")
    for name in GONE:
        (folder / name).unlink()


@pytest.mark.parametrize("version", [2, 3, 4])
@pytest.mark.parametrize("checksum", ["false", "true"])
def test_hidden_files_may_be_missing_and_others_not_whatever_the_format(
    version: int, checksum: str, tmp_path: Path
) -> None:
    folder = _repository(tmp_path / "r")
    git(folder, "config", "index.version", str(version))
    git(folder, "config", "index.skipHash", checksum)
    _commit(folder)
    if version == 3:
        write(folder, {"new": ""})
        git(folder, "add", "--intent-to-add", "new")
        (folder / "new").unlink()
    _lose_some(folder)

    hide(folder / ".git" / "index", lambda path, _: path in [*GONE, "new"])

    assert (folder / ".git" / "index").read_bytes()[7] == version
    assert git(folder, "status", "--porcelain", "--untracked-files=no").rstrip().endswith(" M a.py")
    assert git(folder, "-c", "core.quotePath=false", "ls-files").split("\n")[:-1] == sorted(
        [*NAMES, *(["new"] if version == 3 else [])]
    )
    git(folder, "fsck")


def test_a_sha256_repository_is_read_as_well_and_the_blobs_are_told(tmp_path: Path) -> None:
    folder = _repository(tmp_path / "r", "--object-format=sha256")
    _commit(folder)
    _lose_some(folder)
    blobs: dict[str, str] = {}

    def hidden(path: str, blob: str) -> bool:
        blobs[path] = blob
        return True

    hide(folder / ".git" / "index", hidden, sha256=True)

    assert git(folder, "status", "--porcelain") == ""
    assert blobs["a.py"] == git(folder, "rev-parse", "HEAD:a.py").strip()


def test_git_looks_into_a_file_that_is_to_be_compared_however_equal_its_time_and_size_are(tmp_path: Path) -> None:
    folder = _repository(tmp_path / "r")
    git(folder, "config", "core.checkStat", "minimal")
    git(folder, "config", "core.trustCtime", "false")
    _commit(folder)
    index = folder / ".git/index"
    for name in ("a.py", "src/long/name/one.py"):
        times = (folder / name).stat()
        (folder / name).write_text("TEXT")
        os.utime(folder / name, ns=(times.st_atime_ns, times.st_mtime_ns))
    content = GitIndex(index.read_bytes()).marked(hidden=lambda *_: False, compared=["a.py", "é ü.txt"])

    index.write_bytes(content)
    os.utime(index, (time.time() + 2,) * 2)

    assert git(folder, "status", "--porcelain") == " M a.py\n"


@pytest.mark.parametrize("content", [b"", b"no index", b"DIRC" + bytes(40)])
def test_a_strange_index_is_left_alone(content: bytes) -> None:
    assert GitIndex(content).marked(hidden=lambda *_: True, compared=["a.py"]) == content


def test_an_index_names_the_file_that_has_its_larger_part(tmp_path: Path) -> None:
    folder = _repository(tmp_path / "r")
    _commit(folder)
    assert GitIndex((folder / ".git/index").read_bytes()).shared == ""

    git(folder, "update-index", "--split-index")

    shared = GitIndex((folder / ".git/index").read_bytes()).shared
    assert [path.name for path in (folder / ".git").glob("sharedindex.*")] == [shared]
