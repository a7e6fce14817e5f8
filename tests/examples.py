"""How much Hypothesis tries: in every run of the tests, in the soak and in `make check` (HYPOTHESIS_PROFILE=soak, quick).

The one place for these numbers: the tests, `python -m bench.soak` and what it says take them from here.
"""

from __future__ import annotations

import os
import time
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator

PROFILE = os.environ.get("HYPOTHESIS_PROFILE", "ci")
SOAK = PROFILE == "soak"
# The soak looks for what is new; every other run tries the same examples as the one before.
FIXED_SEED = not SOAK


@dataclass(frozen=True, slots=True)
class Amount:
    """So many usually, and so many in the soak."""

    usual: int
    soak: int

    @property
    def now(self) -> int:
        """How many in this run; in `make check` a tenth of the usual ones."""
        if PROFILE == "quick":
            return max(self.usual // 10, 1)
        return self.soak if SOAK else self.usual


PROPERTY = Amount(25, 2_000)  # of each property of the pure packages
QUICK_PROPERTY = 10  # the same in `make check`
STEPS = Amount(20, 60)  # the most that one history of the machine has
# Some fifty altogether with every run of the tests, most of them on the store where they take half the time: what
# differs between the stores is in the queries, which nearly every history reaches. Thousands are for the soak.
MACHINE = {"sqlite": Amount(20, 2_000), "postgresql": Amount(6, 1_000)}
RETENTION = {"sqlite": Amount(8, 1_000), "postgresql": Amount(3, 500)}
BATCH_ORDERS = {"sqlite": Amount(8, 1_000), "postgresql": Amount(3, 500)}
RECONCILE = {"sqlite": Amount(5, 500), "postgresql": Amount(2, 250)}
LIVES = {
    "sqlite": Amount(12, 400),
    "postgresql": Amount(6, 200),
}  # of those in the pure tests, through a store
# Accounts with faults of the REST API that are reconciled.
FAULTY_READINGS = Amount(120, 10_000)  # of those whose meetings are only read
FAULTY_ACCOUNTS = {"sqlite": Amount(15, 10_000), "postgresql": Amount(5, 500)}
# Signed bodies that are no events, or odd ones: see tests.nonsense.
NONSENSE = {"sqlite": Amount(50, 100_000), "postgresql": Amount(20, 20_000)}
# Rounds in which requests to a real WordPress are killed, on each store.
KILLS = Amount(4, 200)
# Inputs that each fuzzer tries with a fixed seed: see tests/fuzz. In the soak each goes on for an hour, with other ones.
FUZZ_RUNS = {
    "envelope": 6_000,
    "signature": 8_000,
    "fold": 2_500,
    "sync": 5_000,
    "pairing": 3_000,
    "stub": 3_000,
    "plugin": 4_000,
}
FUZZ_SECONDS = 3_600

_SAY_SECONDS = 30.0


@dataclass(slots=True)
class Progress:
    """Says from time to time how far a test is, where it takes long enough for somebody to wonder."""

    what: str
    total: int
    count: int = 0
    began: float = field(default_factory=time.monotonic)
    said: float = field(default_factory=time.monotonic)

    def one_more(self) -> None:
        """Count one."""
        self.count += 1
        now = time.monotonic()
        if SOAK and now - self.said > _SAY_SECONDS:
            self.said = now
            each_second = self.count / (now - self.began)
            print(f"{self.what}: {self.count:,} of {self.total:,}, {each_second:.1f}/s", flush=True)

    def over(self) -> None:
        """Say how many there were."""
        if SOAK:
            each_second = self.count / (time.monotonic() - self.began)
            print(f"{self.what}: {self.count:,} tried, {each_second:.1f}/s", flush=True)


@contextmanager
def took(what: str) -> Iterator[None]:
    """Say how long a step took, where it takes long enough for somebody to wonder."""
    began = time.monotonic()
    yield
    if SOAK:
        print(f"{what}: {time.monotonic() - began:.0f} s", flush=True)
