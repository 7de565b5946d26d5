"""Loading and unloading the extension."""

from __future__ import annotations

import atexit
from typing import TYPE_CHECKING

from dvc_magic.notebook import completion
from dvc_magic.notebook.browsing import RunsMagics
from dvc_magic.notebook.comparing import ComparingMagics
from dvc_magic.notebook.control import CallMagics
from dvc_magic.notebook.debug import DebugMagics
from dvc_magic.notebook.doctor import DoctorMagics
from dvc_magic.notebook.example import ExampleMagics
from dvc_magic.notebook.magics import DvcMagics
from dvc_magic.notebook.operation import OperationMagics, with_body
from dvc_magic.notebook.overview import OverviewMagics
from dvc_magic.notebook.panel import PanelMagics
from dvc_magic.notebook.promote import PromoteMagics
from dvc_magic.notebook.tidying import TidyingMagics

if TYPE_CHECKING:
    from IPython.core.interactiveshell import InteractiveShell
    from IPython.core.magic import Magics

_FURTHER = (
    OverviewMagics,
    RunsMagics,
    CallMagics,
    ComparingMagics,
    TidyingMagics,
    OperationMagics,
    DebugMagics,
    DoctorMagics,
    ExampleMagics,
    PanelMagics,
    PromoteMagics,
)  # made with the session of `DvcMagics`


def _loaded(shell: InteractiveShell) -> DvcMagics | None:
    found = shell.magics_manager.registry.get(DvcMagics.__name__)
    return found if isinstance(found, DvcMagics) else None


def load(shell: InteractiveShell) -> None:
    """Register the magics; a second time does nothing, as IPython itself says so.

    Side effects: when the working directory lies in a DVC project, a worker process is started, so that the first
    magic finds it ready.
    """
    if _loaded(shell) is not None:
        return
    magics = DvcMagics(shell)
    shell.register_magics(magics, *(further(shell, magics.session) for further in _FURTHER))
    completion.install(shell, magics.session)
    shell.input_transformers_cleanup.append(with_body)
    shell.events.register("pre_run_cell", magics.session.tell)
    atexit.register(magics.session.close)
    magics.session.warm()
    magics.session.tell_left_behind()
    magics.session.outputs.listen()


def unload(shell: InteractiveShell) -> None:
    """Take away exactly what `load` brought: the magics, their completions, the configuration, the workers."""
    magics = _loaded(shell)
    if magics is None:
        return
    completion.remove(shell)
    shell.input_transformers_cleanup[:] = [
        known for known in shell.input_transformers_cleanup if known is not with_body
    ]
    shell.events.unregister("pre_run_cell", magics.session.tell)
    magics.session.outputs.close()
    magics.session.close()
    atexit.unregister(magics.session.close)
    for registered in (magics, *(shell.magics_manager.registry[further.__name__] for further in _FURTHER)):
        _take_away(shell, registered)


def _take_away(shell: InteractiveShell, registered: Magics) -> None:
    for kind, names in registered.magics.items():
        for name in names:
            if getattr(shell.magics_manager.magics[kind].get(name), "__self__", None) is registered:
                del shell.magics_manager.magics[kind][name]
    del shell.magics_manager.registry[type(registered).__name__]
    configured: list[object] = list(shell.configurables)
    if registered in configured:
        shell.configurables.pop(configured.index(registered))
