"""Measuring ways of doing the same thing side by side."""

from __future__ import annotations

import statistics
import sys
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from benchmarks.sample import Executions

_FIRST_SEED = 1000


@dataclass(frozen=True, slots=True, kw_only=True)
class Way:
    """One way to execute the sample's stage.

    Attributes:
        name: what a user would type.
        run: does it, given a seed.
        seed: the seed that it executes with whatever it is given; None where it takes the given one.
    """

    name: str
    run: Callable[[int], object]
    seed: int | None = None


@dataclass(frozen=True, slots=True)
class Times:
    """What repetitions of one thing took, in ms."""

    values: tuple[float, ...]

    @property
    def median(self) -> float:
        """The median."""
        return statistics.median(self.values)

    @property
    def quartiles(self) -> tuple[float, float]:
        """The first and the third quartile; of a single value, twice that value."""
        if len(self.values) == 1:
            return self.values[0], self.values[0]
        first, _, third = statistics.quantiles(self.values, n=4, method="inclusive")
        return first, third

    def over(self, base: Times) -> Times:
        """What each round took beyond what `base` took in the same round."""
        return Times(tuple(own - other for own, other in zip(self.values, base.values, strict=True)))


def timed(action: Callable[[], object]) -> float:
    """How long one call takes, in ms."""
    began = time.perf_counter()
    action()
    return (time.perf_counter() - began) * 1000


def say(text: str) -> None:
    """Tell whoever waits what happens now."""
    print(text, file=sys.stderr, flush=True)


def measure(ways: Sequence[Way], executions: Executions, *, rounds: int) -> dict[str, Times]:
    """The times of each way, by name: each round does each way once, after one round that is not counted.

    A machine that slows down so slows all ways, and as each round begins with another one, none always comes after
    the same other.

    Raises:
        BenchmarkError: a way failed, or did not execute the stage as asked.
    """
    values: dict[str, list[float]] = {way.name: [] for way in ways}
    for number in range(rounds + 1):
        print(f"  round {number} of {rounds} " if number else "  warm-up ", end="", file=sys.stderr, flush=True)
        start = number % len(ways)
        for way in (*ways[start:], *ways[:start]):
            took = _one(way, executions, seed=_FIRST_SEED + number)
            if number:
                values[way.name].append(took)
            print(".", end="", file=sys.stderr, flush=True)
        say("")
    return {name: Times(tuple(found)) for name, found in values.items()}


def _one(way: Way, executions: Executions, *, seed: int) -> float:
    before = len(executions.seeds())
    took = timed(lambda: way.run(seed))
    executions.check(before, seed=seed if way.seed is None else way.seed, way=way.name)
    return took
