"""The process between a kernel and its workers: it plans, schedules and drives calls, in one event loop."""

from dvc_magic.host.call import Call
from dvc_magic.host.questions import Answering, Questions
from dvc_magic.host.running_call import StoppedError

__all__ = ["Answering", "Call", "Questions", "StoppedError"]
