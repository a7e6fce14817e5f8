"""Sign-in at the bridge's own address from a site's wp-admin, without a password."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from core import messages
from core.errors import WrongSignatureError
from core.store.sites import sites
from core.wordpress.homes import is_local
from web.pages.page import PageHandler

if TYPE_CHECKING:
    from core.bridge import Bridge
    from core.store.sites.sites import Site


@dataclass(frozen=True, slots=True)
class BridgeLinkView:
    """The one-time `token` and the bridge's `address`. `at_once`: the script submits the form by itself."""

    token: str
    address: str
    at_once: bool


class BridgeLinkHandler(PageHandler):
    """`POST` from wp-admin creates a one-time token for its site, and shows a form that posts it to the bridge's address.

    WordPress's administrator is known here by the stub's signature, and at the other address only by the token.
    """

    path = "/bridge-link"

    async def get(self) -> None:
        """Redirect: only a form creates a token."""
        self.go("/")

    async def post(self) -> None:
        if not self.shell.in_wordpress or self.site_id is None:
            self.go("/")  # they are there
            return
        site = await self.blocking(_load, self.bridge, self.site_id)
        if self._key not in (site.key, site.next_key):
            # Verified by a cached key, which was renewed a moment ago: perhaps because somebody has stolen it.
            self._refuse(
                401, "zoombridge_signature", self.translated(WrongSignatureError(messages.PLUGIN_KEY_WRONG))
            )
        address = await self.public_url() or site.bridge_url
        token = await self.blocking(self.sign_in.auth.from_wordpress, self.site_id, self.viewer.name[:60])
        # A browser is not sent to an address of WordPress's own machine or network, which it may not reach.
        at_once = bool(self.sign_in.public_url) or not _is_out_of_reach(address, self.shell.link("/"))
        self.show("pages/bridge-link.jinja", BridgeLinkView(token, address, at_once))


def _load(bridge: Bridge, site_id: str) -> Site:
    with bridge.store.reading() as connection:
        return sites.load(connection, site_id, bridge.store.sealer)


def _is_out_of_reach(address: str, page: str) -> bool:
    return is_local(urlsplit(address).hostname) and not is_local(urlsplit(page).hostname)
