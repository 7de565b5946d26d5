"""What a project hands out: handles on its runs, stages and operations, which look at what there is when asked."""

from dvc_magic.project.handles.call import Call, Calls
from dvc_magic.project.handles.checkup import Checkup
from dvc_magic.project.handles.content import Paths, ResolvedDep, ResolvedOut, RunLog
from dvc_magic.project.handles.diff import Comparison, Diff
from dvc_magic.project.handles.operations import Operations
from dvc_magic.project.handles.plan import Plan
from dvc_magic.project.handles.plotting import Plots
from dvc_magic.project.handles.run import Actions, Run
from dvc_magic.project.handles.runs import Runs
from dvc_magic.project.handles.stages import Stages, StageView
from dvc_magic.project.handles.widgets import Widgets

__all__ = [
    "Actions",
    "Call",
    "Calls",
    "Checkup",
    "Comparison",
    "Diff",
    "Operations",
    "Paths",
    "Plan",
    "Plots",
    "ResolvedDep",
    "ResolvedOut",
    "Run",
    "RunLog",
    "Runs",
    "StageView",
    "Stages",
    "Widgets",
]
