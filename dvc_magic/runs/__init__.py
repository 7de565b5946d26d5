"""Readers of runs: flat params and metrics, lineage, queries and frames, all over the store's frozen records."""

from dvc_magic.runs.frames import frame
from dvc_magic.runs.lineage import FIELDS, RunRow, lineage, rows, run_row
from dvc_magic.runs.metrics import (
    Leaves,
    UnknownLeafError,
    flatten_files,
    lookup,
    metrics_of,
    params_of,
    read_metric_file,
)
from dvc_magic.runs.query import Query, RowView, format_query, order_key, parse_query

__all__ = [
    "FIELDS",
    "Leaves",
    "Query",
    "RowView",
    "RunRow",
    "UnknownLeafError",
    "flatten_files",
    "format_query",
    "frame",
    "lineage",
    "lookup",
    "metrics_of",
    "order_key",
    "params_of",
    "parse_query",
    "read_metric_file",
    "rows",
    "run_row",
]
