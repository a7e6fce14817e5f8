"""A clock that tests move by hand."""

from dataclasses import dataclass

from tests.core.events import NOW


@dataclass
class Clock:
    """Seconds since 1970."""

    now: float = NOW

    def __call__(self) -> float:
        return self.now

    @property
    def ms(self) -> int:
        return int(self.now * 1000)
