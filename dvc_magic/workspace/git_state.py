"""What git knows of a project, read from the repository's files without starting git.

dulwich reads HEAD, refs and config. Its `Repo` is of no use here: it refuses partial clones, and it writes a file into
a repository with reftables when it opens one, so those are asked of git itself.
"""

from __future__ import annotations

import contextlib
import hashlib
import os
import re
from collections.abc import Collection, Iterator, Mapping
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING

from dvc_magic.errors import ProjectError
from dvc_magic.model.surroundings import GitFacts, IndexCopy
from dvc_magic.store import Objects, file_facts
from dvc_magic.workspace.git_command import ask_git
from dvc_magic.workspace.git_index import kept_index

if TYPE_CHECKING:
    from dulwich.config import ConfigFile
    from dulwich.refs import DiskRefsContainer

__all__ = ["git_top", "read_git_facts"]

_HASH = rb"[0-9a-f]{40}(?:[0-9a-f]{24})?"
_REFTABLE = "ref: refs/heads/.invalid"  # the HEAD of repositories that keep refs in the reftable format
_REFS = ("refs/heads/", "refs/remotes/", "refs/tags/")
_RULES = (".gitattributes", ".gitignore")
_CARRIED = {
    b"core": (b"autocrlf", b"eol", b"filemode", b"ignorecase", b"precomposeunicode", b"safecrlf", b"symlinks"),
    b"user": (b"email", b"name"),
}
_URL = r"(?i)(?:[a-z][a-z0-9+.-]*://|/|[\w.-]+@[\w.-]+:)[^\s\"\\;#]+"
_CREDENTIALS = r"^(https?://)[^/@]*@|(://[^/:@]*):[^/@]*@"
_ATTEMPTS = 5


def read_git_facts(project: Path, objects: Objects, *, sources: Collection[str] = ()) -> GitFacts | None:
    """What git in a run is to know of the repository that `project` lies in; None without one.

    Args:
        project: its root.
        objects: get a copy of the index.
        sources: files that the project has for certain, from its root.
    """
    real = Path(os.path.realpath(project))
    top = git_top(real)
    if top is None:
        return None
    prefix = "" if top == real else real.relative_to(top).as_posix()
    folder = _git_folder(top / ".git")
    common = _common(folder)
    config = _config(common / "config")
    head, refs = _head_and_refs(top, folder, common)
    commit = refs.get(head.removeprefix("ref: ")) if head.startswith("ref: ") else head
    sha256 = _last(config, b"extensions", b"objectformat").lower() == "sha256"
    index, names = _index_copy(folder, objects, sha256=sha256)
    return GitFacts(
        prefix=prefix,
        objects=_objects_folder(real, common),
        commit=commit or None,
        head=head,
        refs=refs,
        sha256=sha256,
        settings=_carried(config) + _remotes(config),
        exclude=_text(common / "info" / "exclude"),
        shallow=_text(common / "shallow"),
        rules=dict(_rules_above(top, prefix)),
        index=index,
        absent=tuple(_absent(names, prefix, real, sources)),
    )


def git_top(folder: Path) -> Path | None:
    """The top of the work tree around `folder`, which is no link and behind none."""
    for candidate in (folder, *folder.parents):
        git = candidate / ".git"
        if os.path.isfile(git) or os.path.isfile(git / "HEAD"):
            return candidate
    return None


def _git_folder(git: Path) -> Path:
    """The folder that ``.git`` is, or names when it is a file (worktrees, submodules)."""
    if git.is_dir():
        return git
    return Path(os.path.realpath(git.parent / _text(git).removeprefix("gitdir:").strip()))


def _common(folder: Path) -> Path:
    """The folder that all worktrees share: it has the objects, the config and the refs."""
    named = _text(folder / "commondir").strip()
    return Path(os.path.realpath(folder / named)) if named else Path(os.path.realpath(folder))


