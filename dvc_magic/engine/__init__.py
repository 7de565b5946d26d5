"""Planning and executing calls: what must run, in which order, and the whole life of a run.

``calls`` decides, in the host. ``capture``, ``runs`` and the modules of the worker live in worker processes, because
they lead to DVC. What both say to each other is in ``order``.
"""

from dvc_magic.engine.order import Capture, CaptureRequest, CheckRequest, CopyRequest, Point, WorkOrder
from dvc_magic.engine.point_messages import HeardPoints
from dvc_magic.engine.source_marks import source_marks, text_marks

__all__ = [
    "Capture",
    "CaptureRequest",
    "CheckRequest",
    "CopyRequest",
    "HeardPoints",
    "Point",
    "WorkOrder",
    "source_marks",
    "text_marks",
]
