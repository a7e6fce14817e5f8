"""Pair sites by codes: answer plugins that use one, call their sites back, and connect them.

A code (`core.sites.pairing_codes`) comes to WordPress in the plugin's zip, or is pasted there. The plugin asks for the
pairing (`core.wordpress.pairing_envelope`), and both sides agree on a key. The bridge then calls the site at the home
that the plugin names (`core.sites.pairing_caller`, `core.sites.call_back`). The site is connected once it has answered
there, signed with that key, and its address is confirmed: it is the one that was entered with the code, that of a known
site, or a person says so.

One WordPress is one site: its home, whatever the scheme, finds the known site, and so does the key of a former pairing.
"""

from __future__ import annotations

import secrets as randomness
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

import structlog

from core import messages
from core.errors import (
    Fault,
    PairingRefusedError,
    SiteFaultError,
    UnknownPairingError,
    UnknownSiteError,
    ZoomBridgeError,
)
from core.pipeline import site_client
from core.sites import apply_rules
from core.sites import call_back as calls
from core.sites.address_approval import asked_of
from core.sites.call_back import Callee
from core.sites.key_rotation import end_access
from core.sites.vczapi_versions import vczapi_findings
from core.store import audit
from core.store.audit import Action
from core.store.posts import requeue
from core.store.sites import health, pairings, rules, sites
from core.store.sites.pairings import OPEN_STATES, Pairing, PairingCode, PairingState
from core.store.sites.sites import Site
from core.wordpress.addresses import Access, is_evidently_inside, servers_of
from core.wordpress.homes import is_same_home, zoom_endpoints
from core.wordpress.pairing_envelope import (
    KeyPair,
    MalformedPairingError,
    PairingAnswerDetails,
    WrongPairingSignatureError,
    is_former,
    open_request,
    pairing_key,
    read_request,
    seal_answer,
)
from core.wordpress.sync_client import Doorway, SyncClient

if TYPE_CHECKING:
    from collections.abc import Collection, Sequence

    from sqlalchemy import Connection

    from core.model.health_facts import HealthFinding
    from core.sites.call_back import Reached
    from core.store.db.engine import Store
    from core.wordpress.pairing_envelope import PairingDetails, PairingRequest

logger = structlog.get_logger(__name__)

__all__ = ["Pairing", "PairingAnswer", "PairingCode", "PairingState"]

PATIENCE = 60_000
"""Milliseconds in which a plugin may not have stored the key yet that it was answered."""

FIRST_RETRY = 10 * 1000
"""Milliseconds after which a call back that failed is repeated first."""

_HIGHEST_EPOCH = 999_999_999
_LONGEST_RETRY = 15 * 60 * 1000
_OLD_HOME_TIMEOUT = (2.0, 3.0)  # the plugin waits meanwhile


@dataclass(frozen=True, slots=True)
class PairingAnswer:
    """The answer to a plugin's request, and the pairing that came of it: call its site back."""

    body: bytes
    pairing_id: str


def answer_request(store: Store, body: bytes) -> PairingAnswer:
    """Verify a plugin's request for a pairing, and answer it. Blocks. Raises: PairingRefusedError.

    The same request gets the same answer, as the first may have been lost.
    """
    try:
        request = read_request(body)
        with store.reading() as connection:
            code = pairings.load_code(connection, request.code, store.sealer)
        if code is None:
            raise PairingRefusedError(404, "zoombridge_pairing_unknown", messages.PAIRING_UNKNOWN)
        details = open_request(code.secret, request)
        own = KeyPair(randomness.token_bytes(32))
        key = pairing_key(code.secret, code.id, own, plugin=details.public_key, bridge=own.public)
    except MalformedPairingError as error:
        raise PairingRefusedError(400, "zoombridge_bad_request", messages.PAIRING_MALFORMED) from error
    except WrongPairingSignatureError as error:
        raise PairingRefusedError(401, "zoombridge_pairing_signature", messages.PAIRING_SIGNATURE) from error
    pairing = _answered(store, code, details)
    if pairing is not None and pairing.state is PairingState.REFUSED:
        raise PairingRefusedError(410, "zoombridge_pairing_spent", messages.PAIRING_REJECTED)
    if pairing is None:
        _check_open(code, calls.now())
        known = _known_site(store, code, request, details)
        use = _Use(code.id, details, known, own.public, key)
        pairing = store.write(lambda connection: _record(connection, store, use))
    answer = PairingAnswerDetails(pairing.site_id, pairing.answer_key, pairing.uses_left)
    return PairingAnswer(seal_answer(code.secret, request, answer), pairing.id)


