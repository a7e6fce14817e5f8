"""The bridge's own client, straight to a site: with the pairing that the site has."""

from __future__ import annotations

from typing import TYPE_CHECKING

from core.wordpress.addresses import Access, servers_of
from core.wordpress.sync_client import SyncClient

if TYPE_CHECKING:
    from tests.wordpress import WordPress

_PAIRING = {"bridge": "http://127.0.0.1:9", "site": "direct", "key": "5e" * 32}


def direct_client(site: WordPress) -> SyncClient:
    """Return a client of a site, in the name of the bridge that it is paired with. One that is not is paired first."""
    pairing, epoch = site.php(
        """
        if ( ! zoombridge_get_connection() ) {
            update_option( 'zoombridge_connection', $pairing, false );
        }
        return array( zoombridge_get_connection(), zoombridge_sync_epoch() );
        """,
        pairing=_PAIRING,
    )
    return SyncClient(
        site.rest_root,
        site.url,
        site=pairing["site"],
        key=pairing["key"],
        epoch=epoch,
        access=Access(servers_of((site.rest_root,))),
    )
