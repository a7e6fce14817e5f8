"""Connect a WordPress site, and let it go.

A site that somebody connects in the browser is a *candidate* first (`core.store.sites.pending_sites`): found, then
granted a credential by WordPress, then paired, each step kept, so that any of them may be looked at again.
"""

from __future__ import annotations

import time
from contextlib import suppress
from dataclasses import asdict
from datetime import UTC, datetime
from enum import StrEnum
from functools import partial
from http import HTTPStatus
from typing import TYPE_CHECKING
from urllib.parse import urlencode, urlsplit

from core.errors import Fault, SiteFaultError, UnknownSiteError
from core.sites.health import HealthFinding, HealthReport
from core.store.sites import pending_sites, sites, zoom_secrets
from core.store.sites.pending_sites import PendingSite
from core.store.sites.sites import Site, new_id, new_key
from core.wordpress import discovery
from core.wordpress.client import WordPressClient
from core.wordpress.faults import not_wordpress
from core.zoom.signature import Secret

if TYPE_CHECKING:
    from sqlalchemy import Connection

    from core.store.db.engine import Store
    from core.wordpress.discovery import Discovery

# What WordPress knows this application by: https://developer.wordpress.org/rest-api/reference/application-passwords/
APP_ID = "632e233b-ebc0-4d57-bff4-e773adfb0971"
_APP_NAME = "Zoom WordPress Bridge"
_MANAGE = "manage_options"
_TIMEOUT = (5.0, 10.0)  # to connect, and for the answer: somebody waits before the page


class Problem(StrEnum):
    """What stands between a candidate and its pairing."""

    NOT_ADMINISTRATOR = "not_administrator"
    CREDENTIALS = "credentials"
    STUB_MISSING = "stub_missing"
    FAULT = "fault"  # anything else that the site did not do; it may work the next time


# --- Step by step ---------------------------------------------------------------------------------------


def begin(
    store: Store, address: str, *, requested_by: str, bridge_url: str, only: str | None = None
) -> PendingSite:
    """Find the site whose address somebody typed, and keep it as a candidate. Raises `SiteFaultError`.

    `only` is the one site that may be connected, anew, by who asks.
    """
    found = find(address)
    if only is not None:
        with store.reading() as connection:
            known = sites.load(connection, only, store.sealer)
        if not sites.is_at(known, found.url):
            raise not_wordpress(
                f"The site has moved to {found.url}. Ask an administrator of the bridge to connect it there."
            )
    candidate = PendingSite(
        id=pending_sites.new_id(),
        requested_by=requested_by,
        url=found.url,
        name=found.name or found.url,
        rest_root=found.rest_root,
        authorization_url=found.authorization_url,
        bridge_url=bridge_url,
        expires_at=0,
    )
    now = _now()
    store.write(lambda connection: pending_sites.add(connection, candidate, store.sealer, now=now))
    kept = load(store, candidate.id, requested_by)
    assert kept is not None  # noqa: S101 - just kept
    return kept


def load(store: Store, candidate_id: str, requested_by: str) -> PendingSite | None:
    """Return a candidate to who began it; None where there is none, or none any more."""
    with store.reading() as connection:
        return pending_sites.load(connection, candidate_id, requested_by, store.sealer, now=_now())


def may_come_back(candidate: PendingSite, own_url: str) -> bool:
    """Whether WordPress sends the browser back with the credential to a page at `own_url`.

    It does to https, and to http only where the site says that its environment is local; then it also gives
    application passwords over http, which others do not.
    """
    return own_url.startswith("https://") or candidate.rest_root.startswith("http://")


def authorization_link(candidate: PendingSite, *, own_url: str, path: str, now: datetime) -> str:
    """Return the address in wp-admin where an administrator approves; `path` is the candidate's page at `own_url`.

    https://make.wordpress.org/core/2020/11/05/application-passwords-integration-guide/
    """
    # WordPress wants another name for each of a user's application passwords.
    query = {"app_name": f"{_APP_NAME}, {now.astimezone(UTC):%Y-%m-%d %H:%M:%S}", "app_id": APP_ID}
    if may_come_back(candidate, own_url):
        back = f"{own_url}{path}"
        query["success_url"] = f"{back}/back?{urlencode({'state': candidate.state})}"
        query["reject_url"] = f"{back}?refused=yes"
    separator = "&" if urlsplit(candidate.authorization_url).query else "?"
    return f"{candidate.authorization_url}{separator}{urlencode(query)}"


