"""What a call fixes of its project, in a worker: sources, stages of each point, inputs, surroundings."""

from dvc_magic.engine.capture.composing import describe
from dvc_magic.engine.capture.project_state import capture, file_hasher

__all__ = ["capture", "describe", "file_hasher"]
