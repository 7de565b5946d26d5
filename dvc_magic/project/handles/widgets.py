"""`Widgets`: a project's widgets, as ``project.widgets``."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any

from dvc_magic.model.stage import Pipeline

if TYPE_CHECKING:
    from dvc_magic.widgets import Backend, Panel, RunsBackend, RunsTable


class Widgets:
    """The widgets of one project: ``project.widgets.panel("train")``.

    What they run, they run in the background: it ends with the kernel or with the project.

    Args:
        pipeline: gives the stages as they are now.
        backend: makes what carries out the calls of one panel. browser: makes what answers a table of runs.
    """

    def __init__(
        self, pipeline: Callable[[], Pipeline], backend: Callable[[], Backend], browser: Callable[[], RunsBackend]
    ) -> None:
        self._pipeline = pipeline
        self._backend = backend
        self._browser = browser
        self._panels: list[Panel] = []

    def panel(
        self,
        stage: str | None = None,
        *,
        on_end: Callable[[], None] = lambda: None,
        refresh: Callable[[str, Mapping[str, Any]], None] = lambda _id, _bundle: None,
    ) -> Panel:
        """``project.widgets.panel()``: pick a stage, set its flags, run it, watch it.

        Args:
            stage: picked at first; the first stage that nothing depends on without it.
            on_end: called after each call of the panel, in another thread.
            refresh: sends pages the present forms of an output, by its id, as `%dvc_ui` does at the end of each call.

        Raises:
            StageNotFoundError: there is no such stage, or none at all.
            PipelineError: DVC cannot read ``dvc.yaml``.
        """
        return self._made(stage, fixed=False, on_end=on_end, refresh=refresh)

    def stage_form(self, stage: str) -> Panel:
        """``project.widgets.stage_form("train")``: the panel of one stage, which cannot be exchanged for another.

        Raises:
            StageNotFoundError: there is no such stage.
            PipelineError: DVC cannot read ``dvc.yaml``.
        """
        return self._made(stage, fixed=True)

    def runs(self, query: str = "", *, size: int = 25) -> RunsTable:
        """``project.widgets.runs("stage = train")``: all runs in a table to sort, filter, tick, compare and label.

        Args:
            query: which runs at first, as in ``%dvc_runs EXPR``.
            size: runs of a page.
        """
        from dvc_magic.widgets import RunsTable  # noqa: PLC0415 - see panel

        return RunsTable(self._browser(), query=query, size=size)

    def _made(self, stage: str | None, *, fixed: bool, **told: Any) -> Panel:
        from dvc_magic.widgets import Panel  # noqa: PLC0415 - ipywidgets take 0.1 s

        panel = Panel(self._backend(), self._pipeline(), stage=stage, fixed=fixed, **told)
        self._panels.append(panel)
        return panel

    def close(self) -> None:
        """Let the panels take no more clicks; what they run ends with the host."""
        closing, self._panels = self._panels, []
        for panel in closing:
            panel.close()
