"""What a run wrote, read in a process of bounded memory."""

from __future__ import annotations

import json

from tests.support.bombs import bounded, odd_yaml_bomb, yaml_bomb
from tests.support.projects import write

READ = """
import json
from pathlib import Path
from dvc_magic.runs import read_metric_file
from dvc_magic.runs.history import read_series
from dvc_magic.runs.plot_declarations import plot_declarations
names = ["m.yaml", "odd.yaml", "deep.yaml", "deep.json", "half.json"]
print(json.dumps({
    "metrics": [read_metric_file(Path(name)) for name in names],
    "series": read_series(Path("m.yaml"), name="m.yaml"),
    "plots": plot_declarations(Path("."), dvcfile="m.yaml", wdir="."),
}))
"""


def test_a_bomb_that_a_run_wrote_as_metrics_or_plots_is_a_warning_at_once(tmp_path):
    deep = {"deep.yaml": "[" * 9000, "deep.json": "[" * 9000, "half.json": f"{'[' * 300}{']' * 300}"}
    write(tmp_path, {"m.yaml": yaml_bomb("plots"), "odd.yaml": odd_yaml_bomb(), **deep})

    read = json.loads(bounded(READ, cwd=tmp_path, seconds=10))

    aliases = "cannot be read: its aliases (*NAME) repeat more than 100,000 values; write out what is meant"
    assert read["metrics"][:3] == [
        [None, f"metrics m.yaml {aliases}"],
        [None, f"metrics odd.yaml {aliases}"],
        [None, "metrics deep.yaml cannot be read: it has values nested more than 100 deep; make it flatter"],
    ]
    assert read["metrics"][3][1].startswith("metrics deep.json cannot be read: maximum recursion depth exceeded")
    assert read["metrics"][4] == [None, "metrics half.json cannot be read: it has values nested more than 100 deep"]
    assert read["series"][0] == []
    assert "repeat more than 100,000 values" in read["series"][1]
    assert read["plots"] == {}
