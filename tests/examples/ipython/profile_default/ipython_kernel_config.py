"""The settings of kernels that execute the notebooks for nbval."""

c.DvcMagics.display = "text"  # type: ignore[name-defined] # noqa: F821 - IPython's own name
