"""Planning and executing calls: what must run, in which order, and the whole life of a run.

The kernel's side is `Driver`; ``capture``, ``check``, ``prepare``, ``execute``, ``debug``, ``service`` and ``worker``
live in worker processes and are imported there alone, because they lead to DVC.
"""

from dvc_magic.engine.drive import Driver
from dvc_magic.engine.observer import Observer, PointPlan, Silent
from dvc_magic.engine.order import Capture, CaptureRequest, CheckRequest, CopyEnd, CopyRequest, Placement, TypeChange
from dvc_magic.engine.plan import Action, Decision
from dvc_magic.engine.power_cut import mend_after_power_cut

__all__ = [
    "Action",
    "Capture",
    "CaptureRequest",
    "CheckRequest",
    "CopyEnd",
    "CopyRequest",
    "Decision",
    "Driver",
    "Observer",
    "Placement",
    "PointPlan",
    "Silent",
    "TypeChange",
    "mend_after_power_cut",
]
