"""What composes configs, in a process forked for it: the only module beside `dvc_magic.line` that imports Hydra."""

from __future__ import annotations

import contextlib
import json
import os
import re
import signal
import sys
import warnings
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from copy import deepcopy
from pathlib import Path
from typing import TYPE_CHECKING, Any, NoReturn

import yaml
from dvc.utils.hydra import load_hydra_plugins
from hydra import compose, initialize_config_dir, initialize_config_module
from hydra._internal.config_loader_impl import ConfigLoaderImpl
from hydra.core.global_hydra import GlobalHydra
from hydra.core.object_type import ObjectType
from hydra.core.override_parser.overrides_parser import OverridesParser
from hydra.core.override_parser.types import Override
from hydra.errors import MissingConfigException, OverrideParseException
from omegaconf import DictConfig, ListConfig, OmegaConf, open_dict
from omegaconf.errors import OmegaConfBaseException

from dvc_magic.errors import DvcMagicError, ParamError, PipelineError, close_matches, to_wire
from dvc_magic.pipeline.border import slip
from dvc_magic.pipeline.rooted import Version, version
from dvc_magic.untrusted import LONGEST_JSON, UnreadableError, abridged, check_document

if TYPE_CHECKING:
    from dvc_magic.pipeline.hydra_settings import HydraSettings

_SUFFIXES = (".yaml", ".yml")


def main(
    root: Path,
    settings: HydraSettings,
    overrides: Sequence[tuple[str, ...]],
    environ: dict[str, str],
    *,
    outgoing: int,
    seconds: float,
) -> NoReturn:
    """Compose each set of overrides and end the process, however it goes.

    Side effects: one JSON line for the groups, one for each set of overrides, one for what was read, to `outgoing`.
    """
    code = 1
    try:
        for first, end in ((3, outgoing), (outgoing + 1, os.sysconf("SC_OPEN_MAX"))):
            os.closerange(first, end)  # who waits for this worker's end waits for the end of its pipe
        signal.signal(signal.SIGALRM, signal.SIG_DFL)
        signal.setitimer(signal.ITIMER_REAL, seconds)  # ends this process also when nobody waits for it any more
        warnings.simplefilter("ignore")
        _become_caller(root, environ)
        reads = _Reads(root)
        sys.addaudithook(reads.hear)

        def say(message: Mapping[str, Any]) -> None:
            data = memoryview(json.dumps(message).encode() + b"\n")
            while data:
                data = data[os.write(outgoing, data) :]
            signal.setitimer(signal.ITIMER_REAL, seconds)

        _answer(_Child(root, settings, reads), overrides, say)
        say({"seen": reads.seen})
        code = 0
    except BaseException:  # noqa: BLE001 - nothing may come back from here: above it is a copy of the worker
        sys.excepthook(*sys.exc_info())
    finally:
        os._exit(code)


def _become_caller(root: Path, environ: Mapping[str, str]) -> None:
    """Take the caller's variables, and stand where ``dvc exp run`` does; write nothing into the project."""
    os.environ.clear()
    os.environ.update(environ)
    sys.dont_write_bytecode = True
    os.chdir(root)
    further = [path for path in environ.get("PYTHONPATH", "").split(os.pathsep) if path]
    sys.path[1:1] = [os.path.abspath(path) for path in further if path not in sys.path]


class _Reads:
    """Hears of each file that Python opens and each folder that it lists; refuses texts that no parser could take.

    Attributes:
        seen: path -> its version before; of what belongs to Python's own installation nothing.
        last: the config opened last.
    """

    def __init__(self, root: Path) -> None:
        self.seen: dict[str, Version] = {}
        self.last = ""
        self._root = os.fspath(root)
        installed = {f"{os.path.realpath(prefix)}{os.sep}" for prefix in (sys.prefix, sys.base_prefix)}
        self._foreign = ("/proc/", "/dev/", *installed)
        self._busy = False

    def hear(self, event: str, arguments: tuple[Any, ...]) -> None:
        """An audit hook; what it raises, the opening of the file raises."""
        if self._busy or event not in ("open", "os.listdir", "os.scandir") or not isinstance(arguments[0], str):
            return
        if event == "open" and arguments[2] & (os.O_WRONLY | os.O_RDWR | os.O_CREAT):
            return
        path = os.path.abspath(arguments[0])
        if path.startswith(self._foreign):
            return
        self.seen.setdefault(path, version(path))
        if event == "open" and path.endswith(_SUFFIXES):
            self.last = path
            self._busy = True
            try:
                self._check(path)
            finally:
                self._busy = False

    @staticmethod
    def _check(path: str) -> None:
        with contextlib.suppress(OSError, UnicodeDecodeError), open(path, encoding="utf-8") as file:
            try:
                check_document(file.read(LONGEST_JSON), ".yaml")
            except UnreadableError as error:
                raise _UnreadableConfigError(str(error)) from error


