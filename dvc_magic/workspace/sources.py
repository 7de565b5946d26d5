"""Which files of a project are its sources: what git would show, or the tree less ``.dvcignore``.

With git, compiled modules beside shown ones are sources too, though ignored: a package is not whole without them.
"""

from __future__ import annotations

import fnmatch
import os
import re
from collections.abc import Collection, Iterable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING

from msgspec import Struct
from msgspec.structs import replace

from dvc_magic.errors import MissingInputError
from dvc_magic.model.relative import in_any, is_below
from dvc_magic.workspace.git_command import start_git
from dvc_magic.workspace.git_state import git_top

if TYPE_CHECKING:
    from pathspec import GitIgnoreSpec

__all__ = ["Listing", "NamedFiles", "SourceRules", "list_sources", "named_files"]

_CACHES = frozenset({"__pycache__", ".ipynb_checkpoints", ".git", ".dvc_magic"})
_MORE_CACHES = frozenset({".hg", ".svn", ".mypy_cache", ".pytest_cache", ".ruff_cache", ".tox", ".nox"})
_ENVIRONMENT_MARKS = ("pyvenv.cfg", "conda-meta/history")
_SECRET_NAMES = (
    ".env", ".env.*", "*.env", "*.pem", "*.key", "*.p12", "*.pfx", ".netrc", ".pgpass", ".git-credentials",
    "id_rsa*", "id_dsa*", "id_ecdsa*", "id_ed25519*", ".ssh", "*credential*", "*secret*",
)  # fmt: skip
# What a build leaves beside sources, ignored by git, and without which a package cannot be imported.
_BUILT = re.compile(r"(?:.+\.(?:so|pyd)|_version\.py)\Z")
_CODE = (".py", ".pyi", ".pyx", ".pxd")
_LS_FILES = ("ls-files", "-z", "--cached", "--others", "--exclude-standard")
_STATUS = ("status", "--porcelain=v2", "--branch", "-z", "--untracked-files=no", "--no-renames", "--no-ahead-behind")


class SourceRules(Struct, frozen=True, kw_only=True):
    """What is left out of the listing.

    Attributes:
        outs: what DVC makes or tracks: these paths and all below them.
        named: what some stage names: these paths and all below them.
        store: the run store's folder from the project's root, None when it lies elsewhere.
    """

    outs: frozenset[str]
    named: frozenset[str]
    store: str | None = None

    def may_hold(self, folder: str) -> bool:
        """Whether sources may lie in a folder: the walk does not enter others."""
        name = folder.rpartition("/")[2]
        return name not in _CACHES and folder != self.store and not in_any(folder, self.outs)

    def admits(self, path: str) -> bool:
        """Whether a file is a source, by its path alone."""
        *folders, name = path.split("/")
        if _is_dvc_file(folders, name) or not _CACHES.isdisjoint((*folders, name)) or in_any(path, self.outs):
            return False
        if self.store is not None and in_any(path, (self.store,)):
            return False
        return not name.endswith(".ipynb") or in_any(path, self.named)


def _is_dvc_file(folders: list[str], name: str) -> bool:
    """DVC's own files, which each workspace gets anew: config, temporary files, locks, or a link to them."""
    if ".dvc" in folders:
        after = folders[folders.index(".dvc") + 1 :]
        return after[:1] != ["plots"]
    return name in ("dvc.lock", ".dvc")


class Listing(Struct, frozen=True, kw_only=True):
    """The project's files, before any rule about their content.

    Attributes:
        paths: from the project's root, each once. Some may be gone.
        commit, dirty, edited: as in `dvc_magic.model.snapshot.Snapshot`.
        warnings: lines for people.
    """

    paths: tuple[str, ...]
    commit: str | None = None
    dirty: bool = False
    edited: tuple[str, ...] = ()
    warnings: tuple[str, ...] = ()


def list_sources(project: Path, rules: SourceRules) -> Listing:
    """The files that are sources by their paths: as git shows them or, without git, from a walk of the tree."""
    listing = _git_listing(project, rules)
    if listing.paths:
        return _without_environments(listing)
    # Without git; or all of the project is ignored by a repository that happens to lie around it.
    walked = tuple(_walk(project, rules))
    return _without_environments(Listing(paths=walked, warnings=listing.warnings))


def _without_environments(listing: Listing) -> Listing:
    found = set()
    for mark in _ENVIRONMENT_MARKS:
        found |= {path[: -len(mark) - 1] for path in listing.paths if path.endswith(f"/{mark}")}
    if not found:
        return listing
    kept = tuple(path for path in listing.paths if not in_any(path, found))
    return replace(listing, paths=kept)


# --- with git ---------------------------------------------------------------------------------------------------------


