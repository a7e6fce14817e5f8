"""The pages of one event, of one refused request, and of a replay before it begins."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

from tornado.web import Finish

from core.errors import TooManyJobsError, UnknownEventError
from core.model.diff import field_diffs
from core.monitoring.event_detail import Inspected, InspectedRefusal, inspect, inspect_refusal
from core.pipeline import replay
from core.store.db import clock as store_clock
from core.store.events.delivery import Way
from core.store.events.log import Outcome
from core.store.meetings import meetings
from core.store.sites import sites
from core.zoom import masking
from web.pages.events import ASKED, REFUSED, Asked, read
from web.pages.meetings import address, spaced
from web.pages.page import PageHandler
from web.ui.change_labels import told
from web.ui.durations import DurationField

if TYPE_CHECKING:
    from core.bridge import Bridge
    from core.pipeline.replay import ReplayPreview
    from core.store.jobs import Job


class EventHandler(PageHandler):
    """`GET /events/NUMBER`: one event of the log."""

    path = "/events"

    async def get(self, number: str) -> None:
        """Show it; where it may not be seen, or is not there, lead to the list."""
        try:
            found, topic, name = await self.blocking(
                partial(_inspected, self.bridge, int(number), site_id=self.site_id)
            )
        except UnknownEventError:
            self.go("/events", gone="yes")
            raise Finish from None
        changed = [] if found.step is None else field_diffs(found.step.before, found.step.after)
        passcodes = self.viewer.may_change
        self.show(
            "pages/event.jinja",
            line=found.line,
            topic=topic,
            site_name=name,
            check=found.check,
            is_whole=found.is_whole,
            too_late=found.step is not None and found.step.too_late,
            is_new=found.step is not None and found.step.before is None,
            changed=told(changed, self.words, self.shell.language, passcodes=passcodes),
            reached=found.reached,
            attempts=found.attempts,
            is_moving=found.line.outcome == Outcome.PENDING
            or any(one.way in (Way.WAITING, Way.STUCK) for one in found.reached),
            headers=masking.mask_headers(found.request.headers),
            body=masking.mask_body(found.request.body, passcodes=passcodes),
            names_removed_at=found.names_removed_at,
            address=address,
            spaced=spaced,
            length=DurationField(self.words, self.shell.language).said,
        )


class RefusalHandler(PageHandler):
    """`GET /events/refused/NUMBER`: one refused request."""

    path = "/events"

    async def get(self, number: str) -> None:
        """Show it; where it is not there any more, lead to the list."""
        try:
            found: InspectedRefusal = await self.blocking(
                partial(inspect_refusal, self.bridge.store, int(number), site_id=self.site_id)
            )
        except UnknownEventError:
            self.go("/events", outcome=REFUSED, gone="yes")
            raise Finish from None
        request = found.refusal.request
        self.show(
            "pages/refusal.jinja",
            found=found,
            refusal=found.refusal,
            headers=masking.mask_headers(request.headers),
            # It may hold secrets of whoever it really comes from.
            body=masking.mask_body(request.body, passcodes=False),
            spaced=spaced,
        )


class ReplayHandler(PageHandler):
    """`GET /events/replay` counts what would be taken up and says what will happen; `POST` begins with it."""

    path = "/events"

    async def get(self) -> None:
        """Count first."""
        await self._show({name: self.get_query_argument(name, "") for name in (*ASKED, "id")})

    async def post(self) -> None:
        """Ask for it, and lead to where it shows how far it is."""
        given = {name: self.get_body_argument(name, "") for name in (*ASKED, "id")}
        asked = read(given, of_site=self.site_id)
        if asked.errors:
            await self._show(given)
            return
        try:
            job = await self.blocking(
                partial(_ask, self.bridge, asked, _id(given), of_site=self.site_id, name=self.viewer.name)
            )
        except TooManyJobsError as error:
            await self._show(given, trouble=str(error))
        except UnknownEventError:
            self.go("/events", gone="yes")
        else:
            self.go(f"/jobs/{job.id}")

    async def _show(self, given: dict[str, str], *, trouble: str = "") -> None:
        asked = read(given, of_site=self.site_id)
        if asked.errors:
            self.go("/events", **{name: value for name, value in given.items() if name in ASKED and value})
            return
        event_id = _id(given)
        try:
            foreseen = await self.blocking(partial(_foresee, self.bridge, asked, event_id))
        except UnknownEventError:
            self.go("/events", gone="yes")
            return
        query = asked.query(of_site=self.site_id)
        self.show(
            "pages/replay.jinja",
            status=422 if trouble else 200,
            foreseen=foreseen,
            asked=asked,
            event_id=event_id,
            query=query,
            fields={"id": str(event_id)} if event_id is not None else query,
            most=replay.MOST_FORESEEN,
            trouble=trouble,
        )


def _id(given: dict[str, str]) -> int | None:
    text = given.get("id", "")
    return int(text) if text.isascii() and text.isdigit() and len(text) <= 18 else None  # noqa: PLR2004 (digits)


def _inspected(bridge: Bridge, event_id: int, *, site_id: str | None) -> tuple[Inspected, str, str]:
    """Return an event, the topic of its meeting, and the name of the site to whose endpoint it came."""
    found = inspect(bridge.store, event_id, site_id=site_id)
    line = found.line
    with bridge.store.reading() as connection:
        named = [] if line.number is None else [(line.account_id, line.number)]
        topic = "".join(meetings.topics(connection, named).values())
        names = {site.id: site.name for site in sites.every(connection, bridge.store.sealer)}
    shown = line.site_id is not None and site_id in (None, line.site_id)
    return found, topic, names.get(line.site_id or "", "") if shown else ""


def _foresee(bridge: Bridge, asked: Asked, event_id: int | None) -> ReplayPreview:
    with bridge.store.reading() as connection:
        return replay.preview(connection, wanted=asked.wanted, event_id=event_id, refused=asked.refused)


def _ask(bridge: Bridge, asked: Asked, event_id: int | None, *, of_site: str | None, name: str) -> Job:
    _foresee(bridge, asked, event_id)  # of a single event: whether it may be seen at all
    with bridge.store.reading() as connection:
        now = store_clock.now(connection)
    return replay.ask(
        bridge.jobs,
        wanted=asked.wanted,
        event_id=event_id,
        refused=asked.refused,
        now=now,
        site_id=of_site,
        asked_by=name,
    )
