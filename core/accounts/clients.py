"""Read Zoom accounts over REST, and turn what was read into log entries."""

from __future__ import annotations

import threading
import time
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from core.accounts.reader import CONCURRENT_REQUESTS
from core.model.fold import SNAPSHOT
from core.store.accounts import credentials as zoom_credentials
from core.store.accounts.credentials import StoredToken, ZoomAccount
from core.store.events import log
from core.store.events.request import Request
from core.zoom.oauth import Tokens
from core.zoom.rate_limit import RateLimiter
from core.zoom.rest import ZoomRest, session

if TYPE_CHECKING:
    from collections.abc import Callable

    from core.model.snapshots import Snapshot
    from core.store.db.engine import Store


@dataclass(slots=True)
class AccountClients:
    """Create and cache the REST client of each account. Thread-safe; users of one account share token and rate limits.

    `sleep` waits for a number of seconds where a rate limit requires it.
    """

    store: Store
    clock: Callable[[], float] = time.time
    sleep: Callable[[float], None] = time.sleep
    _clients: dict[str, tuple[ZoomAccount, ZoomRest]] = field(default_factory=dict)
    _guard: threading.Lock = field(default_factory=threading.Lock)

    def rest(self, account_id: str) -> ZoomRest:
        """Return the client of an account, new after its credentials or plan changed.

        Raises: UnknownAccountError, StoreUnavailableError.
        """
        with self.store.reading() as connection:
            account = zoom_credentials.load(connection, account_id, self.store.sealer)
        with self._guard:
            known = self._clients.get(account_id)
            if known is not None and (known[0].credentials, known[0].plan) == (
                account.credentials,
                account.plan,
            ):
                return known[1]
            http = session(at_once=CONCURRENT_REQUESTS)
            tokens = Tokens(http, account.credentials, StoredToken(self.store, account_id), clock=self.clock)
            rest = ZoomRest(http, tokens, RateLimiter(account.plan, self.sleep))
            self._clients[account_id] = (account, rest)
            return rest


def log_entry(store: Store, account_id: str, snapshot: Snapshot, *, now: int) -> log.Entry:
    """Return the log entry of a snapshot that differs; `now` is in Unix milliseconds (UTC)."""
    assert snapshot.raw is not None  # noqa: S101 - callers have checked
    assert snapshot.position is not None  # noqa: S101 - set together with `raw`
    return log.Entry(
        digest=snapshot.position.digest,
        account_id=account_id,
        number=snapshot.number,
        event=SNAPSHOT,
        position=snapshot.position,
        received_at=now,
        site_id=None,
        request_id=None,
        request=Request({"content-type": "application/json"}, snapshot.raw).sealed(store.sealer),
        outcome=log.Outcome.PENDING,
    )
