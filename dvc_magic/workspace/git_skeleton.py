"""A ``.git`` for a workspace: git inside a run sees the project's history and never reaches the project's own ``.git``.

It is written as files, without starting git, from what was known of the project at the call: HEAD, branches and tags as
they were, the project's objects as alternates, a copy of the index, no hooks, no automatic gc. What the workspace lacks
on purpose (other pipelines, ``.dvc`` files, notebooks) is marked "assume unchanged" in that copy, so that
``git status`` and ``git describe --dirty`` say of the run's sources what they would have said of the project's.

One trace is out of our hands: when git in a run writes an object that the project's repository has (``git add`` of
an unchanged file, ``git commit``), it sets the mtime of that object's file there to now, as for any alternate, so that
a ``git prune`` spares it. No content changes, and looking (``status``, ``log``, ``diff``) leaves no trace at all.
"""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Collection, Sequence
from pathlib import Path

from dvc_magic.errors import StoreError
from dvc_magic.model.surroundings import GitFacts, IndexCopy
from dvc_magic.store import Objects
from dvc_magic.workspace.git_index import kept_index
from dvc_magic.workspace.git_state import git_top
from dvc_magic.workspace.write_file import write_file

__all__ = ["git_objects", "write_skeleton_git"]

_FOLDERS = ("", "/objects", "/objects/info", "/refs", "/info")  # what git takes for a repository; it makes refs/heads
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


def write_skeleton_git(
    facts: GitFacts | None,
    target: Path,
    *,
    project: Path,
    objects: Objects,
    below: str = "",
    hidden: Callable[[str, str], bool] | None = None,
    rewritten: Collection[str] = (),
    ignored: Sequence[str] = (),
    settled: bool = False,
) -> bool:
    """Write ``target/.git``.

    Git in `target` then works as in a fresh checkout of the commit: ``status``, ``diff``, ``log``, ``describe``,
    ``rev-parse HEAD``, and commits that stay in the run. When `below` is not where the project lies in its work tree,
    the commit's tree has other paths than the workspace: the skeleton then has no index; ``log``, ``show`` and
    ``rev-parse HEAD`` work, ``status`` runs and calls everything deleted and new.

    Without a repository of the project, an empty one is written where git would otherwise climb to a repository
    around `target`.

    Args:
        facts: of the project's repository, as of the call.
        target: what is the top of a work tree.
        project: the project's root, which lends git its objects.
        objects: have the copy of the index.
        below: the run's DVC root, from `target`; empty for `target` itself.
        hidden: says of a tracked path, from `target`, and the blob it has in the index, that what becomes of it here
            is no news to git.
        rewritten: tracked paths, from `target`, that have another content than at the call.
        ignored: patterns of untracked files that are no news either.
        settled: whether git may trust the index where a file's times agree with it: nothing differs from the commit.

    Returns:
        True when git inside `target` knows the project's commit.

    Raises:
        StoreError: the store no longer has the copy of the index.

    Side effects: besides ``.git``, the ``.gitignore`` and ``.gitattributes`` files above the DVC root.
    """
    git = f"{target}/.git"
    if facts is None:
        if git_top(Path(os.path.realpath(target))) is not None:
            _make_folders(git)
            _write(f"{git}/HEAD", "ref: refs/heads/main\n")
            _write(f"{git}/config", _CONFIG.format(version=0))
            _write(f"{git}/info/exclude", "/.dvc/\n")
        return False
    _make_folders(git)
    _write(f"{git}/HEAD", f"{facts.head}\n")
    config = _CONFIG.format(version=1 if facts.sha256 else 0) + facts.settings
    _write(f"{git}/config", f"{config}[extensions]\n\tobjectFormat = sha256\n" if facts.sha256 else config)
    write_file(f"{git}/objects/info/alternates", _alternate(git_objects(facts, project), facts, git))
    own = f"/{below}/.dvc/" if below else "/.dvc/"
    _write(f"{git}/info/exclude", "\n".join([facts.exclude, own, *ignored, ""]))
    if facts.shallow:
        _write(f"{git}/shallow", facts.shallow)
    if facts.refs:
        _write(f"{git}/packed-refs", "".join(f"{name} {ref}\n" for ref, name in sorted(facts.refs.items())))
    if facts.prefix == below:
        for path, text in facts.rules.items():
            os.makedirs(os.path.dirname(f"{target}/{path}"), exist_ok=True)
            _write(f"{target}/{path}", text)
        if facts.index is not None:
            _write_index(
                facts.index, git, objects, hidden=hidden, rewritten=rewritten, sha256=facts.sha256, settled=settled
            )
    return facts.commit is not None


def git_objects(facts: GitFacts, project: Path) -> str:
    """The absolute path of the project's git objects, wherever the project lies by now."""
    return os.path.normpath(os.path.join(os.path.realpath(project), facts.objects))


def _make_folders(git: str) -> None:
    for folder in _FOLDERS:
        os.mkdir(git + folder)


def _alternate(objects: str, facts: GitFacts, git: str) -> bytes:
    """The line that names the project's objects: relative within the project's tree, so that both move together."""
    own = os.path.realpath(f"{git}/objects")
    around = os.path.dirname(os.path.dirname(objects))
    together = not os.path.isabs(facts.objects) and own.startswith(around + os.sep)
    raw = os.fsencode(os.path.relpath(objects, own) if together else objects)
    if raw.startswith((b'"', b"#")) or b"\n" in raw:
        escaped = raw.replace(b"\\", b"\\\\").replace(b'"', b'\\"').replace(b"\n", b"\\n")
        raw = b'"' + escaped + b'"'
    return raw + b"\n"


def _write_index(
    copy: IndexCopy,
    git: str,
    objects: Objects,
    *,
    hidden: Callable[[str, str], bool] | None,
    rewritten: Collection[str],
    sha256: bool,
    settled: bool,
) -> None:
    """Write the index with its mtime, by which git knows which of its entries it may trust.

    Git reads a file again that is not older than the index (after a clone, every one), and what a stage's
    ``git status`` reads would count as read by the stage: so the index of a settled run is younger than anything. Then
    git no longer sees by itself a file that was written in the second of the project's file, with a text as long.
    """
    if lacking := objects.lacking([copy.md5, *copy.shared.values()]):
        message = f"the store no longer has git's index as it was at the call ({lacking[0]} is gone or was changed)"
        raise StoreError(f"{message}: run again, which keeps it anew")
    index = kept_index(objects.path(copy.md5), sha256)
    for name, md5 in copy.shared.items():
        write_file(f"{git}/{name}", Path(objects.path(md5)).read_bytes())
    is_split = index.shared in copy.shared  # then its entries are not those of the work tree
    write_file(
        f"{git}/index", index.content if hidden is None or is_split else index.marked(hidden=hidden, compared=rewritten)
    )
    mtime_ns = time.time_ns() + 2_000_000_000 if settled else copy.mtime_ns
    os.utime(f"{git}/index", ns=(mtime_ns, mtime_ns))


def _write(file: str, text: str) -> None:
    write_file(file, text.encode("utf-8", "surrogateescape"))
