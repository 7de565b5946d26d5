"""A ``.git`` for a workspace: git inside a run sees the project's history and never reaches the project's own ``.git``.

It is written as files, without starting git: HEAD, branches and tags as in the project, the project's objects as
alternates, a copy of the index, no hooks, no automatic gc. What the workspace lacks on purpose (other pipelines,
``.dvc`` files, notebooks) is marked "assume unchanged" in that copy, so that ``git status`` and ``git describe
--dirty`` say of the run's sources what they would say of the project's.

One trace is out of our hands: when git in a run writes an object that the project's repository has (``git add`` of
an unchanged file, ``git commit``), it sets the mtime of that object's file there to now, as for any alternate, so that
a ``git prune`` spares it. No content changes, and looking (``status``, ``log``, ``diff``) leaves no trace at all.
"""

from __future__ import annotations

import os
import re
import shutil
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

from msgspec import Struct

from dvc_magic.workspace.git_command import ask_git
from dvc_magic.workspace.git_index import hide

__all__ = ["GitFacts", "git_prefix", "read_git_facts", "write_skeleton_git"]

_HASH = re.compile(r"[0-9a-f]{40}(?:[0-9a-f]{24})?")
_REFTABLE = "refs/heads/.invalid"  # what HEAD names where refs are kept in the reftable format
_SECTION = r"^\s*\[\s*([^\]\s]+)(?:\s+\"[^\"]*\")?\s*\]"
_ENTRY = r"^\s*([A-Za-z][A-Za-z0-9-]*)\s*="
_CARRIED = {
    "core": ("autocrlf", "eol", "filemode", "ignorecase", "precomposeunicode", "safecrlf", "symlinks"),
    "user": ("email", "name"),
}
_REMOTE = r"(?i)^\s*\[\s*remote\s+\"([^\"\\]+)\"\s*\]\s*$"
_URL = r"(?i)^\s*url\s*=\s*((?:[a-z][a-z0-9+.-]*://|/|[\w.-]+@[\w.-]+:)[^\s\"\\;#]+)\s*$"
_CREDENTIALS = r"^(https?://)[^/@]*@|(://[^/:@]*):[^/@]*@"
_REFS = ("refs/heads/", "refs/remotes/", "refs/tags/")
_RULES = (".gitattributes", ".gitignore")
_CONFIG = """\
[core]
\trepositoryformatversion = {version}
\tbare = false
\tlogAllRefUpdates = true
\tcheckStat = minimal
\ttrustctime = false
\tfsmonitor = false
\tuntrackedCache = false
\thooksPath = /dev/null
[gc]
\tauto = 0
[maintenance]
\tauto = false
"""


class GitFacts(Struct, frozen=True, kw_only=True):
    """What a skeleton needs to know of the project's repository.

    Attributes:
        top: the top of the work tree.
        folder: its ``.git`` folder (of this worktree); it has HEAD and the index.
        common: the folder that all worktrees share; it has the objects, the config and the refs.
        prefix: the project's path from the top of the work tree, empty when the project is the top.
        commit: the commit that HEAD is at, None before the first one.
        branch: the branch that HEAD is on, such as ``refs/heads/main``; empty when it is detached.
        refs: branches and tags -> commit or tag object.
        sha256: whether the repository names objects by SHA-256.
        settings: lines of the repository's config that change how files look to git, or who commits, and the urls of
            its remotes, without credentials.
    """

    top: Path
    folder: Path
    common: Path
    prefix: str
    commit: str | None
    branch: str
    refs: dict[str, str]
    sha256: bool
    settings: str


def read_git_facts(project: Path) -> GitFacts | None:
    """The facts of the repository that `project` lies in, read from its files; None without one."""
    top = _top(Path(os.path.realpath(project)))
    if top is None:
        return None
    folder = _git_folder(top / ".git")
    common = _common(folder)
    config = _text(common / "config")
    head = _text(folder / "HEAD").strip().removeprefix("ref: ")
    return GitFacts(
        top=top,
        folder=folder,
        common=common,
        prefix=git_prefix(project),
        commit=_commit(folder, common, top),
        branch=head if head.startswith("refs/heads/") and head != _REFTABLE else "",
        refs=_refs(common, top, reftable=head == _REFTABLE),
        sha256=bool(re.search(r"^\s*objectformat\s*=\s*sha256\s*$", config, re.IGNORECASE | re.MULTILINE)),
        settings=_carried(config) + _remotes(config),
    )