def _git_listing(project: Path, rules: SourceRules) -> Listing:
    listing = start_git(project, *_LS_FILES)
    status = start_git(project, *_STATUS, "--", ".")  # both at the same time: each takes milliseconds
    if listing is None or status is None:
        return Listing(paths=())
    names, complaint = listing.communicate()
    state, _ = status.communicate()
    if listing.returncode != 0:
        return Listing(paths=(), warnings=_git_warnings(project, complaint))
    texts, unreadable = _decoded(names)
    shown = dict.fromkeys(_with_nested(project, texts, rules))
    paths = tuple(dict.fromkeys([*shown, *_built(project, shown, rules)]))
    commit, edited = _state(state if status.returncode == 0 else b"")
    here = _in_project(project, edited) if edited else ()
    return Listing(paths=paths, commit=commit, dirty=bool(edited), edited=here, warnings=unreadable)


def _git_warnings(project: Path, complaint: bytes) -> tuple[str, ...]:
    text = complaint.decode("utf-8", "replace").strip()
    outside = "not a git repository (or any" in text and not os.path.lexists(project / ".git")
    if not text or outside:  # a ``.git`` that leads nowhere is told in the same words
        return ()
    first = text.splitlines()[0]
    said = (
        f"git cannot list the project's files ({first}): the whole folder is taken, less what .dvcignore names. Mend "
        "the repository until `git status` works there, or name in .dvcignore what is no source"
    )
    return (said,)


def _decoded(names: bytes) -> tuple[list[str], tuple[str, ...]]:
    """Paths as text, and a warning about those that are no UTF-8, which a record could not hold."""
    texts, warnings = [], []
    for name in names.split(b"\0"):
        try:
            texts.append(name.decode("utf-8"))
        except UnicodeDecodeError:
            warnings.append(f"{os.fsdecode(name)!r} is left out of the run's sources: its name is not UTF-8")
    return [text for text in texts if text], tuple(warnings)


def _with_nested(project: Path, paths: list[str], rules: SourceRules) -> Iterator[str]:
    """The sources among `paths`, with the files of submodules and nested repositories in place of their folders."""
    for path in paths:
        nested = path.removesuffix("/")
        # Git lists a repository inside the repository as one entry, with a slash when it is not tracked.
        if path.endswith("/") or os.path.lexists(f"{project}/{path}/.git"):
            if rules.may_hold(nested):
                yield from _nested_files(project, nested, rules)
        elif rules.admits(path):
            yield path


def _nested_files(project: Path, folder: str, rules: SourceRules) -> Iterator[str]:
    if not (project / folder / ".git").exists():  # git would climb to the repository around it
        return
    process = start_git(project / folder, *_LS_FILES)
    if process is None:
        return
    names, _ = process.communicate()
    texts = _decoded(names)[0] if process.returncode == 0 else []
    yield from _with_nested(project, [f"{folder}/{text}" for text in texts], rules)


def _built(project: Path, shown: Collection[str], rules: SourceRules) -> Iterator[str]:
    """Compiled extension modules and generated ``_version.py`` files that lie, ignored, in folders of shown modules."""
    for folder in sorted({path.rpartition("/")[0] for path in shown if path.endswith(_CODE)}):
        start = f"{folder}/" if folder else ""
        try:
            names = sorted(os.listdir(project / folder))
        except OSError:
            continue
        found = (start + name for name in names if _BUILT.match(name) and _is_text(name))
        yield from (path for path in found if path not in shown and rules.admits(path))


def _state(status: bytes) -> tuple[str | None, list[str]]:
    """The commit and the tracked files that differ from it, from ``git status --porcelain=v2 --branch -z``.

    Paths are from the top of the work tree, whatever the folder is that git was asked about.
    """
    commit, edited = None, []
    for line in status.split(b"\0"):
        if line.startswith(b"# branch.oid "):
            text = line.split(b" ", 2)[2].decode()
            commit = None if text == "(initial)" else text
        elif line and not line.startswith(b"#"):
            # The path is the last of nine fields, of an unmerged file the last of eleven; it may have blanks.
            edited.append(os.fsdecode(line.split(b" ", 10 if line.startswith(b"u") else 8)[-1]))
    return commit, edited


def _in_project(project: Path, paths: Iterable[str]) -> tuple[str, ...]:
    """Paths from the top of the work tree as paths from the project's root, sorted."""
    real = Path(os.path.realpath(project))
    top = git_top(real) or real
    start = "" if top == real else f"{real.relative_to(top).as_posix()}/"
    return tuple(sorted(path.removeprefix(start) for path in paths if path.startswith(start) and _is_text(path)))


# --- without git ------------------------------------------------------------------------------------------------------


