"""The few combinators of Hypothesis that random expressions need, drawn from one seed: a hundred times as fast.

A failure names the seed and the expression; the expression is the small thing to look at, so nothing is shrunk.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from random import Random
from typing import Any


class Draw:
    """A way to make a random value."""

    def __init__(self, make: Callable[[Random], Any]) -> None:
        self.make = make

    def __or__(self, other: Draw) -> Draw:
        return one_of(self, other)

    def map(self, change: Callable[[Any], Any]) -> Draw:
        return Draw(lambda r: change(self.make(r)))


def just(value: Any) -> Draw:
    return Draw(lambda r: value)


def none() -> Draw:
    return just(None)


def booleans() -> Draw:
    return Draw(lambda r: r.random() < 0.5)


def integers(low: int, high: int) -> Draw:
    return Draw(lambda r: r.randint(low, high))


def sampled_from(values: Sequence[Any]) -> Draw:
    return Draw(lambda r: r.choice(values))


def one_of(*choices: Draw) -> Draw:
    return Draw(lambda r: r.choice(choices).make(r))


def deferred(make: Callable[[], Draw]) -> Draw:
    return Draw(lambda r: make().make(r))


def tuples(*parts: Draw) -> Draw:
    return Draw(lambda r: tuple(part.make(r) for part in parts))


def fixed_dictionaries(parts: dict[str, Draw]) -> Draw:
    return Draw(lambda r: {key: part.make(r) for key, part in parts.items()})


def lists(part: Draw, *, most: int) -> Draw:
    return Draw(lambda r: [part.make(r) for _ in range(r.randint(0, most))])


def dictionaries(keys: Sequence[Any], part: Draw) -> Draw:
    return Draw(lambda r: {key: part.make(r) for key in keys if r.random() < 0.7})