def git_prefix(project: Path) -> str:
    """The path of `project` from the top of the git work tree that it lies in; empty for the top, and without git."""
    real = Path(os.path.realpath(project))
    top = _top(real)
    return "" if top is None or top == real else real.relative_to(top).as_posix()


def write_skeleton_git(
    facts: GitFacts | None,
    target: Path,
    *,
    below: str = "",
    hidden: Callable[[str, str], bool] | None = None,
    ignored: Sequence[str] = (),
) -> bool:
    """Write ``target/.git``.

    Git in `target` then works as in a fresh checkout of the commit: ``status``, ``diff``, ``log``, ``describe``,
    ``rev-parse HEAD``, and commits that stay in the run. When `below` is not where the project lies in its work tree,
    the commit's tree has other paths than the workspace: the skeleton then has no index; ``log``, ``show`` and
    ``rev-parse HEAD`` work, ``status`` runs and calls everything deleted and new.

    Without a repository of the project, an empty one is written where git would otherwise climb to a repository
    around `target`.

    Args:
        facts: of the project's repository.
        target: what is the top of a work tree.
        below: the run's DVC root, from `target`; empty for `target` itself.
        hidden: says of a tracked path, from `target`, and the blob it has in the index, that what becomes of it here
            is no news to git.
        ignored: patterns of untracked files that are no news either.

    Returns:
        True when git inside `target` knows the project's commit.

    Side effects: besides ``.git``, the ``.gitignore`` and ``.gitattributes`` files above the DVC root.
    """
    git = target / ".git"
    if facts is None:
        if _top(Path(os.path.realpath(target))) is not None:
            _write_bare_bones(git, head="ref: refs/heads/main", config=_CONFIG.format(version=0))
        return False
    config = _CONFIG.format(version=1 if facts.sha256 else 0) + facts.settings
    config += "[extensions]\n\tobjectFormat = sha256\n" if facts.sha256 else ""
    _write_bare_bones(git, head=_head(facts), config=config)
    (git / "objects" / "info" / "alternates").write_bytes(_alternate(facts, git))
    own = f"/{below}/.dvc/" if below else "/.dvc/"
    patterns = [_text(facts.common / "info" / "exclude"), own, *ignored]
    _write(git / "info" / "exclude", "\n".join([*patterns, ""]))
    _copy(facts.common / "shallow", git / "shallow")
    if facts.refs:
        _write(git / "packed-refs", "".join(f"{name} {ref}\n" for ref, name in sorted(facts.refs.items())))
    if facts.prefix == below:
        _copy_rules(facts.top, target, below)
        _copy_index(facts.folder, git)
        if hidden is not None:
            hide(git / "index", hidden, sha256=facts.sha256)
    return facts.commit is not None


def _head(facts: GitFacts) -> str:
    """On the branch that the project is on, as far as that is known; else detached."""
    if facts.commit is None:
        return f"ref: {facts.branch or 'refs/heads/main'}"
    return f"ref: {facts.branch}" if facts.refs.get(facts.branch) == facts.commit else facts.commit


def _copy_rules(top: Path, target: Path, below: str) -> None:
    """Copy what says, above the DVC root, which files git ignores and how it reads them."""
    folders = below.split("/") if below else []
    for depth in range(len(folders)):
        here = "/".join(folders[:depth])
        for name in _RULES:
            _copy(top / here / name, target / here / name)


def _write_bare_bones(git: Path, *, head: str, config: str) -> None:
    """What git takes for a repository."""
    for folder in ("objects/info", "refs/heads", "info"):
        os.makedirs(git / folder)
    _write(git / "HEAD", f"{head}\n")
    _write(git / "config", config)
    _write(git / "info" / "exclude", "/.dvc/\n")


def _alternate(facts: GitFacts, git: Path) -> bytes:
    """The line that names the project's objects: relative within the project's tree, so that both move together."""
    objects = os.path.realpath(facts.common / "objects")
    own = os.path.realpath(git / "objects")
    around = os.path.dirname(os.path.realpath(facts.common))
    text = os.path.relpath(objects, own) if own.startswith(around + os.sep) else objects
    raw = os.fsencode(text)
    if raw.startswith((b'"', b"#")) or b"\n" in raw:
        escaped = raw.replace(b"\\", b"\\\\").replace(b'"', b'\\"').replace(b"\n", b"\\n")
        raw = b'"' + escaped + b'"'
    return raw + b"\n"


