"""Content that something has altered since it was known to be good: sources, inputs, outs, members, listings."""

from __future__ import annotations

import os
import shutil
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from dvc_magic.errors import RunError
from dvc_magic.project import Project, Run
from dvc_magic.store import check_store
from tests.support.io_counters import bytes_read_by_workers

pytestmark = pytest.mark.integration

FILES = {
    "dvc.yaml": """
stages:
  split:
    cmd: mkdir -p parts && tr r t < raw.txt > parts/a.txt && echo b > parts/b.txt && tr r s < raw.txt > one.txt
    deps: [raw.txt]
    outs: [parts, one.txt]
  count:
    cmd: python count.py
    deps: [count.py, parts, one.txt]
    params: [lr]
    outs: [counted.txt]
    metrics: [m.json: {cache: false}]
""",
    "params.yaml": "lr: 1\n",
    "raw.txt": "raw\n",
    "count.py": """
import json, pathlib, yaml
size = len("".join(file.read_text() for file in sorted(pathlib.Path("parts").iterdir())))
pathlib.Path("counted.txt").write_text(f"{size}\\n")
json.dump({"size": size, "lr": yaml.safe_load(open("params.yaml"))["lr"]}, open("m.json", "w"))
""",
}
ALTER_INPUT = """
import os, pathlib
file = pathlib.Path("one.txt")
before = file.stat()
os.chmod(file, 0o644)
file.write_text("RAW\\n")
os.chmod(file, before.st_mode)
os.utime(file, ns=(before.st_atime_ns, before.st_mtime_ns))
pathlib.Path("counted.txt").write_text("?")
pathlib.Path("m.json").write_text("{}")
"""


@pytest.fixture
def project(make_project: Any) -> Iterator[Project]:
    """Two stages, the first of which makes a folder; inputs are hardlinks, as for users who are not root."""
    root = make_project({**FILES, ".dvc/config": "[cache]\n    type = hardlink\n"})
    with Project.open(root) as opened:
        yield opened


def _overwrite(file: Path, content: bytes, *, in_place: bool = True) -> None:
    """Other bytes of the same size, with mode and mtime as they were."""
    before = file.stat()
    assert len(content) == before.st_size
    if not in_place:
        file.unlink()
        file.touch()
    file.chmod(0o644)
    file.write_bytes(content)
    file.chmod(before.st_mode & 0o777)
    os.utime(file, ns=(before.st_atime_ns, before.st_mtime_ns))


def _object(project: Project, md5: str) -> Path:
    return Path(project.store.cache.path(md5))


def _members(project: Project, run: Run) -> dict[str, str]:
    return project.store.cache.listing(run.outs["parts"].hash)


def test_an_altered_source_in_the_store_is_never_executed(project: Project) -> None:
    first = project.run("count")
    for kept in [file for file in project.store.paths.objects.rglob("*") if file.is_file()]:
        _overwrite(kept, kept.read_bytes().swapcase())
    second = project.run("count", {"lr": 2}, upstream="latest")

    assert second.metrics == {**first.metrics, "lr": 2}
    assert (second.workspace / "count.py").read_text() == FILES["count.py"]


def test_a_run_whose_output_was_altered_beyond_repair_does_not_answer(project: Project) -> None:
    first = project.run("count")
    split = first.upstream["split"]
    _overwrite(split.outs["one.txt"].path, b"SAW\n")  # object, output and input are one file
    again = project.run("split", reuse=True)

    assert again.id != split.id
    assert again.outs["one.txt"].path.read_text() == "saw\n"
    assert "was changed" in project.runs[split.number].record.spoiled["one.txt"]
    assert project.run("count", reuse=True).metrics == first.metrics
    assert check_store(project.store) == []


def test_an_output_that_has_a_whole_copy_is_put_right(project: Project) -> None:
    run = project.run("split")
    _overwrite(run.outs["parts"].path / "a.txt", b"TAW\n", in_place=False)
    (run.outs["parts"].path / "b.txt").unlink()
    answer = project.run("split", reuse=True)

    assert answer.id == run.id
    assert {file.name: file.read_text() for file in run.outs["parts"].path.iterdir()} == {
        "a.txt": "taw\n",
        "b.txt": "b\n",
    }
    assert project.runs[run.number].record.spoiled == {}
    assert [file.read_text() for file in project.store.paths.quarantine.rglob("*") if file.is_file()] == ["TAW\n"]


