"""Outputs of cells that are updated in place, and what is told of those that a page has lost.

Nothing that a kernel sends reaches an old output once its page was reloaded, but for two: updates by the labextension
of dvc_magic, which knows our outputs by the mark in their metadata, and what the next cell tells.
"""

from __future__ import annotations

import contextlib
import threading
import time
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any

from dvc_magic.views import MARK

if TYPE_CHECKING:
    from IPython.core.interactiveshell import InteractiveShell

_PAUSE = 0.25  # seconds between two updates of an output
_KEPT = 200  # outputs that have ended and are remembered for pages that come back

Bundle = Mapping[str, Any]
"""Forms of one output by MIME type: ``text/plain``, ``text/html``; of a widget, its view as well."""


class LiveOutput:
    """One output; any thread may update it.

    Attributes:
        id: unique for ever, such as ``call:3f2.../line``.
        bundle: as it was sent last.
        page: that it is on; empty where nobody tells, or the labextension keeps it right.
    """

    def __init__(self, outputs: Outputs, output_id: str, bundle: Bundle, *, page: str) -> None:
        self.id = output_id
        self.bundle = bundle
        self.page = page
        self._outputs = outputs
        self._sent = outputs.clock()
        self._lock = threading.Lock()

    def update(self, bundle: Bundle) -> None:
        """Show what has changed, four times a second at most: what comes sooner is for the next update to show."""
        with self._lock:
            if bundle == self.bundle or self._outputs.clock() - self._sent < _PAUSE:
                return
            self._send(bundle)

    def end(self, bundle: Bundle, *, told: str = "") -> None:
        """Show how it ended, however short ago the last update was.

        Args:
            told: what the next cell says of it when the page was reloaded meanwhile.
        """
        with self._lock:
            self._send(bundle)
        self._outputs.ended(self, told)

    def _send(self, bundle: Bundle) -> None:
        self.bundle = bundle
        self._sent = self._outputs.clock()
        self._outputs.send(self.id, bundle, update=True)


class Outputs:
    """The outputs of one kernel.

    Args:
        shell: that the cells run in. clock: seconds.
        recall: the form of an output of an earlier kernel, by its id; None for one that nothing is known of.
    """

    def __init__(
        self,
        shell: InteractiveShell,
        *,
        clock: Callable[[], float] = time.monotonic,
        recall: Callable[[str], Bundle | None] = lambda _: None,
    ) -> None:
        self._shell = shell
        self.clock = clock
        self._recall = recall
        self._known: dict[str, LiveOutput] = {}
        self._untold: dict[str, str] = {}  # id of one that has ended -> what is to be told of it
        self._lock = threading.Lock()
        self._comms: list[Any] = []

    @property
    def is_live(self) -> bool:
        """Whether outputs can be updated: in a terminal they cannot."""
        return getattr(self._shell, "kernel", None) is not None

    def show(self, output_id: str, bundle: Bundle) -> LiveOutput:
        """Add an output to the cell that runs; to be called by the thread that runs it."""
        made = LiveOutput(self, output_id, bundle, page=self._page())
        with self._lock:
            self._known[output_id] = made
            while len(self._known) > _KEPT:
                del self._known[next(iter(self._known))]
        self.send(output_id, bundle, update=False)
        return made

    def send(self, output_id: str, bundle: Bundle, *, update: bool) -> None:
        """Send a form of an output to the pages."""
        self._shell.display_pub.publish(
            data=dict(bundle),
            metadata={MARK: {"id": output_id}},
            transient={"display_id": output_id},
            update=update,
        )

    def _page(self) -> str:
        """The page that the cell which runs is on; empty where nobody tells."""
        parent: Mapping[str, Any] = getattr(self._shell, "get_parent", dict)()
        return str(parent.get("header", {}).get("session", ""))

    def ended(self, output: LiveOutput, told: str) -> None:
        """Note that an output has its last form."""
        with self._lock:
            if told and output.id in self._known:
                self._untold[output.id] = told

    def tell_lost(self, show: Callable[[str], None]) -> None:
        """Print what has ended on pages that are gone, once, into the cell that is about to run."""
        page = self._page()
        with self._lock:
            pages = {output_id: self._known[output_id].page for output_id in self._untold if output_id in self._known}
            lost = [text for output_id, text in self._untold.items() if pages.get(output_id) not in ("", page)]
            self._untold.clear()
        if lost and page:
            show(f"While the page was away: {'; '.join(lost)}\n")

    # pages that come back, by the labextension

    def listen(self) -> None:
        """Answer pages that ask for their outputs, and ask those that are open already."""
        manager = self._manager
        if manager is None:
            return
        manager.register_target(MARK, self._opened)
        with contextlib.suppress(Exception):  # no comm can be opened while the kernel starts up
            self._ask()

    def _ask(self) -> None:
        from comm import create_comm  # noqa: PLC0415 - of ipykernel; a terminal may not have it

        asked = create_comm(target_name=MARK)
        asked.on_msg(self._asked_for)
        self._comms.append(asked)

    def close(self) -> None:
        """Answer no page any more."""
        manager = self._manager
        if manager is not None:
            with contextlib.suppress(KeyError):
                manager.unregister_target(MARK, self._opened)
        for comm in self._comms:
            comm.close()
        self._comms.clear()

    @property
    def _manager(self) -> Any:
        return getattr(getattr(self._shell, "kernel", None), "comm_manager", None)

    def _opened(self, comm: Any, message: Mapping[str, Any]) -> None:
        self._asked_for(message)
        comm.on_msg(self._asked_for)

    def _asked_for(self, message: Mapping[str, Any]) -> None:
        """Send a page the present form of its outputs."""
        ids = message.get("content", {}).get("data", {}).get("ids", ())
        for output_id in ids if isinstance(ids, list) else ():
            if not isinstance(output_id, str):
                continue
            with self._lock:
                known = self._known.get(output_id)
                self._untold.pop(output_id, None)
                if known is not None:
                    known.page = ""  # the labextension keeps it right from now on
            bundle = known.bundle if known is not None else self._recall(output_id)
            if bundle is not None:
                self.send(output_id, bundle, update=True)
