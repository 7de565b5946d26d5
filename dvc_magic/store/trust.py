"""Whose store this is: what others write there would be executed as the user's own. The model is ssh's StrictModes."""

from __future__ import annotations

import errno
import os
import shlex
import stat
from typing import TYPE_CHECKING

from dvc_magic.errors import StoreError
from dvc_magic.store.whole_files import ELSEWHERE

if TYPE_CHECKING:
    from pathlib import Path

    from dvc_magic.model.paths import StorePaths

_ROOT = 0


def check_owner(paths: StorePaths) -> None:
    """Refuse a store that another user owns or can write; a missing one is nobody's.

    Root may open the store of whoever owns the folder that it lies in: in a container that is the rule. A folder with
    the set-group-id bit was given to a group on purpose: its members may own it and write there.

    Raises:
        StoreError: it is refused; says what to do.
    """
    try:
        facts = paths.home.stat()
    except OSError:
        return
    user, mode = os.geteuid(), stat.S_IMODE(facts.st_mode)
    of_group = bool(mode & stat.S_ISGID) and facts.st_gid in (os.getegid(), *os.getgroups())
    trusted = {user, _ROOT} | ({paths.home.parent.stat().st_uid} if user == _ROOT else set())
    if facts.st_uid not in trusted and not of_group:
        raise StoreError(
            f"The run store {paths.home} belongs to user {facts.st_uid}, and you are user {user}: what others put "
            f"there would run as you. Keep the runs in a folder of your own: {ELSEWHERE}"
        )
    others = stat.S_IWOTH | (0 if of_group else stat.S_IWGRP)
    if mode & others and paths.runs.is_dir() and _keeps_modes(paths.home, mode):
        raise StoreError(
            f"Other users can write to the run store {paths.home} (mode {mode:04o}, expected 0700): what they put "
            f"there would run as you. If all of it is yours: chmod 700 {shlex.quote(str(paths.home))}"
        )


def _keeps_modes(home: Path, mode: int) -> bool:
    """Whether modes mean something here: FAT, SMB and WSL's drives show 0777 whatever is set."""
    try:
        home.chmod(mode & ~(stat.S_IWGRP | stat.S_IWOTH))
        shown = stat.S_IMODE(home.stat().st_mode)
        home.chmod(mode)
    except OSError as error:
        return error.errno != errno.EROFS
    return shown != mode
