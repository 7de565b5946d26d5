"""The public objects: `Project`, `Run`, `Runs` and what they hand out."""

from dvc_magic.project.checkup import Checkup
from dvc_magic.project.debugging import Debugged
from dvc_magic.project.example import write_example
from dvc_magic.project.log_tail import LogTail
from dvc_magic.project.project import Plan, Project
from dvc_magic.project.promoting import Promoted
from dvc_magic.project.run import ResolvedDep, ResolvedOut, Run, RunLog
from dvc_magic.project.runs import Runs
from dvc_magic.project.settings import STORE_FOLDER, Settings, find_root
from dvc_magic.project.sources import SourcePath, config, dvcfile, dvcstage, file
from dvc_magic.project.stages import Stages, StageView

__all__ = [
    "STORE_FOLDER",
    "Checkup",
    "Debugged",
    "LogTail",
    "Plan",
    "Project",
    "Promoted",
    "ResolvedDep",
    "ResolvedOut",
    "Run",
    "RunLog",
    "Runs",
    "Settings",
    "SourcePath",
    "StageView",
    "Stages",
    "config",
    "dvcfile",
    "dvcstage",
    "file",
    "find_root",
    "write_example",
]
