"""The sample projects that come with the package, and how one is written as a DVC project."""

from dvc_magic.samples.write import write_example

__all__ = ["write_example"]
