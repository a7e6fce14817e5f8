"""Issue the codes that sites are paired by, list them, and cancel them. `core.sites.pairing` answers who uses one."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from core import messages
from core.errors import ZoomBridgeError
from core.sites import call_back as calls
from core.sites.pairing import access_of, tell_unpaired
from core.store import audit
from core.store.audit import Action
from core.store.sites import pairings, sites
from core.store.sites.pairings import MOST_USES, Pairing, PairingCode, PairingState
from core.wordpress.homes import typed_address

if TYPE_CHECKING:
    from sqlalchemy import Connection

    from core.store.db.engine import Store

_LONGEST_ADDRESS = 2000
# As the plugin takes it: no query, no fragment, no user name or password; nor what would end a string of PHP.
_BRIDGE = re.compile(r"https?://[^\s/?#@'\\]+(/[^\s?#'\\]*)?")


def issue_code(
    store: Store,
    *,
    bridge_url: str,
    requested_by: str,
    address: str = "",
    site_id: str | None = None,
    uses: int = 1,
) -> PairingCode:
    """Return a new code. Raises: ZoomBridgeError, UnknownSiteError.

    A code for a known site is for that one alone: it has one use, and its address is that of the site.
    """
    if not 1 <= uses <= MOST_USES:
        raise ZoomBridgeError(messages.PAIRING_USES % {"most": MOST_USES})
    now = calls.now()
    code = PairingCode(
        id=pairings.new_id(),
        secret=pairings.new_secret(),
        bridge_url=bridge_address(bridge_url),
        address=typed_address(address) if address.strip() and site_id is None else "",
        site_id=site_id,
        requested_by=requested_by,
        uses=uses if site_id is None else 1,
        uses_left=uses if site_id is None else 1,
        created_at=now,
        expires_at=now + pairings.LIFETIME,
    )

    def write(connection: Connection) -> None:
        if site_id is not None:
            sites.load(connection, site_id, store.sealer)
        pairings.add_code(connection, code, store.sealer)
        audit.record(connection, Action.CODE_ISSUED, code.address, site_id=site_id, uses=code.uses)

    store.write(write)
    return code


def bridge_address(text: str) -> str:
    """Return the bridge's address as it was typed, without a slash at its end. Raises: ZoomBridgeError."""
    address = text.strip().rstrip("/")
    try:
        _ = urlsplit(address).port
    except ValueError:
        address = ""
    if len(address) > _LONGEST_ADDRESS or not _BRIDGE.fullmatch(address):
        raise ZoomBridgeError(messages.PAIRING_BRIDGE_URL % {"address": text.strip()})
    return address


def load_code(
    store: Store, code_id: str, requested_by: str | None
) -> tuple[PairingCode, list[Pairing]] | None:
    """Return a code and its pairings; None if there is none, or it is another user's (`requested_by` None: any)."""
    with store.reading() as connection:
        code = pairings.load_code(connection, code_id, store.sealer)
        if code is None or requested_by not in (None, code.requested_by):
            return None
        return code, pairings.of_code(connection, code_id, store.sealer)


def open_codes(store: Store, requested_by: str | None) -> list[tuple[PairingCode, list[Pairing]]]:
    """Return the codes of a user, or of all, that pair sites or have pairings that are open: the newest first."""
    with store.reading() as connection:
        codes = pairings.open_codes(connection, requested_by, store.sealer, now=calls.now())
        return [(code, pairings.of_code(connection, code.id, store.sealer)) for code in codes]


def is_open(code: PairingCode) -> bool:
    """Whether a code can be used by another site."""
    return code.uses_left > 0 and code.expires_at > calls.now()


def cancel_code(store: Store, code_id: str) -> None:
    """Delete a code and its pairings. Sites that are connected stay so; the plugins of others that have answered are told.

    Blocks for requests to them.
    """
    with store.reading() as connection:
        made = pairings.of_code(connection, code_id, store.sealer)
    waiting = [pairing for pairing in made if pairing.state is PairingState.CONFIRM]
    accesses = [access_of(store, pairing) for pairing in waiting]

    def write(connection: Connection) -> list[bool]:
        # A site that was connected meanwhile has the key with which its plugin would be told.
        still_waiting = [
            pairings.save(connection, pairing, store.sealer, was=PairingState.CONFIRM) for pairing in waiting
        ]
        code = pairings.load_code(connection, code_id, store.sealer)
        if code is not None:
            audit.record(connection, Action.CODE_CANCELLED, code.address, site_id=code.site_id)
        pairings.remove_code(connection, code_id)
        return still_waiting

    for pairing, access, still_waits in zip(waiting, accesses, store.write(write), strict=True):
        if still_waits:
            tell_unpaired(pairing, access)
