"""Lists of meetings, brought up to date before they are read: the dates of series pass without an event."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

from core.errors import StoreUnavailableError
from core.store.meetings import search as meeting_search

if TYPE_CHECKING:
    from core.store.db.engine import Store
    from core.store.meetings.search import Filter, Key, Page

_AT_ONCE = 200  # series that share one transaction: others write, too
_MOST_ROUNDS = 10


def find(
    store: Store, wanted: Filter, *, now: int, limit: int, after: Key | None = None, before: Key | None = None
) -> Page:
    """Return a page of a list as it is at `now` (ms since 1970, UTC). Raises `StoreUnavailableError`."""
    let_dates_pass(store, now=now)
    with store.reading() as connection:
        return meeting_search.page(connection, wanted, now=now, limit=limit, after=after, before=before)


def let_dates_pass(store: Store, *, now: int) -> None:
    """Let the next date of each series lead whose last one has ended. After a long time, some at each look."""
    for _ in range(_MOST_ROUNDS):
        with store.reading() as connection:
            moved = meeting_search.moved(connection, now=now, limit=_AT_ONCE)
        if not moved:
            return
        try:
            store.write(partial(meeting_search.move, found=moved))
        except StoreUnavailableError:
            return  # it cannot be written now; the list is right but for the dates that have passed
