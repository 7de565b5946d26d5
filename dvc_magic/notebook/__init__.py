"""The notebook's side: magics and what they show. The only importer of IPython."""

from dvc_magic.notebook.extension import load, unload

__all__ = ["load", "unload"]
