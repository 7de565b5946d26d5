"""What is said with a worker about a copy of a failed run: all JSON."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class CopyRequest:
    """Asks a worker to execute a failed run once more.

    Attributes:
        project, home: folders of the project and the store as they are now; the run may be older than their place.
        run: id of the run. copy: id of the copy, in the shape of a run's.
        prompt: the private folder that `dvc_magic.debugging.VARIABLE` names.
    """

    project: str
    home: str
    run: str
    copy: str
    prompt: str


@dataclass(frozen=True, slots=True, kw_only=True)
class CopyEnd:
    """How a copy ended.

    Attributes:
        exit_code: of the last command, negative for a signal; None when none was started.
        stopped: why it was stopped, or an empty text.
        spoiled: deps that its commands wrote into, kept for other runs no longer.
    """

    exit_code: int | None
    stopped: str = ""
    spoiled: tuple[str, ...] = ()