def _answered(store: Store, code: PairingCode, details: PairingDetails) -> Pairing | None:
    """Return the pairing of a request that has come before. Its call back is due again: the plugin has the key only now."""

    def write(connection: Connection) -> Pairing | None:
        found = _of_key(pairings.of_code(connection, code.id, store.sealer), details.public_key)
        if found is not None and found.state in OPEN_STATES:
            due = replace(
                found,
                state=PairingState.CALLING,
                message="",
                created_at=calls.now(),
                calls=0,
                next_call_at=0,
                checked_at=None,
            )
            pairings.save(connection, due, store.sealer, was=found.state)
        return found

    with store.reading() as connection:
        is_known = _of_key(pairings.of_code(connection, code.id, store.sealer), details.public_key)
    return store.write(write) if is_known else None


def _of_key(found: Sequence[Pairing], public_key: str) -> Pairing | None:
    return next((one for one in found if one.public_key == public_key), None)


def _check_open(code: PairingCode, now: int) -> None:
    """Raise PairingRefusedError for a code that cannot be used any more."""
    if code.expires_at <= now:
        raise PairingRefusedError(410, "zoombridge_pairing_expired", messages.PAIRING_EXPIRED)


def _known_site(
    store: Store, code: PairingCode, request: PairingRequest, details: PairingDetails
) -> Site | None:
    """Return the known site that a plugin speaks for; None where it is a new one.

    It is the one at the same home, or the one whose key the plugin proves to have: then it has moved, unless it still
    answers at its former home, and this is a copy. A code for a known site is for that one, wherever it is now.
    """
    with store.reading() as connection:
        every = sites.list_all(connection, store.sealer)
    at_home = [site for site in every if _is_at(site, details.home)]
    for site in sorted(at_home, key=lambda site: site.home != details.home):
        return site
    for site in every:
        if site.id == code.site_id:
            return site
    for site in every:
        keys = [key for key in (site.key, site.next_key) if key]
        if any(is_former(key, request, details) for key in keys):
            return None if answers_at_old_home(site) else site
    return None


def answers_at_old_home(site: Site, *, timeout: tuple[float, float] = _OLD_HOME_TIMEOUT) -> bool:
    """Whether the site that the bridge knows still answers at its home, with its key. Blocks."""
    try:
        with SyncClient(
            site.rest_root,
            site.home or site.url,
            site=site.id,
            key=site.key,
            epoch=site.epoch,
            address=site.url,
            next_key=site.next_key,
            server_login=site.server_login,
            access=site_client.access(site),
            timeout=timeout,
        ) as client:
            client.hello()
    except SiteFaultError:
        return False
    return True


@dataclass(frozen=True, slots=True)
class _Use:
    """A use of a code: `known` is the site that is paired again, `answer_key` the bridge's public key."""

    code_id: str
    details: PairingDetails
    known: Site | None
    answer_key: str
    key: str = field(repr=False)


