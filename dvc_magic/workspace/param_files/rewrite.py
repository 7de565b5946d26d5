"""Reading param files, and changing values in them."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from msgspec import Struct

from dvc_magic.errors import ParamError, PipelineError, close_matches
from dvc_magic.model.request import ChangeKind
from dvc_magic.model.values import Value, flatten, same, type_name
from dvc_magic.untrusted import UnreadableError, abridged, check_document
from dvc_magic.workspace.param_files.changes import Format, KeyPath, RefusedError, ValueChange
from dvc_magic.workspace.param_files.json_file import JsonFormat
from dvc_magic.workspace.param_files.python_file import PythonFormat
from dvc_magic.workspace.param_files.toml_file import TomlFormat
from dvc_magic.workspace.param_files.trees import (
    differing_key,
    find,
    leaf_keys,
    nearest,
    own_copy,
    plain,
    put_at,
    remove_at,
    value_at,
)
from dvc_magic.workspace.param_files.yaml_file import YamlFormat

_LISTED = 8  # keys in a message


def format_of(suffix: str) -> Format:
    """The format of a suffix, by DVC's rule (``utils.serialize``): what is not JSON, TOML or Python is YAML."""
    match suffix.lower():
        case ".json":
            return JsonFormat()
        case ".toml":
            return TomlFormat()
        case ".py":
            return PythonFormat()
        case _:
            return YamlFormat()


def read_values(text: str, suffix: str, path: str) -> dict[str, Any]:
    """The values of a param file as DVC reads them; tuples and sets of Python files are lists, as in ``dvc.lock``.

    Args:
        text: the content; line ends may be of any kind.
        suffix: of the file's name, with its dot.
        path: the file's name for messages.

    Raises:
        PipelineError: DVC cannot read the file, or it holds no map.
    """
    return _read(text, suffix, path)


def set_values(
    text: str, suffix: str, changes: Sequence[ValueChange], *, path: str = "", values: Mapping[str, Any] | None = None
) -> str:
    """The text with the changes made, one after the other; all other characters stay as they are.

    Args:
        text: the content, read with its line ends (``newline=""``).
        suffix: of the file's name, with its dot.
        changes: what to change.
        path: the file's name for messages.
        values: what `read_values` gave for this very text, which spares a second reading (YAML: half of the time).

    Raises:
        ParamError: a key is unknown, already there, or takes no such value, or the change cannot be made without
            changing another value.
        PipelineError: DVC cannot read the file as it is.
    """
    fmt = format_of(suffix)
    path = path or f"the {fmt.name} param file"
    known = _read(text, suffix, path) if values is None else values
    return rewrite(text, fmt, changes, path=path, values=known, program_values=program_view(text, fmt))[0]


def rewrite(
    text: str,
    fmt: Format,
    changes: Sequence[ValueChange],
    *,
    path: str,
    values: Mapping[str, Any],
    program_values: Mapping[str, Any] | None,
) -> tuple[str, Any]:
    """The text with the changes made, and what DVC reads in it; see `set_values`.

    Args:
        values, program_values: what DVC and what a stage's program read in `text`, see `program_view`.
    """
    rewriter = _Rewriter(
        fmt=fmt,
        path=path,
        text=text,
        values=own_copy(dict(values)),
        program_values=None if program_values is None else own_copy(dict(program_values)),
    )
    for change in changes:
        rewriter.make(change)
    return rewriter.text, rewriter.check(changes)


def program_view(text: str, fmt: Format) -> dict[str, Any] | None:
    """What a stage's own reader finds, None when it cannot read the text or finds no map."""
    try:
        values = own_copy(fmt.read_as_program(text))
    except Exception:  # noqa: BLE001 -- as in _read; a file that only DVC can read is the project's own affair
        return None
    return values if isinstance(values, dict) else None


