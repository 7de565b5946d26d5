"""What a Python under the debugger imports by itself. Standard library only; see `dvc_magic.debugging`."""
