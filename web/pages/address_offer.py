"""The page on which an administrator of the bridge confirms that a new address of it is offered to sites."""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import partial
from typing import TYPE_CHECKING

from core import messages
from core.errors import UnknownSiteError, ZoomBridgeError
from core.sites import new_address
from core.store.job_sites import BulkOutcome
from core.store.sites import sites
from web.pages.page import PageHandler

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from core.bridge import Bridge
    from core.store.sites.sites import Site

MOST_NAMED = 10
"""Sites that the page names."""
LONGEST_ADDRESS = 2000


@dataclass(frozen=True, slots=True)
class OfferView:
    """The address, and the sites to which it is offered: the first ones, the number of others, and the ids of all.

    `own`: the path of the one site whose page the form was on, else empty. `problem`: why nothing was offered.
    """

    address: str
    named: Sequence[Site]
    others: int
    chosen: Sequence[str]
    own: str = ""
    problem: str = ""


def confirmation(bridge: Bridge, typed: str, site_ids: Iterable[str]) -> OfferView:
    """Return what is to be confirmed. Raises: ZoomBridgeError for an address that is none."""
    address = new_address.read_address(typed)
    chosen = set(site_ids)
    with bridge.store.reading() as connection:
        every = sites.list_all(connection, bridge.store.sealer)
    found = sorted((site for site in every if site.id in chosen), key=lambda site: site.name.casefold())
    named = found[:MOST_NAMED]
    return OfferView(address, named, len(found) - len(named), [site.id for site in found])


class AddressOfferHandler(PageHandler):
    """`POST /sites/ID/address`: offer the site a new address of the bridge, once that is confirmed; or withdraw it."""

    path = "/sites"

    async def post(self, site_id: str) -> None:
        require_bridge(self)
        try:
            site = await self.blocking(_load, self.bridge, site_id)
        except UnknownSiteError:
            self.go("/sites", gone="yes")
            return
        if self.get_body_argument("do", "") == "withdraw":
            result = await self.blocking(new_address.withdraw, self.bridge.store, site)
            if result.outcome is BulkOutcome.FAILED:
                view = OfferView(site.offered_address or "", [site], 0, [], f"/sites/{site_id}")
                self._refuse_offer(view, result.message)
            else:
                self.go(f"/sites/{site_id}", done=_DONE.get(result.message, "checked"))
            return
        typed = self.get_body_argument("address", "")[:LONGEST_ADDRESS]
        load = partial(confirmation, self.bridge, typed, [site_id])
        try:
            view = replace(await self.blocking(load), own=f"/sites/{site_id}")
        except ZoomBridgeError as error:
            self._refuse_offer(OfferView(typed, [site], 0, [], f"/sites/{site_id}"), str(error))
            return
        if not self.get_body_argument("sure", ""):
            self.show("pages/offer-address.jinja", view)
            return
        result = await self.blocking(new_address.offer, self.bridge.store, site, view.address)
        if result.outcome is BulkOutcome.FAILED:
            self._refuse_offer(view, result.message)
        else:
            self.go(f"/sites/{site_id}", done=_DONE.get(result.message, "checked"))

    def _refuse_offer(self, view: OfferView, problem: str) -> None:
        self.show("pages/offer-address.jinja", replace(view, problem=problem), status=422)


_DONE = {
    messages.ADDRESS_OFFERED: "offered",
    messages.ADDRESS_WITHDRAWN: "withdrawn",
    messages.ADDRESS_IN_USE: "in-use",
    messages.ADDRESS_NOT_OFFERED: "withdrawn",
}


def require_bridge(handler: PageHandler) -> None:
    """Forbid viewers of one site to offer addresses: links lead to what is offered."""
    if handler.site_id is not None:
        handler.forbid(
            handler.words.gettext("New addresses of the bridge are offered at the bridge's own address.")
        )


def _load(bridge: Bridge, site_id: str) -> Site:
    with bridge.store.reading() as connection:
        return sites.load(connection, site_id, bridge.store.sealer)
