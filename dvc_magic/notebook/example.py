"""The magic that makes a sample project."""

from __future__ import annotations

from collections.abc import Mapping
from itertools import pairwise
from pathlib import Path
from typing import TYPE_CHECKING, Any

from IPython.core.magic import Magics, magics_class

from dvc_magic.errors import LineError
from dvc_magic.line import Usage, expand_text, read_line
from dvc_magic.model.example import example_names
from dvc_magic.notebook.session import Session
from dvc_magic.notebook.usage import dvc_line_magic
from dvc_magic.project import Project, connection_of, write_example
from dvc_magic.untrusted import one_line

if TYPE_CHECKING:
    from IPython.core.interactiveshell import InteractiveShell

_EXAMPLE = Usage(magic="%dvc_example", words=("EXAMPLE", "FOLDER"))


@magics_class
class ExampleMagics(Magics):
    """A project to try things on."""

    def __init__(self, shell: InteractiveShell, session: Session) -> None:
        super().__init__(shell)
        self._session = session

    @dvc_line_magic(_EXAMPLE)
    def dvc_example(self, line: str, local_ns: Mapping[str, Any] | None = None) -> Project:
        """Make a sample project, with git, DVC and data, and go there.

        Examples::

            %dvc_example iris
            %dvc_example iris ../try/iris

        Without a folder it goes into one of its name. One that is there already is taken as it is, so that a notebook
        can run again. `iris` needs scikit-learn: pip install 'dvc-magic[examples]'.
        """
        words = self._words(line, local_ns)
        example = write_example(words[0], Path(words[1]) if len(words) > 1 else None)
        project = self._session.open(str(example.root))
        self._session.show(f"{_said(project, example.name, made=example.made)}\n")
        return project

    def _words(self, line: str, local_ns: Mapping[str, Any] | None) -> list[str]:
        """The example's name, and the folder if the line has one."""
        tokens = read_line(line).tokens
        options = [token for token in tokens if token.raw.startswith("-")]
        if options:
            raise options[0].error(f"There is no option {options[0].raw}. There are no options here.")
        if not tokens:
            message = f"Name an example: %dvc_example {example_names()[0]}. There are: {', '.join(example_names())}."
            raise LineError(message)
        if len(tokens) > len(_EXAMPLE.words):
            raise tokens[2].error("An example and a folder at most can be given here; blanks go into quotes.")
        names = self._session.names(local_ns)
        return [expand_text(token, names) for token in tokens]


def _said(project: Project, name: str, *, made: bool) -> str:
    if not made:
        return f"The example {name} is there already and is taken as it is, with its {len(project.runs)} runs."
    return f"Made the example {name}: {_chains(project)}. Its data is in a DVC remote; the first run pulls it."


def _chains(project: Project) -> str:
    """The stages, with an arrow from one to the next where that one needs it."""
    pipeline = connection_of(project).pipeline()
    said = ""
    for before, stage in pairwise((None, *pipeline.stages)):
        assert stage is not None
        arrow = " -> " if before in pipeline.lineage(stage) else ", " if before else ""
        said += f"{arrow}{one_line(stage.address)}"
    return said
