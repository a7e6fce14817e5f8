"""Notice that pending events are not folded: the first of them is noted from time to time, and how long it stays the first.

The fold takes the event with the lowest id first, so that event stays only where the fold hangs, or fails again and again. The
time of receipt tells nothing of this: an event that was quarantined, granted or replayed becomes pending long after it.

Functions run in the caller's transaction; times are Unix milliseconds (UTC).
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from core.store.db import settings
from core.store.db.settings import FirstPending
from core.store.events import log

if TYPE_CHECKING:
    from sqlalchemy import Connection

LONGEST_GAP = 5 * 60_000
"""Between two looks at most, so that the second continues the first: otherwise no process of the bridge ran."""


def is_to_note(connection: Connection) -> bool:
    """Return whether there is something to note: an event is pending, or was at the last look."""
    return settings.first_pending(connection) is not None or log.first_pending(connection) is not None


def note(connection: Connection, *, now: int) -> None:
    """Note the first pending event, and since when it is the first."""
    first, before = log.first_pending(connection), settings.first_pending(connection)
    if first is None:
        settings.save_first_pending(connection, None)
        return
    lasts = before is not None and before.id == first and 0 <= now - before.seen_at <= LONGEST_GAP
    since = before.since if before is not None and lasts else now
    settings.save_first_pending(connection, FirstPending(first, since, now))


def since(connection: Connection, *, at_least: int) -> int | None:
    """Return since when the first pending event is the first; None if that was not seen for longer than `at_least` (ms)."""
    noted = settings.first_pending(connection)
    if noted is None or noted.seen_at - noted.since <= at_least or not log.is_pending(connection, noted.id):
        return None
    return noted.since