class _UnreadableConfigError(Exception):
    """A config that means or nests too much; none of the kinds that Hydra handles itself."""


def _answer(child: _Child, overrides: Sequence[tuple[str, ...]], say: Callable[[Mapping[str, Any]], None]) -> None:
    settings = child.settings
    try:
        load_hydra_plugins(settings.plugins_path)
        initialize = initialize_config_dir if settings.config_dir else initialize_config_module
        with initialize(settings.config_dir or settings.config_module, version_base=None):
            child.groups = _all_groups()
            say({"groups": child.groups})
            for override in overrides:
                say(child.composed(override))
    except Exception as error:  # noqa: BLE001 - plugins and modules of the project raise whatever they like
        say({"groups": {}, **to_wire(child.problem(error, ()))})


def _all_groups(parent: str = "") -> dict[str, list[str]]:
    """Each config group with its choices, by its path (``optimizer/lr_schedule``); Hydra's own are left out."""
    loader = GlobalHydra.instance().hydra.config_loader  # type: ignore[union-attr]
    groups: dict[str, list[str]] = {}
    for group in loader.list_groups(parent):
        name = f"{parent}/{group}" if parent else group
        if name != "hydra" and not group.startswith((".", "__")):
            groups[name] = list(loader.get_group_options(name, results_filter=ObjectType.CONFIG))
            groups |= _all_groups(name)
    return groups


