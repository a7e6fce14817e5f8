"""The pages of one event and of one quarantined request."""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING

from tornado.web import Finish

from core.errors import UnknownEventError
from core.model.diff import field_diffs
from core.monitoring.event_detail import (
    InspectedEvent,
    InspectedRequest,
    Verification,
    inspect,
    inspect_refusal,
)
from core.store.events.delivery import DeliveryStatus
from core.store.events.log import Outcome
from core.store.meetings import meetings
from core.store.sites import sites
from core.zoom import masking
from web.pages.events import QUARANTINED
from web.pages.page import PageHandler
from web.ui.change_labels import label_changes

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from babel.support import NullTranslations

    from core.bridge import Bridge
    from core.store.events.delivery import SiteDelivery
    from core.store.events.quarantine import QuarantinedRequest
    from core.store.events.search import EventSummary
    from core.store.posts.attempts import Attempt
    from web.ui.change_labels import ChangeLabel


@dataclass(frozen=True, slots=True)
class EventView:
    """One event: how it was verified, what it changed, its delivery to the sites, and the request, masked.

    `is_whole` is False if the meeting has too many events to compute the changes; `too_late`: it was not applied,
    because events after it have left the log. `is_pending`: the page refreshes itself. Times are Unix milliseconds.
    """

    line: EventSummary
    topic: str
    site_name: str
    verification: Verification
    is_whole: bool
    too_late: bool
    is_new: bool
    changes: list[ChangeLabel]
    deliveries: Sequence[SiteDelivery]
    attempts: Mapping[str, list[Attempt]]
    is_pending: bool
    headers: dict[str, str]
    body: str
    names_removed_at: int | None


@dataclass(frozen=True, slots=True)
class QuarantinedRequestView:
    """A quarantined request with what it claims to be, masked."""

    found: InspectedRequest
    refusal: QuarantinedRequest
    headers: dict[str, str]
    body: str


class EventHandler(PageHandler):
    """`GET /events/NUMBER`: one event of the log."""

    path = "/events"

    async def get(self, number: str) -> None:
        """Show the event; redirect to the list if it does not exist or may not be seen."""
        try:
            found, topic, name = await self.blocking(
                partial(_inspected, self.bridge, int(number), site_id=self.site_id)
            )
        except UnknownEventError:
            self.go("/events", gone="yes")
            raise Finish from None
        # In a thread: a body may have a megabyte, and Zoom is answered meanwhile.
        view = await self.blocking(
            partial(
                event_view,
                found,
                topic,
                name,
                words=self.words,
                language=self.shell.language,
                passcodes=self.viewer.may_change,
            )
        )
        self.show("pages/event.jinja", view)


class QuarantinedRequestHandler(PageHandler):
    """`GET /events/quarantine/NUMBER`: one quarantined request."""

    path = "/events"

    async def get(self, number: str) -> None:
        """Show the request; redirect to the list if it no longer exists."""
        try:
            found: InspectedRequest = await self.blocking(
                partial(inspect_refusal, self.bridge.store, int(number), site_id=self.site_id)
            )
        except UnknownEventError:
            self.go("/events", outcome=QUARANTINED, gone="yes")
            raise Finish from None
        request = found.refusal.request
        view = QuarantinedRequestView(
            found=found,
            refusal=found.refusal,
            headers=masking.mask_headers(request.headers),
            # It may hold secrets of its actual sender.
            body=await self.blocking(partial(masking.mask_body, request.body, passcodes=False)),
        )
        self.show("pages/quarantined-request.jinja", view)


def event_view(
    found: InspectedEvent,
    topic: str,
    site_name: str,
    *,
    words: NullTranslations,
    language: str,
    passcodes: bool,
) -> EventView:
    """Return the view of an event. Pure."""
    step = found.step
    changes = [] if step is None else field_diffs(step.before, step.after)
    return EventView(
        line=found.line,
        topic=topic,
        site_name=site_name,
        verification=found.verification,
        is_whole=found.is_whole,
        too_late=step is not None and step.too_late,
        is_new=step is not None and step.before is None,
        changes=label_changes(
            changes, words, language, passcodes=passcodes, secrets=[] if step is None else step.passcodes
        ),
        deliveries=found.deliveries,
        attempts=found.attempts,
        is_pending=found.line.outcome == Outcome.PENDING
        or any(one.status in (DeliveryStatus.PENDING, DeliveryStatus.FAILING) for one in found.deliveries),
        headers=masking.mask_headers(found.request.headers),
        body=masking.mask_body(found.request.body, passcodes=passcodes),
        names_removed_at=found.names_removed_at,
    )


def _inspected(bridge: Bridge, event_id: int, *, site_id: str | None) -> tuple[InspectedEvent, str, str]:
    """Load an event, the topic of its meeting, and the name of the site at whose endpoint it was received."""
    found = inspect(bridge.store, event_id, site_id=site_id)
    line = found.line
    with bridge.store.reading() as connection:
        is_of_meeting = line.number is not None and line.outcome != Outcome.WAITING
        named = [(line.account_id, line.number)] if line.number is not None and is_of_meeting else []
        topic = "".join(meetings.topics(connection, bridge.store.sealer, named).values())
        names = {site.id: site.name for site in sites.list_all(connection, bridge.store.sealer)}
    shown = line.site_id is not None and site_id in (None, line.site_id)
    return found, topic, names.get(line.site_id or "", "") if shown else ""