def _record(connection: Connection, store: Store, use: _Use) -> Pairing:
    """Count a use of the code, and save the pairing. Raises: PairingRefusedError."""
    details, known = use.details, use.known
    code = pairings.load_code(connection, use.code_id, store.sealer, lock=True)
    if code is None:
        raise PairingRefusedError(404, "zoombridge_pairing_unknown", messages.PAIRING_UNKNOWN)
    before = pairings.of_code(connection, code.id, store.sealer)
    same = _of_key(before, details.public_key)
    if same is not None:
        return same  # by the same request, at the same time
    now = calls.now()
    _check_open(code, now)
    left = code.uses_left
    site_id = known.id if known is not None else sites.new_id()
    # A plugin that was installed again before it was connected has forgotten its request: that is the same use.
    again = [one for one in before if one.state in OPEN_STATES and is_same_home(one.home, details.home)]
    for one in again:
        site_id = known.id if known is not None else one.site_id
        pairings.remove(connection, one.id)
    if not again:
        if code.uses_left <= 0:
            raise PairingRefusedError(410, "zoombridge_pairing_spent", messages.PAIRING_SPENT)
        left = pairings.take_use(connection, code.id)
    known_epoch = known.epoch if known is not None else 0
    # Only the server that has asked for a password is sent it.
    login = known.server_login if known is not None and _is_at(known, details.home) else None
    pairing = Pairing(
        id=pairings.new_id(),
        code_id=code.id,
        public_key=details.public_key,
        answer_key=use.answer_key,
        uses_left=left,
        site_id=site_id,
        key=use.key,
        home=details.home,
        name=details.name or details.home,
        rest_root=details.rest_root,
        endpoints=details.endpoints,
        page=details.page,
        stub=details.stub,
        vczapi=details.vczapi is not None,
        vczapi_pro=details.vczapi_pro,
        # Whichever bridge wrote there before writes no more.
        epoch=min(max(details.epoch, known_epoch) + 1, _HIGHEST_EPOCH),
        place=details.place,
        state=PairingState.CALLING,
        message="",
        created_at=now,
        server_username=login[0] if login is not None else "",
        server_password=login[1] if login is not None else "",
        next_call_at=now,
    )
    pairings.add(connection, pairing, store.sealer)
    audit.record(
        connection, Action.PAIRING_REQUESTED, pairing.home, site_id=pairing.site_id, by=code.requested_by
    )
    return pairing


def call_back(store: Store, pairing_id: str, *, timeout: tuple[float, float] = calls.TIMEOUT) -> Pairing:
    """Call the site of a pairing, and return how far it is then. Blocks. Raises: UnknownPairingError.

    A site whose address is confirmed is connected.
    """
    pairing = _load(store, pairing_id)
    if pairing.state not in OPEN_STATES:
        return pairing
    callee = Callee(
        home=pairing.home,
        rest_root=pairing.rest_root,
        site=pairing.site_id,
        key=pairing.key,
        epoch=pairing.epoch,
        server_login=pairing.server_login,
        doorway=pairing.doorway,
        access=access_of(store, pairing),
    )
    findings: list[HealthFinding] = []
    try:
        reached = calls.call(callee, timeout=timeout)
    except SiteFaultError as error:
        called = _failed(pairing, error)
    else:
        called = _confirmed_or_not(store, _answered_from(pairing, reached))
        findings = vczapi_findings(reached.vczapi, reached.vczapi_pro)
        called = replace(called, message=_naming(called.message, findings))
    store.write(lambda connection: _save(connection, store, called, was=pairing.state, findings=findings))
    return _load(store, pairing_id)


def confirm(store: Store, pairing_id: str, *, confirmed_by: str, only: str | None = None) -> Site:
    """Connect a site that has answered: a person says that it is the right one.

    `only` is the one site that this person may manage; None: all. Raises: UnknownPairingError, ZoomBridgeError.
    """
    pairing = _load(store, pairing_id)
    if pairing.state is PairingState.REFUSED:
        raise ZoomBridgeError(messages.PAIRING_REJECTED)
    if pairing.state in OPEN_STATES:
        raise ZoomBridgeError(messages.PAIRING_NOT_ANSWERED)
    with store.reading() as connection:
        known = _load_site(connection, store, pairing.site_id)
    if only is not None and (known is None or known.id != only or not _is_at(known, pairing.home)):
        address = known.url if known is not None else ""
        raise ZoomBridgeError(messages.PAIRING_OTHER_SITE % {"home": pairing.home, "address": address})
    connected = replace(pairing, state=PairingState.CONNECTED, message="")
    store.write(lambda connection: _save(connection, store, connected, was=PairingState.CONFIRM))
    if _load(store, pairing_id).state is PairingState.REFUSED:  # meanwhile
        raise ZoomBridgeError(messages.PAIRING_REJECTED)
    logger.info("site_confirmed", site=pairing.site_id, home=pairing.home, user=confirmed_by)
    with store.reading() as connection:
        return sites.load(connection, pairing.site_id, store.sealer)


def refuse(store: Store, pairing_id: str) -> None:
    """Reject a site that used a code: it is not connected. Its plugin is told, if it answers. Blocks.

    Nothing happens where something else was decided meanwhile. Raises: UnknownPairingError.
    """
    pairing = _load(store, pairing_id)
    if pairing.state is PairingState.CONNECTED:
        return
    refused = replace(pairing, state=PairingState.REFUSED, message=messages.PAIRING_REJECTED)

    def write(connection: Connection) -> bool:
        is_saved = pairings.save(connection, refused, store.sealer, was=pairing.state)
        if is_saved:
            audit.record(connection, Action.PAIRING_REFUSED, pairing.home)
        return is_saved

    # A site that was connected meanwhile has this key.
    if store.write(write) and pairing.url:
        tell_unpaired(pairing, access_of(store, pairing))


