"""Look at published pages as a visitor does: after a change of their status, and at the others in turn."""

from __future__ import annotations

import time
from functools import partial
from typing import TYPE_CHECKING
from urllib.parse import urljoin

import structlog

from core.errors import SiteFaultError
from core.model.page_visit import PageVisit, is_same_page, origin_of, visit_of
from core.pipeline import site_client
from core.store.db import clock as store_clock
from core.store.posts import visits
from core.store.sites import sites
from core.wordpress.visitor import Visitor

if TYPE_CHECKING:
    from collections.abc import Callable

    from sqlalchemy import Connection

    from core.store.db.engine import Store
    from core.store.posts.visits import DueVisit
    from core.wordpress.addresses import Access

MOST_NEW = 20
"""Pages of one round that were not looked at since their status changed."""
MOST_KNOWN = 5
"""Further pages of one round. With a round every seven minutes, 1,000 a day: all once a day where there are fewer."""
DAY_SECONDS = 24 * 3600.0
UNCLEAR_SECONDS = 3600.0
"""After how long a page is looked at again which could not be seen."""
_MOST_REDIRECTS = 3
_MOST_UNCLEAR = 3  # in one round: then the whole site cannot be seen at the moment
_LONGEST_ROUND = 60.0  # seconds

logger = structlog.get_logger(__name__)


def look(
    store: Store,
    site_id: str,
    *,
    clock: Callable[[], float] | None = None,
    is_ended: Callable[[], bool] = lambda: False,
    visitor: Callable[[Access], Visitor] = Visitor,
    monotonic: Callable[[], float] = time.monotonic,
) -> None:
    """Look at the pages of a site that are due, one after the other, and record what a visitor gets. Blocks.

    `is_ended` is asked before each page whether to stop.
    Raises: UnknownSiteError.
    """
    with store.reading() as connection:
        now = store_clock.now(connection, clock)
        site = sites.load(connection, site_id, store.sealer)
        found = visits.due(
            connection,
            site_id,
            new=MOST_NEW,
            known=MOST_KNOWN,
            looked_before=now - int(DAY_SECONDS * 1000),
            unclear_before=now - int(UNCLEAR_SECONDS * 1000),
        )
    origins = {origin_of(address) for address in (site.url, site.home or site.url)}
    unclear, until = 0, monotonic() + _LONGEST_ROUND
    with visitor(site_client.access(site)) as sender:
        for page in found:
            if is_ended():
                return
            if unclear >= _MOST_UNCLEAR or monotonic() > until:
                logger.info("page_visits_ended", site=site_id, unclear=unclear)
                return
            visit = _visit(sender, page.link, origins)
            unclear += visit is PageVisit.UNCLEAR
            store.write(partial(_record, site_id=site_id, page=page, visit=visit, clock=clock))


def _visit(sender: Visitor, link: str, origins: set[tuple[str | None, int | None]]) -> PageVisit:
    """Return what a visitor gets at an address of the site; no other host or port gets a request."""
    address = link
    for _ in range(1 + _MOST_REDIRECTS):
        try:
            if origin_of(address) not in origins:
                return PageVisit.UNCLEAR
            status, location = sender.get(address)
            target = urljoin(address, location)
        except (SiteFaultError, ValueError):  # no response, or no address
            return PageVisit.UNCLEAR
        if not location or not is_same_page(status, address, target):
            return visit_of(status)
        address = target
    return PageVisit.UNCLEAR


def _record(
    connection: Connection,
    *,
    site_id: str,
    page: DueVisit,
    visit: PageVisit,
    clock: Callable[[], float] | None,
) -> None:
    visits.record(connection, site_id, page, visit, now=store_clock.now(connection, clock))
