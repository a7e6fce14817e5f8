"""Connect and disconnect WordPress sites.

A site connected in the browser is a pending site first (`core.store.sites.pending_sites`): discovered, then authorized
by WordPress, then paired. The result of each step is stored, so that the page can be reloaded at any of them.

WordPress authorizes the pairing by an application password. It hands over the key with which all requests are signed
from then on, and is not kept. The key alone changes neither itself nor the bridge's address in the plugin: another
address, too, takes an administrator who connects the site again.
"""

from __future__ import annotations

import time
from contextlib import suppress
from dataclasses import replace
from datetime import UTC, datetime
from enum import StrEnum
from functools import partial
from http import HTTPStatus
from typing import TYPE_CHECKING
from urllib.parse import urlencode, urlsplit

from core import messages
from core.errors import Fault, SiteFaultError, UnknownSiteError
from core.model.health import FactName, HealthFinding
from core.pipeline import site_client
from core.sites.returned_password import APP_ID, give_back
from core.store.posts import requeue
from core.store.sites import health, pending_sites, sites, zoom_secrets
from core.store.sites.pending_sites import PendingSite
from core.store.sites.sites import Site, new_id, new_key
from core.wordpress import discovery, sync_faults
from core.wordpress.client import WordPressClient
from core.wordpress.faults import not_wordpress
from core.zoom.signature import Secret

if TYPE_CHECKING:
    from sqlalchemy import Connection

    from core.store.db.engine import Store
    from core.wordpress.discovery import Discovery
    from core.wordpress.responses import Connection as Pairing

_APP_NAME = "Zoom WordPress Bridge"
_MANAGE = "manage_options"
_TIMEOUT = (5.0, 10.0)  # connect and read; a page waits for it


class SetupProblem(StrEnum):
    """What prevents the pairing of a pending site."""

    NOT_ADMINISTRATOR = "not_administrator"
    CREDENTIALS = "credentials"
    STUB_MISSING = "stub_missing"
    STUB_OUTDATED = "stub_outdated"
    FAULT = "fault"  # any other fault; may succeed when retried


# --- In the browser, step by step ---------------------------------------------------------------------------------------


def start_setup(
    store: Store, address: str, *, requested_by: str, bridge_url: str, only: str | None = None
) -> PendingSite:
    """Discover the site at an address, and store it as pending. Raises: SiteFaultError.

    `only` is the one site that the user may reconnect; None where any may be connected.
    """
    found = find(address)
    if only is not None:
        with store.reading() as connection:
            known = sites.load(connection, only, store.sealer)
        if not sites.is_at(known, found.url):
            raise not_wordpress(messages.SETUP_SITE_MOVED % {"address": found.url})
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
    pending = load(store, candidate.id, requested_by)
    assert pending is not None  # noqa: S101 - just stored
    return pending


def load(store: Store, candidate_id: str, requested_by: str) -> PendingSite | None:
    """Return a pending site to the user who started it; None if there is none, or it has expired."""
    with store.reading() as connection:
        return pending_sites.load(connection, candidate_id, requested_by, store.sealer, now=_now())


def supports_redirect(candidate: PendingSite, own_url: str) -> bool:
    """Whether WordPress redirects the browser with the credential to a page at `own_url`.

    It redirects to https, and to http only where the site declares a local environment; only such sites also offer
    application passwords over http.
    """
    return own_url.startswith("https://") or candidate.rest_root.startswith("http://")


def authorization_link(candidate: PendingSite, *, own_url: str, path: str, now: datetime) -> str:
    """Return the URL in wp-admin where an administrator approves; `path` is the pending site's page at `own_url`.

    https://make.wordpress.org/core/2020/11/05/application-passwords-integration-guide/
    """
    # WordPress requires a unique name for each of a user's application passwords.
    query = {"app_name": f"{_APP_NAME}, {now.astimezone(UTC):%Y-%m-%d %H:%M:%S}", "app_id": APP_ID}
    if supports_redirect(candidate, own_url):
        back = f"{own_url}{path}"
        query["success_url"] = f"{back}/back?{urlencode({'state': candidate.state})}"
        query["reject_url"] = f"{back}?refused=yes"
    separator = "&" if urlsplit(candidate.authorization_url).query else "?"
    return f"{candidate.authorization_url}{separator}{urlencode(query)}"


