"""When an event reached each site: by the first attempt that went well and began after it was folded."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING, Any

from sqlalchemy import select

from core.store.db.schema import attempts, posts, sites
from core.store.posts.posts import PostState

if TYPE_CHECKING:
    from sqlalchemy import Connection


SHOWED_NOTHING = ("withheld", "detached")
"""What attempts did that went well, and after which there was no post."""


class Way(StrEnum):
    """How far an event has come on its way to a site."""

    REACHED = "reached"  # an attempt that began after it was folded went well
    UNNEEDED = "unneeded"  # the site shows this revision or a newer one, and nothing had to be written for it
    WAITING = "waiting"  # it will be written
    STUCK = "stuck"  # it was tried, and failed so far
    WITHHELD = "withheld"  # the site shows no post of this meeting; `message` says why


@dataclass(frozen=True, slots=True)
class Reached:
    """Where an event stands on one site.

    `at` is when WordPress had answered, or when nothing was found to ask of it (ms since 1970, UTC).
    `did` is what the attempt did, in a word; `message` is what is wrong, where it is stuck, or why there is none.
    """

    site_id: str
    site_name: str
    site_url: str
    way: Way
    at: int | None = None
    did: str | None = None
    message: str | None = None


def of_event(
    connection: Connection,
    account_id: str,
    number: int,
    folded_at: int | None,
    *,
    site_id: str | None = None,
) -> list[Reached]:
    """Return where an event of this meeting stands on each site that shows the meeting, or on one of them.

    An attempt that began in the very moment (within the few milliseconds of one transaction) in which the event
    was folded may be taken for the first that holds it, though it is the one after.
    """
    query = (
        select(posts, sites.c.name, sites.c.url, sites.c.fault_message.label("of_site"))
        .join(sites, sites.c.id == posts.c.site_id)
        .where(posts.c.account_id == account_id, posts.c.number == number)
        .order_by(sites.c.created_at, sites.c.id)
    )
    if site_id is not None:
        query = query.where(posts.c.site_id == site_id)
    found = []
    for row in connection.execute(query):
        first = None if folded_at is None else _first_after(connection, row, folded_at)
        found.append(Reached(row.site_id, row.name, row.url, *_way(row, first, folded_at)))
    return found


def _way(row: Any, first: Any, folded_at: int | None) -> tuple[Way, int | None, str | None, str | None]:
    if first is not None and first.did == "unchanged":
        return Way.UNNEEDED, first.at + first.milliseconds, first.did, None
    if first is not None:
        return Way.REACHED, first.at + first.milliseconds, first.did, None
    if row.state == PostState.DETACHED:
        return Way.WITHHELD, None, None, "Somebody deleted the page for good."
    if folded_at is not None and row.wanted <= row.written:
        return (Way.UNNEEDED if row.reason is None else Way.WITHHELD), None, None, row.reason
    trouble = row.of_site or row.fault_message
    return (Way.STUCK if trouble else Way.WAITING), None, None, trouble


def _first_after(connection: Connection, post: Any, moment: int) -> Any:
    return connection.execute(
        select(attempts.c.at, attempts.c.milliseconds, attempts.c.did)
        .where(
            attempts.c.site_id == post.site_id,
            attempts.c.account_id == post.account_id,
            attempts.c.number == post.number,
            attempts.c.at > moment,
            attempts.c.did.is_not(None),
            attempts.c.did.not_in(SHOWED_NOTHING),
        )
        .order_by(attempts.c.id)
        .limit(1)
    ).one_or_none()
