"""Load one event in detail: its request and verification, the change it made, and its delivery to the sites."""

from __future__ import annotations

import re
from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING

from core.errors import BadRequestError, SignatureError
from core.model.diff import EventDiff, event_diffs
from core.store.events import delivery, history, quarantine
from core.store.events import search as event_search
from core.store.events.history import MAX_EVENTS
from core.store.events.log import Outcome
from core.store.events.name_removal import REMOVED_HEADER
from core.store.posts import attempts
from core.store.sites import zoom_secrets
from core.zoom import envelope as zoom_envelope
from core.zoom import signature
from core.zoom.signature import SIGNATURE_HEADER, TIMESTAMP_HEADER, TOKEN_HEADER

if TYPE_CHECKING:
    from collections.abc import Mapping

    from sqlalchemy import Connection

    from core.store.db.engine import Store
    from core.store.events.delivery import SiteDelivery
    from core.store.events.quarantine import QuarantinedRequest
    from core.store.events.request import Request
    from core.store.events.search import EventSummary
    from core.store.posts.attempts import Attempt

_ATTEMPTS = 20  # on one site


class Proof(StrEnum):
    """How the origin of an event was verified."""

    SIGNATURE = "signature"  # Zoom's signature over the bytes of the request
    TOKEN = "token"  # noqa: S105 - Zoom's verification token, used by older apps
    OWN = "own"  # recorded by the bridge itself, or read over REST


@dataclass(frozen=True, slots=True)
class Verification:
    """The verification that an event passed. `signed_at` is the signed time (Unix milliseconds, UTC)."""

    proof: Proof
    signed_at: int | None = None


@dataclass(frozen=True, slots=True)
class InspectedEvent:
    """One event in detail. `step` is the change it made or will make; None without a meeting, or if not computed.

    `is_whole` is False if its meeting has too many events to fold them for this. `attempts` are those of each
    delivery, by site.
    """

    line: EventSummary
    request: Request
    verification: Verification
    step: EventDiff | None
    is_whole: bool
    deliveries: list[SiteDelivery]
    attempts: Mapping[str, list[Attempt]]

    @property
    def names_removed_at(self) -> int | None:
        """When personal names were removed from its body (Unix milliseconds, UTC); None if it is as received."""
        at = self.request.headers.get(REMOVED_HEADER, "")
        return int(at) if re.fullmatch(r"[0-9]{1,15}", at) else None


@dataclass(frozen=True, slots=True)
class InspectedRequest:
    """One quarantined request. `event` and `number` are what it claims to be, unverified.

    `problem` is the error of a verification with the secret tokens saved now; empty if it passes now.
    """

    refusal: QuarantinedRequest
    event: str
    number: int | None
    problem: str


def inspect(
    store: Store, event_id: int, *, site_id: str | None = None, most_events: int = MAX_EVENTS
) -> InspectedEvent:
    """Return an event; with a `site_id`, only if it concerns that site, and only its delivery there.

    Raises: UnknownEventError, StoreUnavailableError.
    """
    with store.reading() as connection:
        line = event_search.load(connection, event_id, site_id=site_id)
        request = event_search.load_request(connection, event_id, store.sealer)
        step, is_whole = _step(connection, store, line, most_events)
        found: list[SiteDelivery] = []
        if line.number is not None and line.outcome in (Outcome.PENDING, Outcome.APPLIED):
            found = delivery.deliveries_of_event(
                connection, line.account_id, line.number, line.applied_at, site_id=site_id
            )
        made = {one.site_id: _attempts(connection, line, one.site_id) for one in found}
    return InspectedEvent(line, request, _check(request.headers), step, is_whole, found, made)


def inspect_refusal(store: Store, refusal_id: int, *, site_id: str | None = None) -> InspectedRequest:
    """Return a quarantined request; with a `site_id`, only if that site received it.

    Raises: UnknownEventError, StoreUnavailableError.
    """
    with store.reading() as connection:
        refusal = quarantine.load(connection, refusal_id, store.sealer, site_id=site_id)
        secrets = [saved.secret for saved in zoom_secrets.of_site(connection, refusal.site_id, store.sealer)]
    problem = ""
    try:
        signature.verify(
            refusal.request.headers, refusal.request.body, secrets, now=refusal.received_at / 1000
        )
    except SignatureError as error:
        problem = str(error)
    return InspectedRequest(refusal, *claims(refusal), problem)


def claims(refusal: QuarantinedRequest) -> tuple[str, int | None]:
    """Return the event and meeting number that a quarantined request claims, unverified."""
    try:
        envelope = zoom_envelope.parse(refusal.request.body)
    except BadRequestError:
        return "", None
    return envelope.event, envelope.number


def _check(headers: Mapping[str, str]) -> Verification:
    if SIGNATURE_HEADER in headers:
        at = headers.get(TIMESTAMP_HEADER, "")
        return Verification(Proof.SIGNATURE, int(at) * 1000 if re.fullmatch(r"[0-9]{1,12}", at) else None)
    return Verification(Proof.TOKEN if TOKEN_HEADER in headers else Proof.OWN)


def _step(
    connection: Connection, store: Store, line: EventSummary, most: int
) -> tuple[EventDiff | None, bool]:
    """Return the change that an event made, by folding its meeting up to it."""
    if line.number is None or line.outcome not in (Outcome.PENDING, Outcome.APPLIED):
        return None, True
    past = history.of_meeting(
        connection,
        store.sealer,
        line.account_id,
        line.number,
        upto=line.id,
        most=most,
        is_part_wanted=False,
    )
    if not past.is_whole:
        return None, False
    here = next((one.change.position for one in past.events if one.id == line.id), None)
    for step in event_diffs(
        line.account_id, line.number, [one.change for one in past.events], base=past.base
    ):
        if step.change.position == here:
            return step, True
    return None, True


def _attempts(connection: Connection, line: EventSummary, site_id: str) -> list[Attempt]:
    """Return the attempts on a site since an event was folded, up to the successful one, oldest first."""
    if line.number is None or line.applied_at is None:
        return []
    made = attempts.list_after(connection, site_id, line.number, moment=line.applied_at, limit=_ATTEMPTS)
    upto = next((index for index, attempt in enumerate(made) if attempt.action), len(made))
    return made[: upto + 1]