def accept(store: Store, candidate: PendingSite, username: str, password: str) -> bool:
    """Keep the credential that WordPress handed over; tell whether it was waited for. Brought once, no state is good again."""
    keep = partial(
        pending_sites.keep_credential,
        candidate=candidate,
        username=username,
        password=password,
        sealer=store.sealer,
        now=_now(),
    )
    return store.write(keep)


def go_on(store: Store, candidate: PendingSite) -> Site | None:
    """Pair a candidate that has a credential; return the site, or note what stands in the way and return None."""
    try:
        site = _pair(store, candidate, candidate.username, candidate.password, candidate.bridge_url)
    except SiteFaultError as error:
        problem = _problem_of(error)
        if problem in (Problem.CREDENTIALS, Problem.NOT_ADMINISTRATOR):
            if problem is Problem.NOT_ADMINISTRATOR:
                _give_back(candidate)
            note = partial(pending_sites.drop_credential, sealer=store.sealer, now=_now())
        else:
            note = partial(pending_sites.note_problem)
        store.write(partial(note, candidate_id=candidate.id, problem=problem, message=str(error)))
        return None
    store.write(lambda connection: pending_sites.remove(connection, candidate.id))
    return site


def give_up(store: Store, candidate: PendingSite) -> None:
    """Forget a candidate, and have WordPress forget the credential that it granted."""
    if candidate.password:
        _give_back(candidate)
    store.write(lambda connection: pending_sites.remove(connection, candidate.id))


# --- At one go ------------------------------------------------------------------------------------------


def connect(
    store: Store, address: str, username: str, password: str, *, bridge_url: str, secret_token: str = ""
) -> Site:
    """Find the site, check the credential and the stub, pair with it, and keep it.

    A site that is connected already is paired anew, with what is given now; its tokens and posts stay.
    Raises `SiteFaultError`, with what to do.
    """
    site = _pair(store, find(address), username, password, bridge_url)
    if secret_token:
        secret = Secret(secret_token)
        store.write(
            lambda connection: zoom_secrets.save(connection, site.id, secret, store.sealer, now=_now())
        )
    return site


def find(address: str) -> Discovery:
    """Find the site whose address a person typed. Raises `SiteFaultError`, in words for who waits for it."""
    try:
        return discovery.discover(address)
    except SiteFaultError as error:
        raise _in_words_for_who_waits(error) from error


# --- A site that is connected ---------------------------------------------------------------------------


def told_bridge(site: Site) -> str:
    """Return where a site's plugin was told that the bridge is; empty where nobody has looked yet."""
    return HealthReport.of(site).bridge


def move_bridge(store: Store, site_id: str, bridge_url: str) -> Site:
    """Tell a site's plugin another address of the bridge. Raises `UnknownSiteError` or `SiteFaultError`."""
    with store.reading() as connection:
        site = sites.load(connection, site_id, store.sealer)
    return _pair(store, site, site.username, site.password, bridge_url)


def disconnect(store: Store, name: str) -> tuple[Site, str]:
    """Forget a site, and have its stub forget the bridge; say if the latter did not work. Posts stay.

    The application password is given back, where it was made for the bridge. Raises `UnknownSiteError`.
    """
    with store.reading() as connection:
        site = sites.find(connection, name, store.sealer)
    problem = ""
    try:
        with _client(site, site.username, site.password) as client:
            client.unpair()
            with suppress(SiteFaultError):
                _revoke_ours(client)
    except SiteFaultError as error:
        problem = str(error)
    store.write(lambda connection: sites.remove(connection, site.id))
    return site, problem


# --- How ------------------------------------------------------------------------------------------------


