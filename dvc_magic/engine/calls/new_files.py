"""Which files that have come to a project's sources since a run, or have gone, make its stage run again.

A command meets a new file by listing its folder or by asking for its name. The first shows in access times, the second
in its code alone. Python lists each folder in which it looks for a module, so that in those folders both are asked for:

    conf/x.yaml        the command listed conf                                           counts
    local_settings.py  Python listed the root, and the code has the word local_settings  counts
    debug.flag         the code has this name                                            counts
    README.md          Python listed the root, and no code names it                      does not
"""

from __future__ import annotations

import contextlib
import fnmatch
import hashlib
import posixpath
import re
from collections.abc import Hashable, Sequence
from pathlib import Path

from msgspec import Struct

from dvc_magic.errors import DvcMagicError
from dvc_magic.model.paths import StorePaths, object_path
from dvc_magic.model.record import Looked, RunRecord
from dvc_magic.model.relative import parent_folders
from dvc_magic.model.snapshot import Snapshot
from dvc_magic.model.stage import Stage, lies_in
from dvc_magic.store import load_snapshot

_LARGE = 1_000_000  # bytes: no code, but data
_CODE = (".py", ".ipynb", ".sh", ".r", ".R", ".Rmd", ".qmd", ".jl", ".rb", ".pl", ".js", ".ts")
_MANY = 1000  # patterns: as good as none
_MODULES = (".py", ".so", ".pyd")
_RULES = (".dvcignore", ".gitattributes", ".gitignore", ".gitmodules", "dvc.yaml", "dvc.lock")
_QUOTED = re.compile(r"""(?<=["'}])[^"'\n]{1,255}+(?=["'])""")  # a brace ends the expression in an f-string
_BARE = re.compile(r"(?<![\w./*?-])[\w-]*+[./*?][\w./*?-]{0,255}+")  # has a dot, slash or star
_ANY = re.compile(r"[\w./*?-]{1,255}+")
_LISTS = (
    r"\b(?:listdir|scandir|iterdir|f?walk|walk_packages|iter_modules|list[._](?:files|dirs)|readdir\w*|opendir|ls)\b"
)
_LISTING_TOOL = (
    r"\b(?:compileall|discover|du|find|flake8|grep|mypy|pylint|pytest|rg|rsync|ruff|sphinx-build|tar|tree|zip)\b"
)


class Mentions(Struct, frozen=True):
    """What texts name.

    Attributes:
        words: every word. names: what may be the name of a file or folder.
        patterns: such as ``*.yaml``, with a slash at the end for folders on the way: ``part-*/``.
        lists: whether a text lists folders without a word on what it looks for there.
    """

    words: frozenset[str] = frozenset()
    names: frozenset[str] = frozenset()
    patterns: frozenset[str] = frozenset()
    lists: bool = False

    @classmethod
    def of(cls, text: str, *, command: bool = False) -> Mentions:
        """What code or a config names, or a command, in which no quotes tell a path from a word."""
        names: set[str] = set()
        patterns: set[str] = set()
        sure = [*_QUOTED.findall(text), *(_ANY.findall(text) if command else ())]
        for path, is_sure in [*((path, True) for path in sure), *((path, False) for path in _BARE.findall(text))]:
            parts = [part.rstrip(".\\") for part in path.split("/")]
            names.update(parts)
            if "*" in path and (is_sure or "." in parts[-1]):  # else most likely a product
                whole = [re.sub(r"\{[^{}]*\}", "*", part) for part in parts]
                patterns.update(f"{part}/" for part in whole[:-1] if "*" in part)
                patterns.update(part for part in whole[-1:] if "*" in part)
        lists = re.search(_LISTS, text) or (command and re.search(_LISTING_TOOL, text))
        return cls(frozenset(re.findall(r"\w+", text)), frozenset(names), frozenset(patterns), bool(lists))

    @classmethod
    def joined(cls, parts: Sequence[Mentions]) -> Mentions:
        """What several texts name together."""
        return cls(
            frozenset[str]().union(*(part.words for part in parts)),
            frozenset[str]().union(*(part.names for part in parts)),
            frozenset[str]().union(*(part.patterns for part in parts)),
            any(part.lists for part in parts),
        )

    @property
    def pattern(self) -> re.Pattern[str]:
        """What matches a name that code may take which lists its folder; that of a folder has a slash at its end."""
        if self.lists or len(self.patterns) > _MANY:
            return re.compile("")
        return re.compile("|".join(map(fnmatch.translate, self.patterns)) or "(?!)")


