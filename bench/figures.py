"""Results of benchmarks, and the sizes and time limits of a run."""

from __future__ import annotations

from dataclasses import dataclass
from math import inf
from statistics import median
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable


@dataclass(frozen=True, slots=True)
class Scale:
    """How large the benchmarks are: seconds for each measurement, how many rounds of it, how many events."""

    seconds: float
    rounds: int
    writes: int  # direct writes to WordPress that are timed one by one
    burst: int
    held: int  # events that the log holds already
    memory: int  # events that the serving process takes
    kills: int
    imported: int  # meetings of an account, and the users who have them
    hosts: int
    import_kills: int
    sites: int  # the most of whose posts claims and writes are timed
    minutes: float  # that a bridge is left alone
    within: float = inf  # seconds for the kills and for the events: then what was done until then counts


SHORT = Scale(
    seconds=2,
    rounds=3,
    writes=15,
    burst=2_000,
    held=100_000,
    memory=20_000,
    kills=10,
    imported=200,
    hosts=10,
    import_kills=1,
    sites=100,
    minutes=0.5,
)
USUAL = Scale(
    seconds=6,
    rounds=5,
    writes=60,
    burst=10_000,
    held=1_000_000,
    memory=100_000,
    kills=10,
    imported=2_000,
    hosts=100,
    import_kills=3,
    sites=1_000,
    minutes=3,
)
WHOLE = Scale(
    seconds=6,
    rounds=5,
    writes=60,
    burst=10_000,
    held=1_000_000,
    memory=1_000_000,
    kills=200,
    imported=10_000,
    hosts=500,
    import_kills=5,
    sites=1_000,
    minutes=10,
)


@dataclass(frozen=True, slots=True)
class Figure:
    """One line of the table. `holds` is None for what is only reported; `seen` are the numbers behind it."""

    name: str
    value: float
    bound: str
    holds: bool | None
    seen: str = ""


def at_least(name: str, value: float, bound: float, seen: str = "") -> Figure:
    """Return a figure that must not be less than its bound."""
    return Figure(name, round(value, 3), f"at least {bound:g}", value >= bound, seen)


def at_most(name: str, value: float, bound: float, seen: str = "") -> Figure:
    """Return a figure that must not be more than its bound."""
    return Figure(name, round(value, 3), f"at most {bound:g}", value <= bound, seen)


def middle(values: Iterable[float]) -> float:
    """Return the median, which one disturbed round does not move."""
    return float(median(values))


if TYPE_CHECKING:
    Say = Callable[[str], None]
