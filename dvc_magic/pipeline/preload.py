"""Everything that a run imports of DVC, imported ahead of the first run."""

from __future__ import annotations

import importlib

from dvc_magic.pipeline.quiet import silence

# Modules that DVC imports inside functions on the way from opening a repository to writing dvc.lock.
_LATE = (
    "dvc.cachemgr",
    "dvc.data_cloud",
    "dvc.dvcfile",
    "dvc.lock",
    "dvc.parsing",
    "dvc.prompt",
    "dvc.repo.artifacts",
    "dvc.repo.datasets",
    "dvc.repo.index",
    "dvc.repo.metrics",
    "dvc.repo.params",
    "dvc.repo.plots",
    "dvc.repo.scm_context",
    "dvc.repo.stage",
    "dvc.rwlock",
    "dvc.schema",
    "dvc.scm",
    "dvc.stage.cache",
    "dvc.stage.loader",
    "dvc.utils.strictyaml",
    "dvc_data.hashfile.checkout",
    "dvc_data.hashfile.transfer",
    "dvc_objects.executors",
    "pyparsing",
    "ruamel.yaml",
    "tomlkit",
)


def preload() -> None:
    """Import what a run needs, so that no run pays for it; for the start of a worker."""
    for name in _LATE:
        importlib.import_module(name)
    silence()
