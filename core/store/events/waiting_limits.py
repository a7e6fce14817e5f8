"""Limits of the events that wait for a grant, so that no account and no site displaces the events of another.

Each account has its own room at each site: beyond it, its own oldest events are dropped. Where a site, or the bridge
as a whole, holds too many, the accounts, or the sites, with the most events lose their oldest, down to a fair share;
one with no more than that loses nothing. As shares shrink with every name that somebody makes up, only so many accounts
may wait at a site: of one that comes later, nothing is kept. Accounts that an administrator has refused share one small
room. What is dropped is counted.

Functions run in the caller's transaction; times are Unix milliseconds (UTC).
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from sqlalchemy import delete, func, literal_column, select

from core.store.db import locks
from core.store.db.schema import events, revoked_grants, waiting_drops
from core.store.db.upsert import insert

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Mapping

    from sqlalchemy import ColumnElement, Connection

# As text: only then does SQLite see that its index of waiting events serves. See core.store.events.log.Outcome.
IS_WAITING = events.c.outcome == literal_column("'waiting'")
_ROWS = 500  # in one statement
OTHERS = ""
"""Stands for the account in the count of what was dropped because too many accounts wait at a site."""


@dataclass(frozen=True, slots=True)
class WaitingLimits:
    """The most events that wait: of one account at a site, of a site, of all; and the most accounts at a site.

    `refused` is the most events at a site of the accounts that were refused there, together; they count in addition.
    """

    of_account: int = 1_000
    of_site: int = 5_000
    of_all: int = 50_000
    accounts: int = 25
    refused: int = 200


DEFAULT_LIMITS = WaitingLimits()


@dataclass(frozen=True, slots=True)
class Dropped:
    """How many events of an account were dropped at a site while they waited for a grant, and since when.

    The account is `OTHERS` for those that came when too many accounts waited already.
    """

    account_id: str
    site_id: str
    count: int
    since: int


def digest_prefix(site_id: str) -> str:
    """Return what stands before the digest of an event that waits at a site: a granted event keeps its own."""
    return f"waiting:{site_id}:"


def fair_share(counts: Iterable[int], most: int) -> int:
    """Return the largest share such that together, limited to it, the counts do not exceed `most`. Pure."""
    left = most
    ordered = sorted(counts)
    for place, count in enumerate(ordered):
        share = left // (len(ordered) - place)
        if count > share:
            return share
        left -= count
    return max(ordered, default=0)


def enforce(
    connection: Connection, site_ids: Collection[str], *, now: int, limits: WaitingLimits = DEFAULT_LIMITS
) -> None:
    """Drop what is too much at these sites, which have just received events that wait."""
    if not site_ids:
        return
    locks.acquire(connection, "waiting", "")  # two processes would wait for each other's rows, in a circle
    for site_id in sorted(site_ids):
        _enforce_at(connection, site_id, limits, now=now)
    of_sites = _count(connection, events.c.site_id, IS_WAITING)
    if sum(of_sites.values()) > limits.of_all:
        share = fair_share(of_sites.values(), limits.of_all)
        for site_id, number in sorted(of_sites.items()):
            if number > share:
                _shrink(connection, site_id, _counts_at(connection, site_id), share, now=now)


def dropped(connection: Connection, *, site_id: str | None = None) -> list[Dropped]:
    """Return how many events were dropped while they waited, by account and site, for all sites or for one."""
    table = waiting_drops.c
    query = select(table.account_id, table.site_id, table.dropped, table.since)
    if site_id is not None:
        query = query.where(table.site_id == site_id)
    return [Dropped(*row) for row in connection.execute(query.order_by(table.site_id, table.account_id))]


def forget(connection: Connection, account_id: str, site_id: str) -> int:
    """Forget how many events of an account, or of `OTHERS`, were dropped at a site. Returns that number."""
    is_it = waiting_drops.c.account_id == account_id, waiting_drops.c.site_id == site_id
    number = connection.scalar(select(waiting_drops.c.dropped).where(*is_it)) or 0
    connection.execute(delete(waiting_drops).where(*is_it))
    return number


def forget_before(connection: Connection, moment: int) -> None:
    """Forget what was dropped before `moment`, the last time."""
    connection.execute(delete(waiting_drops).where(waiting_drops.c.last_at < moment))


def forget_site(connection: Connection, site_id: str) -> None:
    """Delete what waits at a site that is removed, and the counts of what was dropped there."""
    connection.execute(delete(events).where(IS_WAITING, events.c.site_id == site_id))
    connection.execute(delete(waiting_drops).where(waiting_drops.c.site_id == site_id))


def _enforce_at(connection: Connection, site_id: str, limits: WaitingLimits, *, now: int) -> None:
    counts = _counts_at(connection, site_id)
    refused = _refused_at(connection, site_id) & counts.keys()
    if sum(counts[one] for one in refused) > limits.refused:
        _drop(connection, site_id, refused, keep=limits.refused, now=now)
    waiting = {account_id: number for account_id, number in counts.items() if account_id not in refused}
    late = _latest(connection, site_id, waiting, but_first=limits.accounts)
    if late:
        _drop(connection, site_id, late, keep=0, now=now, counted_as=OTHERS)
        waiting = {account_id: number for account_id, number in waiting.items() if account_id not in late}
    for account_id, number in waiting.items():
        if number > limits.of_account:
            _drop(connection, site_id, [account_id], keep=limits.of_account, now=now)
            waiting[account_id] = limits.of_account
    _shrink(connection, site_id, waiting, limits.of_site, now=now)


def _shrink(connection: Connection, site_id: str, counts: Mapping[str, int], most: int, *, now: int) -> None:
    """Reduce the accounts with the most events to a fair share of `most`."""
    if sum(counts.values()) <= most:
        return
    share = fair_share(counts.values(), most)
    for account_id, number in sorted(counts.items()):
        if number > share:
            _drop(connection, site_id, [account_id], keep=share, now=now)


def _drop(
    connection: Connection,
    site_id: str,
    account_ids: Collection[str],
    *,
    keep: int,
    now: int,
    counted_as: str | None = None,
) -> None:
    """Delete the oldest events of accounts that wait at a site, but for `keep`, and count them."""
    surplus = connection.execute(
        select(events.c.id, events.c.account_id)
        .where(IS_WAITING, events.c.site_id == site_id, events.c.account_id.in_(sorted(account_ids)))
        .order_by(events.c.id.desc())
        .offset(keep)
    ).all()
    ids = [row.id for row in surplus]
    for start in range(0, len(ids), _ROWS):
        connection.execute(delete(events).where(events.c.id.in_(ids[start : start + _ROWS])))
    counted = Counter(row.account_id if counted_as is None else counted_as for row in surplus)
    for account_id, number in sorted(counted.items()):
        values = {"account_id": account_id, "site_id": site_id, "since": now, "last_at": now}
        statement = insert(connection, waiting_drops).values(**values, dropped=number)
        connection.execute(
            statement.on_conflict_do_update(
                index_elements=["account_id", "site_id"],
                set_={"dropped": waiting_drops.c.dropped + number, "last_at": now},
            )
        )


def _counts_at(connection: Connection, site_id: str) -> dict[str, int]:
    """Return how many events of each account wait at a site."""
    return _count(connection, events.c.account_id, IS_WAITING, events.c.site_id == site_id)


def _count(connection: Connection, column: Any, *conditions: ColumnElement[bool]) -> dict[str, int]:
    rows = connection.execute(select(column, func.count()).where(*conditions).group_by(column))
    return {str(value): number for value, number in rows}


def _refused_at(connection: Connection, site_id: str) -> set[str]:
    query = select(revoked_grants.c.account_id).where(revoked_grants.c.site_id == site_id)
    return set(connection.scalars(query))


def _latest(
    connection: Connection, site_id: str, account_ids: Collection[str], *, but_first: int
) -> list[str]:
    """Return the accounts that began to wait at a site when `but_first` others waited already."""
    if len(account_ids) <= but_first:
        return []
    began = func.min(events.c.id)
    rows = connection.execute(
        select(events.c.account_id)
        .where(IS_WAITING, events.c.site_id == site_id, events.c.account_id.in_(sorted(account_ids)))
        .group_by(events.c.account_id)
        .order_by(began)
        .offset(but_first)
    )
    return list(rows.scalars())
