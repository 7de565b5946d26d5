"""Widgets: views as controls. The only importer of ipywidgets; importing this package takes 0.1 s."""

from dvc_magic.widgets.backend import Backend, Listener, Outcome, Shown
from dvc_magic.widgets.panel import Panel

__all__ = ["Backend", "Listener", "Outcome", "Panel", "Shown"]
