"""A clock that moves when it is told to."""

from __future__ import annotations

from datetime import UTC, datetime


class Clock:
    """Seconds since 1970, for what asks for a clock."""

    def __init__(self, seconds: float) -> None:
        self.seconds = seconds

    def __call__(self) -> float:
        return self.seconds

    @property
    def milliseconds(self) -> int:
        """The same in milliseconds, as the store counts."""
        return int(self.seconds * 1000)

    @property
    def moment(self) -> datetime:
        """The same as a moment in UTC, of whole milliseconds as the store has it."""
        return datetime.fromtimestamp(self.milliseconds / 1000, UTC)

    def forward(self, seconds: float) -> None:
        """Let time pass."""
        self.seconds += seconds
