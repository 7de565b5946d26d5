from __future__ import annotations

import os
import platform
import sys
from pathlib import Path

import pytest

from dvc_magic.errors import StoreError
from dvc_magic.model.paths import StorePaths
from dvc_magic.store import read_packages
from dvc_magic.workspace import environment, python_environment
from dvc_magic.workspace.interpreter import Interpreter, site_names
from tests.support.projects import write


@pytest.fixture
def site(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The only site-packages folders of the Python: this one, and ``second`` beside it."""
    folders = (tmp_path / "site", tmp_path / "second", tmp_path / "missing")
    for folder in folders[:2]:
        folder.mkdir()
    found = Interpreter(version="3.12.1", prefix="", site_folders=tuple(map(str, folders)))
    monkeypatch.setattr(environment, "describe_interpreter", lambda _: found)
    return folders[0]


def _packages(store: StorePaths) -> dict[str, str]:
    return read_packages(store, python_environment(store, "").packages)


def test_it_tells_version_platform_and_what_is_installed(store: StorePaths) -> None:
    found = python_environment(store, sys.executable)

    assert (found.python, found.platform) == (platform.python_version(), sys.platform)
    assert "pytest" in read_packages(store, found.packages)


def test_names_and_versions_are_read_off_the_folders(site: Path, store: StorePaths) -> None:
    for name in ("PyYAML-6.0.1", "ruamel.yaml-0.18.6", "a_b-1.0.dev3+g12", "noversion"):
        (site / f"{name}.dist-info").mkdir()
    write(site, {"old_egg-2.0-py3.11.egg-info": "", "module.py": ""})

    assert _packages(store) == {
        "a-b": "1.0.dev3+g12", "noversion": "", "old-egg": "2.0", "pyyaml": "6.0.1", "ruamel-yaml": "0.18.6",
    }  # fmt: skip


def test_the_first_folder_of_the_path_wins(site: Path, store: StorePaths) -> None:
    (site / "x-1.dist-info").mkdir()
    (site.parent / "second/x-2.dist-info").mkdir()

    assert _packages(store) == {"x": "1"}


def test_the_digest_changes_with_what_is_installed_alone(site: Path, store: StorePaths) -> None:
    first = python_environment(store, "").packages
    (site / "module.py").touch()
    same = python_environment(store, "").packages
    (site / "x-1.dist-info").mkdir()

    assert first == same
    assert python_environment(store, "").packages != first


@pytest.mark.parametrize("digest", ["0" * 32, "../../run", ""])
def test_a_list_that_is_not_there_says_so(store: StorePaths, digest: str) -> None:
    with pytest.raises(StoreError, match="no list of packages"):
        read_packages(store, digest)


def test_a_python_that_does_not_start_has_no_version(store: StorePaths) -> None:
    assert python_environment(store, "/nothing/python").python == ""


def test_a_package_that_comes_right_after_a_look_is_seen(tmp_path: Path) -> None:
    site = tmp_path / "site-packages"
    (site / "a-1.dist-info").mkdir(parents=True)
    names = {"a-1.dist-info"}
    for number in range(20):
        assert set(site_names(str(site))) == names
        (site / f"b-{number}.dist-info").mkdir()
        names.add(f"b-{number}.dist-info")


def test_the_names_of_a_folder_are_kept_until_one_comes_or_goes(tmp_path: Path) -> None:
    site = tmp_path / "site-packages"
    (site / "a-1.dist-info").mkdir(parents=True)
    os.utime(site, (1, 1))
    first = site_names(str(site))

    assert site_names(str(site)) is first
    (site / "a-1.dist-info").rename(site / "a-2.dist-info")
    assert site_names(str(site)) == ("a-2.dist-info",)
    assert site_names(str(tmp_path / "missing")) == ()