@pytest.mark.parametrize("damage", ["member gone", "member altered", "listing altered", "listing gone"])
def test_a_damaged_folder_in_the_runs_cache_is_mended_from_the_run_that_made_it(project: Project, damage: str) -> None:
    first = project.run("count")
    parts = first.upstream["split"]
    md5 = _members(project, parts)["a.txt"] if "member" in damage else parts.outs["parts"].hash
    kept = _object(project, md5)
    if "altered" in damage:
        _overwrite(kept, kept.read_bytes().swapcase(), in_place=False)
    else:
        kept.unlink()
    second = project.run("count", {"lr": 2})

    assert second.upstream["split"].id == parts.id
    assert second.metrics["size"] == first.metrics["size"]
    assert check_store(project.store) == []


@pytest.mark.parametrize("damage", ["gone", "altered"])
def test_a_folder_of_which_no_whole_copy_is_left_is_made_anew_by_the_next_call(project: Project, damage: str) -> None:
    first = project.run("count")
    parts = first.upstream["split"]
    listing = _object(project, parts.outs["parts"].hash)
    member = _object(project, _members(project, parts)["a.txt"])
    for file in (member, *(run.workspace / "parts/a.txt" for run in (first, parts))):
        if damage == "gone":
            file.unlink()
        else:
            _overwrite(file, b"TAW\n")
    listing.unlink()
    second = project.run("count", {"lr": 2})

    assert second.upstream["split"].id != parts.id
    assert second.metrics["size"] == first.metrics["size"]
    assert check_store(project.store) == []


def test_a_stage_that_writes_into_its_input_and_hides_it_spoils_nothing_unseen(project: Project) -> None:
    first = project.run("count")
    parts = first.upstream["split"]
    (project.root / "count.py").write_text(ALTER_INPUT)
    guilty = project.run("count")
    (project.root / "count.py").write_text(FILES["count.py"])
    after = project.run("count", {"lr": 2})

    assert any("wrote into its dependency one.txt" in line for line in guilty.record.warnings)
    assert guilty.record.deps["one.txt"].changed
    assert "one.txt" in project.runs[parts.number].record.spoiled
    assert "one.txt" in project.runs[first.number].record.spoiled
    assert after.upstream["split"].id != parts.id
    assert after.metrics["size"] == first.metrics["size"]


def test_a_run_that_is_named_and_was_altered_is_refused(project: Project) -> None:
    parts = project.run("split")
    _overwrite(parts.outs["one.txt"].path, b"SAW\n")

    with pytest.raises(RunError, match=r"split 1, named by --use, does not have its outputs .* name another run"):
        project.run("count", use={"split": 1})


def test_what_is_handed_out_is_looked_at_again(project: Project) -> None:
    run = project.run("split")
    one, member = run.outs["one.txt"].path, run.outs["parts"] / "b.txt"
    member.unlink()
    assert run.outs["parts"].altered == ""
    assert member.read_text() == "b\n"  # from the runs' cache

    _overwrite(one, b"SAW\n")
    assert "was changed" in run.outs["one.txt"].altered
    assert "altered since the run" in repr(run.outs)
    assert "altered since" in repr(run.card())
    with pytest.raises(RunError, match=r"one\.txt of run 1 is not what the run made any more.*Run 'split' again"):
        run.copy("one.txt", project.root / "copy.txt")
    assert run.copy("parts", project.root / "copy").is_dir()


def test_unchanged_content_is_hashed_once_and_again_after_each_doubt(make_project: Any, tmp_path: Path) -> None:
    size = 60_000_000  # a worker reads 15 MB to start
    files = {"dvc.yaml": "stages:\n  s:\n    cmd: wc -c < big > n\n    deps: [big]\n    params: [i]\n    outs: [n]\n"}
    config = {".dvc/config": "[cache]\n    type = hardlink\n", ".gitignore": "/big\n", "params.yaml": "i: 0\n"}
    root = make_project({**files, **config})
    (root / "big").write_bytes(os.urandom(size))
    _touch(root / "big")

    def read_by(run: Any) -> int:
        """How often the workers read as much as the big file has, while something runs."""
        before = bytes_read_by_workers()
        run()
        return round((bytes_read_by_workers() - before) / size)

    with Project.open(root) as project:
        project.run("s")
        kept = Path(project.store.cache.path(project.run("s").deps["big"].hash))
        assert read_by(lambda: project.grid("s", {"i": list(range(1, 12))})) == 0
        for doubt in (lambda: os.utime(kept), lambda: kept.chmod(0o400), lambda: _touch(root / "big")):
            doubt()
            assert [read_by(lambda: project.run("s")), read_by(lambda: project.run("s"))] == [1, 0]
        home = project.store.home
    with Project.open(root, home=str(tmp_path)) as copied:
        shutil.copytree(home, copied.store.home, symlinks=True, dirs_exist_ok=True)
        copied.stages["s"]
        assert [read_by(lambda: copied.run("s")), read_by(lambda: copied.run("s"))] == [1, 0]


def _touch(file: Path) -> None:
    os.utime(file)
    time.sleep(2.1)  # the hash of a younger file is not kept
