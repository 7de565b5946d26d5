"""From a run of an operation to a stage of the project: what is written, and how it shows."""

from __future__ import annotations

import shlex
from collections import Counter
from pathlib import Path
from typing import Protocol

from msgspec import Struct

from dvc_magic.model.promotion import FileChange, PromotedFiles, Promotion
from dvc_magic.model.record import RunRecord
from dvc_magic.model.stage import Pipeline
from dvc_magic.operations import promotion
from dvc_magic.views import Card, Section

_PIPELINE_FILE = "dvc.yaml"


class Write(Protocol):
    """Has a worker write the files."""

    def __call__(self, promotion: Promotion, *, dry_run: bool) -> PromotedFiles:
        """What was written, or would be."""


class Promoted(Struct, frozen=True):
    """What promoting a run wrote into the project, or would write.

    Attributes:
        files: the facts, frozen: `PromotedFiles`.
    """

    files: PromotedFiles

    @property
    def stage(self) -> str:
        """Name of the stage."""
        return self.files.stage

    @property
    def written(self) -> bool:
        """False for a dry run."""
        return self.files.written

    @property
    def changes(self) -> dict[str, str]:
        """Path from the project's root -> the whole text of the file, for each file that is written."""
        return {change.path: change.after for change in self.files.changes}

    @property
    def notices(self) -> tuple[str, ...]:
        """What the stage does not do as the run did, and what a clone will lack."""
        return self.files.notices

    @property
    def commands(self) -> tuple[str, ...]:
        """What comes next, as lines for a shell."""
        files = " ".join(map(shlex.quote, self.files.commit))
        return (f"dvc repro {self.stage}", *([f"git add {files} dvc.lock"] if files else []))

    def card(self) -> Card:
        """All of it, ready to show."""
        done = self.written
        title = f"stage {self.stage} " + ("is written" if done else "would be written: this is a dry run")
        changes = self.files.changes
        sections = [
            Section(title="files", pairs=tuple((change.path, _said(change)) for change in changes)),
            Section(title=_PIPELINE_FILE, block=self.files.entry.rstrip("\n")),
            *(
                Section(title=change.path, block=_added(change))
                for change in changes
                if _is_shown(change, dry=not done)
            ),
            Section(title="to know", block="\n".join(self.notices)),
            Section(title="next", block="\n".join(self.commands) if done else ""),
        ]
        return Card(title=title, sections=tuple(section for section in sections if section.pairs or section.block))

    def __repr__(self) -> str:
        """The card as text."""
        return self.card().text()

    def _repr_html_(self) -> str:
        return self.card().html()


def _said(change: FileChange) -> str:
    count = len(_added_lines(change))
    return f"new, {_lines(count)}" if change.before is None else f"{_lines(count)} more"


def _lines(count: int) -> str:
    return f"{count} line{'' if count == 1 else 's'}"


def _is_shown(change: FileChange, *, dry: bool) -> bool:
    """Whether the text that a file gets is shown; a script is long, and known to who wrote it."""
    return change.path != _PIPELINE_FILE and (dry or change.path.rpartition("/")[2] == ".gitignore")


def _added(change: FileChange) -> str:
    return "\n".join(_added_lines(change))


def _added_lines(change: FileChange) -> list[str]:
    """The lines that a file gets; DVC's writer may also lay out anew, and so shorten, what was there."""
    before = Counter((change.before or "").splitlines())
    added = []
    for line in change.after.splitlines():
        before[line] -= 1
        if before[line] < 0:
            added.append(line)
    return added


def promote_record(
    record: RunRecord,
    workspace: Path,
    pipeline: Pipeline,
    write: Write,
    *,
    name: str,
    script: str,
    dry_run: bool,
) -> Promoted:
    """Make a run's operation a stage of the project.

    Side effects: without `dry_run`, those of the worker's request ``promote``.

    Args:
        record: of the run. workspace: its DVC root.
        pipeline: the project's stages.
        write: has a worker write the files.
        name, script: as in `dvc_magic.operations.promotion`.
        dry_run: only tell what would be written.

    Raises:
        RunError: the run cannot be promoted.
        OperationError: a stage cannot have what the operation has, or the project has something in its way.
        ProjectError: the project cannot be read or written.
    """
    planned = promotion(record, pipeline, texts=_texts(record, workspace), name=name, script=script)
    return Promoted(write(planned, dry_run=dry_run))


def _texts(record: RunRecord, workspace: Path) -> dict[str, str]:
    """The operation's own files as the run has them, with its values."""
    paths = record.op.written if record.op is not None else ()
    return {path: _text(workspace / path) for path in paths if (workspace / path).is_file()}


def _text(file: Path) -> str:
    return file.read_bytes().decode("utf-8", "surrogateescape")
