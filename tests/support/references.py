"""What ``dvc repro`` made of the cases of the corpus, kept by content: DVC does not run again for an unchanged case."""

from __future__ import annotations

import hashlib
import inspect
import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from importlib.metadata import version
from pathlib import Path
from typing import Any

from tests.support import cases, locks
from tests.support.cases import Case
from tests.support.served import Served

_FILE = Path(__file__).parent.parent / "corpus" / "references.json"


@dataclass(frozen=True, slots=True, kw_only=True)
class Reference:
    """What DVC made of a case.

    Attributes:
        locks: path of a ``dvc.yaml`` -> the text of the ``dvc.lock`` beside it.
        metrics: what ``dvc metrics show`` says of each file.
        outs: path of an out -> what it holds, in words.
        changed: what ``dvc status`` names after it all, for a case that states that something is unclean.
    """

    locks: Mapping[str, str]
    metrics: Mapping[str, Any]
    outs: Mapping[str, str]
    changed: Sequence[str]

    def to_json(self, served: Served) -> str:
        """Itself as text, in which the served folder and its URL have the names that cases give them."""
        text = json.dumps(asdict(self))
        return text.replace(str(served.folder), "@SERVED@").replace(served.url, "@HTTP@")


def from_json(text: str, served: Served) -> Reference:
    """What `Reference.to_json` wrote, maybe for another folder and URL."""
    return Reference(**json.loads(served.named_in(text)))


def kept(case: Case) -> str:
    """What is kept as `Reference.to_json` for the case as it is now and the DVC that is installed; empty if nothing."""
    entry = _read().get(case.name, {})
    return json.dumps(entry["reference"]) if entry.get("key") == key(case) else ""


def key(case: Case) -> str:
    """A digest of all that decides what DVC makes of `case`: its content, the code that lays it out, DVC's packages.

    Python's version is none of it. Where that decides what a stage writes, our run of today differs from what is kept,
    and then DVC runs again.
    """
    parts = [
        repr(replace(case, shows="", fault="")),
        *map(inspect.getsource, (cases, locks)),
        *(version(name) for name in ("dvc", "dvc-data", "dvc-objects")),
    ]
    return hashlib.sha256("\0".join(parts).encode()).hexdigest()


def keep(references: Mapping[str, str], every: Sequence[Case]) -> None:
    """Write the references of cases, by name, beside those that are kept of others; one case a line.

    Args:
        references: what `Reference.to_json` gives; empty for a case of which none is to be kept.
        every: all cases. What is kept of others goes.
    """
    entries = _read()
    for case in every:
        if case.name in references:
            text = references[case.name]
            entries[case.name] = {"key": key(case), "reference": json.loads(text)} if text else None
    names = sorted(case.name for case in every if entries.get(case.name))
    lines = [f"{json.dumps(name)}: {json.dumps(entries[name])}" for name in names]
    _FILE.write_text("{\n" + ",\n".join(lines) + "\n}\n", encoding="utf-8")


def _read() -> dict[str, Any]:
    return dict(json.loads(_FILE.read_text(encoding="utf-8"))) if _FILE.exists() else {}
