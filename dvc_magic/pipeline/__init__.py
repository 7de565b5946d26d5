"""DVC, and the only package that imports it: a project's pipeline as frozen nouns, and a run's own repository.

It runs in worker processes, never in the kernel: DVC installs log handlers, sets the umask and takes a quarter of a
second to import.
"""

from dvc_magic.pipeline.composition import Composed, Composer
from dvc_magic.pipeline.config import open_secrets, project_cache, project_cache_types, run_config, with_cache
from dvc_magic.pipeline.definition import first_lock, stage_files
from dvc_magic.pipeline.finish import (
    DepHash,
    Finished,
    RunRepo,
    command_environment,
    shell_argv,
    status_clean,
)
from dvc_magic.pipeline.new_project import make_dvc_project
from dvc_magic.pipeline.operations import with_outs
from dvc_magic.pipeline.preload import preload
from dvc_magic.pipeline.promote import promote
from dvc_magic.pipeline.pull import Watch
from dvc_magic.pipeline.reader import ProjectReader
from dvc_magic.pipeline.scan import ParamValues

__all__ = [
    "Composed",
    "Composer",
    "DepHash",
    "Finished",
    "ParamValues",
    "ProjectReader",
    "RunRepo",
    "Watch",
    "command_environment",
    "first_lock",
    "make_dvc_project",
    "open_secrets",
    "preload",
    "project_cache",
    "project_cache_types",
    "promote",
    "run_config",
    "shell_argv",
    "stage_files",
    "status_clean",
    "with_cache",
    "with_outs",
]
