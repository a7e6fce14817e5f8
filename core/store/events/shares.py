"""Divide the log among sites and Zoom accounts, so that the events of one do not displace those of another.

A site's share covers the accounts that were granted to it first. A site with fewer events than its share loses none,
and within a site neither does such an account: what they leave is shared by the others.
"""

from __future__ import annotations

from collections import defaultdict
from typing import TYPE_CHECKING

from sqlalchemy import func, select

from core.store.db.schema import events, grants
from core.store.events.waiting_limits import fair_share

if TYPE_CHECKING:
    from sqlalchemy import Connection


def cutoffs(connection: Connection, most: int) -> dict[str, int]:
    """Return, by account, the time before which its events have to be deleted so that the log holds `most`.

    Accounts that lose none are missing. Times are Unix milliseconds (UTC).
    """
    # Mostly there are not too many; that is known from a short range of an index.
    if connection.execute(select(events.c.at).order_by(events.c.at).offset(most).limit(1)).first() is None:
        return {}
    counted = connection.execute(
        select(events.c.account_id, func.count()).group_by(events.c.account_id)
    ).all()
    granted = connection.execute(
        select(grants.c.account_id, grants.c.site_id).order_by(grants.c.granted_at.desc(), grants.c.site_id)
    )
    first_site = {row.account_id: row.site_id for row in granted}
    of_site: defaultdict[str, dict[str, int]] = defaultdict(dict)
    for account_id, number in counted:
        of_site[first_site.get(account_id, "")][account_id] = number
    share = fair_share([sum(counts.values()) for counts in of_site.values()], most)
    found = {}
    for counts in of_site.values():
        of_account = fair_share(counts.values(), share)
        for account_id, number in counts.items():
            if number > of_account:
                found[account_id] = (
                    _newest_surplus(connection, account_id, of_account, is_only=len(counted) == 1) + 1
                )
    return found


def _newest_surplus(connection: Connection, account_id: str, keep: int, *, is_only: bool) -> int:
    """Return the time of the newest event of an account that is not among its `keep` newest."""
    query = select(events.c.at).order_by(events.c.at.desc()).offset(keep).limit(1)
    if not is_only:
        query = query.where(events.c.account_id == account_id)
    at: int = connection.execute(query).scalar_one()
    return at
