"""What a call decides: which runs could serve it, what is to be executed next, and what is recorded."""

from dvc_magic.engine.calls.candidates import Candidates
from dvc_magic.engine.calls.decisions import Decisions, settle, work_of
from dvc_magic.engine.calls.records import CallRecords
from dvc_magic.engine.calls.schedule import Execution, Schedule

__all__ = ["CallRecords", "Candidates", "Decisions", "Execution", "Schedule", "settle", "work_of"]