def set_server_password(store: Store, pairing_id: str, username: str, password: str) -> None:
    """Keep user and password for the web server in front of WordPress, and have the site called again.

    Raises: UnknownPairingError, ZoomBridgeError.
    """
    if not username or ":" in username:
        raise ZoomBridgeError(messages.PAIRING_NO_USERNAME)
    pairing = _load(store, pairing_id)
    if pairing.state not in OPEN_STATES:
        return
    changed = replace(
        pairing,
        state=PairingState.CALLING,
        message="",
        server_username=username,
        server_password=password,
        calls=0,
        checked_at=None,
        next_call_at=0,
    )

    def write(connection: Connection) -> None:
        if pairings.save(connection, changed, store.sealer, was=pairing.state):
            audit.record(connection, Action.SITE_SERVER_PASSWORD, pairing.home)

    store.write(write)


def _answered_from(pairing: Pairing, reached: Reached) -> Pairing:
    return replace(
        pairing,
        url=reached.url,
        rest_root=reached.rest_root,
        doorway=reached.doorway,
        name=reached.greeting.name or pairing.name,
        endpoints=reached.greeting.endpoints or pairing.endpoints,
        page=reached.greeting.page,
        stub=reached.greeting.version,
        place=reached.greeting.place or pairing.place,
        vczapi=reached.vczapi is not None,
        vczapi_pro=reached.vczapi_pro is not None,
        checked_at=calls.now(),
        calls=0,
        addresses=tuple(sorted({*pairing.addresses, *reached.used})),
        asked_addresses=(),
    )


def _failed(pairing: Pairing, error: SiteFaultError) -> Pairing:
    """Return a pairing whose call back failed: why, and when it is repeated."""
    now = calls.now()
    state, message = PairingState.UNREACHABLE, str(error)
    if error.fault is Fault.SERVER_PASSWORD:
        state = PairingState.SERVER_PASSWORD
    elif error.fault is Fault.CREDENTIALS and now - pairing.created_at < PATIENCE:
        state, message = PairingState.CALLING, ""  # the plugin is about to store the key
    wait = min(FIRST_RETRY * 2**pairing.calls, _LONGEST_RETRY)
    return replace(
        pairing,
        state=state,
        message=message,
        checked_at=now,
        calls=min(pairing.calls + 1, 20),
        next_call_at=now + wait,
        asked_addresses=asked_of(error),
    )


def _confirmed_or_not(store: Store, pairing: Pairing) -> Pairing:
    """Return a pairing whose site has answered: connected, or with what a person is to confirm."""
    with store.reading() as connection:
        code = pairings.load_code(connection, pairing.code_id, store.sealer)
        known = _load_site(connection, store, pairing.site_id)
    typed = code.address if code is not None else ""
    if (typed and is_same_home(typed, pairing.home)) or (known is not None and _is_at(known, pairing.home)):
        return replace(pairing, state=PairingState.CONNECTED, message="")
    if known is not None:
        template, address = messages.PAIRING_CONFIRM_MOVED, known.url
    elif typed:
        template, address = messages.PAIRING_CONFIRM_OTHER, typed
    else:
        template, address = messages.PAIRING_CONFIRM, ""
    message = template % {"home": pairing.home, "address": address}
    return replace(pairing, state=PairingState.CONFIRM, message=message)


def _naming(message: str, findings: Collection[HealthFinding]) -> str:
    """Return a message for a person who confirms a site, with what is not well there."""
    if not message:
        return ""
    return " ".join([message, *(found.message for found in findings if not found.well)])


