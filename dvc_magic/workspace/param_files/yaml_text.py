"""YAML text for values, such that YAML 1.1 (PyYAML) and 1.2 (ruamel.yaml) readers find the same value."""

from __future__ import annotations

import math
import re

from dvc_magic.model.values import Value
from dvc_magic.workspace.param_files.changes import escaped

# Words of letters, digits and a few signs that neither version resolves to anything but text: all special forms
# that start with a letter are in _SPECIAL, and all others start with a digit, a dot, a sign, `~`, `<` or `=`.
_PLAIN = re.compile(r"[A-Za-z_/][A-Za-z0-9_./+-]*(?: [A-Za-z0-9_/][A-Za-z0-9_./+-]*)*")
_SPECIAL = frozenset({"y", "n", "yes", "no", "on", "off", "true", "false", "null", "nan", "inf"})


def float_text(value: float) -> str:
    """A float that both versions take for one: YAML 1.1 wants a dot in the mantissa and a signed exponent."""
    if not math.isfinite(value):
        return ".nan" if math.isnan(value) else ".inf" if value > 0 else "-.inf"
    mantissa, mark, exponent = repr(value).partition("e")
    return f"{mantissa}{'' if '.' in mantissa else '.0'}{mark}{exponent}"


def quoted(text: str, quote: str | None) -> str:
    """A quoted scalar; `quote` is the sign to use if it can be."""
    if quote == "'" and text.isprintable():
        return "'" + text.replace("'", "''") + "'"
    return escaped(text)


def string_text(text: str, quote: str | None = None) -> str:
    """A string, plain where that is safe in block and flow context alike, unless a quote sign is wished for."""
    if quote in ("'", '"'):
        return quoted(text, quote)
    return text if _PLAIN.fullmatch(text) and text.lower() not in _SPECIAL else escaped(text)


def value_text(value: Value, quote: str | None = None) -> str:
    """Any value on one line, collections in flow style.

    Args:
        value: what to write.
        quote: ``'`` or ``"`` when the value is to replace a string quoted so.
    """
    match value:
        case None:
            return "null"
        case bool():
            return "true" if value else "false"
        case float():
            return float_text(value)
        case str():
            return string_text(value, quote)
        case list():
            return "[" + ", ".join(map(value_text, value)) + "]"
        case dict():
            return "{" + ", ".join(f"{string_text(key)}: {value_text(item)}" for key, item in value.items()) + "}"
    return str(value)
