from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from dvc_magic.engine.surroundings import keep_surroundings, load_surroundings
from dvc_magic.errors import StoreError
from dvc_magic.model.snapshot import Snapshot
from dvc_magic.pipeline import ProjectReader
from dvc_magic.store import RunStore
from tests.support.commands import git

Keep = Callable[..., tuple[str, RunStore]]


@pytest.fixture
def project(make_project: Callable[..., Path]) -> Path:
    return make_project({"train.py": "", "dvc.yaml": "stages: {}\n"})


@pytest.fixture
def keep(project: Path, tmp_path: Path) -> Keep:
    """Keeps what the project is now; gives the md5, and the store."""
    store = RunStore(tmp_path / "store")

    def keep_now(*, python_path: str = "") -> tuple[str, RunStore]:
        reader = ProjectReader(project, store)
        return keep_surroundings(reader, Snapshot(id="0" * 32), store=store, python_path=python_path)[0], store

    return keep_now


def test_what_is_kept_stays_when_the_project_changes_and_is_another_then(project: Path, keep: Keep) -> None:
    head = git(project, "rev-parse", "HEAD").strip()
    before, store = keep()
    assert keep()[0] == before

    git(project, "commit", "--quiet", "--allow-empty", "-m", "Later")
    (project / ".dvc/config").write_text("[cache]\n    type = hardlink\n")
    after, _ = keep()

    kept, now = load_surroundings(before, store), load_surroundings(after, store)
    assert kept.git is not None
    assert now.git is not None
    assert (kept.git.commit, kept.cache_types) == (head, None)
    assert (now.git.refs["refs/heads/main"], now.cache_types) == (now.git.commit, ("hardlink",))
    assert now.git.commit != head


def test_text_that_is_no_utf_8_is_kept_as_it_is(project: Path, keep: Keep) -> None:
    (project / ".git/info/exclude").write_bytes(b"/caf\xe9\n")

    kept = load_surroundings(*keep())

    assert kept.git is not None
    assert kept.git.exclude.encode("utf-8", "surrogateescape") == b"/caf\xe9\n"


def test_of_the_python_path_only_what_lies_outside_of_the_project_is_kept(
    project: Path, keep: Keep, tmp_path: Path
) -> None:
    (tmp_path / "into").symlink_to(project)
    entries = [project / "src", tmp_path / "into", tmp_path / "lib", project, "", f"{project}-beside"]

    kept = load_surroundings(*keep(python_path=":".join(map(str, entries))))

    assert kept.python_path == (str(tmp_path / "lib"), f"{project}-beside")


@pytest.mark.parametrize("damage", [Path.unlink, lambda file: file.chmod(0o644) or file.write_text("{}")])
def test_what_is_gone_or_was_changed_is_an_error_that_says_so(keep: Keep, damage: Callable[[Path], object]) -> None:
    md5, store = keep()
    load_surroundings(md5, store)
    damage(Path(store.sources.path(md5)))

    with pytest.raises(StoreError, match="gone or was changed"):
        load_surroundings(md5, store)
