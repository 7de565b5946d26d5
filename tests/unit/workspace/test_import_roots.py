from __future__ import annotations

import os
import subprocess
import sys
import time
import venv
from pathlib import Path
from unittest.mock import patch

import pytest

from dvc_magic.workspace import import_roots
from tests.support.projects import write

_FINDER = """\
from __future__ import annotations
raise SystemExit("must not be imported")
MAPPING: dict[str, str] = {mapping!r}
NAMESPACES: dict[str, list[str]] = {namespaces!r}
"""


@pytest.fixture
def root(tmp_path: Path) -> Path:
    folder = tmp_path / "a project"
    write(folder, {"src/pkg/__init__.py": "", "lib/deep/mod/__init__.py": "", "ns/space/x.py": ""})
    return folder


@pytest.fixture
def python(tmp_path: Path) -> Path:
    """Another Python, in an environment of its own."""
    venv.create(tmp_path / "env", with_pip=False, symlinks=True)
    return tmp_path / "env/bin/python"


@pytest.fixture
def site(python: Path) -> Path:
    return next((python.parents[1] / "lib").glob("python*/site-packages"))


def test_entries_of_the_python_path_in_the_project_are_roots(root: Path, tmp_path: Path) -> None:
    entries = [str(root / "src"), "lib", str(tmp_path), "", str(root / "missing"), str(root / "src")]

    assert import_roots(sys.executable, root, {"PYTHONPATH": os.pathsep.join(entries)}) == ("src", "lib")


def test_pth_files_are_read_without_executing_them(root: Path, python: Path, site: Path, tmp_path: Path) -> None:
    lines = ["# comment", f"import os; os.mkdir({str(tmp_path / 'made')!r})", "", str(root / "src"), str(root), "/usr"]
    (site / "editable.pth").write_text("\n".join(lines))
    (site / ".hidden.pth").write_text(str(root / "lib"))
    (tmp_path / "cwd").mkdir()

    assert import_roots("/nothing/python", root, {}) == ()
    assert import_roots(str(python), root, {}) == ("src", ".")


def test_the_mapping_of_a_setuptools_finder_is_read_without_importing_it(root: Path, python: Path, site: Path) -> None:
    mapping = {"pkg": str(root / "src/pkg"), "deep.mod": str(root / "lib/deep/mod"), "other": str(root / "lib/deep")}
    text = _FINDER.format(mapping=mapping, namespaces={"space": [str(root / "ns/space")]})
    (site / "__editable___x_1_0_finder.py").write_text(text)

    assert import_roots(str(python), root, {}) == ("src", "lib", "ns")


@pytest.mark.parametrize("text", ["MAPPING = (", "MAPPING = {'a': f()}", "MAPPING = 5", "x = 1", "MAPPING = {1: 2}"])
def test_a_finder_that_cannot_be_read_is_passed_over(root: Path, python: Path, site: Path, text: str) -> None:
    (site / "__editable___x_finder.py").write_text(text)

    assert import_roots(str(python), root, {}) == ()


def test_an_environment_inside_the_project_is_no_root(root: Path) -> None:
    venv.create(root / ".venv", with_pip=False, symlinks=True)
    site = next((root / ".venv/lib").glob("python*/site-packages"))
    (site / "sub").mkdir()
    (site / "a.pth").write_text(f"sub\n{root / 'src'}\n")
    python = str(root / ".venv/bin/python")

    assert import_roots(python, root, {"PYTHONPATH": str(site)}) == ("src",)


def test_a_project_behind_a_link_is_recognised(root: Path, tmp_path: Path) -> None:
    (tmp_path / "link").symlink_to(root)

    assert import_roots("", root, {"PYTHONPATH": str(tmp_path / "link/src")}) == ("src",)
    assert import_roots("", tmp_path / "link", {"PYTHONPATH": str(root / "src")}) == ("src",)


def test_another_python_is_started_once(root: Path, python: Path, monkeypatch) -> None:
    import_roots(str(python), root, {})
    monkeypatch.setattr(subprocess, "run", lambda *_, **__: pytest.fail("started again"))

    assert import_roots(str(python), root, {}) == ()


def test_a_path_file_that_is_edited_is_read_anew(root: Path, python: Path, site: Path) -> None:
    file, old = site / "p.pth", time.time_ns() - 60 * 10**9

    def roots_with(text: str) -> tuple[str, ...]:
        file.write_text(text)  # as long, and as old by its mtime
        os.utime(file, ns=(old, old))
        return import_roots(str(python), root, {})

    with patch("dvc_magic.workspace.import_roots.UNSETTLED_NS", 0):
        assert roots_with(f"{root}/src\n") == import_roots(str(python), root, {}) == ("src",)
        assert roots_with(f"{root}/lib\n") == ("lib",)
    assert roots_with(f"{root}/src\n") == ("src",)
