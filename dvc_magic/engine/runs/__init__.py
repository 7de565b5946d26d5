"""The life of a run, in a worker: prepare its workspace, execute its command, finish what it made."""

from dvc_magic.engine.runs.execute import command_variables, execute, take_spoiled
from dvc_magic.engine.runs.intact import altered_outs
from dvc_magic.engine.runs.prepare import Prepared, prepare
from dvc_magic.engine.runs.supervise import Control, Ending, supervise

__all__ = [
    "Control",
    "Ending",
    "Prepared",
    "altered_outs",
    "command_variables",
    "execute",
    "prepare",
    "supervise",
    "take_spoiled",
]
