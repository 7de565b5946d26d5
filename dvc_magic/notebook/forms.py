"""What magics hand back when it is neither a run nor a project: cards and logs."""

from __future__ import annotations

from collections.abc import Sequence

from dvc_magic.model.stage import Pipeline
from dvc_magic.project import Run
from dvc_magic.untrusted import Screen, one_line, screen_of
from dvc_magic.views import Card, Section, stage_card

_LOG_SHOWN = 200_000  # characters of a log shown in a cell; its file has all


class CardView:
    """A card as a cell's result."""

    def __init__(self, card: Card) -> None:
        self._card = card

    def __repr__(self) -> str:
        """The card as text."""
        return self._card.text()

    def _repr_html_(self) -> str:
        return self._card.html()


class LogView:
    """A run's log as a cell's result; the text is read when it is shown."""

    def __init__(self, run: Run, *, lines: int | None) -> None:
        self.run = run
        self._lines = lines

    def _screen(self) -> Screen:
        text = self._text()
        return screen_of(text, lines=text.count("\n") + 2)

    def _text(self) -> str:
        text = self.run.log.text() if self._lines is None else self.run.log.tail(self._lines)
        if len(text) > _LOG_SHOWN:
            return (
                f"... the last {_LOG_SHOWN} characters; all of it is in {self.run.log.path} ...\n{text[-_LOG_SHOWN:]}"
            )
        return text.rstrip("\n") or f"{one_line(self.run.stage)} {self.run.number} has printed nothing"

    def __repr__(self) -> str:
        """The log as a terminal shows it, with its colours."""
        return "\n".join(self._screen().lines())

    def _repr_html_(self) -> str:
        text = "\n".join(self._screen().html())
        return f"<pre>{text}</pre>"


def stage_help(addresses: Sequence[str], pipeline: Pipeline, options: Sequence[tuple[str, str]]) -> Card:
    """The cards of the stages of a ``--help``, with the flags of stages upstream of them, and the magic's options."""
    sections: list[Section] = []
    for address in addresses:
        stage = pipeline.get(address)
        if stage is None:
            continue
        card = stage_card(stage, pipeline, with_upstream=True)
        sections += [Section(title=card.title), *card.sections]
    sections.append(Section(title="options", pairs=tuple(options)))
    return Card(title=f"%dvc_run {' '.join(addresses)}", sections=tuple(sections))
