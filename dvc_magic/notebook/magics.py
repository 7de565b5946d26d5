"""The magics of projects, stages and runs: each reads its line, makes one call on `Project`, shows the result once."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from IPython.core.magic import Magics, magics_class
from traitlets import Bool, Enum, Int, Unicode

from dvc_magic.errors import StageNotFoundError
from dvc_magic.line import RUN_USAGE, RunLine, Usage, read_run_line
from dvc_magic.model.stage import Pipeline
from dvc_magic.notebook.calls import carry_out
from dvc_magic.notebook.forms import CardView, stage_help
from dvc_magic.notebook.session import Session
from dvc_magic.notebook.usage import dvc_line_magic, explained
from dvc_magic.project import Plan, Project, Run, Runs, Stages, StageView
from dvc_magic.untrusted import message

if TYPE_CHECKING:
    from IPython.core.interactiveshell import InteractiveShell

_PROJECT = Usage(magic="%dvc_project", words=("FOLDER",))
_STAGES = Usage(magic="%dvc_stages", words=("TARGET",))


@magics_class
class DvcMagics(Magics):
    """Choosing a project, looking at stages, running them; ``%config`` finds the settings of all magics here."""

    home = Unicode(
        "", help="Folder for run stores, instead of .dvc_magic in each project. Takes effect at the next %dvc_project."
    ).tag(config=True)

    reuse = Bool(
        False,  # noqa: FBT003 - the trait's only argument
        help="Whether %dvc_run answers with an equal run that there is already, as with --reuse; --no-reuse overrides.",
    ).tag(config=True)

    max_jobs = Int(
        0, help="How many commands of all calls in the background may run at the same time; 0 for as many as cores."
    ).tag(config=True)

    display = Enum(
        ("auto", "text"),
        default_value="auto",
        help="How calls are shown: in an output that is updated in place where that is possible, or as printed text.",
    ).tag(config=True)

    plot = Bool(
        True,  # noqa: FBT003 - the trait's only argument
        help="Whether a curve is drawn while a stage goes that writes step series, as without --no-plot.",
    ).tag(config=True)

    def __init__(self, shell: InteractiveShell) -> None:
        super().__init__(shell)
        self.session = Session(
            shell,
            home=lambda: self.home,
            reuse=lambda: self.reuse,
            max_jobs=lambda: self.max_jobs,
            display=lambda: self.display,
            plot=lambda: self.plot,
        )

    @dvc_line_magic(_PROJECT)
    def dvc_project(self, line: str, local_ns: Mapping[str, Any] | None = None) -> Project:
        """Show the project, or make another one the project.

        Examples::

            %dvc_project
            %dvc_project ../churn-model

        The project is kept until the next ``%dvc_project PATH``, wherever the kernel goes. Its runs are below it in
        ``.dvc_magic``; ``git clean -fdx`` would remove their records.
        """
        options = _PROJECT.read(line, namespace=self.session.names(local_ns))
        if options.positional is not None:
            self.session.open(options.positional)
        return self.session.project

    @dvc_line_magic(_STAGES)
    def dvc_stages(self, line: str, local_ns: Mapping[str, Any] | None = None) -> Stages | StageView:
        """List the stages, or those of a group, or show one with its command, deps, outs and flags.

        Examples::

            %dvc_stages
            %dvc_stages train
            %dvc_stages fit
            %dvc_stages fit@u*
        """
        options = _STAGES.read(line, namespace=self.session.names(local_ns))
        project = self.session.project
        if options.positional is None:
            return project.stages
        word = self.session.stage_here(options.positional)
        try:
            return project.stages.meant(word)
        except StageNotFoundError as error:
            if not self._recall(error.name):
                raise
            return project.stages.meant(word)

    @dvc_line_magic(RUN_USAGE)
    def dvc_run(self, line: str, local_ns: Mapping[str, Any] | None = None) -> Run | Runs | Plan | CardView | None:
        """Run stages, each as an isolated run.

        Examples::

            %dvc_run train
            run = %dvc_run train --lr 0.1 --label "first try"
            runs = %dvc_run train --lr 0.1,0.01,0.001 --jobs 2
            runs = %dvc_run train --lr {lrs}
            %dvc_run train -S model.layers=[64,64]
            %dvc_run train --use prepare=41 --timeout 10m
            %dvc_run train --reuse
            %dvc_run --from 41 --lr 0.2
            %dvc_run train --dry-run
            %dvc_run prepare train --lr 0.1
            %dvc_run fit
            %dvc_run fit@u* check@us
            runs = %dvc_run train --lr 0.1,0.01 --background

        A name alone means the stage of the ``dvc.yaml`` in the notebook's folder, if that has it, or else above; an
        address (``sub/dvc.yaml:train``, ``dvc.yaml:train``) always leads from the project's root.

        Stages upstream of it run first where their outputs are missing or stale. Flags are the params of the stage
        and of those upstream of it: the full key or an unambiguous end. ``%dvc_run train --help`` lists them. Several
        values make a grid, and so do those of a list where the param is no list: ``--lr {lrs}``.

        Several stages are one call on one state of the project: each runs once, and the others build on what it makes.
        A flag holds for each of them that has it. The name of a ``foreach`` or ``matrix`` group means all of its items,
        ``GROUP@PATTERN`` those that fit (``*``, ``?``, ``[ab]``). Under ``-S`` they are the items that the values give.

        Where DVC's configuration has ``hydra.enabled``, ``params.yaml`` is composed for each call, as ``dvc exp run``
        does. Config groups are flags then: ``--model full``, ``--model small,full``.

        ``--reuse`` answers with an equal completed run, or waits for one that still goes, instead of making a new one:
        equal are code, data, params, Python, packages, and the files that it was seen to read. ``--timeout``, ``-C``
        and environment variables make no difference. ``%config DvcMagics.reuse = True`` makes it the default, so that
        Restart and Run All executes what changed. ``--from`` takes the values of a run and of those above it; the code
        is the project's as it is now.

        Options::

            -S, --set KEY=V       set any key of a param or vars file, in DVC's grammar
            --use STAGE=RUN       take the outputs of this run
            --upstream POLICY     auto (default), latest, project, never
            --from RUN            start from the values of this run; its stage, when none is named
            --reuse               answer with an equal run if there is one; --no-reuse never does
            -C, --copy-path PATH  take along a file that git ignores
            --no-hydra            leave params.yaml as it is where DVC's configuration has hydra.enabled
            --timeout T           seconds, or 30s, 5m, 2h
            -j, --jobs N          runs at the same time
            --label L, --tag T    notes on the run
            --dry-run             show the plan only
            --no-raise            give a failed run back instead of an error
            --background          answer as soon as the plan stands; the runs go on beside the notebook
            --no-plot             draw no curve while it goes
            --detach              and let them go on when the kernel ends
            --into NAME           put the result into a variable, failed runs too
            --all                 all final stages
        """
        names = self.session.names(local_ns)
        asked, pipeline = self._read(line, names)
        if asked.help:
            return CardView(stage_help(asked.request.stages, pipeline, explained(self.dvc_run.__doc__).options))
        return carry_out(asked, self.session)

    def _recall(self, name: str) -> bool:
        """Whether an earlier kernel has run a cell of this name, which is known from now on; says so, once."""
        said = self.session.connection.recall(name)
        if said:
            self.session.show(f"{message(said)}\n")
        return bool(said)

    def _read(self, line: str, names: Mapping[str, Any]) -> tuple[RunLine, Pipeline]:
        """The line of ``%dvc_run``, and the stages that it was read with: those of earlier cells too that it names."""
        connection = self.session.connection
        recalled: set[str] = set()
        while True:
            pipeline = connection.pipeline()
            try:
                asked = read_run_line(
                    line,
                    namespace=names,
                    pipeline=pipeline,
                    folder=self.session.folder,
                    stage_of=lambda name: connection.store.find(name).record.stage,
                    reuse=self.session.reuse,
                    described=connection.pipeline,
                )
            except StageNotFoundError as error:
                if error.name in recalled or not self._recall(error.name):
                    raise
                recalled.add(error.name)
            else:
                return asked, pipeline
