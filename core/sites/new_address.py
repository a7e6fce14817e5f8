"""Offer a new address of the bridge to sites, whose administrators accept it in wp-admin: see docs/pairing.md.

The plugin changes nothing by itself: whoever has stolen a site's key could send the offer, too. That a site calls the new
address is known by its next check (`core.sites.health_check`), which believes only what was offered.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from core import messages
from core.errors import Fault, SiteFaultError
from core.pipeline import site_client
from core.store import audit
from core.store.audit import Action
from core.store.db import settings
from core.store.job_sites import BulkOutcome, SiteResult
from core.store.sites import sites

if TYPE_CHECKING:
    from core.store.db.engine import Store
    from core.store.sites.sites import Site

_TIMEOUT = (5.0, 10.0)  # connect and read, in seconds


def offer(store: Store, site: Site, address: str) -> SiteResult:
    """Offer an address, without a slash at the end, to a site; return what became of it. Blocks for one request.

    A fault of the site is a result: it can be offered again. Raises: StoreError.
    """
    store.write(lambda connection: settings.note_offered_address(connection, address))
    try:
        with site_client.connect(site, timeout=_TIMEOUT) as client:
            offered = client.offer_address(address)
    except SiteFaultError as error:
        # A plugin that knows no such operation refuses it as invalid.
        message = messages.PLUGIN_OUTDATED if error.fault is Fault.REFUSED else str(error)
        return SiteResult(site.id, BulkOutcome.FAILED, message)
    if offered.bridge == address:
        store.write(lambda connection: sites.save_bridge_url(connection, site, address))
        return SiteResult(site.id, BulkOutcome.SKIPPED, messages.ADDRESS_IN_USE)
    if offered.declined:
        return SiteResult(
            site.id, BulkOutcome.FAILED, messages.ADDRESS_DECLINED % {"address": offered.bridge}
        )
    store.write(
        lambda connection: audit.record(
            connection, Action.BRIDGE_ADDRESS_OFFERED, site_id=site.id, address=address
        )
    )
    return SiteResult(site.id, BulkOutcome.DONE, messages.ADDRESS_OFFERED)
