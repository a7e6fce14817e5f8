"""Which events of the log are looked for, and what a list of them shows."""

from __future__ import annotations

from dataclasses import asdict, dataclass, fields
from typing import TYPE_CHECKING, Any

from core.store.db.schema import events
from core.store.events.log import Outcome

if TYPE_CHECKING:
    from collections.abc import Mapping

_FIRST_ID, _LAST_ID = 0, 2**62  # before and after every id


@dataclass(frozen=True, slots=True)
class Filter:
    """Which events. What is None or empty is not asked for.

    `site_id` is a site that mirrors the event's account. `since` and `until` say when the event came to the
    bridge (ms since 1970, UTC; `until` is not part of it).
    """

    event: str = ""
    outcome: Outcome | None = None
    number: int | None = None
    site_id: str | None = None
    since: int | None = None
    until: int | None = None

    def told(self) -> dict[str, Any]:
        """Return it as JSON."""
        return asdict(self)

    @classmethod
    def of(cls, told: Mapping[str, Any]) -> Filter:
        """Return what `told` has told."""
        known = {field.name: told[field.name] for field in fields(cls) if field.name in told}
        outcome = known.get("outcome")
        return cls(**known | {"outcome": None if outcome is None else Outcome(outcome)})


@dataclass(frozen=True, slots=True, order=True)
class Key:
    """The place of an event in the list."""

    received_at: int
    id: int


@dataclass(frozen=True, slots=True)
class Line:
    """One event in the list, without its body. Times are in milliseconds since 1970, UTC."""

    id: int
    event: str
    account_id: str
    number: int | None
    at: int
    received_at: int
    site_id: str | None
    outcome: str
    reason: str | None
    folded_at: int | None

    @property
    def key(self) -> Key:
        """Its place."""
        return Key(self.received_at, self.id)


@dataclass(frozen=True, slots=True)
class Count:
    """How many events match; where `is_whole` is False, at least so many."""

    number: int
    is_whole: bool


COLUMNS = [events.c[name] for name in Line.__dataclass_fields__]
"""Of the log's table: those of a `Line`, in its order."""


def bounds(wanted: Filter, before: Key | None = None, after: Key | None = None) -> dict[str, int]:
    """Return the places between which to look: one range of the index for time and place together."""
    low, high = Key(-_LAST_ID, _FIRST_ID), Key(_LAST_ID, _LAST_ID)
    if wanted.since is not None:
        low = Key(wanted.since, _FIRST_ID)
    if wanted.until is not None:
        high = Key(wanted.until, _FIRST_ID)
    low = max(low, after or low)
    high = min(high, before or high)
    return {"low_at": low.received_at, "low_id": low.id, "high_at": high.received_at, "high_id": high.id}
