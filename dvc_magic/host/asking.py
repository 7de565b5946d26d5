"""Asking a worker: the request goes out as a noun, and its answer comes back as one."""

from __future__ import annotations

from typing import Any

from dvc_magic.codec import from_data
from dvc_magic.engine import Request, answer_type
from dvc_magic.executors import Heard, Workers


async def ask(workers: Workers, request: Request, *, heard: Heard | None = None, survives: bool = False) -> Any:
    """The answer to a request, of the type that its docstring says; see `dvc_magic.executors.Workers.ask`."""
    return from_data(await workers.ask(request, heard=heard, survives=survives), answer_type(request))