def _pair(
    store: Store, found: Discovery | PendingSite | Site, username: str, password: str, bridge_url: str
) -> Site:
    """Check the credential and the stub, pair with it, and keep the site."""
    try:
        with _client(found, username, password) as client:
            _check_rights(client)
            try:
                with store.reading() as connection:
                    known: Site | None = sites.find(connection, found.url, store.sealer)
            except UnknownSiteError:
                known = None
            site_id = known.id if known else new_id()
            key = new_key()
            told = client.pair(bridge_url, site_id, key)
    except SiteFaultError as error:
        raise _in_words_for_who_waits(error) from error
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
        created_at=known.created_at if known else _now(),
        bridge_url=bridge_url,
    )
    # As far as it is known by now; whether WordPress reaches the bridge is for the next look to say.
    seen = HealthReport(
        (
            HealthFinding("plugin", True, f"version {told.stub}"),
            HealthFinding("pairing", True, "is with this bridge"),
        ),
        told.bridge or bridge_url,
        told.page,
    )

    def keep(connection: Connection) -> None:
        sites.save(connection, site, store.sealer)
        sites.save_health_report(connection, site.id, asdict(seen), now=0)

    store.write(keep)
    if known is not None and (known.username, known.password) != (username, password):
        _give_back(known)
    return site


def _client(at: Discovery | PendingSite | Site, username: str, password: str) -> WordPressClient:
    return WordPressClient(at.rest_root, username, password, timeout=_TIMEOUT)


def _check_rights(client: WordPressClient) -> None:
    """See that the user may manage the site, and that the plugin is there."""
    user = client.me()
    try:
        client.connection()
    except SiteFaultError as error:
        # A super administrator of a network may everything, and has no capabilities on the site itself.
        lacks = error.fault is Fault.STUB_MISSING and _MANAGE not in user.capabilities
        if lacks or (error.fault is Fault.CREDENTIALS and error.status == HTTPStatus.FORBIDDEN):
            raise SiteFaultError(
                f"“{user.name}” is no administrator of this site, and the bridge needs one (who may "
                f"{_MANAGE}). Sign in to WordPress as an administrator, and approve there.",
                fault=Fault.CREDENTIALS,
                status=HTTPStatus.FORBIDDEN,
            ) from error
        raise


def _problem_of(error: SiteFaultError) -> Problem:
    if error.fault is Fault.CREDENTIALS:
        refused = error.status == HTTPStatus.FORBIDDEN
        return Problem.NOT_ADMINISTRATOR if refused else Problem.CREDENTIALS
    return Problem.STUB_MISSING if error.fault is Fault.STUB_MISSING else Problem.FAULT


_WHILE_SOMEBODY_WAITS = {
    Fault.NETWORK: (
        "The site could not be reached: {reason}. Check the address, and that the site opens in a browser; if it "
        "does, something keeps the bridge's server from it. Then try again."
    ),
    Fault.TLS: (
        "The site's HTTPS certificate cannot be trusted, so nothing was sent. Renew or repair the certificate of the "
        "site, then try again."
    ),
    Fault.SERVER: (
        "The site broke down on the request (HTTP {status}). Look whether it opens in a browser; its own log of "
        "errors says more. Then try again."
    ),
    Fault.THROTTLED: "The site is busy, or being updated, and asks to come again later. Try again in some minutes.",
    Fault.STUB_MISSING: (
        "The plugin “Zoom WordPress Bridge” does not answer on this site. Install and activate it (zoombridge plugin "
        "writes it, and the page Sites has it to download), then try again."
    ),
}


def _in_words_for_who_waits(error: SiteFaultError) -> SiteFaultError:
    """Return a fault in words for somebody who waits for it: nothing is tried again by itself here."""
    if error.fault is Fault.CREDENTIALS and error.status == HTTPStatus.UNAUTHORIZED:
        words = (
            "WordPress does not accept user name and application password. The password is the one that WordPress "
            "shows under Users > Profile > Application Passwords, not the one that you sign in with. If it is right, "
            "the web server may not hand the Authorization header on to WordPress."
        )
    else:
        words = _WHILE_SOMEBODY_WAITS.get(error.fault, "")
    if not words:
        return error
    return SiteFaultError(
        words.format(reason=error.reason or "it gave no answer", status=error.status),
        fault=error.fault,
        status=error.status,
        evidence=error.evidence,
        reason=error.reason,
    )


def _give_back(granted: PendingSite | Site) -> None:
    """Have WordPress forget an application password that nobody will use; it does no harm where that fails."""
    with suppress(SiteFaultError), _client(granted, granted.username, granted.password) as client:
        _revoke_ours(client)


def _revoke_ours(client: WordPressClient) -> None:
    """Revoke the application password that a client signs in with, if WordPress made it for the bridge."""
    password = client.application_password()
    if password.app_id == APP_ID:
        client.revoke(password)


def _now() -> int:
    return int(time.time() * 1000)
