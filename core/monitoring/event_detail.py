"""One event as a person inspects it: what came, what showed it to be Zoom's, what it changed, and where it went."""

from __future__ import annotations

import re
from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING

from core.errors import BadRequestError, SignatureError
from core.model.diff import EventDiff, event_diffs
from core.store.events import delivery, history, quarantine
from core.store.events import search as event_search
from core.store.events.log import Outcome
from core.store.events.redaction import REMOVED_HEADER
from core.store.posts import attempts
from core.store.sites import zoom_secrets
from core.zoom import envelope as zoom_envelope
from core.zoom import signature
from core.zoom.signature import SIGNATURE_HEADER, TIMESTAMP_HEADER, TOKEN_HEADER

if TYPE_CHECKING:
    from collections.abc import Mapping

    from sqlalchemy import Connection

    from core.store.db.engine import Store
    from core.store.events.delivery import Reached
    from core.store.events.quarantine import QuarantinedRequest
    from core.store.events.request import Request
    from core.store.events.search import EventSummary
    from core.store.posts.attempts import Attempt

_ATTEMPTS = 20  # on one site


class Proof(StrEnum):
    """What shows that an event is what it says."""

    SIGNATURE = "signature"  # Zoom's, over its bytes
    TOKEN = "token"  # noqa: S105 - Zoom's verification token, of older apps
    OWN = "own"  # the bridge itself read it from Zoom, or noted it


@dataclass(frozen=True, slots=True)
class Check:
    """The check that an event passed. `signed_at` is the time that Zoom signed with it (ms since 1970, UTC)."""

    proof: Proof
    signed_at: int | None = None


@dataclass(frozen=True, slots=True)
class Inspected:
    """One event. `step` is what it changed, or will; None where it is no part of a meeting, or is not known.

    `is_whole` is False where its meeting has so many events that they are not laid over each other for this.
    `attempts` are those by which it reached each site, or has not yet.
    """

    line: EventSummary
    request: Request
    check: Check
    step: EventDiff | None
    is_whole: bool
    reached: list[Reached]
    attempts: Mapping[str, list[Attempt]]

    @property
    def names_removed_at(self) -> int | None:
        """When names were taken out of its body (ms since 1970, UTC); None where that is as it came."""
        at = self.request.headers.get(REMOVED_HEADER, "")
        return int(at) if re.fullmatch(r"[0-9]{1,15}", at) else None


@dataclass(frozen=True, slots=True)
class InspectedRefusal:
    """One refused request. `event` and `number` are what it says of itself, which nothing shows to be true.

    `problem` is what the check says with the secrets that are saved now; empty where it passes now.
    """

    refusal: QuarantinedRequest
    event: str
    number: int | None
    problem: str


def inspect(store: Store, event_id: int, *, site_id: str | None = None) -> Inspected:
    """Return an event; with a `site_id`, only one that concerns this site, and only where it stands there.

    Raises `UnknownEventError`, `StoreUnavailableError`.
    """
    with store.reading() as connection:
        line = event_search.load(connection, event_id, site_id=site_id)
        request = event_search.load_request(connection, event_id, store.sealer)
        step, is_whole = _step(connection, store, line)
        found: list[Reached] = []
        if line.number is not None and line.outcome in (Outcome.PENDING, Outcome.FOLDED):
            found = delivery.of_event(
                connection, line.account_id, line.number, line.folded_at, site_id=site_id
            )
        made = {one.site_id: _attempts(connection, line, one.site_id) for one in found}
    return Inspected(line, request, _check(request.headers), step, is_whole, found, made)


def inspect_refusal(store: Store, refusal_id: int, *, site_id: str | None = None) -> InspectedRefusal:
    """Return a refused request; with a `site_id`, only one that came to this site.

    Raises `UnknownEventError`, `StoreUnavailableError`.
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
    return InspectedRefusal(refusal, *claims(refusal), problem)


def claims(refusal: QuarantinedRequest) -> tuple[str, int | None]:
    """Return the event and the meeting's number that a refused request says it is about; nothing shows it to be true."""
    try:
        envelope = zoom_envelope.parse(refusal.request.body)
    except BadRequestError:
        return "", None
    return envelope.event, envelope.number


def _check(headers: Mapping[str, str]) -> Check:
    if SIGNATURE_HEADER in headers:
        at = headers.get(TIMESTAMP_HEADER, "")
        return Check(Proof.SIGNATURE, int(at) * 1000 if re.fullmatch(r"[0-9]{1,12}", at) else None)
    return Check(Proof.TOKEN if TOKEN_HEADER in headers else Proof.OWN)


def _step(connection: Connection, store: Store, line: EventSummary) -> tuple[EventDiff | None, bool]:
    """Return what an event changed, by folding its meeting up to it."""
    if line.number is None or line.outcome not in (Outcome.PENDING, Outcome.FOLDED):
        return None, True
    told = history.of_meeting(connection, store.sealer, line.account_id, line.number, upto=line.id)
    if not told.is_whole:
        return None, False
    here = next((one.change.position for one in told.told if one.id == line.id), None)
    for step in event_diffs(line.account_id, line.number, [one.change for one in told.told], base=told.base):
        if step.change.position == here:
            return step, True
    return None, True


def _attempts(connection: Connection, line: EventSummary, site_id: str) -> list[Attempt]:
    """Return the attempts on a site since an event was folded, up to the one that went well; oldest first."""
    if line.number is None or line.folded_at is None:
        return []
    made = attempts.after(
        connection, site_id, line.account_id, line.number, moment=line.folded_at, limit=_ATTEMPTS
    )
    upto = next((index for index, attempt in enumerate(made) if attempt.did), len(made))
    return made[: upto + 1]
