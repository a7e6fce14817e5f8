"""Refused requests that look like Zoom's, kept for the day when the right secret is saved. Bounded."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from typing import TYPE_CHECKING

from sqlalchemy import delete, func, select

from core.errors import BadRequestError
from core.model.redaction import names_people
from core.store.db.schema import quarantine
from core.store.db.upsert import insert
from core.store.events.request import Request
from core.zoom import envelope as zoom_envelope
from core.zoom.signature import SIGNATURE_HEADER, TIMESTAMP_HEADER

if TYPE_CHECKING:
    from sqlalchemy import Connection

    from core.store.db.encryption import Sealer

MOST_REQUESTS = 1000  # for each site
MOST_BYTES = 20 * 1024 * 1024  # for each site


@dataclass(frozen=True, slots=True)
class Held:
    """One request in quarantine. `received_at` is in milliseconds since 1970, UTC."""

    id: int
    received_at: int
    reason: str
    request: Request


def keep(
    connection: Connection, site_id: str, request: Request, sealer: Sealer, *, reason: str, now: int
) -> None:
    """Keep a refused request, once; where there are too many, the oldest go."""
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
    _trim(connection, site_id)


def held(connection: Connection, site_id: str, sealer: Sealer) -> list[Held]:
    """Return what is held for a site, the oldest first."""
    rows = connection.execute(
        select(quarantine).where(quarantine.c.site_id == site_id).order_by(quarantine.c.id)
    )
    return [Held(row.id, row.received_at, row.reason, Request.opened(row.request, sealer)) for row in rows]


def latest(connection: Connection, site_id: str, sealer: Sealer, limit: int) -> list[Held]:
    """Return the newest of what is held for a site, the newest first."""
    rows = connection.execute(
        select(quarantine)
        .where(quarantine.c.site_id == site_id)
        .order_by(quarantine.c.received_at.desc())
        .limit(limit)
    )
    return [Held(row.id, row.received_at, row.reason, Request.opened(row.request, sealer)) for row in rows]


def count(connection: Connection, site_id: str) -> int:
    """Return how many requests are held for a site."""
    return connection.scalar(select(func.count()).where(quarantine.c.site_id == site_id)) or 0


def release(connection: Connection, held_id: int) -> None:
    """Forget a request: it verified and went its normal way."""
    connection.execute(delete(quarantine).where(quarantine.c.id == held_id))


def about_people(connection: Connection, sealer: Sealer, moment: int) -> list[int]:
    """Return the ids of requests that came before `moment` (ms since 1970, UTC) and may name people.

    Their bytes cannot be changed, since a signature is over them.
    """
    rows = connection.execute(
        select(quarantine.c.id, quarantine.c.request).where(quarantine.c.received_at < moment)
    )
    return [row.id for row in rows if _names_people(Request.opened(row.request, sealer))]


def _names_people(request: Request) -> bool:
    try:
        return names_people(zoom_envelope.parse(request.body).event)
    except BadRequestError:
        return False


def _digest(site_id: str, request: Request) -> str:
    signed = (
        site_id.encode(),
        request.headers.get(SIGNATURE_HEADER, "").encode(),
        request.headers.get(TIMESTAMP_HEADER, "").encode(),
        request.body,
    )
    return hashlib.sha256(b"\n".join(signed)).hexdigest()[:32]


def _trim(connection: Connection, site_id: str) -> None:
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
    surplus = select(kept.c.id).where((kept.c.place > MOST_REQUESTS) | (kept.c.bytes > MOST_BYTES))
    connection.execute(delete(quarantine).where(quarantine.c.id.in_(surplus)))
