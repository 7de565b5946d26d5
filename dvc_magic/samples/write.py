"""A sample project, written where the user wants it as a DVC project of its own.

A sample's data lies in its DVC remotes only, as most data of real projects does: the first run pulls it. A remote is
a folder inside the project, so that one folder is all there is to move, copy or delete; its objects are in git as
well, so that a clone can pull.
"""

from __future__ import annotations

import contextlib
import os
import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path

from dvc_magic.errors import ProjectError, RequestError
from dvc_magic.model.example import TRACKED
from dvc_magic.pipeline import make_dvc_project
from dvc_magic.workspace import start_git

_HOME = Path(__file__).parent
_CONFIG_IN = "dvc.config.in"  # a sample that has it needs no .dvc/config
_NAMED = 3  # files of a folder that is taken

# Nobody's git settings have a say: no identity is needed, no hook runs, nothing is signed, ignored or converted.
_GIT_SETTINGS = (
    "commit.gpgsign=false",
    f"core.excludesFile={os.devnull}",
    f"core.attributesFile={os.devnull}",
    "core.autocrlf=false",
    "init.defaultBranch=main",
)
_IGNORING_NOTHING = ("core.excludesFile", os.devnull)
_GIT_IDENTITY = {
    f"GIT_{role}_{what}": value
    for role in ("AUTHOR", "COMMITTER")
    for what, value in (("NAME", "dvc_magic"), ("EMAIL", "dvc_magic@localhost"))
}


def write_example(name: str, root: Path, *, has_packages: bool) -> bool:
    """Write a sample project, committed in git, its data in DVC remotes only; returns whether it is new.

    Side effects: makes the folder. An empty one is filled; one that is this sample already is taken as it is. When
    something goes wrong, what was made is taken away.

    Args:
        name: of the sample. root: where it goes, absolute.
        has_packages: whether what its stages import is installed; without it nothing is made.

    Raises:
        RequestError: the folder holds something else, or a package that it needs is missing.
        ProjectError: git cannot make it. PipelineError: DVC cannot.
    """
    if _is_example(root, name):
        return False
    _check_free(root, name)
    if not has_packages:
        message = f"the example {name!r} needs scikit-learn, which is not installed; pip install 'dvc-magic[examples]'"
        raise RequestError(message)
    with _scratch(root) as scratch:
        _build(name, scratch / "project")
        _move(scratch / "project", root)
    return True


def _subject(name: str) -> str:
    return f"Start from the example {name} of dvc_magic"


def _is_example(root: Path, name: str) -> bool:
    """Whether the folder began as this example: its first commit says so, whatever became of it since."""
    if not ((root / ".git").exists() and (root / ".dvc").is_dir()):
        return False
    with contextlib.suppress(ProjectError):
        return _subject(name) in _git(root, "log", "--max-parents=0", "--format=%s").splitlines()
    return False


def _check_free(root: Path, name: str) -> None:
    if not os.path.lexists(root):
        return
    if not root.is_dir():
        message = f"{str(root)!r} is there already and is no folder; name another one: %dvc_example {name} DIR"
        raise RequestError(message)
    inside = sorted(path.name for path in root.iterdir())
    if inside:
        seen = ", ".join([*inside[:_NAMED], *(["..."] if inside[_NAMED:] else [])])
        message = (
            f"{str(root)!r} is there already and is not the example {name!r} (it holds {seen}); nothing was changed. "
            f"Name a new or empty folder: %dvc_example {name} DIR"
        )
        raise RequestError(message)


@contextlib.contextmanager
def _scratch(root: Path) -> Iterator[Path]:
    """A folder on the file system of `root`; it goes away, and so do folders made for it when `root` does not come."""
    above = [folder for folder in root.parents if not folder.exists()]
    try:
        place = root if root.is_dir() else root.parent
        place.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(prefix=f".{root.name}-", dir=place) as scratch:
            yield Path(scratch)
    except OSError as error:
        message = f"the example cannot be written to {str(root)!r}: {error.strerror or error}"
        raise ProjectError(message) from error
    finally:
        if not root.exists():
            for folder in above:
                with contextlib.suppress(OSError):
                    folder.rmdir()


def _build(name: str, folder: Path) -> None:
    _copy(_HOME / name, folder)
    _git(folder, "init", "--quiet", "--template=")
    _git(folder, "config", *_IGNORING_NOTHING)  # DVC, too, would refuse what the user's git ignores everywhere
    make_dvc_project(folder, tracked=TRACKED[name])
    if (folder / _CONFIG_IN).exists():
        (folder / ".dvc" / "config").unlink()
    _git(folder, "config", "--unset", _IGNORING_NOTHING[0])
    _git(folder, "add", "--all")
    _git(folder, "add", "--force", *TRACKED[name])
    _git(folder, "commit", "--quiet", "--message", _subject(name))


def _copy(source: Path, target: Path) -> None:
    """Copy contents only: an installed package may be read-only, and its times are not those of the project."""
    target.mkdir()
    for path in source.iterdir():
        if path.is_dir() and path.name != "__pycache__":
            _copy(path, target / path.name)
        elif path.is_file():
            shutil.copyfile(path, target / path.name)


def _move(built: Path, root: Path) -> None:
    if not root.is_dir():
        built.rename(root)
        return
    for path in built.iterdir():  # the folder itself stays: it may be somebody's working directory
        path.rename(root / path.name)


def _git(folder: Path, *arguments: str) -> str:
    settings = [word for setting in _GIT_SETTINGS for word in ("-c", setting)]
    alone = {
        "GIT_CONFIG_GLOBAL": os.devnull,
        "GIT_CONFIG_SYSTEM": os.devnull,
        "GIT_CEILING_DIRECTORIES": str(folder.parent),
    }
    process = start_git(folder, *settings, *arguments, variables=_GIT_IDENTITY | alone)
    if process is None:
        message = "the example needs git, which is not on the PATH; install it and try again"
        raise ProjectError(message)
    output, complaint = process.communicate()
    if process.returncode:
        said = complaint.decode("utf-8", "replace").strip()
        message = f"git {arguments[0]} in {str(folder)!r} failed: {said or process.returncode}"
        raise ProjectError(message)
    return output.decode("utf-8", "replace")
