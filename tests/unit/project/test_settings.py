"""What dvc_magic.yaml says."""

from __future__ import annotations

from pathlib import Path

import pytest

from dvc_magic.errors import NotAProjectError, ProjectError
from dvc_magic.project.settings import find_root, read_settings


@pytest.mark.parametrize(("text", "seconds"), [("", 60.0), ("pull-timeout: 5\n", 5.0), ("pull-timeout: 0.5\n", 0.5)])
def test_a_pull_may_be_silent_for_as_long_as_the_settings_say(tmp_path: Path, text: str, seconds: float) -> None:
    (tmp_path / "dvc_magic.yaml").write_text(text)
    assert read_settings(tmp_path, {}).pull_timeout == seconds


@pytest.mark.parametrize("value", ["0", "-1", "soon", "true", ".nan", "[1]"])
def test_a_pull_timeout_that_is_no_time_is_refused(tmp_path: Path, value: str) -> None:
    (tmp_path / "dvc_magic.yaml").write_text(f"pull-timeout: {value}\n")
    with pytest.raises(ProjectError, match="'pull-timeout' in dvc_magic.yaml has to be a number of seconds"):
        read_settings(tmp_path, {})


@pytest.mark.parametrize("key", ["home", "pull-timeout", "copy-paths", "operations"])
def test_aliases_that_grow_without_bound_are_refused_wherever_they_go(tmp_path: Path, key: str) -> None:
    lines = [
        "x0: &x0 [a, a, a, a, a, a, a, a, a]",
        *(f"x{i}: &x{i} [{', '.join([f'*x{i - 1}'] * 9)}]" for i in range(1, 10)),
    ]
    (tmp_path / "dvc_magic.yaml").write_text("\n".join([*lines, f"{key}: *x9\n"]))
    with pytest.raises(ProjectError, match=r"^dvc_magic.yaml: its aliases \(\*NAME\) repeat more than 100,000 values"):
        read_settings(tmp_path, {})


def test_a_dvc_folder_may_be_a_link_and_one_that_leads_nowhere_is_named(tmp_path: Path) -> None:
    (tmp_path / "a/b").mkdir(parents=True)
    (tmp_path / "a/.dvc").symlink_to("../elsewhere")
    with pytest.raises(NotAProjectError, match=r"/a/\.dvc' is a link to '\.\./elsewhere', which is no folder now"):
        find_root(tmp_path / "a/b")
    (tmp_path / "elsewhere").mkdir()
    assert find_root(tmp_path / "a/b") == tmp_path / "a"
