from __future__ import annotations

import os
from pathlib import Path

import pytest

from dvc_magic.workspace.made import Tree, is_metric_name, made_files, read_tree, whole_paths


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


def test_caches_of_tools_dvc_and_git_and_links_are_nothing_that_was_made(tmp_path: Path) -> None:
    before = read_tree(tmp_path)
    write(tmp_path, "__pycache__/fit.pyc", "src/__pycache__/a.pyc", ".dvc/tmp/x", ".git/index", "dvc.lock", "b.pyc")
    (tmp_path / "link").symlink_to("nowhere")
    assert made(tmp_path, before) == []


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