def _objects_folder(project: Path, common: Path) -> str:
    """Git's objects: from the project's root when a move takes both along, else absolute."""
    objects = os.path.realpath(common / "objects")
    around = os.path.dirname(common)
    together = all(f"{folder}/".startswith(f"{around}/") for folder in (project, objects))
    return os.path.relpath(objects, project) if together else objects


# --- HEAD and refs ----------------------------------------------------------------------------------------------------


def _head_and_refs(top: Path, folder: Path, common: Path) -> tuple[str, dict[str, str]]:
    """The text of HEAD, and branches and tags with the commit or tag object that each names."""
    if _text(folder / "HEAD").strip() == _REFTABLE:
        return _asked_of_git(top)
    try:
        branch, commit, refs = _read(folder, common)
    except StopIteration:  # dulwich, at a packed-refs without a line, which git takes for one without refs
        return _asked_of_git(top)
    # Without a commit HEAD is before the first one, or of a kind that dulwich does not know.
    return (_head(branch, commit, refs), refs) if commit else _asked_of_git(top)


def _read(folder: Path, common: Path) -> tuple[str, str, dict[str, str]]:
    """The ref that HEAD leads to, its commit, and branches and tags; empty texts for what there is not."""
    from dulwich.refs import Ref, SymrefLoop  # noqa: PLC0415 - 70 ms, which the kernel does not pay

    try:
        version = file_facts(os.stat(common / "packed-refs"))
    except OSError:
        version = None
    container = _container(os.fspath(common), os.fspath(folder), version)

    def follow(name: str) -> tuple[str, str]:
        """The ref that a name leads to, and its commit or tag object."""
        try:
            names, target = container.follow(Ref(os.fsencode(name)))
        except SymrefLoop:
            return "", ""
        return os.fsdecode(names[-1]), target.decode() if target and re.fullmatch(_HASH, target) else ""

    # Not by the container's `as_dict`, which looks for a file of each packed ref: 100 ms for 3,000 tags.
    packed = {os.fsdecode(name): target.decode() for name, target in container.get_packed_refs().items()}
    refs = {name: target for name, target in packed.items() if name.startswith(_REFS)}
    refs |= {name: target for name in _loose_refs(common) if (target := follow(name)[1])}
    return *follow("HEAD"), refs


@lru_cache(maxsize=2)
def _container(common: str, folder: str, _: tuple[int, int, int, int] | None) -> DiskRefsContainer:
    """The refs of a repository, for one state of its packed-refs, of which 3,000 tags take 20 ms to read.

    dulwich before 1.2 reads that file once, whatever becomes of it.
    """
    from dulwich.refs import DiskRefsContainer  # noqa: PLC0415 - see above

    return DiskRefsContainer(common, folder)


def _loose_refs(common: Path) -> Iterator[str]:
    """The branches and tags that have a file of their own, which wins over a packed one."""
    for kind in _REFS:
        for folder, _, names in os.walk(common / kind):
            yield from (f"{os.path.relpath(folder, common)}/{name}" for name in names)


def _asked_of_git(top: Path) -> tuple[str, dict[str, str]]:
    lines = (ask_git(top, "for-each-ref", "--format=%(objectname) %(refname)") or b"").decode().splitlines()
    pairs = (line.partition(" ") for line in lines)
    refs = {ref: target for target, _, ref in pairs if ref.startswith(_REFS)}
    branch, commit = (
        (ask_git(top, *question, "--quiet", "HEAD") or b"").decode().strip()
        for question in (("symbolic-ref",), ("rev-parse", "--verify"))
    )
    return _head(branch, commit, refs), refs


def _head(branch: str, commit: str, refs: Mapping[str, str]) -> str:
    """On the branch that the project is on, as far as that is known; else detached."""
    on_branch = branch.startswith("refs/heads/") and refs.get(branch, "") == commit
    return f"ref: {branch}" if on_branch else commit or "ref: refs/heads/main"