def _save(
    connection: Connection,
    store: Store,
    pairing: Pairing,
    *,
    was: PairingState,
    findings: Collection[HealthFinding] = (),
) -> None:
    """Save a pairing, and its site where it is connected by now; what was found there is named before the first write."""
    is_connected = pairing.state is PairingState.CONNECTED
    # From then on the site keeps what is secret.
    kept = replace(pairing, key="", server_username="", server_password="") if is_connected else pairing
    if not pairings.save(connection, kept, store.sealer, was=was):
        return  # by another call, or it is gone
    if is_connected:
        code = pairings.load_code(connection, pairing.code_id, store.sealer)
        site = _site_of(connection, store, pairing, bridge_url=code.bridge_url if code else "")
        known = _load_site(connection, store, site.id)
        rules.hold(connection, site.id)
        sites.save(connection, site, store.sealer)
        if known is not None and known.key != site.key:
            end_access(connection, site.id)  # somebody may have stolen the former key
        health.record(connection, site.id, findings, now=calls.now())
        if known is not None and known.extensions != site.extensions:
            apply_rules.adapt_to_plugins(connection, site.id, now=calls.now())
        by = code.requested_by if code else ""
        again = known is not None
        audit.record(connection, Action.SITE_CONNECTED, site_id=site.id, home=site.home, by=by, again=again)
        # What the pairing before could not write, this one may.
        requeue.requeue_failed_posts(connection, site.id, now=calls.now())


def _site_of(connection: Connection, store: Store, pairing: Pairing, *, bridge_url: str) -> Site:
    """Return the site of a pairing. Of a known one, rules, tokens, posts and grants stay."""
    known = _load_site(connection, store, pairing.site_id)
    url = pairing.url
    if any(
        site.url == url and site.id != pairing.site_id for site in sites.list_all(connection, store.sealer)
    ):
        # Connected by earlier versions under several addresses: the record keeps its own.
        url = known.url if known is not None else pairing.home + "/"
    return Site(
        id=pairing.site_id,
        url=url,
        name=pairing.name or url,
        rest_root=pairing.rest_root,
        # An application password of version 0.1.0 is given back later (`core.sites.returned_password`).
        username=known.username if known is not None else "",
        password=known.password if known is not None else "",
        key=pairing.key,
        endpoints=zoom_endpoints(pairing.endpoints, url, has_rest=pairing.doorway == Doorway.REST),
        vczapi=pairing.vczapi,
        vczapi_pro=pairing.vczapi_pro,
        created_at=known.created_at if known is not None else calls.now(),
        bridge_url=bridge_url,
        settings_page=pairing.page,
        home=pairing.home,
        epoch=max(pairing.epoch, known.epoch + 1 if known is not None else 0),
        server_username=pairing.server_username,
        server_password=pairing.server_password,
        place=pairing.place,
        doorway=pairing.doorway,
        addresses=pairing.addresses,
    )


def access_of(store: Store, pairing: Pairing) -> Access:
    """Return which addresses inside a network the site of a pairing may be called at.

    Those that an administrator has allowed, for it or for another site at the same host and port, or has plainly typed
    with the code; and those of a known site.
    """
    with store.reading() as connection:
        code = pairings.load_code(connection, pairing.code_id, store.sealer)
        every = sites.list_all(connection, store.sealer)
    access = Access(endpoints=frozenset(pairing.addresses))
    for site in every:
        if site.id == pairing.site_id:
            access |= site_client.access(site)
        access |= Access(endpoints=frozenset(site.addresses or ()))
    if code is not None and is_same_home(code.address, pairing.home) and is_evidently_inside(code.address):
        access |= Access(servers_of((code.address,)))
    return access


def tell_unpaired(pairing: Pairing, access: Access) -> None:
    """Tell the plugin of a pairing that it is over. Blocks. A site that does not answer is left to find out by itself."""
    try:
        with SyncClient(
            pairing.rest_root,
            pairing.home,
            site=pairing.site_id,
            key=pairing.key,
            epoch=pairing.epoch,
            address=pairing.url,
            server_login=pairing.server_login,
            access=access,
            timeout=calls.TIMEOUT,
        ) as client:
            client.unpair()
    except SiteFaultError as error:
        logger.info("refused_site_not_told", home=pairing.home, reason=str(error))


def _is_at(site: Site, home: str) -> bool:
    return is_same_home(site.home or site.url, home)


def _load_site(connection: Connection, store: Store, site_id: str) -> Site | None:
    try:
        return sites.load(connection, site_id, store.sealer)
    except UnknownSiteError:
        return None


def _load(store: Store, pairing_id: str) -> Pairing:
    with store.reading() as connection:
        pairing = pairings.load(connection, pairing_id, store.sealer)
    if pairing is None:
        raise UnknownPairingError(messages.PAIRING_GONE)
    return pairing
