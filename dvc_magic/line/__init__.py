"""The line of a magic: tokens, Python names, flags and their values, options. Pure; the only user of Hydra."""

from __future__ import annotations

from dvc_magic.line.expansion import Passed, expand, expand_text
from dvc_magic.line.fit import fit
from dvc_magic.line.flags import find_param
from dvc_magic.line.formatting import format_flag, format_line, format_value, format_values
from dvc_magic.line.options import Option, Options, read_options
from dvc_magic.line.overrides import read_override
from dvc_magic.line.run_line import OPTION_NAMES, RUN_OPTIONS, RunLine, read_duration, read_run_line
from dvc_magic.line.spaces import Grid, Space
from dvc_magic.line.stages import find_stage
from dvc_magic.line.tokens import Line, Part, Token, quote, read_line, split
from dvc_magic.line.values import parse_values

__all__ = [
    "OPTION_NAMES",
    "RUN_OPTIONS",
    "Grid",
    "Line",
    "Option",
    "Options",
    "Part",
    "Passed",
    "RunLine",
    "Space",
    "Token",
    "expand",
    "expand_text",
    "find_param",
    "find_stage",
    "fit",
    "format_flag",
    "format_line",
    "format_value",
    "format_values",
    "parse_values",
    "quote",
    "read_duration",
    "read_line",
    "read_options",
    "read_override",
    "read_run_line",
    "split",
]
