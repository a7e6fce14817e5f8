"""Requests of Zoom's that were too large to keep: their headers and lengths. Bounded.

Such an event may be lost, so that a person has to reconcile the account; then they dismiss what is stored here.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING, Any

from sqlalchemy import case, delete, func, select

from core.store.db.schema import large_requests, sites
from core.store.db.upsert import insert
from core.store.events.request import Request
from core.zoom.signature import SIGNATURE_HEADER

if TYPE_CHECKING:
    from collections.abc import Mapping

    from sqlalchemy import Connection

    from core.store.db.encryption import Sealer

MOST_REQUESTS = 100
"""At most so many are stored for each site and cause, plausible or not; beyond that, the oldest are deleted."""


class LargeRequestCause(StrEnum):
    """Why a request was not kept."""

    TOO_LARGE = "too_large"  # larger than any event, or than WordPress takes: refused for good
    UNVERIFIED = (
        "unverified"  # a wrong signature, and too large for the quarantine: Zoom sends it again for a while
    )


@dataclass(frozen=True, slots=True)
class LargeRequest:
    """One request. `size` is that of its body in bytes; `received_at` is in Unix milliseconds (UTC).

    `is_plausible`: it seems to be Zoom's, by the account that it names or the address that it came from.
    """

    id: int
    site_id: str
    site_name: str
    cause: LargeRequestCause
    received_at: int
    size: int
    headers: Mapping[str, str]
    is_plausible: bool = False


@dataclass(frozen=True, slots=True)
class LargeRequestCount:
    """How many requests of a site and cause there are, when the first came, and whether one seems to be Zoom's."""

    count: int = 0
    since: int | None = None
    is_plausible: bool = False


def add(
    connection: Connection,
    site_id: str,
    headers: Mapping[str, str],
    sealer: Sealer,
    *,
    cause: LargeRequestCause,
    size: int,
    now: int,
    is_plausible: bool = False,
    most: int = MOST_REQUESTS,
) -> None:
    """Store the headers of a request; once for all that Zoom sends again, which have one request id."""
    given = headers.get("x-zm-request-id") or headers.get(SIGNATURE_HEADER, "")
    digest = hashlib.sha256(f"{site_id}\n{cause}\n{given}".encode()).hexdigest()[:32]
    statement = insert(connection, large_requests).values(
        site_id=site_id,
        digest=digest,
        cause=cause,
        received_at=now,
        size=size,
        headers=Request(headers, b"").sealed(sealer),
        plausible=is_plausible,
    )
    connection.execute(statement.on_conflict_do_nothing(index_elements=["digest"]))
    alike = (
        large_requests.c.site_id == site_id,
        large_requests.c.cause == cause,
        large_requests.c.plausible == is_plausible,
    )
    newest = select(large_requests.c.id).where(*alike).order_by(large_requests.c.id.desc())
    surplus = connection.scalar(newest.offset(most).limit(1))
    if surplus is not None:
        connection.execute(delete(large_requests).where(*alike, large_requests.c.id <= surplus))


def list_all(connection: Connection, sealer: Sealer, *, site_id: str | None = None) -> list[LargeRequest]:
    """Return the requests of every site, or of one, newest first."""
    columns = [
        large_requests.c[name]
        for name in ("id", "site_id", "cause", "received_at", "size", "headers", "plausible")
    ]
    query = select(*columns, sites.c.name).join(sites, sites.c.id == large_requests.c.site_id)
    if site_id is not None:
        query = query.where(large_requests.c.site_id == site_id)
    rows = connection.execute(query.order_by(large_requests.c.received_at.desc(), large_requests.c.id.desc()))
    return [
        LargeRequest(
            row.id,
            row.site_id,
            row.name,
            LargeRequestCause(row.cause),
            row.received_at,
            row.size,
            {} if (request := Request.opened_or_none(row.headers, sealer)) is None else request.headers,
            row.plausible,
        )
        for row in rows
    ]


def counts(
    connection: Connection, *, site_id: str | None = None
) -> dict[tuple[str, LargeRequestCause], LargeRequestCount]:
    """Return by site and cause how many there are, and since when (Unix milliseconds, UTC)."""
    alike = (large_requests.c.site_id, large_requests.c.cause)
    plausible = func.sum(case((large_requests.c.plausible, 1), else_=0))
    query: Any = select(*alike, func.count(), func.min(large_requests.c.received_at), plausible).group_by(
        *alike
    )
    if site_id is not None:
        query = query.where(large_requests.c.site_id == site_id)
    return {
        (of_site, LargeRequestCause(cause)): LargeRequestCount(number, since, bool(plausible))
        for of_site, cause, number, since, plausible in connection.execute(query)
    }


def dismiss(connection: Connection, *, upto: int, site_id: str | None = None) -> int:
    """Delete the requests up to an id, of every site or of one; return their number."""
    query = delete(large_requests).where(large_requests.c.id <= upto)
    if site_id is not None:
        query = query.where(large_requests.c.site_id == site_id)
    return connection.execute(query).rowcount


def delete_before(connection: Connection, moment: int) -> None:
    """Delete the requests received before `moment` (Unix milliseconds, UTC)."""
    connection.execute(delete(large_requests).where(large_requests.c.received_at < moment))
