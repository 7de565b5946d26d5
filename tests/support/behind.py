"""What stands behind a project's public door, for tests that speak as magics do."""

from __future__ import annotations

from typing import Any

from dvc_magic.model.operation import Operation
from dvc_magic.model.request import RunRequest
from dvc_magic.model.stage import Pipeline
from dvc_magic.project import Caller, Plan, Project, Runs, Supplies, connection_of


def carry_out(project: Project, request: RunRequest, **options: Any) -> Runs:
    """Carry out what a line asks for, to its end."""
    return Caller(connection_of(project)).run(request, **options)


def plan_of(project: Project, request: RunRequest) -> Plan:
    """What that would do."""
    return Caller(connection_of(project)).plan(request)


def pipeline_of(project: Project, **options: Any) -> Pipeline:
    """The stages as frozen data."""
    return connection_of(project).pipeline(**options)


def register(project: Project, operation: Operation) -> None:
    """Make an operation known, as its cell does."""
    connection_of(project).operations.register(operation)


def supplies_of(project: Project) -> Supplies:
    """Where sources are looked up."""
    return Supplies(connection_of(project))
