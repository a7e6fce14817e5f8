"""Compute the delivery of an event to each site.

An event is delivered by the first successful attempt that began after it was folded.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING, Any

from sqlalchemy import select

from core import messages
from core.store.db.schema import attempts, events, posts, sites
from core.store.events.log import trace_id
from core.store.posts.queue import PostState
from core.store.sites.grants import accounts_of, sites_of

if TYPE_CHECKING:
    from sqlalchemy import Connection


SHOWED_NOTHING = ("withheld", "detached")
"""Results of successful attempts after which the site shows no post."""


class DeliveryStatus(StrEnum):
    """The delivery of an event to one site."""

    DELIVERED = "delivered"  # an attempt that began after it was folded went well
    UNNEEDED = "unneeded"  # the site shows this revision or a newer one, and nothing had to be written for it
    PENDING = "pending"  # it will be written
    FAILING = "failing"  # every attempt so far failed
    WITHHELD = "withheld"  # the site shows no post of this meeting; `message` says why


@dataclass(frozen=True, slots=True)
class SiteDelivery:
    """The delivery of an event to one site.

    `at` is when WordPress had answered, or when the bridge found that no request was needed (Unix milliseconds, UTC).
    `action` is the result of the attempt; `message` is the error of a failing delivery, or why there is no post.
    """

    site_id: str
    site_name: str
    site_url: str
    status: DeliveryStatus
    at: int | None = None
    action: str | None = None
    message: str | None = None


def deliveries_of_event(
    connection: Connection,
    account_id: str,
    number: int,
    applied_at: int | None,
    *,
    site_id: str | None = None,
) -> list[SiteDelivery]:
    """Return the delivery of an event of this meeting to each site that its account is granted to, or to one of them.

    An attempt that began in the few milliseconds of the transaction that folded the event may count as the first
    that includes it, though the next one is.
    """
    query = (
        select(posts, sites.c.name, sites.c.url, sites.c.fault_message.label("of_site"))
        .join(sites, sites.c.id == posts.c.site_id)
        .where(posts.c.number == number, posts.c.site_id.in_(sites_of(account_id)))
        .order_by(sites.c.created_at, sites.c.id)
    )
    if site_id is not None:
        query = query.where(posts.c.site_id == site_id)
    found = []
    for row in connection.execute(query):
        first = None if applied_at is None else _first_after(connection, row, applied_at)
        found.append(SiteDelivery(row.site_id, row.name, row.url, *_status(row, first, applied_at)))
    return found


def trace_ids_of_write(
    connection: Connection, site_id: str, number: int, *, at: int, most: int = 20
) -> list[str]:
    """Return the trace ids of up to `most` events that a write of a post at `at` delivers, newest first.

    These were folded after the last successful attempt began. There is none where only time has passed, or rules have
    changed, since then.
    """
    last = connection.scalar(
        select(attempts.c.at)
        .where(attempts.c.site_id == site_id, attempts.c.number == number, attempts.c.action.is_not(None))
        .order_by(attempts.c.id.desc())
        .limit(1)
    )
    newest = (
        select(events.c.digest, events.c.applied_at)
        .where(events.c.number == number, events.c.account_id.in_(accounts_of(site_id)))
        .order_by(events.c.received_at.desc(), events.c.id.desc())
        .limit(most)
    )
    return [
        trace_id(row.digest)
        for row in connection.execute(newest)
        if row.applied_at is not None and (last or 0) <= row.applied_at <= at
    ]


def _status(
    row: Any, first: Any, applied_at: int | None
) -> tuple[DeliveryStatus, int | None, str | None, str | None]:
    if first is not None and first.action == "unchanged":
        return DeliveryStatus.UNNEEDED, first.at + first.milliseconds, first.action, None
    if first is not None:
        return DeliveryStatus.DELIVERED, first.at + first.milliseconds, first.action, None
    if row.state == PostState.DETACHED:
        return DeliveryStatus.WITHHELD, None, None, messages.PAGE_DELETED
    if applied_at is not None and row.wanted <= row.written:
        return (
            (DeliveryStatus.UNNEEDED if row.reason is None else DeliveryStatus.WITHHELD),
            None,
            None,
            row.reason,
        )
    trouble = row.of_site or row.fault_message
    return (DeliveryStatus.FAILING if trouble else DeliveryStatus.PENDING), None, None, trouble


def _first_after(connection: Connection, post: Any, moment: int) -> Any:
    return connection.execute(
        select(attempts.c.at, attempts.c.milliseconds, attempts.c.action.label("action"))
        .where(
            attempts.c.site_id == post.site_id,
            attempts.c.number == post.number,
            attempts.c.at > moment,
            attempts.c.action.is_not(None),
            attempts.c.action.not_in(SHOWED_NOTHING),
        )
        .order_by(attempts.c.id)
        .limit(1)
    ).one_or_none()
