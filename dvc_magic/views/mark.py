"""How the outputs of cells that outlive their page are told from all others."""

from __future__ import annotations

MARK = "dvc_magic"
"""In the metadata of our outputs, with their id; also the name of the comm by which pages ask for them."""
