"""The script that an operation brings: where it goes when a run becomes a stage, and whether it is still the run's."""

from __future__ import annotations

import hashlib
import posixpath
import re
import shlex
from collections.abc import Iterable, Mapping

from msgspec import Struct

from dvc_magic.errors import OperationError, RunError
from dvc_magic.model.operation import Operation, SourceKind
from dvc_magic.model.record import DepRecord, RunRecord
from dvc_magic.model.stage import lies_in

_SUFFIX = ".py"


class Moved(Struct, frozen=True):
    """The script's way from where the run had it to where the project gets it; the two are equal unless asked."""

    old: str = ""
    new: str = ""

    def path(self, path: str) -> str:
        """A path as it is afterwards."""
        return self.new if path == self.old else path

    def command(self, cmd: str | tuple[str, ...]) -> str | tuple[str, ...]:
        """A command with the script's new path."""
        return self._line(cmd) if isinstance(cmd, str) else tuple(map(self._line, cmd))

    def _line(self, line: str) -> str:
        return line if self.old == self.new else self._word.sub(lambda _: shlex.quote(self.new), line)

    @property
    def _word(self) -> re.Pattern[str]:
        return re.compile(rf"(?<![\w./-])(?:\./)?{re.escape(self.old)}(?![\w./-])")

    def within(self, cmd: str | tuple[str, ...]) -> bool:
        """Whether a command names the script."""
        return any(self._word.search(line) for line in ([cmd] if isinstance(cmd, str) else cmd))


def own_scripts(operation: Operation) -> list[str]:
    """The scripts that only the operation has."""
    return [path for path in operation.written if path.endswith(_SUFFIX)]


def moved_script(record: RunRecord, operation: Operation, script: str, *, read: Iterable[str]) -> Moved:
    """Where the operation's script goes.

    Args:
        record: of the run. operation: of the record.
        script: the path that was asked for; empty for where the run had it.
        read: the project files that the run was seen to read.

    Raises:
        OperationError: the operation has no script that can go there.
    """
    if not script:
        return Moved()
    scripts = own_scripts(operation)
    if len(scripts) != 1:
        raise OperationError(f"{operation.name!r} brings no script of its own: leave --script out")
    new = posixpath.normpath(script)
    if posixpath.isabs(new) or new.split("/")[0] == ".." or not new.endswith(_SUFFIX):
        raise OperationError(f"{script!r} is no place for a script: name a .py file inside the project, from its root")
    moved = Moved(old=scripts[0], new=new)
    if not moved.within(operation.cmd):
        raise OperationError(
            f"the command does not name {moved.old}, so it cannot be told of {new}: leave --script out"
        )
    _check_imports(record, moved, read)
    return moved


def _check_imports(record: RunRecord, moved: Moved, read: Iterable[str]) -> None:
    """Python looks for modules beside the script: one that moves would no longer find those it had."""
    if posixpath.dirname(moved.old) == posixpath.dirname(moved.new):
        return
    roots = {root for root in record.import_roots if root != "."}
    beside = [path for path in read if path.endswith(_SUFFIX) and not any(lies_in(path, root) for root in roots)]
    if beside and "." not in record.import_roots:
        raise OperationError(
            f"the code reads {', '.join(beside[:3])}, which Python finds from {moved.old} and would not from "
            f"{moved.new}: leave --script out, or name a place in the same folder"
        )


def check_texts(record: RunRecord, operation: Operation, texts: Mapping[str, str]) -> None:
    """Only the text that the run started with is the one that its hash stands for.

    Raises:
        RunError: a text is another now, or gone.
    """
    for path in operation.written:
        if path not in texts:
            raise RunError(f"run {record.number} has no {path} any more; run the operation again, and promote that run")
        known = record.deps.get(path, DepRecord(source=SourceKind.FILE))
        if known.changed or (known.hash and known.hash != _md5(texts[path])):
            raise RunError(
                f"{path} in run {record.number} is not what the run began with: its code, or somebody, changed it; run "
                "the operation again, and promote that run"
            )


def _md5(text: str) -> str:
    return hashlib.md5(text.encode("utf-8", "surrogateescape"), usedforsecurity=False).hexdigest()
