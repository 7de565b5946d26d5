"""Execute the quickstart on a sample project that stays: ``python scripts/demo.py FOLDER``.

With notebooks named, it executes these: ``python scripts/demo.py FOLDER notebooks/operations.ipynb``.

Side effects: makes ``FOLDER/iris``, a DVC project with the notebook's runs in its store, and
``FOLDER/quickstart.ipynb``, the notebook with its outputs. A second time, the runs join those of the first. Other
notebooks make projects of other names there.
"""

from __future__ import annotations

import os
import re
import sys
from collections.abc import Callable
from pathlib import Path

import nbformat
from nbclient import NotebookClient
from nbclient.exceptions import CellExecutionError, CellTimeoutError, DeadKernelError

from dvc_magic import Project

_QUICKSTART = Path(__file__).parents[1] / "notebooks" / "quickstart.ipynb"
_COLOURS = re.compile(r"\x1b\[[0-9;]*m")


def main(folder: Path, notebooks: list[Path]) -> int:
    """Execute the notebooks, and print the runs of the quickstart and where things lie; 1 when a cell fails."""
    folder.mkdir(parents=True, exist_ok=True)
    if not all(execute(notebook, folder) for notebook in notebooks or [_QUICKSTART]):
        return 1
    if notebooks:
        return 0
    with Project.open(folder / "iris") as project:
        print(f"\n{project.runs}\n")
    print(f"The project, with its runs: {folder / 'iris'}")
    print(f"The executed notebook:      {folder / _QUICKSTART.name}    (make lab opens it)")
    return 0


def execute(path: Path, folder: Path) -> bool:
    """Execute a notebook in a folder, and write it there with its outputs, also when a cell fails; False if one did."""
    executed = folder / path.name
    notebook = nbformat.read(path, as_version=4)
    client = NotebookClient(
        notebook,
        timeout=300,
        kernel_name="python3",
        resources={"metadata": {"path": str(folder)}},
        extra_arguments=["--log-level=ERROR"],  # the kernel would warn of its own transport
        record_timing=False,
        coalesce_streams=True,
        store_widget_state=False,  # says nothing to anyone without the kernel; what stands in for the panel does
        on_cell_start=announcer(notebook),
    )
    print(f"Executing {path.name} in {folder}")
    try:
        client.execute(env=environment())
    except (CellExecutionError, CellTimeoutError, DeadKernelError) as error:
        print(f"A cell failed. The notebook up to there: {executed}\n\n{_COLOURS.sub('', str(error))}", file=sys.stderr)
        return False
    finally:
        nbformat.write(notebook, executed)
    return True


def environment() -> dict[str, str]:
    """This process's, in which cells that are shell commands find dvc and this Python."""
    return {**os.environ, "PATH": os.pathsep.join([str(Path(sys.executable).parent), os.environ.get("PATH", "")])}


def announcer(notebook: nbformat.NotebookNode) -> Callable[..., None]:
    """What prints the last line of each code cell as it starts."""
    numbers = [index for index, cell in enumerate(notebook.cells) if cell.cell_type == "code"]

    def announce(*, cell: nbformat.NotebookNode, cell_index: int) -> None:
        if cell_index in numbers:
            place = f"{numbers.index(cell_index) + 1}/{len(numbers)}"
            print(f"  {place:>5}  {cell.source.splitlines()[-1]}", flush=True)

    return announce


if __name__ == "__main__":
    sys.exit(main(Path(sys.argv[1]).absolute(), [Path(name) for name in sys.argv[2:]]))
