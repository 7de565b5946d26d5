"""What an operation is: code that is no stage yet, with the data that it needs."""

from __future__ import annotations

import posixpath
import re
from enum import StrEnum

from msgspec import Struct

from dvc_magic.model.values import Value


class SourceKind(StrEnum):
    """Where a dependency comes from."""

    FILE = "file"
    DVCFILE = "dvcfile"
    DVCSTAGE = "dvcstage"
    CONFIG = "config"


class Rename(Struct, frozen=True, kw_only=True):
    """A change of a file's name: the first match of a regular expression, and what takes its place (as in Guild AI)."""

    pattern: str
    repl: str


class Source(Struct, frozen=True, kw_only=True):
    """One entry of an operation's ``requires``.

    Attributes:
        kind: of the source.
        path: POSIX path from the project's root; of a ``dvcstage``, the stage as its user names it.
        name: what people call it, instead of `path`.
        select: of a ``dvcstage``, regular expressions that whole paths of outs match; empty for all of them.
        rename: the first that changes the last part of a path gives it its new name.
        target_path: the folder that it goes into, from the workspace's root; empty for its own.
        flat: whether it goes to the workspace's root without its folders, as in Guild AI, when no folder is given.
        remote: of a ``dvcfile``, the remote to pull from, instead of that which DVC would ask.
        always_pull: of a ``dvcfile``, whether what DVC has recorded is taken even when the workspace has the file.
        run: of a ``dvcstage``, the run (number, id or label as text) whose outs are taken.
        help: what its author has to say when it is missing.
    """

    kind: SourceKind
    path: str
    name: str = ""
    select: tuple[str, ...] = ()
    rename: tuple[Rename, ...] = ()
    target_path: str = ""
    flat: bool = False
    remote: str = ""
    always_pull: bool = False
    run: str = ""
    help: str = ""

    def target(self, path: str) -> str:
        """Where in a workspace the project's `path` goes, a POSIX path from the root.

        The rule for names is Guild AI's: `re.sub` on the last part, once, and the first that changes it counts.
        """
        folder, name = posixpath.split(path)
        renamed = (re.sub(rule.pattern, rule.repl, name, count=1) for rule in self.rename)
        name = next((new for new in renamed if new != name), name)
        return posixpath.normpath(posixpath.join(self.target_path or ("" if self.flat else folder), name))


class OperationOut(Struct, frozen=True, kw_only=True):
    """An output that an operation names: path from the root, whether it is a metric, whether DVC caches it."""

    path: str
    metric: bool = False
    cache: bool = True


class TextFile(Struct, frozen=True, kw_only=True):
    """A text that an operation's runs have at `path`, whatever the project has there.

    Attributes:
        path: from the workspace's root.
        text: the content; None for that of the project's file `origin` at the moment of the call.
        origin: a project path.
    """

    path: str
    text: str | None = None
    origin: str = ""


class Preset(Struct, frozen=True, kw_only=True):
    """A value that an operation gives to a param where a call says nothing."""

    file: str
    key: str
    value: Value

    def __hash__(self) -> int:
        return hash((self.file, self.key))  # the value may be a list


class OperationParams(Struct, frozen=True, kw_only=True):
    """A file whose values are flags of an operation: a config file, or a script with constants at its top level.

    Attributes:
        path: from the workspace's root. keys: dotted keys; empty for every one of the file.
    """

    path: str
    keys: tuple[str, ...] = ()


class ScalarPattern(Struct, frozen=True, kw_only=True):
    r"""A regular expression for numbers in a line of output, as in a ``guild.yml``.

    Attributes:
        pattern: with Guild AI's ``\key``, ``\value`` and ``\step``.
        key: the name of the number where the expression has a single group without a name, else empty.
    """

    pattern: str
    key: str = ""


class PrintedScalars(Struct, frozen=True, kw_only=True):
    """That numbers which an operation prints are metrics of its runs, and how they are found.

    Attributes:
        patterns: empty for Guild AI's default, lines such as ``loss: 0.5``.
    """

    patterns: tuple[ScalarPattern, ...] = ()


class Operation(Struct, frozen=True, kw_only=True):
    """An operation, before it is compiled to a stage.

    Attributes:
        name: letters, digits, ``-``, ``_`` and ``.``.
        origin: what it was read from: ``cell``, ``dvc_magic.yaml``, ``guild.yml``, ``api``.
        cmd: the command, as in ``dvc.yaml``, templates and all; empty when it runs a stage as it is.
        runs: the stage that it runs as it is, with its command, deps and outs, or an empty text.
        serves: the stage for which its outs can be taken, or an empty text.
        requires: its sources.
        code: scripts that the command starts: deps of the compiled stage, as DVC would have them.
        params: the files with its flags. variables: those of them that fill the templates of `cmd`.
        files: texts that its runs have.
        presets: values of `params` that differ from those in the files.
        outs: what it makes, as named. When it names no outs that are not metrics, all that it writes counts.
        learn: whether a run finds out what the code reads.
        hints: texts in the code that may name files or folders of the project; looked at when it learns.
        desc: one line for people.
        scalars: the numbers in its output that are metrics; None where nothing is read from what it prints.
    """

    name: str
    origin: str
    cmd: str | tuple[str, ...] = ""
    runs: str = ""
    serves: str = ""
    requires: tuple[Source, ...] = ()
    code: tuple[str, ...] = ()
    params: tuple[OperationParams, ...] = ()
    variables: tuple[str, ...] = ()
    files: tuple[TextFile, ...] = ()
    presets: tuple[Preset, ...] = ()
    outs: tuple[OperationOut, ...] = ()
    learn: bool = False
    hints: tuple[str, ...] = ()
    desc: str = ""
    scalars: PrintedScalars | None = None

    @property
    def address(self) -> str:
        """What it is called where a stage's address stands: ``op:NAME``."""
        return f"op:{self.name}"

    @property
    def written(self) -> tuple[str, ...]:
        """The paths of the texts that no file of the project has: its own script, the file of its values."""
        return tuple(file.path for file in self.files if not file.origin)

    @property
    def as_written(self) -> bool:
        """Whether what it writes counts as its outs: it names none, or metrics only, and serves no stage."""
        return not (self.runs or self.serves) and all(out.metric for out in self.outs)
