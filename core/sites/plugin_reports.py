"""Handle what a paired plugin reports of its site: that it has moved, that the plugin ends, and that it is back."""

from __future__ import annotations

from http import HTTPStatus
from typing import TYPE_CHECKING

import structlog

from core import messages
from core.errors import PairingRefusedError, SiteFaultError
from core.sites import call_back
from core.sites.call_back import Callee
from core.sites.pairing import answers_at_old_home
from core.store.posts import requeue
from core.store.sites import sites
from core.wordpress.homes import is_same_home, secured
from core.wordpress.pairing_envelope import MalformedPairingError, read_goodbye, read_move

if TYPE_CHECKING:
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
    reached = _call(site, told, timeout, stays=stays)
    store.write(lambda connection: _save(connection, site, told, reached))
    logger.info("site_moved", site=site.id, home=told.home)


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


def _call(site: Site, told: MoveDetails, timeout: tuple[float, float], *, stays: bool) -> Reached:
    callee = Callee(
        home=told.home,
        rest_root=told.rest_root,
        site=site.id,
        key=site.key,
        epoch=site.epoch,
        # Only the server that has asked for a password is sent it.
        server_login=site.server_login if stays else None,
    )
    try:
        return call_back.call(callee, timeout=timeout)
    except SiteFaultError as error:
        message = messages.MOVE_NOT_REACHED % {"reason": str(error)}
        raise PairingRefusedError(
            HTTPStatus.UNPROCESSABLE_ENTITY, "zoombridge_home_unreachable", message
        ) from error


def _save(connection: Connection, site: Site, told: MoveDetails, reached: Reached) -> None:
    endpoints = secured(reached.greeting.endpoints or told.endpoints, reached.url)
    sites.record_move(
        connection,
        site,
        url=reached.url,
        home=told.home,
        rest_root=reached.rest_root,
        endpoints=endpoints,
        place=reached.greeting.place or told.place,
        doorway=reached.doorway,
    )
    requeue.requeue_failed_posts(connection, site.id, now=call_back.now())
