"""What a call decides: which runs could serve it, what is to be executed next, and what is recorded."""

from dvc_magic.engine.calls.answered import answered
from dvc_magic.engine.calls.candidates import Candidates
from dvc_magic.engine.calls.decisions import Decisions, settle, work_of
from dvc_magic.engine.calls.inputs import Ask, CallInputs
from dvc_magic.engine.calls.made_before import made_before
from dvc_magic.engine.calls.named_runs import named_runs
from dvc_magic.engine.calls.new_files import NewFiles
from dvc_magic.engine.calls.plan import mismatch
from dvc_magic.engine.calls.planned_runs import PlannedRuns
from dvc_magic.engine.calls.point import PointState
from dvc_magic.engine.calls.records import CallRecords
from dvc_magic.engine.calls.reusable_runs import ReusableRuns
from dvc_magic.engine.calls.schedule import Execution, Schedule

__all__ = [
    "Ask",
    "CallInputs",
    "CallRecords",
    "Candidates",
    "Decisions",
    "Execution",
    "NewFiles",
    "PlannedRuns",
    "PointState",
    "ReusableRuns",
    "Schedule",
    "answered",
    "made_before",
    "mismatch",
    "named_runs",
    "settle",
    "work_of",
]