class _Child:
    """Composes, and says in our words what went wrong."""

    def __init__(self, root: Path, settings: HydraSettings, reads: _Reads) -> None:
        self.settings = settings
        self.groups: dict[str, list[str]] = {}
        self._chosen: dict[tuple[str, ...], tuple[Any, Any]] = {}
        self._root = root
        self._reads = reads

    def composed(self, overrides: tuple[str, ...]) -> dict[str, Any]:
        """The text that ``dvc.utils.hydra.compose_and_dump`` writes, and which configs were chosen; or the error."""
        try:
            parsed = OverridesParser.create().parse_overrides(list(overrides))
            pairs = list(zip(overrides, parsed, strict=True))
            choosing = tuple(text for text, override in pairs if self._chooses(override))
            if choosing not in self._chosen:
                self._chosen[choosing] = self._with_choices(choosing)
            chosen, choices = self._chosen[choosing]
            config = deepcopy(chosen)
            # Hydra's last step, which DVC calls as well. All that comes before depends on the choices alone, and takes
            # 0.1 s: the points of a grid over values share it.
            ConfigLoaderImpl._apply_overrides_to_config(  # noqa: SLF001
                [override for override in parsed if not self._chooses(override)], config
            )
        except Exception as error:  # noqa: BLE001 - see _answer
            return to_wire(self.problem(error, overrides))
        try:
            OmegaConf.resolve(config)
            return {"text": OmegaConf.to_yaml(config), "choices": choices, "keys": [str(key) for key in config]}
        except Exception as error:  # noqa: BLE001 - resolvers of the project raise whatever they like
            return to_wire(self._unresolved(config, error))

    def _chooses(self, override: Override) -> bool:
        """Whether an override says something of the defaults list, or of Hydra itself, and not of a value alone."""
        group = override.key_or_group in self.groups and not isinstance(override.value(), dict)
        return group or override.package is not None or override.is_hydra_override()

    def _with_choices(self, overrides: tuple[str, ...]) -> tuple[Any, Any]:
        """The config with these choices, not resolved, without Hydra's own part; and what was chosen."""
        config = compose(self.settings.config_name, overrides=list(overrides), return_hydra_config=True)
        choices = OmegaConf.to_container(config.hydra.runtime.choices)
        with open_dict(config):
            del config["hydra"]
        return config, choices

    def _unresolved(self, config: Any, error: Exception) -> DvcMagicError:
        key, error = next(_failing_keys(config), ("", error))
        reason = _first_line(error)
        where = f"the key {key!r} cannot be resolved: {reason}" if key else reason
        return self._cannot(f"{where}. Correct it in the config, or set it: -S {key or 'KEY'}=VALUE")

    def _cannot(self, reason: str) -> PipelineError:
        return PipelineError(
            f"Hydra cannot compose params.yaml from {self.settings.source}: {reason}; --no-hydra leaves params.yaml "
            "as it is"
        )

    def problem(self, error: Exception, overrides: tuple[str, ...]) -> DvcMagicError:
        """The error for people."""
        text = _first_line(error)
        if isinstance(error, OverrideParseException):
            return ParamError(f"-S {error.override}: Hydra cannot read it: {text}")
        if isinstance(error, MissingConfigException):
            return self._missing(error, overrides)
        if isinstance(error, (yaml.YAMLError, UnicodeDecodeError, _UnreadableConfigError)):
            return self._cannot(f"{self._relative(self._reads.last)}: {slip(error, Path(self._reads.last))}")
        if match := re.match(r"You must specify '(.+?)'", text):
            return self._open(match[1])
        if match := re.match(r"Could not override '(.+?)'", text):
            return self._unknown(match[1], overrides, appends="No match in the defaults list" in text)
        if isinstance(error, ModuleNotFoundError):
            return self._cannot(f"{text}; install it, or put its folder on PYTHONPATH")
        if isinstance(error, OmegaConfBaseException) or not overrides:
            return self._cannot(text)
        return ParamError(f"-S {' -S '.join(overrides)}: {text.rstrip('.')}")

    def _relative(self, path: str) -> str:
        return os.path.relpath(path, self._root) if path else self.settings.source

    def _missing(self, error: MissingConfigException, overrides: tuple[str, ...]) -> DvcMagicError:
        missing, settings = error.missing_cfg_file or "", self.settings
        group, _, choice = missing.rpartition("/")
        asked = [text for text in overrides if _key(text).partition("@")[0] == group]
        if error.options is not None and asked:
            return ParamError(f"-S {asked[0]}: {no_choice(group, choice, list(error.options))}")
        if missing == settings.config_name or not missing:
            where = settings.config_dir and self._relative(settings.config_dir)
            place = f"the folder {where!r}" if where else f"the module {settings.config_module!r}"
            return self._cannot(
                f"{place} has no {settings.config_name}.yaml. Write it, or name another in DVC's configuration: "
                "dvc config hydra.config_dir DIR, dvc config hydra.config_name NAME"
            )
        listed = f" It has {abridged(', '.join(error.options))}." if error.options else ""
        return self._cannot(f"{_first_line(error)}.{listed} Correct the defaults list that names it")

    def _open(self, group: str) -> DvcMagicError:
        choices = self.groups.get(group.partition("@")[0], [])
        example = choices[0] if choices else "CHOICE"
        return ParamError(
            f"{self.settings.source} leaves the choice of {group!r} open: add --{group} {example}. It can be "
            f"{abridged(', '.join(choices)) or 'nothing that there is'}"
        )

    def _unknown(self, key: str, overrides: tuple[str, ...], *, appends: bool) -> DvcMagicError:
        text = next((text for text in overrides if _key(text) == key), key)
        if appends:
            return ParamError(f"-S {text}: no defaults list names the config group {key!r}. To add it: -S +{text}")
        hint = close_matches(key, [*self.groups, *self._keys()])
        what = "key or config group" if "." not in key else "key"
        return ParamError(f"-S {text}: the composed config has no {what} {key!r}.{hint} To add it: -S '+{text}'")

    def _keys(self) -> list[str]:
        """The keys that there are without overrides, for hints."""
        with contextlib.suppress(Exception):  # a hint less
            config = compose(self.settings.config_name)
            return [key for key, _ in _nodes(config)]
        return []


def no_choice(group: str, choice: str, options: list[str]) -> str:
    """What to say of a choice that a config group does not have."""
    listed = abridged(", ".join(options)) or "none at all"
    return f"the config group {group!r} has no {choice!r}.{close_matches(choice, options)} Its choices are {listed}."


def _key(override: str) -> str:
    return override.lstrip("+~").partition("=")[0]


def _first_line(error: BaseException) -> str:
    """The first line of an error's message, or of the error behind it that has one."""
    cause: BaseException | None = error
    while cause is not None and not str(cause).strip():
        cause = cause.__cause__
    return str(cause or type(error).__name__).strip().split("\n")[0]


def _nodes(config: Any, prefix: str = "") -> Iterator[tuple[str, Any]]:
    """Each key below a config that has a value, dotted, with the config that holds it and its key there."""
    keys: Iterable[Any] = config.keys() if isinstance(config, DictConfig) else range(len(config))
    for key in keys:
        if OmegaConf.is_missing(config, key):
            continue
        yield f"{prefix}{key}", (config, key)
        node = None if OmegaConf.is_interpolation(config, key) else config[key]
        if isinstance(node, (DictConfig, ListConfig)):
            yield from _nodes(node, f"{prefix}{key}.")


def _failing_keys(config: Any) -> Iterator[tuple[str, Exception]]:
    for path, (holder, key) in _nodes(config):
        try:
            holder[key]
        except Exception as error:  # noqa: BLE001 - see `_Child.composed`
            yield path, error
