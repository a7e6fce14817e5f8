"""The operations of adding sites by pairing codes."""

from __future__ import annotations

from typing import TYPE_CHECKING

from core import messages
from core.errors import UnknownPairingError
from core.sites import address_approval, health_check, pairing, pairing_codes, typed_home
from core.sites.pairing import PairingState
from core.store.db import settings
from core.store.sites import sites
from web.rpc import api
from web.rpc.registry import Implementation

if TYPE_CHECKING:
    from core.bridge import Bridge
    from core.sites.pairing import Pairing, PairingCode
    from core.store.sites.sites import Site

REQUESTED_BY = "the command line"


def issue_code(bridge: Bridge, request: api.NewPairingCode) -> api.IssuedCode:
    """Issue a pairing code. Raises: ZoomBridgeError."""
    with bridge.store.reading() as connection:
        bridge_url = request.bridge_url or settings.public_url(connection) or request.own_url
    home = typed_home.find(request.address)
    code = pairing_codes.issue_code(
        bridge.store,
        bridge_url=bridge_url,
        requested_by=REQUESTED_BY,
        address=home.address,
        uses=request.uses,
    )
    return api.IssuedCode(
        id=code.id,
        text=code.text,
        bridge_url=code.bridge_url,
        uses=code.uses,
        expires_at=code.expires_at,
        http_address=home.address if home.only_http else "",
    )


def list_pairings(bridge: Bridge, request: api.PairingCodeRequest) -> list[api.CodeStatus]:
    """Return a code, or all that are open, with the sites that have used it. Sites that do not answer are called again.

    Raises: UnknownPairingError for a code that is gone.
    """
    if request.code is None:
        found = pairing_codes.open_codes(bridge.store, None)
    else:
        one = pairing_codes.load_code(bridge.store, request.code, None)
        if one is None:
            raise UnknownPairingError(messages.PAIRING_GONE)
        found = [one]
    for _, made in found:
        for use in made:
            bridge.pairing_caller.watch(use)
    return [_status(code, made) for code, made in found]


def confirm(bridge: Bridge, request: api.PairingRequest) -> api.ConnectedSite:
    """Connect a site that has answered. Raises: ZoomBridgeError."""
    site = bridge.pairing_caller.confirm(request.pairing, confirmed_by=REQUESTED_BY)
    return _connected(site)


def set_server_password(bridge: Bridge, request: api.ServerPassword) -> api.PairingRequest:
    """Keep user and password for the web server in front of a site, and call the site again. Blocks.

    Raises: ZoomBridgeError.
    """
    pairing.set_server_password(bridge.store, request.pairing, request.username, request.password)
    called = pairing.call_back(bridge.store, request.pairing)
    if called.state is PairingState.CONNECTED:
        bridge.pairing_caller.on_connected(called.site_id)
    return api.PairingRequest(pairing=request.pairing)


def list_asked(bridge: Bridge, _request: api.NoArguments) -> list[api.AskedAddresses]:
    """Return the addresses inside a network that are asked about."""
    return [
        api.AskedAddresses(id=one.id, home=one.home, addresses=list(map(str, one.addresses)))
        for one in address_approval.questions(bridge.store)
    ]


def allow_addresses(bridge: Bridge, request: api.AllowAddresses) -> list[str]:
    """Allow addresses of a pairing or site, and call it; return which. Blocks."""
    allowed = address_approval.allow(bridge.store, request.id, request.addresses)
    if allowed:
        try:
            called = pairing.call_back(bridge.store, request.id)
        except UnknownPairingError:
            health_check.check(bridge.store, request.id)
            bridge.health_worker.on_checked(request.id)
        else:
            if called.state is PairingState.CONNECTED:
                bridge.pairing_caller.on_connected(called.site_id)
    return list(map(str, allowed))


def show_site(bridge: Bridge, request: api.SiteRequest) -> api.ConnectedSite:
    """Return a connected site. Raises: UnknownSiteError."""
    with bridge.store.reading() as connection:
        return _connected(sites.find(connection, request.site, bridge.store.sealer))


def _status(code: PairingCode, made: list[Pairing]) -> api.CodeStatus:
    return api.CodeStatus(
        id=code.id,
        is_open=pairing_codes.is_open(code),
        uses_left=code.uses_left,
        pairings=[
            api.CodePairing(
                id=one.id,
                home=one.home,
                name=one.name,
                state=one.state,
                message=one.message,
                site_id=one.site_id,
                asked_addresses=list(map(str, one.asked_addresses)),
            )
            for one in made
        ],
    )


def _connected(site: Site) -> api.ConnectedSite:
    endpoint = site.endpoints.get("meeting", f"{site.rest_root}vczapi/v1/meeting")
    return api.ConnectedSite(id=site.id, name=site.name, url=site.url, endpoint=endpoint)


IMPLEMENTATIONS = (
    Implementation(api.SITE_CODE, issue_code),
    Implementation(api.SITE_PAIRINGS, list_pairings),
    Implementation(api.SITE_CONFIRM, confirm),
    Implementation(api.SITE_SERVER_PASSWORD, set_server_password),
    Implementation(api.SITE_ASKED, list_asked),
    Implementation(api.SITE_ALLOW, allow_addresses),
    Implementation(api.SITE_SHOW, show_site),
)
