"""What to show, as frozen data with a text form and a static, escaped, script-free HTML form."""

from dvc_magic.views.card import Card, Section
from dvc_magic.views.format import format_bytes, format_seconds, format_time, format_value
from dvc_magic.views.plan import plan_text
from dvc_magic.views.run_card import run_card, run_line
from dvc_magic.views.runs_table import runs_table
from dvc_magic.views.stage_views import stage_card, stages_table
from dvc_magic.views.table import Table

__all__ = [
    "Card",
    "Section",
    "Table",
    "format_bytes",
    "format_seconds",
    "format_time",
    "format_value",
    "plan_text",
    "run_card",
    "run_line",
    "runs_table",
    "stage_card",
    "stages_table",
]
