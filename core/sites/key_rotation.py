"""Renew the key of a site: bridge and plugin agree on the next one, which replaces the present one once it is used.

The plugin takes both keys until a request comes that is signed with the next one; the bridge stores the next one before
it sends that. So an answer that is lost, or a bridge that stops, leaves a key that both sides have.
"""

from __future__ import annotations

import secrets as randomness
import threading
from contextvars import copy_context
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

import structlog

from core.errors import ZoomBridgeError
from core.pipeline import site_client
from core.store.auth import one_time_links, sessions
from core.store.sites import sites
from core.wordpress.pairing_envelope import KeyPair, rotated_key

if TYPE_CHECKING:
    from sqlalchemy import Connection

    from core.store.db.engine import Store
    from core.store.sites.sites import Site

_TIMEOUT = (5.0, 10.0)  # connect and read, in seconds
_MOST = 4  # rotations at once

logger = structlog.get_logger(__name__)


@dataclass(slots=True)
class KeyRotator:
    """Renew keys in background threads, each site's by one at a time. Thread-safe; `begin` does not block."""

    store: Store
    _underway: set[str] = field(default_factory=set)
    _guard: threading.Lock = field(default_factory=threading.Lock)

    def begin(self, site_id: str) -> bool:
        """Start renewing the key of a site. Returns False where that is under way, or too many are."""
        rotating = copy_context()  # with who asked for it
        thread = threading.Thread(
            target=rotating.run, args=(self._rotate, site_id), name="key-rotation", daemon=True
        )
        with self._guard:
            if site_id in self._underway or len(self._underway) >= _MOST:
                return False
            thread.start()  # first: where no thread can be started, nothing is under way
            self._underway.add(site_id)
        return True

    def resume(self, site_id: str) -> None:
        """Complete the rotation of a site that was interrupted, if there is one. Raises: UnknownSiteError."""
        with self.store.reading() as connection:
            site = sites.load(connection, site_id, self.store.sealer)
        if site.next_key:
            self.begin(site_id)

    def is_underway(self, site_id: str) -> bool:
        """Whether the key of a site is being renewed."""
        return site_id in self._underway

    def start(self) -> None:
        """Complete the rotations that an earlier process left."""
        with self.store.reading() as connection:
            begun = [site.id for site in sites.list_all(connection, self.store.sealer) if site.next_key]
        for site_id in begun:
            self.begin(site_id)

    def _rotate(self, site_id: str) -> None:
        try:
            rotate(self.store, site_id)
        except ZoomBridgeError as error:
            logger.warning("key_rotation_failed", site=site_id, reason=str(error))
        except Exception:
            logger.exception("key_rotation_failed", site=site_id)
        finally:
            with self._guard:
                self._underway.discard(site_id)


def rotate(store: Store, site_id: str, *, session_token: str = "") -> bool:
    """Renew the key of a site, or complete a rotation that was interrupted. Blocks for some requests.

    Links and sessions of the site end, as whoever has stolen the former key could begin some; that of `session_token` stays.
    Returns False where the present key stays: the site was paired anew meanwhile, or the plugin has no other. After a
    fault the present key is still valid. Raises: SiteFaultError, UnknownSiteError, StoreError.
    """
    with store.reading() as connection:
        site = sites.load(connection, site_id, store.sealer)
    if not site.next_key:
        own = KeyPair(randomness.token_bytes(32))
        with site_client.connect(site, timeout=_TIMEOUT) as client:
            plugin = client.rotate(own.public)
        site = replace(site, next_key=rotated_key(site.key, own, bridge=own.public, plugin=plugin))
        begun = site
        if not store.write(
            lambda connection: sites.save_keys(connection, begun, begun.key, begun.next_key, store.sealer)
        ):
            return False  # the site has been paired anew: it has another key
    return _use_next(store, site, session_token)


def end_access(connection: Connection, site_id: str, *, but: str = "") -> None:
    """End links and sessions of a site whose key is another by now, except the session of the token `but`."""
    sessions.end_of_site(connection, site_id, but=but)
    one_time_links.cancel_of_site(connection, site_id)


def _use_next(store: Store, site: Site, session_token: str) -> bool:
    """Have the plugin use the next key; where it does not have that one, the present key stays."""
    swapped = replace(site, key=site.next_key, next_key=site.key)
    with site_client.connect(swapped, timeout=_TIMEOUT) as client:
        client.hello()
        key = site.key if client.has_rotated else site.next_key

    def write(connection: Connection) -> None:
        if sites.save_keys(connection, site, key, "", store.sealer) and key != site.key:
            end_access(connection, site.id, but=session_token)

    store.write(write)
    logger.info("key_rotated", site=site.id, renewed=key != site.key)
    return key != site.key
