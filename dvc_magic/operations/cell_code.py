"""Whether the code of a cell is plain Python, as a script has to be."""

from __future__ import annotations

import ast
import codecs
import io
import re
import tokenize

from dvc_magic.errors import OperationError

_NOTEBOOK = (
    r"\s*(?:%{1,2}[A-Za-z_]|!|\?)"  # a magic, a command, help
    r"|\s*[A-Za-z_][\w, .]*=\s*(?:%[A-Za-z_]|!)"  # their results
    r"|[^#'\"]*[\w)\]]\?{1,2}\s*;?\s*"  # help behind a name
)
_AWAIT = r"(?i)'?(?:await|async\w*)\b.* outside (?:of an )?(?:async\w* )?function"
_PLAIN = (
    "a notebook can do this, a script cannot. An operation is a plain Python script: magics and commands go into cells "
    "of their own"
)
_COOKIE = r"[ \t\f]*#.*?coding[:=]"
_SHOWN = 100


def parse_cell(code: str, *, first_line: int = 1) -> ast.Module:
    """The syntax tree of a cell's code.

    Args:
        code: the cell's.
        first_line: the number that people see beside its first line.

    Raises:
        OperationError: it is empty, or not plain Python; names the line, and what a notebook has that a script has not.
    """
    if not code.strip():
        message = "the cell is empty; the code of the operation goes below the line with its name"
        raise OperationError(message)
    try:
        tree = ast.parse(code)
        compile(tree, "<cell>", "exec", dont_inherit=True)  # finds what the parser lets pass: a return, an await
    except SyntaxError as error:
        raise OperationError(_explained(error, code, first_line)) from None
    except (ValueError, RecursionError, MemoryError) as error:
        message = f"Python cannot read the cell: {error}"
        raise OperationError(message) from error
    _check_encoding(code, first_line)
    if not tree.body:
        message = "the cell has comments only; the code of the operation goes below the line with its name"
        raise OperationError(message)
    return tree


def _check_encoding(code: str, first_line: int) -> None:
    """See that no comment asks Python to read the script in another encoding than it is written in.

    Raises:
        OperationError: one does, in the first two lines (PEP 263).
    """
    data = code.encode()
    try:
        encoding, _ = tokenize.detect_encoding(io.BytesIO(data).readline)
        if codecs.lookup(encoding).name.startswith("utf-8"):
            return
        asked = f"asks for {encoding}"
    except SyntaxError as error:
        asked = f"names no encoding that Python has: {error.msg}"
    lines = code.split("\n")
    index = next((index for index, line in enumerate(lines[:2]) if re.match(_COOKIE, line)), 0)
    raise OperationError(_said(lines, index, first_line, f"this {asked}. A cell's script is UTF-8; take the line away"))


def _explained(error: SyntaxError, code: str, first_line: int) -> str:
    lines = code.split("\n")
    wrong = min(max((error.lineno or 1) - 1, 0), len(lines) - 1)
    suspects = [wrong, *(index for index in range(len(lines)) if index != wrong)]
    notebook = next((index for index in suspects if re.match(_NOTEBOOK, lines[index])), None)
    if notebook is not None:
        return _said(lines, notebook, first_line, _PLAIN)
    if re.search(_AWAIT, error.msg):
        advice = "a notebook awaits at the top level, a script does not. Put it into a function: asyncio.run(main())"
        return _said(lines, wrong, first_line, advice)
    return _said(lines, wrong, first_line, f"this is not Python: {error.msg}")


def _said(lines: list[str], index: int, first_line: int, problem: str) -> str:
    shown = lines[index].strip()
    shown = shown if len(shown) <= _SHOWN else f"{shown[:_SHOWN]}..."
    return f"line {index + first_line} of the cell: {problem}\n  {shown}"