class NewFiles:
    """Compares the sources of a call with those of earlier runs.

    The work grows with the files that came or went, not with the runs: runs that could have met the same ones are
    compared once, and those with just the sources of the call not at all.

    Args:
        snapshot: of the call.
        store: where those of the runs are, and what is in their files.
    """

    def __init__(self, snapshot: Snapshot, store: StorePaths) -> None:
        self._snapshot = snapshot
        self._store = store
        self._sources = _paths(snapshot)
        self.digest = hashlib.md5("\0".join(sorted(self._sources)).encode(), usedforsecurity=False).hexdigest()
        self._earlier: dict[str, frozenset[str] | None] = {}  # digest of a run's sources -> their paths
        self._mentions: dict[str, Mentions] = {}  # by source
        self._differences: dict[Hashable, str] = {}

    def difference(self, run: RunRecord, stage: Stage) -> str:
        """A file that came or went since a run and that its command could have met, or an empty text.

        Args:
            run: its command is that of the stage, and what it read of the sources is as it was.
            stage: as it is now.
        """
        looked = run.looked
        if looked is None or looked.paths == self.digest:
            return ""
        values = [
            repr(value) for file in run.params.values() for value in file.values() if isinstance(value, str | list)
        ]
        # Of an operation's texts, those of other points of the call differ in such values alone.
        key = (looked, stage.address, run.wdir, run.import_roots, *run.read, *run.deps, *stage.commands, *values)
        if key not in self._differences:
            commands = [Mentions.of(command, command=True) for command in stage.commands]
            texts = [Mentions.of(text) for text in (*stage.texts.values(), *values)]
            self._differences[key] = self._compare(run, looked, stage, [*commands, *texts])
        return self._differences[key]

    def _compare(self, run: RunRecord, looked: Looked, stage: Stage, own_mentions: Sequence[Mentions]) -> str:
        earlier = self._paths_of(run, looked)
        if earlier is None:
            return "files appeared or are gone since (the snapshot of its sources cannot be read)"
        deps = [path for path in self._snapshot.files if any(lies_in(path, dep) for dep in run.deps)]
        code = [*run.read, *(path for path in deps if path in run.deps or path.endswith(_CODE))]
        mentions = Mentions.joined([*own_mentions, *map(self._mentions_in, code)])
        scripts = [path for path in (*code, *stage.texts) if path.endswith(".py")]
        sight = _Sight(
            folders=frozenset({".", *parent_folders(earlier), *(looked.folders or ())}),
            listed=None if looked.folders is None else frozenset(looked.folders),
            searched=frozenset({".", run.wdir, *run.import_roots, *parent_folders(scripts)}),
            mentions=mentions,
            pattern=mentions.pattern,
            names=frozenset(path.rpartition("/")[2] for path in (*code, *deps, *run.deps, *run.outs, *run.params)),
        )
        for path in sorted(earlier ^ self._sources):
            if not any(lies_in(path, dep) for dep in run.deps) and sight.meets(path):
                return f"{path} {'appeared' if path in self._sources else 'is gone'}"
        return ""

    def _paths_of(self, run: RunRecord, looked: Looked) -> frozenset[str] | None:
        """The paths of the sources of a run, or None when its snapshot cannot be read."""
        if looked.paths not in self._earlier:
            try:
                self._earlier[looked.paths] = _paths(load_snapshot(self._store, run.snapshot))
            except DvcMagicError:
                self._earlier[looked.paths] = None
        return self._earlier[looked.paths]

    def _mentions_in(self, path: str) -> Mentions:
        if path not in self._mentions:
            file = self._snapshot.files.get(path)
            text = ""
            if file is not None and file.link is None and file.size <= _LARGE:
                with contextlib.suppress(OSError):
                    content = Path(object_path(self._store.objects, file.md5))
                    text = content.read_text(encoding="utf-8", errors="replace")
            self._mentions[path] = Mentions.of(text)
        return self._mentions[path]


class _Sight(Struct, frozen=True, kw_only=True):
    """Where a run's command could have met a file.

    Attributes:
        folders: those that it could look into. listed: those that it did list, None where that is not known.
        searched: those that Python lists to find modules.
        mentions: what its code names. pattern: of it.
        names: of files that it has met, which may be what a mention means.
    """

    folders: frozenset[str]
    listed: frozenset[str] | None
    searched: frozenset[str]
    mentions: Mentions
    pattern: re.Pattern[str]
    names: frozenset[str]

    def meets(self, path: str) -> bool:
        """Whether the command could have met a file, or the folder that came or went with it."""
        folder, name = posixpath.split(path)
        if name in _RULES or name.endswith(".dvc") or path.startswith(".dvc/"):
            return False
        names = [name]
        while (folder or ".") not in self.folders:  # the folder came or went as well
            folder, name = posixpath.split(folder)
            names.append(f"{name}/")
        named = self.mentions.names.intersection(one.rstrip("/") for one in names)
        if named - self.names:
            return True
        if self.listed is not None and (folder or ".") not in self.listed:
            return False
        if self.listed is not None and (folder or ".") not in self.searched:
            return True
        is_imported = _is_module(name) and name.partition(".")[0] in self.mentions.words
        return name in named or is_imported or any(self.pattern.match(one) for one in (*names, name))


def _is_module(name: str) -> bool:
    """Whether Python could import a file or folder of this name."""
    return name.isidentifier() or name.endswith(_MODULES)


def _paths(snapshot: Snapshot) -> frozenset[str]:
    return frozenset((*snapshot.files, *snapshot.linked))
