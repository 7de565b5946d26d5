"""What workers read, as the system counts it."""

from __future__ import annotations

import psutil


def bytes_read_by_workers() -> int:
    """What the workers of this process have read so far, with the commands that they have waited for."""
    children = psutil.Process().children(recursive=True)
    workers = [child for child in children if "dvc_magic.engine.worker" in child.cmdline()]
    return sum(worker.io_counters().read_chars for worker in workers)
