"""Search meetings, after an update of their sort keys: the dates of a series pass without an event."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

from core.errors import StoreUnavailableError
from core.store.meetings import search as meeting_search

if TYPE_CHECKING:
    from core.store.db.engine import Store
    from core.store.meetings.search import MeetingFilter, MeetingKey, MeetingPage

_AT_ONCE = 200  # series that share one transaction: others write, too
_MOST_ROUNDS = 10


def find(
    store: Store,
    wanted: MeetingFilter,
    *,
    now: int,
    limit: int,
    after: MeetingKey | None = None,
    before: MeetingKey | None = None,
) -> MeetingPage:
    """Return a page of a list as of `now` (Unix milliseconds, UTC). Raises: StoreUnavailableError."""
    let_dates_pass(store, now=now)
    with store.reading() as connection:
        return meeting_search.page(connection, wanted, now=now, limit=limit, after=after, before=before)


def let_dates_pass(store: Store, *, now: int) -> None:
    """Sort each series by its next date once the previous one has ended. After a long time, some with each call."""
    for _ in range(_MOST_ROUNDS):
        with store.reading() as connection:
            moved = meeting_search.find_stale_dates(connection, store.sealer, now=now, limit=_AT_ONCE)
        if not moved:
            return
        try:
            store.write(partial(meeting_search.save_dates, found=moved))
        except StoreUnavailableError:
            return  # it cannot be written now; the list is right but for the dates that have passed
