"""What differs between runs: in results, values, code, data and environment. The store's runs are only read."""

from dvc_magic.comparison.compare import difference
from dvc_magic.comparison.contents import kept_content
from dvc_magic.comparison.difference import MISSING, Content, DataChange, Difference, FileChange, ValueChange
from dvc_magic.comparison.inputs import SourceFiles, read_by
from dvc_magic.comparison.marks import KINDS, Marks, marks
from dvc_magic.comparison.side_by_side import Line, SideBySide, side_by_side

__all__ = [
    "KINDS",
    "MISSING",
    "Content",
    "DataChange",
    "Difference",
    "FileChange",
    "Line",
    "Marks",
    "SideBySide",
    "SourceFiles",
    "ValueChange",
    "difference",
    "kept_content",
    "marks",
    "read_by",
    "side_by_side",
]
