"""Execute the first notebook on a sample project that stays: ``python scripts/demo.py FOLDER``.

Side effects: makes ``FOLDER/flowers``, a DVC project with the notebook's runs in its store, and
``FOLDER/first-run.ipynb``, the notebook with its outputs. A second time, the runs join those of the first.
"""

from __future__ import annotations

import os
import sys
from pathlib import Path

import nbformat
from nbclient import NotebookClient
from nbclient.exceptions import CellExecutionError

_NOTEBOOK = Path(__file__).parents[1] / "notebooks" / "first-run.ipynb"


def main(folder: Path) -> int:
    """Execute the notebook, print its last table of runs and where things lie; 1 when a cell ends in an error."""
    folder.mkdir(parents=True, exist_ok=True)
    project, executed = folder / "flowers", folder / _NOTEBOOK.name
    print(f"Executing {_NOTEBOOK.name} on {project} ...", flush=True)
    notebook = nbformat.read(_NOTEBOOK, as_version=4)
    client = NotebookClient(
        notebook, timeout=300, kernel_name="python3", resources={"metadata": {"path": str(_NOTEBOOK.parent)}}
    )
    try:
        client.execute(env={**os.environ, "SAMPLE_PROJECT": str(project)})
    except CellExecutionError as error:
        print(error, file=sys.stderr)
        return 1
    finally:
        nbformat.write(notebook, executed)
        print(f"The executed notebook: {executed}")
    print(f"The project, with its runs: {project}\n\n{table_of_runs(notebook)}")
    return 0


def table_of_runs(notebook: nbformat.NotebookNode) -> str:
    """The text of the last ``%dvc_runs`` cell's result."""
    cells = [cell for cell in notebook.cells if cell.source.startswith("%dvc_runs")]
    results = [output.data["text/plain"] for output in cells[-1].outputs if "data" in output]
    return str(results[-1])


if __name__ == "__main__":
    sys.exit(main(Path(sys.argv[1]).absolute()))
