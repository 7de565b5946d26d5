"""The params: an operation brings them under another name than the stages do."""

import json
from pathlib import Path
from typing import Any


def read_params() -> dict[str, Any]:
    """Every param, nested as in the file."""
    named = (Path(name) for name in ("params.json", "params.json.in"))
    return json.loads(next(path for path in named if path.exists()).read_text(encoding="utf-8"))