def refuse_lost_map(values: Mapping[str, Any], key: str, value: object, *, path: str) -> None:
    """Refuse a single value in the place of a map: it would take every key in the map with it.

    Args:
        values: of the param file. key: dotted. value: to be set there. path: the file's name for messages.

    Raises:
        ParamError: there is a map, and the value is neither a map nor null; or so it is within a map.
    """
    found = find(values, key.split("."))
    old = value_at(values, found) if found else None
    if not isinstance(old, dict) or value is None:
        return
    if isinstance(value, dict):
        for inner, item in value.items():
            refuse_lost_map(values, f"{key}.{inner}", item, path=path)
        return
    below = [f"{key}.{leaf}" for leaf, _ in flatten(old)]
    more = f" and {len(below) - _LISTED} more" if below[_LISTED:] else ""
    inside = f"Set what is in it: {', '.join(below[:_LISTED])}{more}" if below else "Give it a map: '{KEY:VALUE}'"
    what = f"the {type_name(value)} {value!r}" if isinstance(value, bool | int | float | str) else "a list"
    raise ParamError(f"{path}: {key!r} is a map, and cannot take {abridged(what)}. {inside}.")


def _read(text: str, suffix: str, path: str) -> dict[str, Any]:
    fmt = format_of(suffix)
    try:
        check_document(text, suffix)
        values = own_copy(fmt.read(text))
    except UnreadableError as error:
        raise PipelineError(f"{path}: {error}") from error
    except (RecursionError, MemoryError) as error:  # Python's own parser runs out of its stack with the second
        raise PipelineError(f"{path}: it has values nested too deep to be read; make it flatter") from error
    except Exception as error:  # each parser has its own kinds, and on odd input bare ValueErrors and the like
        raise PipelineError(f"{path}: DVC cannot read it as {fmt.name}: {error}. Repair the file.") from error
    if not isinstance(values, dict):
        raise PipelineError(
            f"{path}: expected keys with values, found a single {type(values).__name__} as {fmt.name}. "
            "Give each value a key."
        )
    return values


class _Step(Struct, frozen=True):
    """One edit in terms of the tree: replace at `path`, add at `path`, or remove `path`."""

    kind: ChangeKind
    path: KeyPath
    value: Value = None


