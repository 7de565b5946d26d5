"""Operations: cells, entries of operation files and sources, read into frozen nouns; and what becomes of them."""

from __future__ import annotations

from dvc_magic.operations.promotion import promotion, written_files
from dvc_magic.operations.sources import parse_source, read_source, read_sources

__all__ = [
    "parse_source",
    "promotion",
    "read_source",
    "read_sources",
    "written_files",
]
