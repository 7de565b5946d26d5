"""Whether a value may be written where a param file has another one, and as what."""

from __future__ import annotations

import re
from typing import Any

from dvc_magic.errors import ParamError, close_matches
from dvc_magic.line.formatting import format_value, format_values
from dvc_magic.line.wording import Wording
from dvc_magic.model.stage import ConfigGroup, Param
from dvc_magic.model.values import Value, type_name
from dvc_magic.untrusted import abridged

_EXAMPLES = {
    "int": "3",
    "float": "0.1",
    "text": "'some text'",
    "bool": "true or false",
    "list": "[1,2]",
    "map": "{a:1}",
}


def fit(value: object, param: Param, raw: str | None = None, *, wording: Wording = Wording.LINE) -> Value:
    """`value` as the type that `param` has now.

    A null fits every param, and a param that is null takes everything. An int for a float becomes a float. A float for
    an int stays a float: ``0`` in a file says only that nobody tried 0.1 yet (the plan shows the change). For a text
    param an unquoted scalar is the text as spelled.

    Args:
        value: the value; numpy scalars will do.
        param: what it is for.
        raw: its unquoted spelling on a line, None when it was quoted or comes from Python.
        wording: whom an error speaks to.

    Raises:
        ParamError: the types differ; names file, key, what the file has, and what it got. Or a config group has no such
            choice.
    """
    plain: Any = _plain(value)
    if param.group is not None:
        return _choice(plain, param, param.group, raw, wording)
    if raw == "None" and plain == "None":
        raise ParamError(_said(param, "got None.", "Write null for no value, 'None' in quotes for the text."))
    if plain is None or param.value is None:
        return plain  # type: ignore[no-any-return]
    if param.type == "text" and raw is not None and not isinstance(plain, list | dict):
        return plain if isinstance(plain, str) else raw
    return _typed(plain, param, wording)


def _choice(value: Any, param: Param, group: ConfigGroup, raw: str | None, wording: Wording) -> Value:
    """The choice of a config group: the name of one of its configs, or of several where the config takes a list."""
    if value is None:
        return None
    several = value if isinstance(value, list) else [value if isinstance(value, str) or raw is None else raw]
    unknown = [name for name in several if not isinstance(name, str) or name not in group.choices]
    if unknown:
        listed = abridged(", ".join(group.choices))
        hint = close_matches(str(unknown[0]), list(group.choices))
        raise ParamError(
            f"{wording.param(param.key)} chooses a config of the group {param.key!r}: {listed}; got "
            f"{_shown(unknown[0])}.{hint}"
        )
    return [*several] if isinstance(value, list) else several[0]


def _plain(value: Any) -> Any:
    """Numpy scalars as Python's, tuples and arrays as lists."""
    shape = getattr(value, "shape", None)
    if shape == () and hasattr(value, "item"):
        return value.item()
    if shape and hasattr(value, "tolist"):
        return value.tolist()
    if isinstance(value, list | tuple):
        return [_plain(item) for item in value]
    if isinstance(value, dict):
        return {str(key): _plain(item) for key, item in value.items()}
    return value


def _typed(value: Any, param: Param, wording: Wording) -> Value:
    wanted, got = param.type, type_name(value)
    if got == wanted or wanted not in _EXAMPLES or (wanted, got) == ("int", "float"):
        return value  # type: ignore[no-any-return]
    if (wanted, got) == ("float", "int"):
        return _as_float(value, param)
    raise ParamError(_said(param, f"got {_shown(value)}.", _advice(value, param, wording)))


def _as_float(value: int, param: Param) -> float:
    try:
        return float(value)
    except OverflowError:
        raise ParamError(_said(param, f"got {_shown(value)}.", "That is too large for a float.")) from None


def _said(param: Param, got: str, advice: str) -> str:
    article = "an int" if param.type == "int" else f"a {param.type}"
    kind = "null" if param.value is None else article
    now = "" if param.value is None else f" ({_cut(format_value(param.value))} now)"
    return f"{param.key} in {param.file} is {kind}{now}, {got} {advice}"


def _cut(text: str, limit: int = 60) -> str:
    return text if len(text) <= limit else f"{text[: limit - 3]}..."


def _shown(value: Any) -> str:
    try:
        return f"the {type_name(value)} {_cut(format_value(value))}"
    except TypeError:
        return f"a {type_name(value)}"


def _advice(value: Any, param: Param, wording: Wording) -> str:
    """What to write instead."""
    if wording is Wording.LINE and isinstance(value, str) and re.fullmatch(r"\$\w+", value):
        return f"A Python variable is put in with braces: {{{value[1:]}}}"
    if isinstance(value, str) and (meant := _unquoted(value, param)):
        return f"Leave out the quotes: {wording.given(param.key, meant, python=meant)}"
    if wording is Wording.LINE and isinstance(value, str) and (meant := _grid_in_quotes(value, param)):
        return f"To try several values leave out quotes and blanks: --{param.key} {_cut(meant)}"
    if isinstance(value, list) and param.type != "map":
        return _several(value, param, wording)
    if param.type == "list" and not isinstance(value, dict):
        return f"Write {wording.given(param.key, f'[{_cut(_safe(value))}]', python=repr([value]))} for a list of one."
    if param.type == "text":
        text = f"'{_cut(_safe(value))}'"
        return f"To have it as text write {wording.given(param.key, text, python=repr(str(value)))}."
    return f"Write a value such as {_EXAMPLES[param.type]}."


def _several(values: list[Any], param: Param, wording: Wording) -> str:
    if wording is Wording.API:
        return f"To try several values pass them to grid(): {{{param.key!r}: {_cut(repr(values))}}}"
    return f"To try several values write --{param.key} {_shown_grid(values)}"


def _unquoted(text: str, param: Param) -> str:
    """The text itself when it spells a value of the type that is wanted; else an empty text."""
    number = r"[-+]?(?:\d+\.?\d*|\.\d+)(?:[eE][-+]?\d+)?"
    wanted = {"list": r"\[.*\]", "map": r"\{.*\}", "int": number, "float": number, "bool": r"true|false"}
    pattern = wanted.get(param.type)
    return text.strip() if pattern and re.fullmatch(pattern, text.strip(), re.DOTALL | re.IGNORECASE) else ""


def _grid_in_quotes(text: str, param: Param) -> str:
    """The text without blanks when it spells several values for a number or a bool; else an empty text."""
    meant = "".join(text.split())
    items = meant.split(",")
    listed = len(items) > 1 and all(_unquoted(item, param) for item in items)
    function = re.fullmatch(r"(?:range|choice|linspace|logspace)\([^()]*\)", meant)
    return meant if param.type in ("int", "float", "bool") and (listed or function) else ""


def _shown_grid(values: list[Any]) -> str:
    try:
        return f"{_cut(format_values(values))}"
    except TypeError:
        return "a,b,c"


def _safe(value: Any) -> str:
    try:
        return format_value(value)
    except TypeError:
        return "x"
