"""Grant Zoom accounts to sites, refuse and revoke grants: see `core.store.sites.grants`."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import structlog

from core import messages
from core.errors import UnknownAccountError
from core.store import audit
from core.store.audit import Action
from core.store.db import clock as store_clock
from core.store.events import log, waiting, waiting_limits
from core.store.posts import queue
from core.store.sites import grants, sites
from core.store.sites.grants import GrantSource
from core.zoom import envelope as zoom_envelope

if TYPE_CHECKING:
    from collections.abc import Callable, Collection

    from sqlalchemy import Connection

    from core.pipeline.ingest import Ingest
    from core.store.db.engine import Store
    from core.store.events.waiting import WaitingEvent

logger = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class GrantResult:
    """Whether a grant is new, how many events waited for it, and how many more were too many to keep."""

    is_new: bool
    released: int
    dropped: int = 0


def grant(
    ingest: Ingest,
    account_id: str,
    site_id: str,
    *,
    source: GrantSource = GrantSource.ADMINISTRATOR,
    clock: Callable[[], float] | None = None,
) -> GrantResult:
    """Grant an account to a site: its meetings are shown there, and its events that waited enter the log.

    Without a `clock`, the store's own is used.

    Raises: UnknownAccountError for an id that is none of Zoom's; UnknownSiteError, StoreUnavailableError.
    """
    _require_account(account_id)
    store = ingest.store

    def write(connection: Connection) -> GrantResult:
        sites.load(connection, site_id, store.sealer)
        now = store_clock.now(connection, clock)
        is_new = grants.add(connection, account_id, site_id, source, now=now)
        if is_new:
            queue.schedule_site(connection, account_id, site_id, now=now)
        held = waiting.of_account(connection, account_id, site_id, store.sealer)
        waiting.drop(connection, account_id, site_id)
        dropped = waiting_limits.forget(connection, account_id, site_id)
        entries = [_entry(ingest, site_id, one) for one in held]
        if entries:
            log.append(connection, entries)
        return GrantResult(is_new, len(entries), dropped)

    result = store.write(write)
    logger.info("account_granted", account_id=account_id, site=site_id, source=source)
    ingest.events_appended(result.released)
    return result


def refuse(
    store: Store, account_id: str, site_id: str, *, clock: Callable[[], float] | None = None
) -> int | None:
    """Refuse an account's request to be shown on a site; return how many events that waited are deleted.

    Its next events wait, too, but ask nobody. An account that is granted to the site is left alone (see `revoke`): then
    None is returned. Raises: UnknownAccountError for an id that is none of Zoom's; UnknownSiteError,
    StoreUnavailableError.
    """
    _require_account(account_id)

    def write(connection: Connection) -> int | None:
        sites.load(connection, site_id, store.sealer)  # what is decided for no site would bind all others
        if grants.is_granted(connection, account_id, site_id):
            return None
        grants.refuse(connection, account_id, site_id, now=store_clock.now(connection, clock))
        waiting_limits.forget(connection, account_id, site_id)
        deleted = waiting.drop(connection, account_id, site_id)
        audit.record(connection, Action.GRANT_REFUSED, account_id, site_id=site_id, number=deleted)
        return deleted

    deleted = store.write(write)
    if deleted is not None:
        logger.info("account_refused", account_id=account_id, site=site_id)
    return deleted


def revoke(store: Store, account_id: str, site_id: str, *, clock: Callable[[], float] | None = None) -> bool:
    """Revoke the grant of an account to a site; return whether there was one.

    Posts that the bridge created for its meetings are moved to the trash, unless another account that is granted to
    the site tells of the same number. Posts that people created stay, and are not updated any more. The account's next
    events wait. Raises: StoreUnavailableError.
    """

    def write(connection: Connection) -> bool:
        now = store_clock.now(connection, clock)
        if not grants.remove(connection, account_id, site_id, now=now):
            return False
        queue.schedule_account(connection, account_id, site_id, now=now)
        return True

    is_revoked = not grants.is_reserved(account_id) and store.write(write)
    if is_revoked:
        logger.info("account_revoked", account_id=account_id, site=site_id)
    return is_revoked


def end_learnt(
    store: Store, account_id: str, *, but: Collection[str], clock: Callable[[], float] | None = None
) -> list[str]:
    """End the grants of an account that its first event made, except to the sites in `but`, as `revoke` does.

    Returns the ids of the other sites; their next events ask for a grant. Raises: StoreUnavailableError.
    """

    def write(connection: Connection) -> list[str]:
        ended = grants.end_learnt(connection, account_id, but=but)
        now = store_clock.now(connection, clock)
        for site_id in ended:
            queue.schedule_account(connection, account_id, site_id, now=now)
        return ended

    return store.write(write)


def _require_account(account_id: str) -> None:
    if not account_id or grants.is_reserved(account_id):
        raise UnknownAccountError(messages.NOT_AN_ACCOUNT % {"account": account_id})


def _entry(ingest: Ingest, site_id: str, held: WaitingEvent) -> log.Entry:
    """Return the log entry of an event that waited, under the digest that it had when it came.

    Names may have been removed from it since, and the log must still know it if it comes to another site.
    """
    envelope = zoom_envelope.parse(held.request.body)
    entry = ingest.entry(site_id, held.request, envelope, received_at=held.received_at)
    return replace(entry, digest=held.digest, position=replace(entry.position, digest=held.digest))
