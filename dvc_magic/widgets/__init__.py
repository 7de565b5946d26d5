"""Widgets: views as controls. The only importer of ipywidgets; importing this package takes 0.1 s."""

from dvc_magic.widgets.backend import Backend, Listener, Outcome, Shown
from dvc_magic.widgets.panel import Panel
from dvc_magic.widgets.runs_backend import RunsBackend
from dvc_magic.widgets.runs_table import RunsTable

__all__ = ["Backend", "Listener", "Outcome", "Panel", "RunsBackend", "RunsTable", "Shown"]
