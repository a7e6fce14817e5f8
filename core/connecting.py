"""Connect a WordPress site, look whether it is well, and let it go."""

from __future__ import annotations

import time
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from core.errors import SiteFaultError, UnknownSiteError
from core.store import sites, tokens
from core.store.sites import Site, new_id, new_key
from core.wordpress.client import WordPressClient
from core.wordpress.discovery import discover
from core.zoom.signature import Secret

if TYPE_CHECKING:
    from core.store.engine import Store
    from core.wordpress.client import Connection


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing that was looked at: `message` says what is wrong and what to do, or what was found well."""

    name: str
    well: bool
    message: str


def connect(
    store: Store, address: str, username: str, password: str, *, bridge_url: str, secret_token: str = ""
) -> Site:
    """Find the site, check the credential and the stub, pair with it, and keep it.

    A site that is connected already is paired anew, with what is given now; its tokens and posts stay.
    Raises `SiteFaultError`, with what to do.
    """
    found = discover(address)
    with WordPressClient(found.rest_root, username, password) as client:
        client.me()
        client.connection()  # says how to install the stub where it is missing
        try:
            with store.reading() as connection:
                known: Site | None = sites.find(connection, found.url, store.sealer)
        except UnknownSiteError:
            known = None
        site_id = known.id if known else new_id()
        key = new_key()
        told = client.pair(bridge_url, site_id, key)
        site = Site(
            id=site_id,
            url=found.url,
            name=found.name or found.url,
            rest_root=found.rest_root,
            username=username,
            password=password,
            key=key,
            endpoints=told.endpoints,
            vczapi=told.vczapi is not None,
            vczapi_pro=told.vczapi_pro,
            post_status=known.post_status if known else "publish",
            created_at=known.created_at if known else _now(),
        )
        store.write(lambda connection: sites.save(connection, site, store.sealer))
    if secret_token:
        secret = Secret(secret_token)
        store.write(lambda connection: tokens.save(connection, site.id, secret, store.sealer, now=_now()))
    return site


def check(store: Store, name: str) -> list[Finding]:
    """Look at a site from both sides; what WordPress says of itself is kept, and a block is lifted.

    Raises `UnknownSiteError`.
    """
    with store.reading() as connection:
        site = sites.find(connection, name, store.sealer)
        saved = tokens.of_site(connection, site.id, store.sealer)
    findings = []
    try:
        with WordPressClient(site.rest_root, site.username, site.password) as client:
            user = client.me()
            findings.append(Finding("WordPress", True, f"answers, signed in as {user.name}"))
            told = client.connection()
            findings.append(_pairing(site, told))
            reached = client.check_connection()
            message = "is reached from WordPress" if reached.reached else reached.message
            findings.append(Finding("bridge", reached.reached, message))
        renewed = replace(
            site,
            endpoints=told.endpoints,
            vczapi=told.vczapi is not None,
            vczapi_pro=told.vczapi_pro,
        )
        store.write(lambda connection: sites.save(connection, renewed, store.sealer))
    except SiteFaultError as error:
        findings.append(Finding("WordPress", False, str(error)))
    findings.append(
        Finding("secret token", True, "is saved")
        if saved
        else Finding("secret token", False, "is not saved yet: paste it on the page Webhooks")
    )
    findings.append(
        Finding("Zoom", True, "has validated the endpoint")
        if site.validated_at
        else Finding("Zoom", False, "has not validated the endpoint yet: see the page Webhooks")
    )
    return findings


def disconnect(store: Store, name: str) -> tuple[Site, str]:
    """Forget a site, and have its stub forget the bridge; say if the latter did not work. Posts stay.

    Raises `UnknownSiteError`.
    """
    with store.reading() as connection:
        site = sites.find(connection, name, store.sealer)
    problem = ""
    try:
        with WordPressClient(site.rest_root, site.username, site.password) as client:
            client.unpair()
    except SiteFaultError as error:
        problem = str(error)
    store.write(lambda connection: sites.remove(connection, site.id))
    return site, problem


def _pairing(site: Site, told: Connection) -> Finding:
    if told.site == site.id:
        return Finding("plugin", True, f"version {told.stub}, paired")
    return Finding(
        "plugin",
        False,
        "is not paired with this bridge any more: connect the site again with zoombridge site add",
    )


def _now() -> int:
    return int(time.time() * 1000)
