"""The public objects: `Project`, `Run`, `Runs` and what they hand out; and, for magics, what stands behind them."""

from dvc_magic.debugger import Debugged
from dvc_magic.project.call_watch import CallWatch
from dvc_magic.project.caller import Caller, Launched
from dvc_magic.project.connection import Connection
from dvc_magic.project.example import write_example
from dvc_magic.project.follow import Observer, tell
from dvc_magic.project.handles import (
    Call,
    Calls,
    Checkup,
    Comparison,
    Diff,
    Plan,
    ResolvedDep,
    ResolvedOut,
    Run,
    RunLog,
    Runs,
    Stages,
    StageView,
)
from dvc_magic.project.left_behind import left_behind
from dvc_magic.project.options import CallOptions, PlanOptions
from dvc_magic.project.project import Project, connection_of
from dvc_magic.project.promoting import Promoted
from dvc_magic.project.removing import Removed
from dvc_magic.project.run_words import RunWords
from dvc_magic.project.settings import STORE_FOLDER, Settings, find_root
from dvc_magic.project.sources import config, dvcfile, dvcstage, file
from dvc_magic.project.supplies import Supplies
from dvc_magic.project.waiting import PATIENCE
from dvc_magic.sources import SourcePath

__all__ = [
    "PATIENCE",
    "STORE_FOLDER",
    "Call",
    "CallOptions",
    "CallWatch",
    "Caller",
    "Calls",
    "Checkup",
    "Comparison",
    "Connection",
    "Debugged",
    "Diff",
    "Launched",
    "Observer",
    "Plan",
    "PlanOptions",
    "Project",
    "Promoted",
    "Removed",
    "ResolvedDep",
    "ResolvedOut",
    "Run",
    "RunLog",
    "RunWords",
    "Runs",
    "Settings",
    "SourcePath",
    "StageView",
    "Stages",
    "Supplies",
    "config",
    "connection_of",
    "dvcfile",
    "dvcstage",
    "file",
    "find_root",
    "left_behind",
    "tell",
    "write_example",
]
