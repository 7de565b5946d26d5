"""Execute the quickstart on a sample project that stays: ``python scripts/demo.py FOLDER``.

Side effects: makes ``FOLDER/iris``, a DVC project with the notebook's runs in its store, and
``FOLDER/quickstart.ipynb``, the notebook with its outputs. A second time, the runs join those of the first.
"""

from __future__ import annotations

import re
import sys
from collections.abc import Callable
from pathlib import Path

import nbformat
from nbclient import NotebookClient
from nbclient.exceptions import CellExecutionError, CellTimeoutError, DeadKernelError

from dvc_magic import Project

_NOTEBOOK = Path(__file__).parents[1] / "notebooks" / "quickstart.ipynb"
_COLOURS = re.compile(r"\x1b\[[0-9;]*m")


def main(folder: Path) -> int:
    """Execute the notebook, print the runs and where things lie; 1 when a cell ends in an error."""
    folder.mkdir(parents=True, exist_ok=True)
    executed = folder / _NOTEBOOK.name
    notebook = nbformat.read(_NOTEBOOK, as_version=4)
    client = NotebookClient(
        notebook,
        timeout=300,
        kernel_name="python3",
        resources={"metadata": {"path": str(folder)}},
        extra_arguments=["--log-level=ERROR"],  # the kernel would warn of its own transport
        record_timing=False,
        store_widget_state=False,  # says nothing to anyone without the kernel; what stands in for the panel does
        on_cell_start=announcer(notebook),
    )
    print(f"Executing {_NOTEBOOK.name} in {folder}")
    try:
        client.execute()
    except (CellExecutionError, CellTimeoutError, DeadKernelError) as error:
        print(f"A cell failed. The notebook up to there: {executed}\n\n{_COLOURS.sub('', str(error))}", file=sys.stderr)
        return 1
    finally:
        nbformat.write(notebook, executed)
    with Project.open(folder / "iris") as project:
        print(f"\n{project.runs}\n")
    print(f"The project, with its runs: {folder / 'iris'}")
    print(f"The executed notebook:      {executed}    (make lab opens it)")
    return 0


def announcer(notebook: nbformat.NotebookNode) -> Callable[..., None]:
    """What prints the last line of each code cell as it starts."""
    numbers = [index for index, cell in enumerate(notebook.cells) if cell.cell_type == "code"]

    def announce(*, cell: nbformat.NotebookNode, cell_index: int) -> None:
        if cell_index in numbers:
            place = f"{numbers.index(cell_index) + 1}/{len(numbers)}"
            print(f"  {place:>5}  {cell.source.splitlines()[-1]}", flush=True)

    return announce


if __name__ == "__main__":
    sys.exit(main(Path(sys.argv[1]).absolute()))