def _walk(project: Path, rules: SourceRules, folder: str = "", specs: tuple[_Ignore, ...] = ()) -> Iterator[str]:
    """Files and links below a folder of the project, less ``.dvcignore`` patterns, in the order of their names."""
    with os.scandir(project / folder) as entries:
        listed = sorted(entries, key=lambda entry: entry.name)
    names = {entry.name for entry in listed}
    if folder and ("pyvenv.cfg" in names or "conda-meta" in names):
        return
    if ".dvcignore" in names:
        specs = (*specs, _Ignore.read(project, folder))
    for entry in listed:
        path = f"{folder}/{entry.name}" if folder else entry.name
        if not _is_text(path):
            continue
        if entry.is_dir(follow_symlinks=False):
            if entry.name not in _MORE_CACHES and rules.may_hold(path) and not _ignored(f"{path}/", specs):
                yield from _walk(project, rules, path, specs)
        elif rules.admits(path) and not _ignored(path, specs):
            yield path


def _is_text(path: str) -> bool:
    try:
        path.encode("utf-8")
    except UnicodeEncodeError:
        return False
    return True


class _Ignore(Struct, frozen=True):
    """The patterns of one ``.dvcignore``, which hold below its folder."""

    folder: str
    spec: GitIgnoreSpec

    @classmethod
    def read(cls, project: Path, folder: str) -> _Ignore:
        from pathspec import GitIgnoreSpec  # noqa: PLC0415 - slow to import; only projects without git need it

        try:
            lines = (project / folder / ".dvcignore").read_text(encoding="utf-8", errors="replace").splitlines()
        except OSError:  # a folder of that name, or unreadable
            lines = []
        return cls(folder, GitIgnoreSpec.from_lines(lines))

    def verdict(self, path: str) -> bool | None:
        """True: ignored; False: taken back by a ``!`` pattern; None: not mentioned."""
        below = path[len(self.folder) + 1 :] if self.folder else path
        return self.spec.check_file(below).include


def _ignored(path: str, specs: tuple[_Ignore, ...]) -> bool:
    """The innermost ``.dvcignore`` that mentions a path decides."""
    verdicts = (spec.verdict(path) for spec in reversed(specs))
    return bool(next((verdict for verdict in verdicts if verdict is not None), False))


# --- named by the user ------------------------------------------------------------------------------------------------


class NamedFiles(Struct, frozen=True, kw_only=True):
    """Files that the user named: `plain` ones to copy, and `secret` ones, by their looks, to link."""

    plain: tuple[str, ...] = ()
    secret: tuple[str, ...] = ()


def named_files(project: Path, named: Collection[str], rules: SourceRules) -> NamedFiles:
    """The files at and below the paths that the user named, ignored ones too.

    Raises:
        MissingInputError: a path is outside the project, is not there, or holds DVC's or git's own files.
    """
    secret_name = re.compile("|".join(map(fnmatch.translate, _SECRET_NAMES)), re.IGNORECASE)
    plain: dict[str, None] = {}
    secret: dict[str, None] = {}
    for text in named:
        path = _inside(project, text)
        _refuse_own_files(text, path, rules)
        for file in _below(project, path, rules.store):
            looks_secret = any(secret_name.match(part) for part in file.split("/"))
            (secret if looks_secret else plain)[file] = None
    return NamedFiles(plain=tuple(plain), secret=tuple(secret))


def _inside(project: Path, text: str) -> str:
    """The named path from the project's root, with links among its folders resolved."""
    root = os.path.realpath(project)
    folder, name = os.path.split(os.path.normpath(os.path.join(root, text)))
    path = os.path.relpath(os.path.join(os.path.realpath(folder), name), root).replace(os.sep, "/")
    if path != "." and not is_below(path):
        message = f"cannot copy {text!r}: it lies outside of {project}; name a path inside, or declare it as a dep"
        raise MissingInputError(message)
    if not os.path.lexists(os.path.join(root, path)):
        pattern = "; patterns are not expanded, name the folder" if re.search(r"[*?\[]", text) else ""
        message = f"cannot copy {text!r}: there is no such file or folder in {project}{pattern}"
        raise MissingInputError(message)
    return path


def _refuse_own_files(text: str, path: str, rules: SourceRules) -> None:
    parts = set(path.split("/"))
    if not parts.isdisjoint({".dvc", ".git", ".dvc_magic"}) or (rules.store and in_any(path, (rules.store,))):
        message = f"cannot copy {text!r}: it belongs to DVC, git or dvc_magic, and every run gets its own"
        raise MissingInputError(message)


def _below(project: Path, path: str, store: str | None) -> Iterator[str]:
    """The files and links at and below a path, but for caches and what belongs to git, DVC and the store."""
    if not os.path.isdir(project / path) or os.path.islink(project / path):
        yield path
        return
    for folder, folders, files in os.walk(project / path):
        below = Path(folder).relative_to(project).as_posix()
        here = "" if below == "." else f"{below}/"
        links = [name for name in folders if os.path.islink(os.path.join(folder, name))]
        folders[:] = sorted(
            name for name in folders if name not in links and name not in _CACHES | {".dvc"} and here + name != store
        )
        yield from (here + name for name in sorted([*files, *links]) if _is_text(here + name))
