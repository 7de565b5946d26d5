"""The sample projects that come with the package, each written where the user wants it as a DVC project of its own.

A sample's data lies in its DVC remotes only, as most data of real projects does: the first run pulls it. A remote is
a folder inside the project, so that one folder is all there is to move, copy or delete; its objects are in git as
well, so that a clone can pull.
"""

from __future__ import annotations

import contextlib
import importlib.util
import os
import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path

from msgspec import Struct

from dvc_magic.client import Host
from dvc_magic.errors import ProjectError, RequestError, close_matches
from dvc_magic.wire import MakeProject
from dvc_magic.workspace import start_git

_HOME = Path(__file__).parent / "examples"
# Example -> remote -> what DVC tracks and keeps there; the first remote is the default.
_TRACKED = {
    "iris": {"storage": ("data/iris.csv",)},
    "guild": {"storage": ("iris.csv",), "archive": ("hello.in",)},
}
_CONFIG_IN = "dvc.config.in"  # a sample that has it needs no .dvc/config
_NAMED = 3  # files of a folder that is taken
_NEEDED = "sklearn"

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


class Example(Struct, frozen=True, kw_only=True):
    """A sample project on disk.

    Attributes:
        name: which one it is. root: its folder, absolute. made: False when it was there already.
    """

    name: str
    root: Path
    made: bool


def example_names() -> tuple[str, ...]:
    """The samples that there are."""
    return tuple(_TRACKED)


def write_example(name: str, folder: Path | None = None) -> Example:
    """Write a sample project, committed in git, with its data in its DVC remote only.

    Side effects: makes the folder, with `name` in the working directory when `folder` is None. An empty folder is
    filled; one that is this sample already is taken as it is. When something goes wrong, what was made is taken away.

    Args:
        name: of the sample.
        folder: where it goes.

    Raises:
        RequestError: no such sample, the folder holds something else, or a package that it needs is missing.
        ProjectError: git or DVC cannot make it.
    """
    if name not in _TRACKED:
        message = f"no example {name!r}.{close_matches(name, [*_TRACKED])} Examples: {', '.join(_TRACKED)}"
        raise RequestError(message)
    root = (folder or Path(name)).expanduser().absolute()
    if _is_example(root, name):
        return Example(name=name, root=root, made=False)
    _check_free(root, name)
    if importlib.util.find_spec(_NEEDED) is None:
        message = f"the example {name!r} needs scikit-learn, which is not installed; pip install 'dvc-magic[examples]'"
        raise RequestError(message)
    with _scratch(root) as scratch:
        _build(name, scratch / "project")
        _move(scratch / "project", root)
    return Example(name=name, root=root, made=True)


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
    host = Host(project=folder, home=folder / ".dvc_magic", log=folder.parent / "host.log")
    try:
        host.ask(MakeProject(tracked=dict(_TRACKED[name])))
    finally:
        host.close()
    if (folder / _CONFIG_IN).exists():
        (folder / ".dvc" / "config").unlink()
    _git(folder, "config", "--unset", _IGNORING_NOTHING[0])
    _git(folder, "add", "--all")
    _git(folder, "add", "--force", *_TRACKED[name])
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
