from __future__ import annotations

import os
from pathlib import Path
from socket import AF_UNIX, socket

import pytest

from dvc_magic.workspace.made import (
    Tree,
    is_metric_name,
    made_below,
    made_files,
    made_others,
    read_tree,
    unkeepable,
    whole_paths,
)


def write(root: Path, *paths: str) -> None:
    for path in paths:
        (root / path).parent.mkdir(parents=True, exist_ok=True)
        (root / path).write_text(path)


def made(root: Path, before: Tree, *apart: str) -> list[str]:
    return whole_paths(made_files(before, read_tree(root)), before, apart=apart)


def test_a_new_file_counts_by_its_path_in_a_folder_that_was_there(tmp_path: Path) -> None:
    write(tmp_path, "src/fit.py")
    before = read_tree(tmp_path)
    write(tmp_path, "model.pkl", "src/weights.bin")
    assert made(tmp_path, before) == ["model.pkl", "src/weights.bin"]


def test_a_folder_that_is_new_counts_as_a_whole(tmp_path: Path) -> None:
    before = read_tree(tmp_path)
    write(tmp_path, "plots/loss/a.png", "plots/b.png")
    assert made(tmp_path, before) == ["plots"]


def test_metrics_and_named_paths_keep_their_own_place_in_a_new_folder(tmp_path: Path) -> None:
    before = read_tree(tmp_path)
    write(tmp_path, "out/metrics.json", "out/plots/a.png", "out/plots/b.png", "out/named.txt", "out/c.txt")
    assert made(tmp_path, before, "out/named.txt") == ["out/c.txt", "out/metrics.json", "out/plots"]


def test_a_file_that_was_changed_counts_and_one_that_was_touched_to_the_same_time_does_not(tmp_path: Path) -> None:
    write(tmp_path, "notes.txt", "still.txt")
    before = read_tree(tmp_path)
    (tmp_path / "notes.txt").write_text("something else")
    facts = (tmp_path / "still.txt").stat()
    os.utime(tmp_path / "still.txt", ns=(0, facts.st_mtime_ns))
    assert made(tmp_path, before) == ["notes.txt"]


def test_caches_of_tools_dvc_and_git_are_nothing_that_was_made(tmp_path: Path) -> None:
    before = read_tree(tmp_path)
    write(tmp_path, "__pycache__/fit.pyc", "src/__pycache__/a.pyc", ".dvc/tmp/x", ".git/index", "dvc.lock", "b.pyc")
    assert made(tmp_path, before) == []


def test_a_link_to_a_file_counts_as_a_file_and_a_removed_file_does_not_count(tmp_path: Path) -> None:
    write(tmp_path, "raw.csv", "old.csv")
    before = read_tree(tmp_path)
    (tmp_path / "old.csv").unlink()
    (tmp_path / "same.csv").symlink_to("raw.csv")
    assert made(tmp_path, before) == ["same.csv"]


def test_what_is_no_file_is_told_by_what_it_is(tmp_path: Path) -> None:
    write(tmp_path, "src/a.py")
    (tmp_path / "known").symlink_to("nowhere")
    before = read_tree(tmp_path)
    os.mkfifo(tmp_path / "pipe")
    with socket(AF_UNIX) as server:
        server.bind(str(tmp_path / "socket"))
    for name, target in {"lost": "nowhere", "loop": "loop", "null": "/dev/null", "code": "src"}.items():
        (tmp_path / name).symlink_to(target)
    (tmp_path / os.fsdecode(b"\xff")).write_text("")
    assert made(tmp_path, before) == []
    assert made_others(before, read_tree(tmp_path)) == {
        "code": "a link to a folder",
        "loop": "a link that leads nowhere",
        "lost": "a link that leads nowhere",
        "null": "a link to a device",
        "pipe": "a named pipe",
        "socket": "a socket",
        os.fsdecode(b"\xff"): "a name that is no UTF-8 text",
    }


def test_a_new_folder_around_what_is_kept_apart_counts_file_by_file(tmp_path: Path) -> None:
    before = read_tree(tmp_path)
    write(tmp_path, "out/a.txt", "out/deep/b.txt", "out/deep/c.txt", "out/bad/d.txt")
    os.mkfifo(tmp_path / "out/bad/pipe")
    assert made(tmp_path, before, "out/bad/pipe") == ["out/a.txt", "out/bad/d.txt", "out/deep"]


def test_what_was_written_into_some_folders_is_told_for_each(tmp_path: Path) -> None:
    write(tmp_path, "data/raw/x.csv", "labels/l.csv", "other/o.csv")
    before = read_tree(tmp_path)
    write(tmp_path, "data/raw/new.csv", "data/y.csv", "other/p.csv")
    found = made_below(before, read_tree(tmp_path), ["data", "labels", "data/y.csv"])
    assert found == {"data": ["data/raw/new.csv", "data/y.csv"]}


def test_only_the_folders_that_are_asked_for_are_looked_at(tmp_path: Path) -> None:
    write(tmp_path, "data/x.csv", "other/o.csv", "single.csv")
    assert list(read_tree(tmp_path, below=["data", "single.csv", "gone"]).files) == ["data/x.csv"]


def test_what_dvc_cannot_read_is_found_wherever_it_lies_but_behind_links(tmp_path: Path) -> None:
    write(tmp_path, "out/__pycache__/a.pyc", "beside/b.txt")
    os.mkfifo(tmp_path / "out/__pycache__/pipe")
    os.mkfifo(tmp_path / "beside/pipe")
    (tmp_path / "out/link").symlink_to("../beside")
    (tmp_path / "top").symlink_to("beside")
    assert unkeepable(tmp_path, "out") == {"out/__pycache__/pipe": "a named pipe"}
    assert unkeepable(tmp_path, "top") == {"top/pipe": "a named pipe"}
    assert unkeepable(tmp_path, "beside/pipe") == {"beside/pipe": "a named pipe"}
    assert unkeepable(tmp_path, "beside/b.txt") == unkeepable(tmp_path, "missing") == {}


@pytest.mark.parametrize(
    ("name", "says"),
    [
        ("metrics.json", True),
        ("out/Metrics.YAML", True),
        ("eval_metrics.toml", True),
        ("train-metric.yml", True),
        ("metric_1.json", True),
        ("geometrics.json", False),
        ("metrics.csv", False),
        ("metrics", False),
        ("summary.json", False),
    ],
)
def test_a_name_says_whether_a_file_holds_metrics(name: str, says: bool) -> None:
    assert is_metric_name(name) is says