def _copy_index(source: Path, git: Path) -> None:
    """Copy the index with its mtime, by which git knows which of its entries it may trust."""
    if not _copy(source / "index", git / "index"):
        return
    for shared in source.glob("sharedindex.*"):  # the larger part of a split index
        _copy(shared, git / shared.name)


def _copy(source: Path, target: Path) -> bool:
    try:
        shutil.copyfile(source, target)
        facts = os.stat(source)
        os.utime(target, ns=(facts.st_atime_ns, facts.st_mtime_ns))
    except FileNotFoundError:
        return False
    return True


def _write(file: Path, text: str) -> None:
    file.write_bytes(text.encode("utf-8", "surrogateescape"))


def _text(file: Path) -> str:
    try:
        return file.read_bytes().decode("utf-8", "surrogateescape")
    except (FileNotFoundError, NotADirectoryError):
        return ""


def _top(folder: Path) -> Path | None:
    """The top of the work tree around `folder`."""
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
    named = _text(folder / "commondir").strip()
    return Path(os.path.realpath(folder / named)) if named else folder


def _commit(folder: Path, common: Path, top: Path) -> str | None:
    """The commit that HEAD leads to, from the files of refs; git is asked only where refs are kept otherwise."""
    text = _text(folder / "HEAD").strip()
    for _ in range(5):  # git's own limit for refs that lead to refs
        if _HASH.fullmatch(text):
            return text
        if not text.startswith("ref: "):
            break
        name = text.removeprefix("ref: ").strip()
        if name == _REFTABLE:
            answer = ask_git(top, "rev-parse", "--verify", "--quiet", "HEAD")
            return answer.decode().strip() if answer else None
        text = (_text(folder / name) or _text(common / name)).strip() or _packed(common, name)
    return None


def _packed(common: Path, name: str) -> str:
    for line in _text(common / "packed-refs").splitlines():
        commit, _, ref = line.partition(" ")
        if ref == name:
            return commit
    return ""


def _refs(common: Path, top: Path, *, reftable: bool) -> dict[str, str]:
    """Branches and tags; those in files of their own win over packed ones."""
    if reftable:
        lines = (ask_git(top, "for-each-ref", "--format=%(objectname) %(refname)") or b"").decode().splitlines()
    else:
        lines = _text(common / "packed-refs").splitlines()
    pairs = (line.partition(" ") for line in lines)
    packed = {ref: name for name, _, ref in pairs if ref.startswith(_REFS) and _HASH.fullmatch(name)}
    return packed | dict(_loose_refs(common))


def _loose_refs(common: Path) -> Iterator[tuple[str, str]]:
    for kind in _REFS:
        for folder, _, files in os.walk(common / kind):
            for name in files:
                file = Path(folder, name)
                target = _text(file).strip()
                if _HASH.fullmatch(target):
                    yield file.relative_to(common).as_posix(), target


def _remotes(config: str) -> str:
    """The remotes of a config with their urls, as far as these mean the same in another folder."""
    lines, remote = [], ""
    for line in config.splitlines():
        if line.lstrip().startswith("["):
            header = re.match(_REMOTE, line)
            remote = header[1] if header else ""
        elif remote and (entry := re.match(_URL, line)):
            url = re.sub(_CREDENTIALS, lambda found: found[1] or f"{found[2]}@", entry[1])
            lines.append(f'[remote "{remote}"]\n\turl = {url}\n')
    return "".join(lines)


def _carried(config: str) -> str:
    """The lines of a config that the skeleton takes over, under their sections."""
    lines, section = [], ""
    for line in config.splitlines():
        if header := re.match(_SECTION, line):
            section = "" if '"' in line else header[1].lower()
        entry = re.match(_ENTRY, line)
        if entry and entry[1].lower() in _CARRIED.get(section, ()) and not line.rstrip().endswith("\\"):
            lines.append(f"[{section}]\n\t{line.strip()}\n")
    return "".join(lines)
