"""The line of a magic: tokens, Python names, flags and their values, options. Pure; the only user of Hydra."""

from __future__ import annotations

from dvc_magic.line.config_groups import combinations, group_change
from dvc_magic.line.expansion import Passed, expand, expand_text
from dvc_magic.line.fit import fit
from dvc_magic.line.flags import find_param, matching
from dvc_magic.line.formatting import as_word, format_flag, format_line, format_value, format_values
from dvc_magic.line.operation_line import OPERATION_OPTIONS, OPERATION_USAGE, OperationLine, read_operation_line
from dvc_magic.line.options import HELP, Option, Options
from dvc_magic.line.overrides import override_text, read_override
from dvc_magic.line.partial import Begun, read_begun
from dvc_magic.line.run_line import OPTION_NAMES, RUN_OPTIONS, RUN_USAGE, RunLine, read_duration, read_run_line
from dvc_magic.line.runs_line import read_runs_line
from dvc_magic.line.spaces import Grid, Space
from dvc_magic.line.stages import StageWords, Target, find_stage, find_target, flags_of, sure_word
from dvc_magic.line.tokens import Line, Part, Token, quote, read_line, split
from dvc_magic.line.usage import Usage, asks_for_help
from dvc_magic.line.values import parse_values
from dvc_magic.line.wording import Wording

__all__ = [
    "HELP",
    "OPERATION_OPTIONS",
    "OPERATION_USAGE",
    "OPTION_NAMES",
    "RUN_OPTIONS",
    "RUN_USAGE",
    "Begun",
    "Grid",
    "Line",
    "OperationLine",
    "Option",
    "Options",
    "Part",
    "Passed",
    "RunLine",
    "Space",
    "StageWords",
    "Target",
    "Token",
    "Usage",
    "Wording",
    "as_word",
    "asks_for_help",
    "combinations",
    "expand",
    "expand_text",
    "find_param",
    "find_stage",
    "find_target",
    "fit",
    "flags_of",
    "format_flag",
    "format_line",
    "format_value",
    "format_values",
    "group_change",
    "matching",
    "override_text",
    "parse_values",
    "quote",
    "read_begun",
    "read_duration",
    "read_line",
    "read_operation_line",
    "read_override",
    "read_run_line",
    "read_runs_line",
    "split",
    "sure_word",
]
