"""The magic that runs a cell as an operation."""

from __future__ import annotations

import contextlib
import os
import re
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from IPython.core.magic import Magics, magics_class
from msgspec.structs import replace

from dvc_magic.errors import DvcMagicError, LineError, OperationError
from dvc_magic.line import OPERATION_USAGE, OperationLine, asks_for_help, format_value, read_operation_line
from dvc_magic.model.operation import SourceKind
from dvc_magic.notebook.calls import carry_out
from dvc_magic.notebook.forms import CardView
from dvc_magic.notebook.session import Session
from dvc_magic.notebook.usage import dvc_cell_magic, help_card
from dvc_magic.operations import CellSettings, cell_operation, cell_params, constants, line_settings
from dvc_magic.project import Plan, Run, Runs
from dvc_magic.views import Card, Section

if TYPE_CHECKING:
    from IPython.core.interactiveshell import InteractiveShell

_LONE = re.compile(r"%%dvc_op\b")
_ASSIGNED = re.compile(r"\s*(?P<name>[^\W\d]\w*)\s*=\s*%%dvc_op\b(?P<line>.*)")
_FIRST_LINE = 2  # of the code, in a cell whose first line is the magic's


@magics_class
class OperationMagics(Magics):
    """Cells as operations."""

    def __init__(self, shell: InteractiveShell, session: Session) -> None:
        super().__init__(shell)
        self._session = session

    @dvc_cell_magic(OPERATION_USAGE)
    def dvc_op(
        self, line: str, cell: str, local_ns: Mapping[str, Any] | None = None
    ) -> Run | Runs | Plan | CardView | None:
        """Run the cell as an operation: an isolated run of code that is no stage yet.

        Examples::

            %%dvc_op fit -d data.csv -o model.pkl -M metrics.json
            %%dvc_op fit --requires dvcfile:data.csv --requires dvcstage:prepare:clean.csv --lr 0.1,0.2
            %%dvc_op fit --requires config:params.yaml --train.lr 0.1
            %%dvc_op fit --stage train --into run
            %%dvc_op fit --learn --dry-run

        The cell becomes the script ``NAME.py``, plain Python that sees files and flags, and nothing of the notebook.
        Constants at its top level (``lr = 0.1``) are its flags. What it writes counts as its outputs when none is
        named. Afterwards ``%dvc_run NAME`` runs it as well, and ``%dvc_promote`` makes a stage of it.

        A long list goes into the cell, as YAML in a comment block that begins with ``# /// dvc_magic`` and ends with
        ``# ///``: requires, deps, outs, metrics, stage, script, learn, scalars, desc.

        Options::

            -d, --deps PATH              a file or folder that it reads
            --requires SOURCE            dvcfile:PATH, dvcstage:STAGE:SELECT, config:PATH, file:PATH
            -o, --outs OUT               what it makes; -O, --outs-no-cache keeps it out of DVC's cache
            -m, --metrics METRIC         metrics that it writes; -M, --metrics-no-cache as with -O
            --stage STAGE                a stage that its outputs can stand in for
            --script SCRIPT              where the script goes, instead of NAME.py
            --learn                      find out what the code reads, and note it with the run
            --scalars                    numbers in printed lines such as 'loss: 0.5' are metrics and step series
            --desc TEXT                  one line about it
            --reuse, --dry-run...        what %dvc_run has: see %dvc_run --help
        """
        _refuse_assignment(line)
        names = self._session.names(local_ns)
        asked = read_operation_line(line, namespace=names)
        if asks_for_help(line):
            return CardView(_help(self.dvc_op.__doc__, cell))
        _check_places(asked, self._session.project.root)
        settings = self._seen_from_here(line_settings(asked))
        operation = cell_operation(asked.name, cell, settings=settings, names=names, first_line=_FIRST_LINE)
        asked.check(cell_params(operation))
        connection = self._session.connection
        with connection.operations.trying(operation):
            call = asked.run_line(
                connection.pipeline(),
                namespace=names,
                folder=self._session.folder,
                stage_of=lambda name: connection.store.find(name).record.stage,
                reuse=self._session.reuse,
                described=connection.pipeline,
            )
        return carry_out(call, self._session)

    def _seen_from_here(self, settings: CellSettings) -> CellSettings:
        """The settings of a line with the addresses of stages, whose names are looked for from the cwd upwards."""
        here = self._session.stage_here
        sources = [
            replace(source, path=here(source.path)) if source.kind is SourceKind.DVCSTAGE else source
            for source in settings.requires
        ]
        return replace(settings, requires=tuple(sources), stage=settings.stage and here(settings.stage))


def with_body(lines: list[str]) -> list[str]:
    """The lines of a cell; of one that IPython would refuse in its own way, those that let the magic answer.

    For the shell's ``input_transformers_cleanup``: so ``%%dvc_op --help`` alone is answered, an empty cell is an error,
    and ``run = %%dvc_op fit``, which is no Python, is told how that is written.
    """
    if lines and _ASSIGNED.match(lines[0]):
        return with_body([f"%%dvc_op {lines[0]}", *lines[1:]])
    if lines and _LONE.match(lines[0]) and not "".join(lines[1:]):
        return [lines[0].rstrip("\n") + "\n", "\n"]
    return lines


def _refuse_assignment(line: str) -> None:
    """Answer ``run = %%dvc_op fit``: the line to write names the variable by ``--into``."""
    if assigned := _ASSIGNED.match(line):
        own = assigned["line"].strip()
        wanted = own if "--into" in own else f"{own} --into {assigned['name']}".strip()
        message = f"what a cell magic gives back cannot be assigned; its line names the variable: %%dvc_op {wanted}"
        raise LineError(message)


def _check_places(asked: OperationLine, root: Path) -> None:
    """See that no path of the line leads to a file of the project from the notebook's folder: they begin at the root.

    Raises:
        OperationError: one does; the message has the path to write.
    """
    sources = (source.partition(":")[2].strip() for source in asked.requires)
    for path in (*asked.deps, *sources, *(out.path for out in asked.outs)):
        place = Path(os.path.normpath(Path.cwd() / path))  # links stay: DVC may have put one in a file's place
        if os.path.normpath(path).startswith("../") and root.resolve() in place.parents:
            meant = place.relative_to(root.resolve()).as_posix()
            message = f"{path!r} leads out of the project, from whose root an operation's paths begin; write {meant!r}"
            raise OperationError(message)


def _help(doc: str | None, cell: str) -> Card:
    """The magic's usage, and the flags of the cell below it."""
    card = help_card("dvc_op", doc, sign="%%")
    flags: tuple[tuple[str, str], ...] = ()
    with contextlib.suppress(DvcMagicError):
        flags = tuple((f"--{key}", format_value(value)) for key, value in constants(cell).items())
    own = (Section(title="flags of this cell", pairs=flags),) if flags else ()
    return Card(title=card.title, sections=(*own, *card.sections))
