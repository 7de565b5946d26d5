"""What dvc_magic.yaml says."""

from __future__ import annotations

from pathlib import Path

import pytest

from dvc_magic.errors import ProjectError
from dvc_magic.project.settings import read_settings


@pytest.mark.parametrize(("text", "seconds"), [("", 60.0), ("pull-timeout: 5\n", 5.0), ("pull-timeout: 0.5\n", 0.5)])
def test_a_pull_may_be_silent_for_as_long_as_the_settings_say(tmp_path: Path, text: str, seconds: float) -> None:
    (tmp_path / "dvc_magic.yaml").write_text(text)
    assert read_settings(tmp_path, {}).pull_timeout == seconds


@pytest.mark.parametrize("value", ["0", "-1", "soon", "true", ".nan", "[1]"])
def test_a_pull_timeout_that_is_no_time_is_refused(tmp_path: Path, value: str) -> None:
    (tmp_path / "dvc_magic.yaml").write_text(f"pull-timeout: {value}\n")
    with pytest.raises(ProjectError, match="'pull-timeout' in dvc_magic.yaml has to be a number of seconds"):
        read_settings(tmp_path, {})
