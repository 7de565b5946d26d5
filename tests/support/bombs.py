"""Texts of a few lines that mean or nest more than a computer holds. Read them in `bounded` processes only."""

from __future__ import annotations

import resource
import subprocess
import sys
from pathlib import Path

REFUSED = "repeat more than 100,000 values"
TOO_DEEP = "nested"

_MEMORY = 2 * 2**30  # bytes of address space; a bomb that goes off took 23 GB


def yaml_bomb(first: str = "x0", *, levels: int = 9) -> str:
    """YAML of ten lines that means 9 ** 10 values; `first` is the key of its first line."""
    lines = [f"{first}: &x0 [lol, lol, lol, lol, lol, lol, lol, lol, lol]"]
    lines += [f"x{level}: &x{level} [{', '.join([f'*x{level - 1}'] * 9)}]" for level in range(1, levels + 1)]
    return "\n".join(lines) + "\n"


def odd_yaml_bomb() -> str:
    """The same with names that YAML 1.2 has, and that PyYAML refuses."""
    return yaml_bomb().replace("&", "&&.").replace("*", "*&.")


def bounded(code: str, *arguments: str, cwd: Path, seconds: float = 60) -> str:
    """What Python code prints in a process that cannot eat the machine's memory or its time."""

    def limit() -> None:
        resource.setrlimit(resource.RLIMIT_AS, (_MEMORY, _MEMORY))
        resource.setrlimit(resource.RLIMIT_CPU, (int(seconds), int(seconds)))

    done = subprocess.run(
        [sys.executable, "-c", code, *arguments],
        cwd=cwd,
        capture_output=True,
        text=True,
        timeout=2 * seconds,
        check=False,
        preexec_fn=limit,
    )
    assert done.returncode == 0, done.stderr[-2000:]
    return done.stdout
