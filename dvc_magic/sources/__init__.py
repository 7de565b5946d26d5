"""Data that DVC manages as paths for plain use, in notebooks and in the commands of runs."""

from dvc_magic.sources.content import Content
from dvc_magic.sources.source_path import Find, SourcePath, Supplier

__all__ = ["Content", "Find", "SourcePath", "Supplier"]
