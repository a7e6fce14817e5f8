"""Offer a new address of the bridge to sites, whose administrators accept it in wp-admin, or withdraw it: see docs/pairing.md.

The plugin changes nothing by itself: whoever has stolen a site's key could send the offer, too. That a site calls the new
address is known by its next check (`core.sites.health_check`), which believes only what was offered.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from core import messages
from core.errors import Fault, SiteFaultError, ZoomBridgeError
from core.pipeline import site_client
from core.sites.pairing_codes import bridge_address
from core.store import audit
from core.store.audit import Action
from core.store.db import settings
from core.store.job_sites import BulkOutcome, SiteResult
from core.store.sites import sites

if TYPE_CHECKING:
    from sqlalchemy import Connection

    from core.store.db.engine import Store
    from core.store.sites.sites import Site

_TIMEOUT = (5.0, 10.0)  # connect and read, in seconds
LONGEST_ADDRESS = 200
"""Characters of an address that the plugin takes: see plugin_stub/new-address.php."""
_TAKEN = re.compile(r"https?://[A-Za-z0-9.:\[\]_-]+(/[A-Za-z0-9._~-]+)*")


def read_address(typed: str) -> str:
    """Return an address as it is offered, without a slash at its end. Raises: ZoomBridgeError, for one that no plugin takes."""
    address = bridge_address(typed)
    if len(address) > LONGEST_ADDRESS or not _TAKEN.fullmatch(address):
        raise ZoomBridgeError(messages.ADDRESS_NOT_TAKEN % {"count": LONGEST_ADDRESS})
    return address


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
        store.write(lambda connection: _store_call(connection, site, address))
        return SiteResult(site.id, BulkOutcome.SKIPPED, messages.ADDRESS_IN_USE)
    if offered.declined:
        store.write(lambda connection: sites.save_offered_address(connection, site, None))
        return SiteResult(
            site.id, BulkOutcome.FAILED, messages.ADDRESS_DECLINED % {"address": offered.bridge}
        )

    def write(connection: Connection) -> None:
        sites.save_offered_address(connection, site, address)
        audit.record(connection, Action.BRIDGE_ADDRESS_OFFERED, site_id=site.id, address=address)

    store.write(write)
    return SiteResult(site.id, BulkOutcome.DONE, messages.ADDRESS_OFFERED)


def withdraw(store: Store, site: Site) -> SiteResult:
    """Withdraw the address that is offered to a site; return what became of it. Blocks for up to three requests.

    The plugin forgets an offer once it is offered the address that it calls. Raises: StoreError.
    """
    address = site.offered_address
    if address is None:
        return SiteResult(site.id, BulkOutcome.SKIPPED, messages.ADDRESS_NOT_OFFERED)
    try:
        with site_client.connect(site, timeout=_TIMEOUT) as client:
            # It stands already: this asks which address is called.
            called = client.offer_address(address).bridge
            if called != address and client.offer_address(called).bridge == address:
                # Accepted between the two requests: then the second has offered the former address.
                called = client.offer_address(address).bridge
    except SiteFaultError as error:
        return SiteResult(site.id, BulkOutcome.FAILED, str(error))
    if called == address:  # accepted meanwhile
        store.write(lambda connection: _store_call(connection, site, address))
        return SiteResult(site.id, BulkOutcome.SKIPPED, messages.ADDRESS_IN_USE)

    def write(connection: Connection) -> None:
        sites.save_offered_address(connection, site, None)
        if not sites.uses_address(connection, address):
            settings.forget_offered_address(connection, address)
        audit.record(connection, Action.BRIDGE_ADDRESS_WITHDRAWN, site_id=site.id, address=address)

    store.write(write)
    return SiteResult(site.id, BulkOutcome.DONE, messages.ADDRESS_WITHDRAWN)


def _store_call(connection: Connection, site: Site, address: str) -> None:
    sites.save_bridge_url(connection, site, address)
    sites.save_offered_address(connection, site, None)
