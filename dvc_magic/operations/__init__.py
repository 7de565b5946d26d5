"""Operations: cells, entries of operation files and sources, read into frozen nouns; and what becomes of them."""

from __future__ import annotations

from dvc_magic.operations.block import read_block
from dvc_magic.operations.cell import cell_operation, cell_params
from dvc_magic.operations.cell_settings import CellSettings, line_settings, plain_source, read_script
from dvc_magic.operations.constants import constants
from dvc_magic.operations.files import read_operations, read_outs
from dvc_magic.operations.guild import read_guild
from dvc_magic.operations.promotion import promotion
from dvc_magic.operations.sources import ATTRIBUTES, parse_source, read_source, read_sources
from dvc_magic.operations.yaml_text import load_yaml

__all__ = [
    "ATTRIBUTES",
    "CellSettings",
    "cell_operation",
    "cell_params",
    "constants",
    "line_settings",
    "load_yaml",
    "parse_source",
    "plain_source",
    "promotion",
    "read_block",
    "read_guild",
    "read_operations",
    "read_outs",
    "read_script",
    "read_source",
    "read_sources",
]