def accept_credential(store: Store, candidate: PendingSite, username: str, password: str) -> bool:
    """Store the credential from WordPress. False where none was awaited: a state is valid once."""
    keep = partial(
        pending_sites.save_credential,
        candidate=candidate,
        username=username,
        password=password,
        sealer=store.sealer,
        now=_now(),
    )
    return store.write(keep)


def continue_setup(store: Store, candidate: PendingSite) -> Site | None:
    """Pair a pending site that has a credential. Returns the site; None where a problem was stored instead."""
    try:
        site = _pair(store, candidate, candidate.username, candidate.password, candidate.bridge_url)
    except SiteFaultError as error:
        problem = _problem_of(error)
        if problem in (SetupProblem.CREDENTIALS, SetupProblem.NOT_ADMINISTRATOR):
            if problem is SetupProblem.NOT_ADMINISTRATOR:
                _revoke_password(candidate)
            note = partial(pending_sites.drop_credential, sealer=store.sealer, now=_now())
        else:
            note = partial(pending_sites.record_problem)
        store.write(partial(note, candidate_id=candidate.id, problem=problem, message=str(error)))
        return None
    store.write(lambda connection: pending_sites.remove(connection, candidate.id))
    return site


def cancel_setup(store: Store, candidate: PendingSite) -> None:
    """Delete a pending site, and revoke the credential that WordPress granted."""
    if candidate.password:
        _revoke_password(candidate)
    store.write(lambda connection: pending_sites.remove(connection, candidate.id))


# --- With a credential, in one step ------------------------------------------------------------------------------------------


def connect(
    store: Store, address: str, username: str, password: str, *, bridge_url: str, secret_token: str = ""
) -> Site:
    """Discover the site, check credential and plugin, pair with it, and store it.

    A connected site is paired again with the new values; its tokens and posts stay. The password is not stored. Raises:
    SiteFaultError, whose message says what to do.
    """
    site = _pair(store, find(address), username, password, bridge_url)
    if secret_token:
        secret = Secret(secret_token)
        store.write(
            lambda connection: zoom_secrets.save(connection, site.id, secret, store.sealer, now=_now())
        )
    return site


def find(address: str) -> Discovery:
    """Discover the site at an address. Raises: SiteFaultError, with a message for an interactive user."""
    try:
        return discovery.discover(address)
    except SiteFaultError as error:
        raise _interactive_error(error) from error


# --- Connected sites ---------------------------------------------------------------------------


def disconnect(store: Store, name: str) -> tuple[Site, str]:
    """Delete a site, and unpair its plugin. Returns the site and, if unpairing failed, the reason. Posts stay.

    An application password that an earlier version stored is given back. Raises: UnknownSiteError.
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
    with _client(site, site.username, site.password) as client:
        if problem:
            with suppress(SiteFaultError):
                client.unpair()
                problem = ""
        give_back(client)
    return problem


# --- Pairing ------------------------------------------------------------------------------------------------


def _pair(
    store: Store, found: Discovery | PendingSite, username: str, password: str, bridge_url: str
) -> Site:
    """Check credential and plugin, pair with it, store the site, and give the credential back."""
    try:
        with store.reading() as connection:
            known: Site | None = sites.find(connection, found.url, store.sealer)
    except UnknownSiteError:
        known = None
    key = new_key()
    try:
        with _client(found, username, password) as client:
            before = _check_rights(client)
            site_id = known.id if known else new_id()
            paired = client.pair(bridge_url, site_id, key)
            site = Site(
                id=site_id,
                url=found.url,
                name=found.name or found.url,
                rest_root=found.rest_root,
                username="",
                password="",
                key=key,
                endpoints=paired.endpoints,
                vczapi=paired.vczapi is not None,
                vczapi_pro=paired.vczapi_pro,
                created_at=known.created_at if known else _now(),
                bridge_url=bridge_url,
                settings_page=paired.page,
                home=paired.home,
                # An administrator pairs the site here: whichever bridge wrote there before writes no more.
                epoch=max(paired.epoch, known.epoch if known else 0) + 1,
            )
            try:
                _check_key(site)
            except SiteFaultError:
                _pair_as_before(client, before, known)
                raise
            if not give_back(client):
                # The site has just failed; given back later (`core.sites.returned_password`).
                site = replace(site, username=username, password=password)
    except SiteFaultError as error:
        raise _interactive_error(error) from error
    # Known so far; whether WordPress reaches the bridge is left to the next health check.
    findings = [
        HealthFinding(FactName.PLUGIN, True, messages.PLUGIN_VERSION % {"version": paired.stub}),
        HealthFinding(FactName.PAIRING, True, messages.PAIRED),
    ]

    def write(connection: Connection) -> None:
        sites.save(connection, site, store.sealer)
        health.record(connection, site.id, findings, now=_now())
        # What the pairing before could not write, this one may.
        requeue.requeue_failed_posts(connection, site.id, now=_now())

    store.write(write)
    if known is not None and known.password and (known.username, known.password) != (username, password):
        _revoke_password(known)
    return site


def _check_key(site: Site) -> None:
    """Check that the plugin accepts signed requests. Raises: SiteFaultError."""
    try:
        with site_client.connect(site, timeout=_TIMEOUT) as client:
            client.hello()
    except SiteFaultError as error:
        if error.fault is not Fault.CREDENTIALS:
            raise
        raise SiteFaultError(
            messages.SETUP_KEY_REFUSED, fault=Fault.REFUSED, status=error.status, evidence=error.evidence
        ) from error


def _pair_as_before(client: WordPressClient, before: Pairing, known: Site | None) -> None:
    """Restore a site's pairing, so that its events go on; a site that had none is left without."""
    with suppress(SiteFaultError):
        if known is not None and before.site == known.id and before.bridge:
            client.pair(before.bridge, known.id, known.key)
        else:
            client.unpair()


