"""`Widgets`: a project's widgets, as ``project.widgets``."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

from dvc_magic.model.stage import Pipeline

if TYPE_CHECKING:
    from dvc_magic.project.background import Opened, Spares
    from dvc_magic.widgets import Panel


class Widgets:
    """The widgets of one project: ``project.widgets.panel("train")``.

    What they run, they run in the background, in threads that end with the kernel or with `close`.
    """

    def __init__(self, *, title: str, pipeline: Callable[[], Pipeline], another: Callable[[], Opened]) -> None:
        self._title = title
        self._pipeline = pipeline
        self._another = another
        self._spares: Spares | None = None
        self._panels: list[Panel] = []

    def panel(self, stage: str | None = None, *, on_end: Callable[[], None] = lambda: None) -> Panel:
        """``project.widgets.panel()``: pick a stage, set its flags, run it, watch it.

        Args:
            stage: picked at first; the first stage that nothing depends on without it.
            on_end: called after each call of the panel, in the call's thread.

        Raises:
            StageNotFoundError: there is no such stage, or none at all.
            PipelineError: DVC cannot read ``dvc.yaml``.
        """
        return self._made(stage, fixed=False, on_end=on_end)

    def stage_form(self, stage: str) -> Panel:
        """``project.widgets.stage_form("train")``: the panel of one stage, which cannot be exchanged for another.

        Raises:
            StageNotFoundError: there is no such stage.
            PipelineError: DVC cannot read ``dvc.yaml``.
        """
        return self._made(stage, fixed=True, on_end=lambda: None)

    def _made(self, stage: str | None, *, fixed: bool, on_end: Callable[[], None]) -> Panel:
        from dvc_magic.project.background import BackgroundProject, Spares  # noqa: PLC0415 - ipywidgets take 0.1 s
        from dvc_magic.widgets import Panel  # noqa: PLC0415 - see above

        self._spares = self._spares or Spares(self._another)
        backend = BackgroundProject(self._spares, title=self._title)
        panel = Panel(backend, self._pipeline(), stage=stage, fixed=fixed, on_end=on_end)
        self._spares.warm()
        self._panels.append(panel)
        return panel

    def close(self) -> None:
        """Stop what the panels run, and let them take no more clicks."""
        for panel in self._panels:
            panel.close()
        if self._spares is not None:
            self._spares.close()
        self._panels, self._spares = [], None
