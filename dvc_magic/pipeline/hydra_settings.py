"""What DVC's configuration says of Hydra."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

from msgspec import Struct


class HydraSettings(Struct, frozen=True, kw_only=True):
    """The ``[hydra]`` section of DVC's configuration, with DVC's own defaults.

    Attributes:
        config_dir: the folder of configs, absolute; empty where they are in a module.
        config_module: the module that has them, or an empty text.
        config_name: of the config with the defaults list, without suffix.
        plugins_path: where the package ``hydra_plugins`` is looked for, absolute.
        source: what is composed, for people: ``conf/config.yaml``.
    """

    config_dir: str
    config_module: str
    config_name: str
    plugins_path: str
    source: str

    @classmethod
    def of(cls, config: Any, root: Path) -> HydraSettings | None:
        """The settings of a project at `root`, read as ``dvc exp run`` does; None where Hydra is not enabled."""
        section = config.get("hydra", {})
        if not section.get("enabled", False):
            return None
        module, name = section.get("config_module"), section.get("config_name", "config")
        folder = "" if module is not None else os.path.join(root, section.get("config_dir", "conf"))
        place = module if module is not None else Path(os.path.relpath(folder, root)).as_posix()
        return cls(
            config_dir=folder,
            config_module=module or "",
            config_name=name,
            plugins_path=os.path.join(root, section.get("plugins_path", "")),
            source=f"{place}:{name}" if module is not None else f"{place}/{name}.yaml".removeprefix("./"),
        )
