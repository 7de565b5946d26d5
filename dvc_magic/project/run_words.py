"""What people type to choose runs: a query, or the name of a stage, a group, an operation or a status alone."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from typing import NoReturn

from dvc_magic.errors import QueryError, close_matches
from dvc_magic.line import StageWords
from dvc_magic.model.record import RunStatus
from dvc_magic.model.stage import address_of, group_of
from dvc_magic.runs import Query, parse_query, probable_query, stage_meant, with_operations

_WORD = r"[^\s=<>~!()\[\]'\"`]+"
_STATUSES = [status.value for status in RunStatus]


class RunWords:
    """Reads them, over the stages that there are.

    Args:
        stages: addresses of the stages that runs are of, or that the project has.
        folder: from the project's root, that short names of stages are from.
    """

    def __init__(self, stages: Sequence[str], *, folder: str = "") -> None:
        self._stages = stages
        self._folder = folder

    def queries(
        self, text: str | None = None, *, stage: str | None = None, status: str | None = None, tag: str | None = None
    ) -> Iterator[Query]:
        """One query for each thing that is asked for; a run is meant for which all of them hold.

        Raises:
            QueryError: a query that cannot be read; a stage or a status that there is not.
        """
        if stage:
            fitting = self._meant("stage", stage, self._stages) or _refuse("stage", stage, self._stages)
            yield parse_query(_one_of("stage", fitting))
        if text:
            yield self.query(text)
        if status:
            fitting = self._meant("status", status, _STATUSES) or _refuse("status", status, _STATUSES)
            yield parse_query(_one_of("status", fitting))
        if tag:
            yield parse_query(f"tags contains {_quoted(tag)}")

    def query(self, text: str) -> Query:
        """A query, where a name of no stage means the operation; a name or a status alone stands for its runs.

        Raises:
            QueryError: it cannot be read; a word alone is neither, or both.
        """
        if not re.fullmatch(_WORD, text):
            query = self._read(text)
            return with_operations(query, self._stages) if "stage" in query.names() else query
        meant = self._runs_named(text)
        if len(meant) == 1:
            return meant[0]
        if meant:
            message = f"{text!r} is a stage and a status. Write --stage {text} or --status {text}."
            raise QueryError(message)
        hint = close_matches(text, [*self._stages, *_STATUSES])
        if text == "last" or text.isdigit():
            hint = f" One run is shown by %dvc_show {text}."
        message = (
            f"{text!r} is neither a stage nor a status.{hint} Stages: {', '.join(self._stages) or 'none'}. "
            "A query compares: %dvc_runs status = completed and duration < 60"
        )
        raise QueryError(message)

    def _read(self, text: str) -> Query:
        """A query; names alone in it are answered with what they would be in one: ``train failed``."""

        def meaning(word: str) -> Query | None:
            meant = self._runs_named(word)
            return meant[0] if len(meant) == 1 else None

        try:
            return parse_query(text)
        except QueryError as error:
            try:
                meant = str(probable_query(text, meaning))
            except (QueryError, RecursionError):
                raise error from None
            message = f"%dvc_runs takes one name alone or a query, and {text!r} is neither. Write %dvc_runs {meant}"
            raise QueryError(message) from error

    def _runs_named(self, word: str) -> list[Query]:
        """The queries that a name alone can stand for: the runs of a stage, those with a status."""
        kinds = (("stage", self._stages), ("status", _STATUSES))
        meant = {name: self._meant(name, word, known) for name, known in kinds}
        return [parse_query(_one_of(name, names)) for name, names in meant.items() if names]

    def _meant(self, kind: str, text: str, known: Sequence[str]) -> list[str]:
        """What `text` means among names of a kind: itself, an operation, or the stages of a group; maybe nothing."""
        if kind == "stage":
            text = address_of(StageWords(known, self._folder).address(text))
        meant = stage_meant(text, known)
        return [meant] if meant in known else [name for name in known if group_of(name) == text]


def _one_of(name: str, wanted: Sequence[str]) -> str:
    """The query for a field that has one of some values."""
    if len(wanted) == 1:
        return f"{name} == {_quoted(wanted[0])}"
    return f"{name} in [{', '.join(map(_quoted, wanted))}]"


def _refuse(name: str, wanted: str, known: Sequence[str]) -> NoReturn:
    """Answer a stage or a status that there is not: its runs would be none, whatever was meant."""
    hint = close_matches(wanted, list(known))
    message = f"There is no {name} {wanted!r}.{hint} There are: {', '.join(known) or 'none'}."
    raise QueryError(message)


def _quoted(text: str) -> str:
    """`text` as a literal of the query language."""
    return "'" + text.replace("\\", "\\\\").replace("'", "\\'") + "'"
