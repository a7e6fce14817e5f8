"""Grant Zoom accounts to sites, and revoke grants: see `core.store.sites.grants`."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from core import messages
from core.errors import UnknownAccountError
from core.store.db import clock as store_clock
from core.store.events import log, waiting
from core.store.posts import queue
from core.store.sites import grants, sites
from core.store.sites.grants import GrantSource
from core.zoom import envelope as zoom_envelope

if TYPE_CHECKING:
    from collections.abc import Callable

    from sqlalchemy import Connection

    from core.pipeline.ingest import Ingest
    from core.store.db.engine import Store


@dataclass(frozen=True, slots=True)
class GrantResult:
    """Whether a grant is new, and how many events waited for it."""

    is_new: bool
    released: int


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
    if not account_id or grants.is_reserved(account_id):
        raise UnknownAccountError(messages.NOT_AN_ACCOUNT % {"account": account_id})
    store = ingest.store

    def write(connection: Connection) -> GrantResult:
        sites.load(connection, site_id, store.sealer)
        now = store_clock.now(connection, clock)
        is_new = grants.add(connection, account_id, site_id, source, now=now)
        if is_new:
            queue.schedule_site(connection, account_id, site_id, now=now)
        held = waiting.of_account(connection, account_id, site_id, store.sealer)
        waiting.drop(connection, account_id, site_id)
        entries = [
            ingest.entry(
                site_id, one.request, zoom_envelope.parse(one.request.body), received_at=one.received_at
            )
            for one in held
        ]
        if entries:
            log.append(connection, entries)
        return GrantResult(is_new, len(entries))

    result = store.write(write)
    ingest.events_appended(result.released)
    return result


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

    return not grants.is_reserved(account_id) and store.write(write)
