"""Readers of runs: flat params and metrics, lineage, queries and frames, all over the store's frozen records."""

from dvc_magic.runs.frames import frame, history_frame, labelled_frame
from dvc_magic.runs.history import COUNTERS, History, Series, history_of, table_columns
from dvc_magic.runs.lineage import FIELDS, RunRow, lineage, rows, run_row
from dvc_magic.runs.live_series import LiveSeries
from dvc_magic.runs.log import LOG_TAIL, LogPart, LogTail, log_tail
from dvc_magic.runs.metrics import (
    Leaves,
    UnknownLeafError,
    flatten_files,
    lookup,
    metric_files,
    metrics_of,
    params_of,
    read_metric_file,
    read_metrics,
)
from dvc_magic.runs.named_plots import NamedPlot, PlotTable
from dvc_magic.runs.names import check_names, clear_rows, in_order
from dvc_magic.runs.plot_declarations import plot_declarations
from dvc_magic.runs.printed import MOST_NAMES, LineCutter, Point, PointsFile, ScalarReader, compiled, written_points
from dvc_magic.runs.query import (
    Query,
    RowView,
    order_key,
    parse_query,
    probable_query,
    stage_meant,
    with_operations,
)

__all__ = [
    "COUNTERS",
    "FIELDS",
    "LOG_TAIL",
    "MOST_NAMES",
    "History",
    "Leaves",
    "LineCutter",
    "LiveSeries",
    "LogPart",
    "LogTail",
    "NamedPlot",
    "PlotTable",
    "Point",
    "PointsFile",
    "Query",
    "RowView",
    "RunRow",
    "ScalarReader",
    "Series",
    "UnknownLeafError",
    "check_names",
    "clear_rows",
    "compiled",
    "flatten_files",
    "frame",
    "history_frame",
    "history_of",
    "in_order",
    "labelled_frame",
    "lineage",
    "log_tail",
    "lookup",
    "metric_files",
    "metrics_of",
    "order_key",
    "params_of",
    "parse_query",
    "plot_declarations",
    "probable_query",
    "read_metric_file",
    "read_metrics",
    "rows",
    "run_row",
    "stage_meant",
    "table_columns",
    "with_operations",
    "written_points",
]