def _client(at: Discovery | PendingSite | Site, username: str, password: str) -> WordPressClient:
    return WordPressClient(at.rest_root, username, password, timeout=_TIMEOUT)


def _check_rights(client: WordPressClient) -> Pairing:
    """Check that the user may manage the site, and that the plugin is there and new enough; return its pairing."""
    user = client.me()
    try:
        pairing = client.connection()
    except SiteFaultError as error:
        # A network's super administrator may do everything, without capabilities on the site itself.
        lacks = error.fault is Fault.STUB_MISSING and _MANAGE not in user.capabilities
        if lacks or (error.fault is Fault.CREDENTIALS and error.status == HTTPStatus.FORBIDDEN):
            raise SiteFaultError(
                messages.SETUP_NOT_ADMINISTRATOR % {"name": user.name, "capability": _MANAGE},
                fault=Fault.CREDENTIALS,
                status=HTTPStatus.FORBIDDEN,
            ) from error
        raise
    if not pairing.home:  # as versions before the sync protocol answer
        raise sync_faults.outdated(f"version {pairing.stub}")
    return pairing


def _problem_of(error: SiteFaultError) -> SetupProblem:
    match error.fault:
        case Fault.CREDENTIALS if error.status == HTTPStatus.FORBIDDEN:
            return SetupProblem.NOT_ADMINISTRATOR
        case Fault.CREDENTIALS:
            return SetupProblem.CREDENTIALS
        case Fault.STUB_MISSING:
            return SetupProblem.STUB_MISSING
        case Fault.STUB_OUTDATED:
            return SetupProblem.STUB_OUTDATED
    return SetupProblem.FAULT


_INTERACTIVE_MESSAGES = {
    Fault.NETWORK: messages.SETUP_UNREACHABLE,
    Fault.TLS: messages.SETUP_CERTIFICATE_UNTRUSTED,
    Fault.SERVER: messages.SETUP_SITE_ERROR,
    Fault.THROTTLED: messages.SETUP_SITE_BUSY,
    Fault.STUB_MISSING: messages.SETUP_PLUGIN_MISSING,
    Fault.STUB_OUTDATED: messages.SETUP_PLUGIN_OUTDATED,
}


def _interactive_error(error: SiteFaultError) -> SiteFaultError:
    """Return a fault with a message for an interactive user: these requests are not retried automatically."""
    if error.fault is Fault.CREDENTIALS and error.status == HTTPStatus.UNAUTHORIZED:
        template = messages.SETUP_PASSWORD_REJECTED
    elif error.fault in _INTERACTIVE_MESSAGES:
        template = _INTERACTIVE_MESSAGES[error.fault]
    else:
        return error
    return SiteFaultError(
        template % {"reason": error.reason or messages.NO_ANSWER, "status": error.status or 0},
        fault=error.fault,
        status=error.status,
        evidence=error.evidence,
        reason=error.reason,
    )


def _revoke_password(granted: PendingSite | Site) -> None:
    """Give back an application password that is no longer needed."""
    with _client(granted, granted.username, granted.password) as client:
        give_back(client)


def _now() -> int:
    return int(time.time() * 1000)
