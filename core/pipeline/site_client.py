"""Clients of connected sites over the sync protocol."""

from __future__ import annotations

from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from core.wordpress import transport
from core.wordpress.addresses import Access, servers_of
from core.wordpress.sync_client import Doorway, SyncClient

if TYPE_CHECKING:
    import requests

    from core.store.sites.sites import Site


def access(site: Site) -> Access:
    """Return which addresses inside a network requests for a connected site may go to.

    Those that an administrator has allowed, or that it was connected at; of its own server as long as these are not known.
    """
    if site.addresses is None:
        return Access(servers=servers_of((site.url, site.rest_root)))
    return Access(endpoints=frozenset(site.addresses))


def session(site: Site, url: str) -> requests.Session:
    """Return a session for an address of a site, or one that it leads to.

    It has the user and password of the web server in front of WordPress only for the site's own host, and not over http
    where the site has https.
    """
    own, other = urlsplit(site.url), urlsplit(url)
    is_own = own.hostname == other.hostname and (other.scheme == "https" or own.scheme == "http")
    return transport.session(site.server_login if is_own else None, access=access(site))


def connect(
    site: Site, *, timeout: tuple[float, float] = (transport.CONNECT_TIMEOUT, transport.READ_TIMEOUT)
) -> SyncClient:
    """Return a client of a site; sends nothing yet. `timeout` (connect, read) is in seconds.

    The home of a site that an earlier version connected is not known: it is taken from the site's first answer.
    """
    return SyncClient(
        site.rest_root,
        site.home or site.url,
        site=site.id,
        key=site.key,
        epoch=site.epoch,
        learns_home=not site.home,
        address=site.url,
        next_key=site.next_key,
        server_login=site.server_login,
        doorway=Doorway(site.doorway),
        access=access(site),
        timeout=timeout,
    )