# --- config -----------------------------------------------------------------------------------------------------------


def _config(file: Path) -> ConfigFile:
    """The repository's config; an empty one when it is missing, or broken, which git itself says."""
    from dulwich.config import ConfigFile  # noqa: PLC0415 - see above

    try:
        return ConfigFile.from_path(os.fspath(file))
    except (OSError, ValueError):
        return ConfigFile()


def _last(config: ConfigFile, section: bytes, name: bytes) -> str:
    try:
        return os.fsdecode(config.get((section,), name))
    except KeyError:
        return ""


def _carried(config: ConfigFile) -> str:
    """The settings that a run's repository takes over."""
    lines = [
        f"[{section.decode()}]\n\t{name.decode()} = {_quoted(value)}\n"
        for section, names in _CARRIED.items()
        for name in names
        if (value := _last(config, section, name))
    ]
    return "".join(lines)


def _quoted(value: str) -> str:
    escaped = value.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n").replace("\t", "\\t")
    return f'"{escaped}"'


def _remotes(config: ConfigFile) -> str:
    """The remotes with their urls, as far as these mean the same in another folder."""
    lines = []
    for section in config.sections():
        if len(section) != 2 or section[0].lower() != b"remote" or re.search(rb'["\\\n]', section[1]):  # noqa: PLR2004
            continue
        with contextlib.suppress(KeyError):
            for url in map(os.fsdecode, config.get_multivar(section, b"url")):
                if re.fullmatch(_URL, url):
                    bare = re.sub(_CREDENTIALS, lambda match: match[1] or f"{match[2]}@", url)
                    lines.append(f'[remote "{os.fsdecode(section[1])}"]\n\turl = {bare}\n')
    return "".join(lines)


# --- index and rules --------------------------------------------------------------------------------------------------


def _index_copy(folder: Path, objects: Objects, *, sha256: bool) -> tuple[IndexCopy | None, tuple[str, ...]]:
    """Keep a copy of the index; it and the paths that it tracks, as far as it can be read.

    Raises:
        ProjectError: git keeps writing the index.
    """
    file = folder / "index"
    for _ in range(_ATTEMPTS):
        try:
            mtime_ns = file.stat().st_mtime_ns
            own = _md5(file)
        except OSError:  # there is none, or it is not for us to read, and so not for git
            return None, ()
        if objects.put({own: file}):
            continue
        index = kept_index(objects.path(own), sha256)
        larger = folder / index.shared
        if not (index.shared and larger.is_file()):
            return IndexCopy(md5=own, mtime_ns=mtime_ns), tuple(path for path, *_ in index.entries)
        shared = _md5(larger)
        if not objects.put({shared: larger}):
            return IndexCopy(md5=own, mtime_ns=mtime_ns, shared={larger.name: shared}), ()
    message = f"git keeps writing {file}: run again when no git command is at work in the project"
    raise ProjectError(message)


def _md5(file: Path) -> str:
    return hashlib.md5(file.read_bytes(), usedforsecurity=False).hexdigest()


def _absent(names: Collection[str], prefix: str, project: Path, sources: Collection[str]) -> Iterator[str]:
    """The tracked files of the project that it does not have."""
    start = f"{prefix}/" if prefix else ""
    for name in names:
        path = name.removeprefix(start)
        if name.startswith(start) and path not in sources and not os.path.lexists(project / path):
            yield path


def _rules_above(top: Path, prefix: str) -> Iterator[tuple[str, str]]:
    """What says, above the project, which files git ignores and how it reads them."""
    folders = prefix.split("/") if prefix else []
    for depth in range(len(folders)):
        here = "".join(f"{folder}/" for folder in folders[:depth])
        for name in _RULES:
            file = top / here / name
            if file.is_file():
                yield f"{here}{name}", _text(file)


def _text(file: Path) -> str:
    try:
        return file.read_bytes().decode("utf-8", "surrogateescape")
    except OSError:
        return ""
