"""Handle what a paired plugin reports of its site: that it has moved, that the plugin ends, and that it is back."""

from __future__ import annotations

import threading
from concurrent.futures import Future
from contextvars import copy_context
from dataclasses import dataclass, field
from http import HTTPStatus
from typing import TYPE_CHECKING

import structlog

from core import messages
from core.errors import PairingRefusedError, SiteFaultError, StoreUnavailableError, ZoomBridgeError
from core.pipeline import site_client
from core.sites import call_back
from core.sites.address_approval import ask
from core.sites.call_back import Callee
from core.sites.pairing import answers_at_old_home
from core.store.posts import requeue
from core.store.sites import health, sites
from core.wordpress.homes import is_same_home, zoom_endpoints
from core.wordpress.pairing_envelope import MalformedPairingError, read_goodbye, read_move
from core.wordpress.sync_client import Doorway

if TYPE_CHECKING:
    from collections.abc import Callable

    from sqlalchemy import Connection

    from core.sites.call_back import Reached
    from core.store.db.engine import Store
    from core.store.sites.sites import Site
    from core.wordpress.pairing_envelope import MoveDetails

logger = structlog.get_logger(__name__)


def move(
    store: Store, site_id: str, body: bytes, *, timeout: tuple[float, float] = call_back.TIMEOUT
) -> None:
    """Move a site to the home that its plugin reports in a verified request. Blocks.

    The bridge calls it there first. Rules, posts and tokens stay. A site that still answers at its former home has not
    moved: the one that reports it is a copy. Raises: PairingRefusedError, UnknownSiteError.
    """
    try:
        told = read_move(body)
    except MalformedPairingError as error:
        raise PairingRefusedError(
            HTTPStatus.BAD_REQUEST, "zoombridge_bad_request", messages.MOVE_INVALID
        ) from error
    with store.reading() as connection:
        site = sites.load(connection, site_id, store.sealer)
        others = [one for one in sites.list_all(connection, store.sealer) if one.id != site_id]
    if site.home == told.home:
        return  # the answer to the report before was lost
    if any(is_same_home(one.home or one.url, told.home) for one in others):
        message = messages.MOVE_TAKEN % {"address": told.home}
        raise PairingRefusedError(HTTPStatus.CONFLICT, "zoombridge_home_taken", message)
    stays = is_same_home(site.home or site.url, told.home)
    if not stays and answers_at_old_home(site):
        message = messages.MOVE_COPY % {"address": site.url}
        raise PairingRefusedError(HTTPStatus.CONFLICT, "zoombridge_copy", message)
    reached = _call(store, site, told, timeout, stays=stays)
    store.write(lambda connection: _save(connection, site, told, reached))
    logger.info("site_moved", site=site.id, home=told.home)


@dataclass(slots=True)
class MoveChecker:
    """Handle reports of moves in background threads, each site's by one at a time. Thread-safe.

    A site with one PHP process answers the bridge only after the plugin's report has been answered, so the plugin is told
    to ask again. `on_moved` is called with the id of each site that has moved then.
    """

    store: Store
    on_moved: Callable[[str], None] = lambda _: None
    most: int = 8
    _checks: dict[str, tuple[bytes, Future[None]]] = field(default_factory=dict)
    _guard: threading.Lock = field(default_factory=threading.Lock)

    def check(self, site_id: str, body: bytes, *, within: float) -> bool:
        """Handle a verified report; returns whether the site has moved, False where that is not known yet.

        Blocks for `within` seconds at most. The result of a check is returned once. Raises: PairingRefusedError,
        UnknownSiteError, StoreUnavailableError where too many are under way.
        """
        future = self._begin(site_id, body)
        try:
            future.result(within)
        except TimeoutError:
            return False
        finally:
            if future.done():
                with self._guard:
                    self._checks.pop(site_id, None)
        return True

    def _begin(self, site_id: str, body: bytes) -> Future[None]:
        with self._guard:
            told, future = self._checks.get(site_id, (b"", None))
            if future is not None and (told == body or not future.done()):
                return future
            if future is None and len(self._checks) >= self.most:
                self._checks = {name: one for name, one in self._checks.items() if not one[1].done()}
                if len(self._checks) >= self.most:
                    raise StoreUnavailableError(
                        messages.STORE_UNAVAILABLE % {"reason": messages.STORE_QUEUE_FULL}
                    )
            future = Future()
            checking = copy_context()  # with who reported it
            # First: where no thread can be started, nothing is under way.
            threading.Thread(
                target=checking.run, args=(self._check, site_id, body, future), name="move-check", daemon=True
            ).start()
            self._checks[site_id] = body, future
        return future

    def _check(self, site_id: str, body: bytes, future: Future[None]) -> None:
        try:
            move(self.store, site_id, body)
            self.on_moved(site_id)
        except ZoomBridgeError as error:
            future.set_exception(error)
        except Exception as error:
            logger.exception("move_failed", site=site_id)
            future.set_exception(error)
        else:
            future.set_result(None)


def say_goodbye(store: Store, site_id: str, body: bytes) -> None:
    """Record that the plugin of a site ends. Raises: PairingRefusedError for a body that is no goodbye."""
    try:
        reason = read_goodbye(body)
    except MalformedPairingError as error:
        raise PairingRefusedError(
            HTTPStatus.BAD_REQUEST, "zoombridge_bad_request", messages.PAIRING_MALFORMED
        ) from error
    now = call_back.now()
    store.write(lambda connection: sites.record_goodbye(connection, site_id, reason, now=now))
    logger.info("plugin_ended", site=site_id, reason=reason)


def welcome_back(store: Store, site_id: str) -> None:
    """Record that the plugin of a site is there again, where it had said goodbye. Raises: UnknownSiteError."""
    with store.reading() as connection:
        site = sites.load(connection, site_id, store.sealer)
    if site.left_at is not None:
        store.write(lambda connection: sites.end_goodbye(connection, site_id))
        logger.info("plugin_back", site=site_id)


def note_change(store: Store, site_id: str) -> None:
    """Have a site checked soon, as its plugin has something to tell."""
    store.write(lambda connection: health.request_check(connection, site_id))


def _call(
    store: Store, site: Site, told: MoveDetails, timeout: tuple[float, float], *, stays: bool
) -> Reached:
    callee = Callee(
        home=told.home,
        rest_root=told.rest_root,
        site=site.id,
        key=site.key,
        epoch=site.epoch,
        # Only the server that has asked for a password is sent it.
        server_login=site.server_login if stays else None,
        access=site_client.access(site),
    )
    try:
        return call_back.call(callee, timeout=timeout)
    except SiteFaultError as error:
        ask(store, site, error)
        message = messages.MOVE_NOT_REACHED % {"reason": str(error)}
        raise PairingRefusedError(
            HTTPStatus.UNPROCESSABLE_ENTITY, "zoombridge_home_unreachable", message
        ) from error


def _save(connection: Connection, site: Site, told: MoveDetails, reached: Reached) -> None:
    reported = reached.greeting.endpoints or told.endpoints
    endpoints = zoom_endpoints(reported, reached.url, has_rest=reached.doorway is Doorway.REST)
    sites.record_move(
        connection,
        site,
        url=reached.url,
        home=told.home,
        rest_root=reached.rest_root,
        endpoints=endpoints,
        place=reached.greeting.place or told.place,
        doorway=reached.doorway,
        addresses=reached.used,
    )
    requeue.requeue_failed_posts(connection, site.id, now=call_back.now())
