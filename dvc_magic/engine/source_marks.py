"""What stands for a source of a run when it is compared with what the project has now."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping

from dvc_magic.model.snapshot import Snapshot, SourceFile


def source_mark(file: SourceFile) -> str:
    """What stands for a source in a read set: the md5 of its content, or of where a link leads."""
    if file.link is None:
        return file.md5
    return hashlib.md5(f"link to {file.link}".encode(), usedforsecurity=False).hexdigest()


def source_marks(snapshot: Snapshot, texts: Mapping[str, str]) -> dict[str, str]:
    """What stands for each source of a run: those of the snapshot, with the run's own texts of param files."""
    return {**{path: source_mark(file) for path, file in snapshot.files.items()}, **text_marks(texts)}


def text_marks(texts: Mapping[str, str]) -> dict[str, str]:
    """What stands for texts that are written into a run."""
    return {file: hashlib.md5(text.encode(), usedforsecurity=False).hexdigest() for file, text in texts.items()}
