"""Disconnect WordPress sites."""

from __future__ import annotations

from contextlib import suppress
from typing import TYPE_CHECKING

from core.errors import SiteFaultError
from core.pipeline import site_client
from core.sites.returned_password import give_back
from core.store.sites import sites
from core.wordpress.former_client import WordPressClient

if TYPE_CHECKING:
    from core.store.db.engine import Store
    from core.store.sites.sites import Site

_TIMEOUT = (5.0, 10.0)  # connect and read; a page waits for it


def disconnect(store: Store, name: str) -> tuple[Site, str]:
    """Delete a site, and unpair its plugin. Returns the site and, if unpairing failed, the reason. Posts stay.

    An application password that version 0.1.0 stored is given back. Raises: UnknownSiteError.
    """
    with store.reading() as connection:
        site = sites.find(connection, name, store.sealer)
    problem = ""
    try:
        with site_client.connect(site, timeout=_TIMEOUT) as client:
            client.unpair()
    except SiteFaultError as error:
        problem = str(error)
    if site.password:
        problem = _disconnect_with_password(site, problem)
    store.write(lambda connection: sites.remove(connection, site.id))
    return site, problem


def _disconnect_with_password(site: Site, problem: str) -> str:
    """Give a stored password back. Before, where the plugin is too old for signed requests, unpair it with it."""
    with WordPressClient(
        site.rest_root, site.username, site.password, access=site_client.access(site), timeout=_TIMEOUT
    ) as client:
        if problem:
            with suppress(SiteFaultError):
                client.unpair()
                problem = ""
        give_back(client)
    return problem
