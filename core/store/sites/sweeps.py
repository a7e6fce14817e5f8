"""The bridge's visits to sites, and the sweeps in which it looks at all their posts.

Times are Unix milliseconds (UTC). Functions run in the caller's transaction.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from sqlalchemy import update

from core.store.db.schema import sites

if TYPE_CHECKING:
    from sqlalchemy import Connection

    from core.store.sites.sites import Site


def record_visit(connection: Connection, site: Site, known: int | None) -> None:
    """Record the visit after `site.visits`. `known` is the one before it by the site's own account, None if untold.

    A lower one than the bridge's shows that the site's database was restored from an older copy: a sweep is due then.
    """
    values: dict[str, object] = {"visits": site.visits + 1}
    if known is not None and known < site.visits:
        values |= {"restored": True, "sweep_due_at": 0}
    connection.execute(update(sites).where(sites.c.id == site.id).values(**values))


def claim(connection: Connection, site_id: str, *, now: int, until: int) -> bool:
    """Claim a sweep of a site that is due: it is due again at `until`, unless `end` is called. Returns whether it was due."""
    due = update(sites).where(sites.c.id == site_id, sites.c.sweep_due_at <= now)
    return connection.execute(due.values(sweep_due_at=until)).rowcount == 1


def end(connection: Connection, site_id: str, *, claimed: int, next_at: int) -> None:
    """Record a whole sweep. One that has become due since stays due; `claimed` is the `until` of the claim."""
    whole = update(sites).where(sites.c.id == site_id, sites.c.sweep_due_at == claimed)
    connection.execute(whole.values(sweep_due_at=next_at, restored=False))