class _Rewriter(Struct, kw_only=True):
    """A text under change, with what each reader should find in it."""

    fmt: Format
    path: str
    text: str
    values: dict[str, Any]
    program_values: Any = None

    def make(self, change: ValueChange) -> None:
        """Make one change to the text and to the expected values."""
        try:
            for step in list(self.steps(change)):
                self.take(step)
        except RefusedError as error:
            raise self.cannot(change, str(error)) from error
        except RecursionError as error:
            raise self.cannot(change, "the file is nested too deep") from error

    def cannot(self, change: ValueChange, reason: str) -> ParamError:
        """The error for a change that the file cannot take."""
        return ParamError(f"{self.path}: cannot {change.kind} {change.key!r}: {reason}.")

    def steps(self, change: ValueChange) -> Iterator[_Step]:
        """The steps that a change comes to in the file as it is now."""
        parts = change.key.split(".")
        if not all(parts):
            raise self.cannot(change, "a part of the key is empty; write it as in 'train.lr'")
        found = find(self.values, parts)
        if change.kind is ChangeKind.REMOVE:
            yield self.removal(change, found)
        elif found is not None:
            yield from self.setting(change, found)
        elif change.kind is ChangeKind.SET:
            raise self.unknown(change)
        else:
            yield self.addition(parts, plain(change.value))

    def setting(self, change: ValueChange, path: KeyPath) -> Iterator[_Step]:
        """Replace what is at `path`; a map goes into a map key by key, as OmegaConf does it for DVC."""
        old, new = value_at(self.values, path), plain(change.value)
        if change.kind is ChangeKind.ADD and not (old is None or isinstance(new, dict | list)):
            raise ParamError(
                f"{self.path}: {change.key!r} is there already, as {old!r}. To change it: -S '{change.key}={new}'."
            )
        if isinstance(old, dict) and isinstance(new, dict):
            yield from self.merging(change, path, old, new)
        elif isinstance(old, list) and isinstance(new, dict):
            raise ParamError(f"{self.path}: {change.key!r} is a list, and cannot take a map. Give it a list.")
        else:
            yield _Step(ChangeKind.SET, path, new)

    def merging(self, change: ValueChange, path: KeyPath, old: dict[str, Any], new: dict[str, Any]) -> Iterator[_Step]:
        for key, value in new.items():
            if key not in old and change.kind is ChangeKind.SET:
                raise self.unknown(ValueChange(key=f"{change.key}.{key}", value=value))
            if key not in old:
                yield _Step(ChangeKind.ADD, (*path, key), value)
            elif isinstance(old[key], dict) and isinstance(value, dict):
                inner = ValueChange(key=f"{change.key}.{key}", kind=change.kind)
                yield from self.merging(inner, (*path, key), old[key], value)
            else:
                yield _Step(ChangeKind.SET, (*path, key), value)

    def addition(self, parts: Sequence[str], value: Value) -> _Step:
        """Add a key, and the maps that lead to it when they are missing."""
        parent, missing = nearest(self.values, parts)
        holder = value_at(self.values, parent)
        if isinstance(holder, list):
            raise RefusedError(
                f"{'.'.join(map(str, parent))} is a list of {len(holder)}; set the whole list to lengthen it"
            )
        for key in reversed(missing[1:]):
            value = {key: value}
        if isinstance(holder, dict):
            return _Step(ChangeKind.ADD, (*parent, missing[0]), value)
        return _Step(ChangeKind.SET, parent, {missing[0]: value})

    def removal(self, change: ValueChange, path: KeyPath | None) -> _Step:
        if path is None:
            raise self.unknown(change)
        if not isinstance(value_at(self.values, path[:-1]), dict):
            raise RefusedError("an item of a list cannot be removed by itself; set the whole list")
        return _Step(ChangeKind.REMOVE, path)

    def unknown(self, change: ValueChange) -> ParamError:
        hint = close_matches(change.key, leaf_keys(self.values))
        if change.kind is not ChangeKind.REMOVE:
            hint += f" To add it: -S '+{change.key}={change.value}'."
        return ParamError(f"{self.path}: there is no key {change.key!r}.{hint}")

    def take(self, step: _Step) -> None:
        """Take one step in the text and in the expected values."""
        match step.kind:
            case ChangeKind.REMOVE:
                self.text = self.fmt.remove(self.text, step.path)
            case ChangeKind.ADD:
                self.text = self.fmt.add(self.text, step.path[:-1], step.path[-1], step.value)
            case _:
                if same(value_at(self.values, step.path), step.value) and self.program_agrees(step):
                    return
                self.text = self.fmt.put(self.text, step.path, step.value)
        for tree in filter(lambda tree: tree is not None, (self.values, self.program_values)):
            if step.kind is ChangeKind.REMOVE:
                remove_at(tree, step.path)
            else:
                put_at(tree, step.path, step.value)

    def program_agrees(self, step: _Step) -> bool:
        return self.program_values is None or same(value_at(self.program_values, step.path), step.value)

    def check(self, changes: Sequence[ValueChange]) -> Any:
        """Read the new text back and compare it, types included, with what was asked for; returns what DVC reads."""
        keys = ", ".join(repr(change.key) for change in changes)
        try:
            seen = self.fmt.read(self.text)
        except Exception as error:  # as in _read
            raise ParamError(f"{self.path}: cannot write {keys}: the layout does not take it ({error}).") from error
        self.compare(keys, "DVC", seen, self.values)
        if self.program_values is not None:
            self.compare(keys, "a program", program_view(self.text, self.fmt), self.program_values)
        return seen

    def compare(self, keys: str, reader: str, found: Any, wanted: Any) -> None:
        """Compare what a reader finds in the new text with what it should find."""
        if not same(found, wanted):
            raise ParamError(
                f"{self.path}: cannot write {keys} and leave the rest as it is: {reader} would then read another value "
                f"for {differing_key(found, wanted)!r}. Write that part of the file in a plainer way."
            )
