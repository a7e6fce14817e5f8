"""The iCalendar feed of a site and of each of its meetings, which the plugin publishes."""

from __future__ import annotations

import asyncio
import time
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, Protocol
from urllib.parse import urlsplit

from core.model import rules
from core.render import ical
from core.store.db import settings
from core.store.meetings import calendar as meeting_calendar
from core.store.sites import sites
from web.http.handler import Handler
from web.stub.auth import REFUSALS, StubRequest, answer_signed, refuse_unsigned, sign_answer

if TYPE_CHECKING:
    from collections.abc import Callable
    from concurrent.futures import Executor

    from core.store.db.engine import Store
    from web.stub.auth import StubKeys


CACHE_SECONDS, MOST_CACHED = 30.0, 50
# The stub reads no more than 4 MiB of a response.
_MOST_BYTES = 3 * 1024 * 1024


class CalendarCache(Protocol):
    """Calendars by site and meeting number. Thread-safe."""

    def get(self, key: Any, compute: Callable[[], bytes | None]) -> bytes | None:
        """Return the cached calendar, or compute it. Threads that need the same one wait for one of them."""


class CalendarHandler(Handler):
    """`GET /stub/calendar` and `/stub/calendar/NUMBER`, signed by the stub: see docs/stub.md.

    A calendar, or that a meeting has none, is cached, so that many requests at once render it once.
    """

    def initialize(self, store: Store, keys: StubKeys, executor: Executor, calendars: CalendarCache) -> None:
        self._store = store
        self._keys = keys
        self._executor = executor
        self._calendars = calendars

    async def get(self, number: str | None = None) -> None:
        """Answer with the calendar; 404 for a meeting that has no page on the site."""
        request = StubRequest.of(self.request)
        try:
            key = await self._keys.verify(request, now=time.time())
            await self._keys.use(request)
            loop = asyncio.get_running_loop()
            requested = None if number is None else int(number)
            calendar = await loop.run_in_executor(self._executor, self._calendar, request.site_id, requested)
        except REFUSALS as error:
            refuse_unsigned(self, error)
            return
        if calendar is None:
            message = "This site has no page for this meeting."
            answer_signed(self, key, 404, {"code": "zoombridge_no_meeting", "message": message})
            return
        self.set_header("Content-Type", "text/calendar; charset=utf-8")
        sign_answer(self, key, 200, "", calendar)
        self.finish(calendar)

    def _calendar(self, site_id: str, number: int | None) -> bytes | None:
        return self._calendars.get(
            (site_id, number), lambda: render_calendar(self._store, site_id, number, now=time.time())
        )


def render_calendar(
    store: Store, site_id: str, number: int | None, *, now: float, most_bytes: int = _MOST_BYTES
) -> bytes | None:
    """Render the calendar of a site or of one meeting; None where the meeting has none. `now` is in Unix seconds.

    A calendar of more than `most_bytes` is rendered with half as many meetings, those with the nearest dates.
    Raises: UnknownSiteError, StoreUnavailableError.
    """
    with store.reading() as connection:
        site = sites.load(connection, site_id, store.sealer)
        entries = meeting_calendar.entries(
            connection, store.sealer, site_id, now=int(now * 1000), number=number
        )
        secret = settings.calendar_secret(connection)
    if secret is None:
        secret = store.write(settings.make_calendar_secret)
    moment = datetime.fromtimestamp(now, UTC)
    if number is not None and not any(ical.has_events(entry.meeting, moment) for entry in entries):
        return None
    key = ical.UidKey(secret, urlsplit(site.url).hostname or site.id)
    site_rules = rules.read(site.rules).rules
    while True:
        calendar = ical.calendar(entries, site_rules, name=site.name, key=key, now=moment)
        if len(calendar) <= most_bytes or len(entries) <= 1:
            return calendar
        nearest = sorted(entries, key=lambda entry: _distance(entry, moment))
        entries = nearest[: len(entries) // 2]


def _distance(entry: ical.CalendarEntry, moment: datetime) -> float:
    """Return the seconds between a moment and the nearest date of a meeting."""
    seconds = [abs((date.start_time - moment).total_seconds()) for date in entry.meeting.dates]
    return min(seconds, default=float("inf"))
