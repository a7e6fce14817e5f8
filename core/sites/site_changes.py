"""Fetch what others have changed on a site, and look at all its posts from time to time."""

from __future__ import annotations

import random
from functools import partial
from typing import TYPE_CHECKING

import structlog

from core.errors import SiteFaultError
from core.pipeline import site_client
from core.store.db import clock as store_clock
from core.store.posts import standing
from core.store.sites import sites, sweeps

if TYPE_CHECKING:
    from collections.abc import Callable

    from sqlalchemy import Connection

    from core.store.db.engine import Store
    from core.store.sites.sites import Site
    from core.wordpress.sync_client import SyncClient
    from core.wordpress.sync_operations import PostReport

SWEEP_SECONDS = 24 * 3600.0
"""How long after a sweep the next one is due."""
RETRY_SECONDS = 1800.0
"""How long after a sweep that did not come to its end."""
_JITTER = 0.1
_MOST_ROUNDS = 100  # of fetching: somebody may change posts all the time

logger = structlog.get_logger(__name__)


def fetch(store: Store, site_id: str, client: SyncClient, *, clock: Callable[[], float] | None) -> None:
    """Store the changes that a site has told and acknowledge them, until it tells no more. Blocks.

    Raises: SiteFaultError where the site does not answer any more; what is not acknowledged is told again.
    """
    for _ in range(_MOST_ROUNDS):
        changes = client.changes
        if not changes:
            return
        store.write(partial(_record, site_id=site_id, changes=changes, clock=clock))
        client.acknowledge(changes)
        client.hello()


def _record(
    connection: Connection, *, site_id: str, changes: list[PostReport], clock: Callable[[], float] | None
) -> None:
    standing.record_changes(connection, site_id, changes, now=store_clock.now(connection, clock))


def sweep_if_due(
    store: Store,
    site_id: str,
    *,
    connect: Callable[[Site], SyncClient] = site_client.connect,
    clock: Callable[[], float] | None = None,
    chance: Callable[[], float] = random.random,
) -> None:
    """Compare all posts of a site with what the store knows, if that is due. Blocks for a request per 500 posts.

    Of several processes one does it. `chance` (0 to 1) is the jitter of the next one. Raises: UnknownSiteError.
    """
    claimed = store.write(partial(_claim, site_id=site_id, clock=clock))
    if claimed is None:
        return
    began, until = claimed
    with store.reading() as connection:
        site = sites.load(connection, site_id, store.sealer)
    try:
        with connect(site) as client:
            seen = _sweep(store, site, client, clock=clock)
    except SiteFaultError as error:
        logger.warning("sweep_failed", site=site_id, reason=str(error))
        return  # it is due again before long
    delay = int(SWEEP_SECONDS * 1000 * (1 + _JITTER * (2 * chance() - 1)))

    def finish(connection: Connection) -> int:
        now = store_clock.now(connection, clock)
        missing = standing.record_missing(
            connection, site_id, seen, since=began, is_restored=site.restored, now=now
        )
        sweeps.end(connection, site_id, claimed=until, next_at=now + delay)
        return missing

    missing = store.write(finish)
    logger.info("site_swept", site=site_id, posts=len(seen), missing=missing, restored=site.restored)


def _claim(
    connection: Connection, *, site_id: str, clock: Callable[[], float] | None
) -> tuple[int, int] | None:
    """Claim a due sweep; return the time and until when it is claimed."""
    now = store_clock.now(connection, clock)
    until = now + int(RETRY_SECONDS * 1000)
    return (now, until) if sweeps.claim(connection, site_id, now=now, until=until) else None


def _sweep(store: Store, site: Site, client: SyncClient, *, clock: Callable[[], float] | None) -> list[int]:
    """Store all pages of a sweep; return the IDs of the posts."""
    seen: list[int] = []
    after: int | None = 0
    while after is not None:
        page = client.sweep(after)
        seen += [post.post for post in page.posts]

        def store_page(connection: Connection, posts: tuple[PostReport, ...] = page.posts) -> None:
            now = store_clock.now(connection, clock)
            standing.record_sweep(connection, site.id, posts, is_restored=site.restored, now=now)

        store.write(store_page)
        after = page.next
    fetch(store, site.id, client, clock=clock)
    return seen
