"""Greet whoever is named in hello.in."""

from pathlib import Path

greeting = f"Hello, {Path('hello.in').read_text(encoding='utf-8').strip()}!"
print(greeting)
Path("hello.out").write_text(f"{greeting}\n", encoding="utf-8")
