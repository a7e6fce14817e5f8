"""Query the state of sites for the overview: a few fast queries, however many posts there are."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from sqlalchemy import func, select

from core.model.post_status import PostStatus
from core.model.site_facts import OpenPosts, SiteFacts
from core.store.accounts import removals
from core.store.db.schema import grants, posts, sites, zoom_accounts, zoom_secrets
from core.store.events import large_requests, quarantine, waiting
from core.store.events.large_requests import LargeRequestCause, LargeRequestCount
from core.store.posts.status import IS_OPEN, status_of
from core.store.sites import health
from core.store.sites.grants import accounts_of

if TYPE_CHECKING:
    from sqlalchemy import Connection, Select

    from core.store.events.waiting import WaitingSummary

_MOST_GROUPS = 5_000  # of all sites: each has few


_COLUMNS = [name for name in SiteFacts.__dataclass_fields__ if name in sites.c and name != "fault_message"]


def facts(connection: Connection, *, site_id: str | None = None) -> list[SiteFacts]:
    """Return the facts about all sites, or about one, the oldest first."""
    columns = [sites.c[name] for name in _COLUMNS]
    query = select(*columns, sites.c.fault_message.label("said")).order_by(sites.c.created_at, sites.c.id)
    rows = connection.execute(_only(query, sites.c.id, site_id)).mappings().all()
    tokens = _counts(connection, zoom_secrets, site_id)
    held = quarantine.alerting(connection, site_id=site_id)
    held_pages = removals.count_held(connection, site_id=site_id)
    large = large_requests.counts(connection, site_id=site_id)
    asking = waiting.summaries(connection, site_id=site_id)
    open_posts = _open(connection, site_id)
    failing = health.failing(connection, site_id=site_id)
    found = []
    for row in rows:
        known = {name: row[name] for name in _COLUMNS} | {"tags": tuple(row["tags"] or ())}
        (number, *_), (refused, since) = tokens.get(row["id"], (0,)), held.get(row["id"], (0, None))
        found.append(
            SiteFacts(
                **known,
                fault_message=row["said"] or "",
                secrets=number,
                held=refused,
                held_since=since,
                held_pages=held_pages.get(row["id"], (0, None))[0],
                held_pages_since=held_pages.get(row["id"], (0, None))[1],
                **_large(row["id"], large),
                **_waiting(asking.get(row["id"])),
                open=tuple(open_posts.get(row["id"], ())),
                failing=tuple(failing.get(row["id"], ())),
            )
        )
    return found


def _large(site_id: str, counts: dict[tuple[str, LargeRequestCause], LargeRequestCount]) -> dict[str, Any]:
    too_large = counts.get((site_id, LargeRequestCause.TOO_LARGE), LargeRequestCount())
    unverified = counts.get((site_id, LargeRequestCause.UNVERIFIED), LargeRequestCount())
    return {
        "too_large": too_large.count,
        "too_large_since": too_large.since,
        "too_large_is_plausible": too_large.is_plausible,
        "unverified_large": unverified.count,
        "unverified_large_since": unverified.since,
    }


def _waiting(found: WaitingSummary | None) -> dict[str, Any]:
    if found is None:
        return {}
    return {"waiting": found.count, "waiting_since": found.since, "waiting_dropped": found.dropped}


def accounts_of_sites(connection: Connection, *, site_id: str | None = None) -> dict[str, list[str]]:
    """Return the ids of the Zoom accounts that each site mirrors, by site id."""
    query = select(grants.c.site_id, grants.c.account_id).order_by(grants.c.account_id)
    found: dict[str, list[str]] = defaultdict(list)
    for of_site, account_id in connection.execute(_only(query, grants.c.site_id, site_id)):
        found[of_site].append(account_id)
    return dict(found)


def unreadable_accounts(connection: Connection, *, site_id: str | None = None) -> list[tuple[str, str]]:
    """Return the names of Zoom accounts that cannot be read over REST despite stored credentials, and the reasons."""
    query = select(zoom_accounts.c.name, zoom_accounts.c.fault_message).where(
        zoom_accounts.c.fault_message.is_not(None)
    )
    if site_id is not None:
        query = query.where(zoom_accounts.c.account_id.in_(accounts_of(site_id)))
    return [(name, message) for name, message in connection.execute(query.order_by(zoom_accounts.c.name))]


def open_query(site_id: str | None) -> Select[Any]:
    """Return the query that groups posts that are not up to date by site and status, the largest groups first."""
    is_behind = (posts.c.wanted > posts.c.written).label("is_behind")
    alike = (posts.c.site_id, posts.c.state, posts.c.fault, posts.c.reason, is_behind)
    count = func.count().label("alike")
    since, message = func.min(posts.c.behind_since), func.max(posts.c.fault_message)
    query = select(*alike, count, since.label("since"), message.label("message"))
    query = query.where(IS_OPEN).group_by(*alike).order_by(count.desc()).limit(_MOST_GROUPS)
    return _only(query, posts.c.site_id, site_id)


def _open(connection: Connection, site_id: str | None) -> dict[str, list[OpenPosts]]:
    found: dict[str, dict[tuple[PostStatus, str], OpenPosts]] = defaultdict(dict)
    for row in connection.execute(open_query(site_id)):
        how = status_of(row.state, is_behind=row.is_behind, fault=row.fault, reason=row.reason)
        fault = row.fault if how is PostStatus.FAILING else None
        said = row.reason if how is PostStatus.WITHHELD else row.message if fault else ""
        one = OpenPosts(how, row.alike, row.since, fault, said or "")
        mark = (how, fault or one.message)
        other = found[row.site_id].get(mark)
        found[row.site_id][mark] = one if other is None else _added(other, one)
    return {of_site: list(some.values()) for of_site, some in found.items()}


def _added(one: OpenPosts, other: OpenPosts) -> OpenPosts:
    earliest = min((since for since in (one.since, other.since) if since is not None), default=None)
    return replace(one, count=one.count + other.count, since=earliest)


def _counts(connection: Connection, table: Any, site_id: str | None, *more: Any) -> dict[str, Any]:
    query = select(table.c.site_id, func.count(), *more).group_by(table.c.site_id)
    return {row[0]: row[1:] for row in connection.execute(_only(query, table.c.site_id, site_id))}


def _only(query: Select[Any], column: Any, site_id: str | None) -> Select[Any]:
    return query if site_id is None else query.where(column == site_id)
