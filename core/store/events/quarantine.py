"""Store requests that look like Zoom's but failed verification, until the right secret token is saved. Bounded."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from sqlalchemy import delete, func, select, tuple_

from core import messages
from core.errors import BadRequestError, UnknownEventError
from core.model.redaction import may_name_people, names_people
from core.store.db.schema import quarantine, sites
from core.store.db.upsert import insert
from core.store.events.request import Request
from core.store.events.search import EventKey
from core.zoom import envelope as zoom_envelope
from core.zoom.signature import SIGNATURE_HEADER, TIMESTAMP_HEADER

if TYPE_CHECKING:
    from collections.abc import Iterable

    from sqlalchemy import Connection, Row, Select

    from core.store.db.encryption import Sealer
    from core.store.events.search import EventFilter

MOST_BODY_BYTES = 64 * 1024  # of one request
MOST_REQUESTS = 1000  # for each site
MOST_BYTES = 20 * 1024 * 1024  # for each site


@dataclass(frozen=True, slots=True)
class QuarantinedRequest:
    """One request in quarantine, and why it was refused. `received_at` is in Unix milliseconds (UTC)."""

    id: int
    site_id: str
    site_name: str
    received_at: int
    reason: str
    request: Request

    @property
    def key(self) -> EventKey:
        """Its position in the list."""
        return EventKey(self.received_at, self.id)


@dataclass(frozen=True, slots=True)
class QuarantinePage:
    """One page of the list, newest first, and whether there are newer and older requests beyond it."""

    requests: list[QuarantinedRequest]
    more_newer: bool
    more_older: bool


def add(
    connection: Connection,
    site_id: str,
    request: Request,
    sealer: Sealer,
    *,
    reason: str,
    now: int,
    most_requests: int = MOST_REQUESTS,
    most_bytes: int = MOST_BYTES,
) -> None:
    """Store a refused request, once; beyond the limits of its site, the oldest are deleted."""
    sealed = request.sealed(sealer)
    statement = insert(connection, quarantine).values(
        site_id=site_id,
        digest=_digest(site_id, request),
        received_at=now,
        reason=reason,
        size=len(sealed),
        request=sealed,
    )
    connection.execute(statement.on_conflict_do_nothing(index_elements=["digest"]))
    _trim(connection, site_id, most_requests, most_bytes)


def list_all(connection: Connection, site_id: str, sealer: Sealer) -> list[QuarantinedRequest]:
    """Return the requests of a site, oldest first."""
    query = _selection().where(quarantine.c.site_id == site_id).order_by(quarantine.c.id)
    return _opened(connection.execute(query), sealer)


def latest(connection: Connection, site_id: str, sealer: Sealer, limit: int) -> list[QuarantinedRequest]:
    """Return the newest requests of a site, newest first."""
    query = _selection().where(quarantine.c.site_id == site_id)
    return _opened(connection.execute(query.order_by(quarantine.c.received_at.desc()).limit(limit)), sealer)


def page(
    connection: Connection,
    wanted: EventFilter,
    sealer: Sealer,
    *,
    limit: int,
    before: EventKey | None = None,
    after: EventKey | None = None,
) -> QuarantinePage:
    """Return up to `limit` requests: the newest, or those next to a key (older than `before`, newer than `after`).

    Only site and time of the filter apply: what an unverified request claims to be is not used.
    """
    rising = after is not None
    beside = after if rising else before
    position = (quarantine.c.received_at, quarantine.c.id)
    query = _selection()
    if wanted.site_id is not None:
        query = query.where(quarantine.c.site_id == wanted.site_id)
    if wanted.since is not None:
        query = query.where(quarantine.c.received_at >= wanted.since)
    if wanted.until is not None:
        query = query.where(quarantine.c.received_at < wanted.until)
    if beside is not None:
        key = tuple_(beside.received_at, beside.id)
        query = query.where(tuple_(*position) > key if rising else tuple_(*position) < key)
    order = position if rising else tuple(column.desc() for column in position)
    rows = connection.execute(query.order_by(*order).limit(limit + 1)).all()
    requests = _opened(rows[:limit], sealer)
    more = len(rows) > limit
    if rising:
        return QuarantinePage(requests[::-1], more_newer=more, more_older=True)
    return QuarantinePage(requests, more_newer=before is not None, more_older=more)


def load(
    connection: Connection, request_id: int, sealer: Sealer, *, site_id: str | None = None
) -> QuarantinedRequest:
    """Return one request; with a `site_id`, only if that site received it. Raises: UnknownEventError."""
    query = _selection().where(quarantine.c.id == request_id)
    if site_id is not None:
        query = query.where(quarantine.c.site_id == site_id)
    found = _opened(connection.execute(query), sealer)
    if not found:
        raise UnknownEventError(messages.UNKNOWN_QUARANTINED_REQUEST)
    return found[0]


def count(connection: Connection, site_id: str) -> int:
    """Return how many requests of a site are in quarantine."""
    return connection.scalar(select(func.count()).where(quarantine.c.site_id == site_id)) or 0


def release(connection: Connection, held_id: int) -> None:
    """Delete a request from quarantine: it verified since and was processed, or has expired."""
    connection.execute(delete(quarantine).where(quarantine.c.id == held_id))


def ids_naming_people(connection: Connection, sealer: Sealer, moment: int) -> list[int]:
    """Return the ids of requests received before `moment` (Unix milliseconds, UTC) that may name people.

    Their bytes cannot be changed, since a signature is over them.
    """
    rows = connection.execute(
        select(quarantine.c.id, quarantine.c.request).where(quarantine.c.received_at < moment)
    )
    return [row.id for row in rows if _names_people(Request.opened(row.request, sealer))]


def _selection() -> Select[Any]:
    return select(
        quarantine.c.id,
        quarantine.c.site_id,
        sites.c.name,
        quarantine.c.received_at,
        quarantine.c.reason,
        quarantine.c.request,
    ).join(sites, sites.c.id == quarantine.c.site_id)


def _opened(rows: Iterable[Row[Any]], sealer: Sealer) -> list[QuarantinedRequest]:
    return [
        QuarantinedRequest(
            row.id, row.site_id, row.name, row.received_at, row.reason, Request.opened(row.request, sealer)
        )
        for row in rows
    ]


def _names_people(request: Request) -> bool:
    try:
        event = zoom_envelope.parse(request.body).event
    except BadRequestError:
        return False
    return names_people(event) or may_name_people(request.body)


def _digest(site_id: str, request: Request) -> str:
    signed = (
        site_id.encode(),
        request.headers.get(SIGNATURE_HEADER, "").encode(),
        request.headers.get(TIMESTAMP_HEADER, "").encode(),
        request.body,
    )
    return hashlib.sha256(b"\n".join(signed)).hexdigest()[:32]


def _trim(connection: Connection, site_id: str, most_requests: int, most_bytes: int) -> None:
    newest_first = quarantine.c.id.desc()
    kept = (
        select(
            quarantine.c.id,
            func.row_number().over(order_by=newest_first).label("place"),
            func.sum(quarantine.c.size).over(order_by=newest_first).label("bytes"),
        )
        .where(quarantine.c.site_id == site_id)
        .subquery()
    )
    surplus = select(kept.c.id).where((kept.c.place > most_requests) | (kept.c.bytes > most_bytes))
    connection.execute(delete(quarantine).where(quarantine.c.id.in_(surplus)))
