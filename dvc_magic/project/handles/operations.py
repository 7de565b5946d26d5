"""`Operations`: the operations of a project by name."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from msgspec.structs import replace

from dvc_magic.errors import OperationError, close_matches
from dvc_magic.model.stage import Pipeline
from dvc_magic.project.handles.stages import StageView
from dvc_magic.views import Table, stages_table


class Operations(Mapping[str, StageView]):
    """The operations of a project by name, compiled to stages."""

    def __init__(self, pipeline: Pipeline) -> None:
        self.pipeline = pipeline
        self._found = {stage.address.removeprefix("op:"): stage for stage in pipeline.operations}

    def __getitem__(self, name: str) -> StageView:
        """The operation of this name, with ``op:`` before it or not.

        Raises:
            OperationError: there is none, or it cannot be used.
        """
        plain = name.removeprefix("op:")
        if plain in self._found:
            return StageView(self._found[plain], self.pipeline)
        fault = self.pipeline.faults.get(f"op:{plain}")
        known = list(self._found)
        listed = f" The operations are {', '.join(known)}." if known else " This project has none."
        raise OperationError(fault or f"There is no operation {plain!r}.{close_matches(plain, known)}{listed}")

    def __contains__(self, name: object) -> bool:
        """Whether there is an operation of this name."""
        return isinstance(name, str) and name.removeprefix("op:") in self._found

    def __iter__(self) -> Iterator[str]:
        """The names."""
        return iter(self._found)

    def __len__(self) -> int:
        """How many."""
        return len(self._found)

    def _ipython_key_completions_(self) -> list[str]:
        return list(self)

    def table(self) -> Table:
        """The operations as a table, ready to show."""
        return stages_table(replace(self.pipeline, stages=()))

    def __repr__(self) -> str:
        """The table as text."""
        return self.table().text()

    def _repr_html_(self) -> str:
        return self.table().html()
