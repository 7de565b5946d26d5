"""What to show, as frozen data with a text form and a static, escaped, script-free HTML form."""

from dvc_magic.views.bars import Bars, bar_view
from dvc_magic.views.calls_table import CallRow, Place, call_line, call_name, calls_table, counts_of
from dvc_magic.views.card import Card, Section
from dvc_magic.views.checkup import checkup_card, progress_line
from dvc_magic.views.curves import (
    Curve,
    Curves,
    check_has_series,
    curves_view,
    has_steps,
    panels_view,
    series_names,
)
from dvc_magic.views.curves_svg import curves_alt, curves_svg, svg_image
from dvc_magic.views.files_table import files_table
from dvc_magic.views.format import format_bytes, format_seconds, format_time, format_value
from dvc_magic.views.live_call import LiveCall, live_curves
from dvc_magic.views.live_line import CallCounts, clock, time_left
from dvc_magic.views.live_run import LiveRun
from dvc_magic.views.log import log_text
from dvc_magic.views.mark import MARK
from dvc_magic.views.pictures import Pictures, pictures_view
from dvc_magic.views.plan import plan_text, reused_line
from dvc_magic.views.pull_text import progress_text, pulled_text, pulling_text
from dvc_magic.views.run_card import name_of, run_card, run_line
from dvc_magic.views.run_diff import diff_card
from dvc_magic.views.run_labels import run_labels
from dvc_magic.views.runs_page import RunsColumns, RunsPage, TableState, columns_of, runs_page
from dvc_magic.views.runs_side_by_side import side_by_side_table
from dvc_magic.views.runs_table import runs_table
from dvc_magic.views.scale import Scale, unknown
from dvc_magic.views.scatter import Scatter, is_numeric, scatter_view
from dvc_magic.views.stage_form import FormField, StageForm, preselected, stage_facts, stage_form
from dvc_magic.views.stage_views import stage_card, stages_table
from dvc_magic.views.table import Table
from dvc_magic.views.table_plots import ConfusionMatrix, TablePlot, confusion_matrix, table_plot

__all__ = [
    "MARK",
    "Bars",
    "CallCounts",
    "CallRow",
    "Card",
    "ConfusionMatrix",
    "Curve",
    "Curves",
    "FormField",
    "LiveCall",
    "LiveRun",
    "Pictures",
    "Place",
    "RunsColumns",
    "RunsPage",
    "Scale",
    "Scatter",
    "Section",
    "StageForm",
    "Table",
    "TablePlot",
    "TableState",
    "bar_view",
    "call_line",
    "call_name",
    "calls_table",
    "check_has_series",
    "checkup_card",
    "clock",
    "columns_of",
    "confusion_matrix",
    "counts_of",
    "curves_alt",
    "curves_svg",
    "curves_view",
    "diff_card",
    "files_table",
    "format_bytes",
    "format_seconds",
    "format_time",
    "format_value",
    "has_steps",
    "is_numeric",
    "live_curves",
    "log_text",
    "name_of",
    "panels_view",
    "pictures_view",
    "plan_text",
    "preselected",
    "progress_line",
    "progress_text",
    "pulled_text",
    "pulling_text",
    "reused_line",
    "run_card",
    "run_labels",
    "run_line",
    "runs_page",
    "runs_table",
    "scatter_view",
    "series_names",
    "side_by_side_table",
    "stage_card",
    "stage_facts",
    "stage_form",
    "stages_table",
    "svg_image",
    "table_plot",
    "time_left",
    "unknown",
]
