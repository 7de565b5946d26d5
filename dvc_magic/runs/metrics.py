"""Params and metrics of a run as flat mappings of exact values, looked up by any end of a key that fits one alone."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from itertools import chain, islice
from typing import TYPE_CHECKING, Any, NoReturn

from dvc_magic.errors import ParamError, close_matches
from dvc_magic.model.record import RunRecord, RunStatus
from dvc_magic.model.stage import OutKind
from dvc_magic.model.values import ends_with_key, flatten, spelled_keys
from dvc_magic.runs.printed import PointsFile
from dvc_magic.untrusted import DEEPEST, UnreadableError, check_yaml, first_few, message, short_repr

if TYPE_CHECKING:
    from pathlib import Path

    from dvc_magic.model.paths import RunPaths

_LIMIT = 8 * 2**20  # bytes of a metric file
_YAML_LIMIT = 2**20  # the pure reader takes about a second for it
_NODES = 100_000  # values in a file, aliases expanded: a first_few lines of YAML can mean billions
_LISTED = 8
_FILES = 1000  # of a folder of metrics
_FORMATS = (".json", ".toml", ".yaml", ".yml")


class UnknownLeafError(ParamError, KeyError):
    """No param or metric of that name, for those who expect a `KeyError` of a mapping."""

    def __str__(self) -> str:
        """The message, which `KeyError` alone would show in quotes."""
        return message(str(self.args[0]))


class Leaves(dict[str, Any]):
    """Dotted keys and values; ``leaves["acc"]`` finds ``train.acc`` when no other key ends so.

    A dict, for ``json.dumps``, ``pd.DataFrame`` and whatever else asks for one; it cannot be changed. Iteration, length
    and comparison go by full keys.

    Args:
        own: keys and values that a name is looked for in first.
        further: more of them; a name that fits none of `own` is looked for here. A key of both counts in `own`.
        origin: the stages upstream that the values are of, where the run's own stage has none.
    """

    __slots__ = ("_tiers", "origin")

    def __init__(
        self, own: Mapping[str, Any], further: Mapping[str, Any] | None = None, *, origin: Sequence[str] = ()
    ) -> None:
        more = {key: value for key, value in (further or {}).items() if key not in own}
        super().__init__({**own, **more})
        self._tiers = (tuple(own), tuple(more))
        self.origin = tuple(origin)

    def find(self, name: str) -> tuple[str, ...]:
        """The keys that `name` fits: itself, or else all that end in it, ``own`` ones before others."""
        if dict.__contains__(self, name):
            return (name,)
        found = (tuple(key for key in tier if _ends(key, name)) for tier in self._tiers)
        return next((keys for keys in found if keys), ())

    def __getitem__(self, name: str) -> Any:
        """The value of the key that `name` fits.

        Raises:
            UnknownLeafError: it fits none (a `KeyError` and a `ParamError`).
            ParamError: it fits several.
        """
        if dict.__contains__(self, name):
            return super().__getitem__(name)
        keys = self.find(name)
        if not keys:
            raise UnknownLeafError(_unknown(name, list(self)))
        if len(keys) > 1:
            raise ParamError(f"{name!r} fits {first_few(keys, _LISTED)}; give more of the key.")
        return super().__getitem__(keys[0])

    def get(self, name: str, default: Any = None) -> Any:
        """The value of the key that `name` fits, or `default`.

        Raises:
            ParamError: it fits several.
        """
        try:
            return self[name]
        except UnknownLeafError:
            return default

    def __contains__(self, name: object) -> bool:
        return isinstance(name, str) and len(self.find(name)) == 1

    def __repr__(self) -> str:
        return f"{short_repr(self)}{f' of {first_few(self.origin, _LISTED)}, upstream' if self.origin else ''}"

    def copy(self) -> dict[str, Any]:
        """A plain dict of the same, which can be changed."""
        return dict(self)

    def __reduce__(self) -> tuple[type[dict[str, Any]], tuple[dict[str, Any]]]:
        return dict, (dict(self),)  # to copy and to pickle

    def _refuse(self, *_: Any, **__: Any) -> NoReturn:
        message = "what a run has written does not change: copy it first, as in dict(run.params)"
        raise TypeError(message)

    __setitem__ = __delitem__ = __ior__ = setdefault = update = pop = popitem = clear = _refuse

    def _ipython_key_completions_(self) -> list[str]:
        return list(self)


def _ends(key: str, name: str) -> bool:
    # a key that carries its file or stage, FILE:KEY, ends in KEY as well
    return ends_with_key(key, name) or key.endswith(f":{name}")


def _unknown(name: str, known: list[str]) -> str:
    if not known:
        return f"There is no {name!r}: there are no values."
    hint = close_matches(name, known) or close_matches(name, [key.rpartition(".")[2] for key in known])
    return f"There is no {name!r}.{hint or f' There are {first_few(known, _LISTED)}.'}"


def lookup(values: Mapping[str, Any], name: str) -> Any:
    """The value in `values` whose key is `name`, or alone ends in it at a dot.

    Raises:
        UnknownLeafError: there is none.
        ParamError: there are several.
    """
    return (values if isinstance(values, Leaves) else Leaves(values))[name]


def flatten_files(files: Mapping[str, Any]) -> dict[str, Any]:
    """File -> content as one flat mapping; a key that several files have becomes ``file:key`` in each (DVC's rule).

    Content that is no map, such as a single number, goes by the name of its file. In a file with both ``"a.b"`` and
    ``a: {b}`` the key with the dot is ``'a.b'``.
    """
    flat = {file: _flat(file, content) for file, content in files.items()}
    counts = Counter(chain.from_iterable(flat.values()))
    return {
        key if counts[key] == 1 else f"{file}:{key}": value
        for file, leaves in flat.items()
        for key, value in leaves.items()
    }


def _flat(file: str, content: Any) -> dict[str, Any]:
    if not isinstance(content, Mapping):
        return {file: content}
    leaves = list(flatten(content))
    flat = dict(leaves)
    if len(flat) == len(leaves):
        return flat
    counts = Counter(key for key, _ in leaves)
    return {
        key if counts[key] == 1 else spelled: value
        for (key, value), spelled in zip(leaves, spelled_keys(content), strict=True)
    }


def params_of(record: RunRecord) -> Leaves:
    """The params of a run, as they were written for it."""
    return Leaves(flatten_files(record.params))


def metrics_of(record: RunRecord, paths: RunPaths | None = None) -> Leaves:
    """The metrics that a run wrote, and the scalars that it printed under other names.

    Args:
        record: of the run.
        paths: of the run. With them, the metrics of a run that has not ended, or was lost, are read from those metric
            files and folders that the record's outs name, and the scalars from the run's file of them; files that
            cannot be read now count as not written.
    """
    files, printed = dict(record.metrics), dict(record.scalars)
    if paths is not None and record.status in (RunStatus.RUNNING, RunStatus.LOST):
        outs = [path for path, out in record.outs.items() if out.kind is OutKind.METRIC and path not in record.deps]
        files |= read_metrics(paths.dvc_root(record.root), outs)[0]
        printed = printed or dict(PointsFile(paths.scalars).last())
    written = flatten_files(files)
    names = {name for file, content in files.items() for name in _flat(file, content)} if printed else set()
    return Leaves(written | {name: value for name, value in printed.items() if name not in names})


def metric_files(root: Path, outs: Iterable[str]) -> list[str]:
    """The files of metrics: each path, or for a folder the files below it, as in ``dvc metrics show``."""
    return list(dict.fromkeys(chain.from_iterable(_files_at(root, path) for path in outs)))


def _files_at(root: Path, path: str) -> list[str]:
    folder = root / path
    if not folder.is_dir():
        return [path]
    below = sorted(file.relative_to(folder).as_posix() for file in islice(folder.rglob("*"), _FILES) if file.is_file())
    return [f"{path}/{file}" for file in below]


def read_metrics(
    root: Path, outs: Collection[str], *, is_written: Callable[[str], bool] = lambda _: True
) -> tuple[dict[str, Any], list[str]]:
    """The metrics below a run's DVC root: file -> content, and a warning for each file that cannot be read.

    Args:
        root: the DVC root.
        outs: files and folders of metrics. What lies in a folder and is neither a map nor a number, such as a
            ``README.md``, is passed over.
        is_written: whether a file counts.
    """
    contents: dict[str, Any] = {}
    files = metric_files(root, outs)
    warnings = [f"only {_FILES} files of a folder of metrics are read"] if len(files) >= _FILES else []
    for path in filter(is_written, files):
        content, warning = read_metric_file(root / path)
        is_meant = path in outs or path.lower().endswith(_FORMATS)
        if warning:
            warnings += [warning] if is_meant else []
        elif path in outs or isinstance(content, Mapping | int | float):
            contents[path] = content
    return contents, warnings


def read_metric_file(path: Path) -> tuple[Any, str]:
    """The content of a metric file, by DVC's choice of format: JSON, TOML, everything else YAML 1.2.

    Returns:
        The content, exact, lists and nulls kept, dates as text, and an empty warning; or None and the reason why the
        file cannot be read.
    """
    try:
        size = path.stat().st_size
        if not path.is_file():
            return None, f"metrics {path.name} is no regular file, so its metrics are not recorded"
        limit = _LIMIT if path.suffix.lower() in (".json", ".toml") else _YAML_LIMIT
        if size > limit:
            return None, f"metrics {path.name} has {size} bytes, more than the {limit} that are read as metrics"
        return _Plain().value(_load(path)), ""
    except FileNotFoundError:
        return None, f"metrics {path.name} was not written"
    except Exception as error:  # noqa: BLE001 - whatever a stage wrote there must not fail the run
        reason = " ".join(str(error).split())[:200]
        return None, f"metrics {path.name} cannot be read: {reason or type(error).__name__}"


def _load(path: Path) -> Any:
    text = path.read_text(encoding="utf-8")
    match path.suffix.lower():
        case ".json":
            return json.loads(text) or {}
        case ".toml":
            import tomllib  # noqa: PLC0415 - 3 ms that a kernel without TOML metrics need not spend

            return tomllib.loads(text)
        case _:
            return _load_yaml(text) or {}


def _load_yaml(text: str) -> Any:
    from ruamel.yaml import YAML  # noqa: PLC0415 - 20 ms that a kernel without YAML metrics need not spend

    check_yaml(text)
    return YAML(typ="safe", pure=True).load(text)


class _Plain:
    """Makes JSON-like values of what a reader returns, and refuses what is too large."""

    def __init__(self) -> None:
        self._nodes = 0

    def value(self, value: Any, depth: int = 0) -> Any:
        """`value` in maps with text keys, lists, numbers, text, bools and nulls.

        Raises:
            UnreadableError: it has too many values, or is nested too deep for a record.
        """
        if depth > DEEPEST:
            raise UnreadableError(f"it has values nested more than {DEEPEST} deep")
        self._nodes += 1
        if self._nodes > _NODES:
            raise UnreadableError(f"it has more than {_NODES} values")
        if isinstance(value, Mapping):
            return {str(key): self.value(item, depth + 1) for key, item in value.items()}
        if isinstance(value, list | tuple | set):
            return [self.value(item, depth + 1) for item in value]
        return value if value is None or isinstance(value, bool | int | float | str) else str(value)
