"""The params: an operation brings them under another name than the stages do."""

import json
from pathlib import Path


def read_params():
    """Every param, nested as in the file."""
    named = (Path(name) for name in ("params.json", "params.json.in"))
    return json.loads(next(path for path in named if path.exists()).read_text(encoding="utf-8"))
