"""Pin processes to cores, so that the measured process does not compete with the measuring one."""

from __future__ import annotations

import os
from contextlib import contextmanager
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator


def halves() -> tuple[set[int], set[int]]:
    """Return two halves of the cores that this process may use; both are the same one where there is but one."""
    cores = sorted(os.sched_getaffinity(0))
    middle = len(cores) // 2
    return set(cores[:middle] or cores), set(cores[middle:])


@contextmanager
def kept_on(cores: set[int]) -> Iterator[None]:
    """Keep on these cores what the calling thread does and starts meanwhile, for as long as that lives."""
    before = os.sched_getaffinity(0)
    os.sched_setaffinity(0, cores)
    try:
        yield
    finally:
        os.sched_setaffinity(0, before)
