"""The iCalendar feed of a site and of each of its meetings, which the plugin publishes."""

from __future__ import annotations

import asyncio
import time
from datetime import UTC, datetime
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from tornado.web import Finish, RequestHandler

from core.errors import SignatureError, StoreUnavailableError, UnknownSiteError
from core.model import rules
from core.render import ical
from core.store.db import settings
from core.store.meetings import calendar as meeting_calendar
from core.store.sites import sites
from web.stub.auth import StubRequest, answer_signed, sign_answer

if TYPE_CHECKING:
    from concurrent.futures import Executor

    from core.store.db.engine import Store
    from web.stub.auth import StubKeys


class CalendarHandler(RequestHandler):
    """`GET /stub/calendar` and `/stub/calendar/NUMBER`, signed by the stub: see docs/stub.md."""

    def initialize(self, store: Store, keys: StubKeys, executor: Executor) -> None:
        self._store = store
        self._keys = keys
        self._executor = executor

    async def get(self, number: str | None = None) -> None:
        """Answer with the calendar; 404 for a meeting that has no page on the site."""
        request = StubRequest.of(self.request)
        try:
            key = await self._keys.verify(request, now=time.time())
            loop = asyncio.get_running_loop()
            requested = None if number is None else int(number)
            calendar = await loop.run_in_executor(
                self._executor, _calendar, self._store, request.site_id, requested
            )
        except UnknownSiteError as error:
            self._refuse(404, "zoombridge_unknown_site", str(error))
        except SignatureError as error:
            self._refuse(401, "zoombridge_signature", str(error))
        except StoreUnavailableError as error:
            self._refuse(503, "zoombridge_unavailable", str(error))
        if calendar is None:
            message = "This site has no page for this meeting."
            answer_signed(self, key, 404, {"code": "zoombridge_no_meeting", "message": message})
            return
        self.set_header("Content-Type", "text/calendar; charset=utf-8")
        sign_answer(self, key, 200, "", calendar)
        self.finish(calendar)

    def _refuse(self, status: int, code: str, message: str) -> None:
        self.set_status(status)
        self.write({"code": code, "message": message})
        raise Finish


def _calendar(store: Store, site_id: str, number: int | None) -> bytes | None:
    now = time.time()
    with store.reading() as connection:
        site = sites.load(connection, site_id, store.sealer)
        entries = meeting_calendar.entries(connection, site_id, now=int(now * 1000), number=number)
        secret = settings.calendar_secret(connection)
    if secret is None:
        secret = store.write(settings.make_calendar_secret)
    moment = datetime.fromtimestamp(now, UTC)
    if number is not None and not any(ical.has_events(entry.meeting, moment) for entry in entries):
        return None
    host = urlsplit(site.url).hostname or site.id
    key = ical.UidKey(secret, host)
    return ical.calendar(entries, rules.read(site.rules).rules, name=site.name, key=key, now=moment)
