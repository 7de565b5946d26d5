"""The mark by which pages know outputs of ours."""

from __future__ import annotations

from typing import Any

OUTPUT_MARK = "dvc_magic"
"""In the metadata of our outputs, with their id; the labextension keeps these right, and puts the static form of a
widget in its place when its kernel is gone."""


def marked(output_id: str) -> dict[str, Any]:
    """The metadata of an output with this id, which has to be unique for ever."""
    return {OUTPUT_MARK: {"id": output_id}}
