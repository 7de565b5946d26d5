"""Planning and executing calls: what must run, in which order, and the whole life of a run.

``calls`` decides, in the host. ``capture``, ``runs`` and the modules of the worker live in worker processes, because
they lead to DVC. What both say to each other is in ``requests`` and ``order``.
"""

from dvc_magic.engine.order import Capture, Point, WorkOrder
from dvc_magic.engine.point_messages import HeardPoints
from dvc_magic.engine.requests import (
    AlteredOutsRequest,
    CaptureRequest,
    CheckRequest,
    CopyRequest,
    DescribeRequest,
    IngestRequest,
    MakeExampleRequest,
    MendRequest,
    PlaceRequest,
    PromoteRequest,
    Request,
    SweepCopiesRequest,
    answer_type,
)
from dvc_magic.engine.source_marks import source_marks, text_marks

__all__ = [
    "AlteredOutsRequest",
    "Capture",
    "CaptureRequest",
    "CheckRequest",
    "CopyRequest",
    "DescribeRequest",
    "HeardPoints",
    "IngestRequest",
    "MakeExampleRequest",
    "MendRequest",
    "PlaceRequest",
    "Point",
    "PromoteRequest",
    "Request",
    "SweepCopiesRequest",
    "WorkOrder",
    "answer_type",
    "source_marks",
    "text_marks",
]
