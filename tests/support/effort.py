"""How much work something is."""

from __future__ import annotations

import cProfile
import gc
import pstats
from collections.abc import Callable


def calls(work: Callable[[], object]) -> int:
    """How many functions were called: this does not depend on how busy the machine is, as seconds would."""
    profile = cProfile.Profile()
    gc.collect()
    gc.disable()  # the ends of what earlier tests have left would count as well
    try:
        profile.runcall(work)
    finally:
        gc.enable()
    return int(pstats.Stats(profile).total_calls)  # type: ignore[attr-defined]


def grows_linearly(effort: Callable[[int], int]) -> bool:
    """Whether twice as many things are twice the calls, but for what is done once."""
    effort(3)  # what is looked up the first time
    few, more, many = effort(40), effort(80), effort(120)
    return many - more < 1.05 * (more - few)
