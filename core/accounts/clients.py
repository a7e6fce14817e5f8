"""Read Zoom accounts over REST, and turn what was read into log entries."""

from __future__ import annotations

import threading
import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from core.errors import ZoomGoneError, ZoomRestError, ZoomScopeError, ZoomWebinarError
from core.model.fold import SNAPSHOT
from core.store.accounts import credentials as zoom_credentials
from core.store.accounts.credentials import StoredToken, ZoomAccount
from core.store.events import log
from core.store.events.request import Request
from core.zoom.oauth import Tokens
from core.zoom.rate_limit import RateLimiter
from core.zoom.readings import Absence
from core.zoom.rest import ZoomRest, session

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from core.model.snapshots import Snapshot
    from core.store.db.engine import Store
    from core.zoom.readings import Reading

# Concurrent requests for one account: enough to use the rate limit of the plan Business where a response takes half a
# second.
CONCURRENT_REQUESTS = 32
_NO_WEBINARS = frozenset({200, 3161})  # Zoom's codes for users without a webinar plan


@dataclass(slots=True)
class AccountClients:
    """Create and cache the REST client of each account. Thread-safe; users of one account share token and rate limits."""

    store: Store
    clock: Callable[[], float] = time.time
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
            rest = ZoomRest(http, tokens, RateLimiter(account.plan))
            self._clients[account_id] = (account, rest)
            return rest


def read_each(rest: ZoomRest, wanted: Iterable[tuple[int, bool]]) -> dict[int, Reading | Absence]:
    """Read meetings by number, and webinars where the second value says so.

    Requests run concurrently, since latency dominates; `RateLimiter` enforces the limits. Raises: ZoomRestError.
    """
    numbers = list(wanted)
    with ThreadPoolExecutor(CONCURRENT_REQUESTS, thread_name_prefix="zoom") as pool:
        readings = pool.map(lambda one: read_one(rest, one[0], is_webinar=one[1]), numbers)
        return {number: reading for (number, _), reading in zip(numbers, readings, strict=True)}


def read_one(rest: ZoomRest, number: int, *, is_webinar: bool) -> Reading | Absence:
    """Read one meeting or webinar, which may have been converted to the other. Raises: ZoomRestError."""
    first, second = (rest.webinar, rest.meeting) if is_webinar else (rest.meeting, rest.webinar)
    try:
        return first(number)
    except ZoomWebinarError:
        return second(number)
    except ZoomGoneError as error:
        absence = error
    try:
        return second(number)
    except (ZoomGoneError, ZoomWebinarError, ZoomScopeError):
        return Absence(absence.at or 0)


def list_meetings(rest: ZoomRest, host_id: str) -> dict[int, dict[str, Any]]:
    """List a user's meetings and webinars by number; the items tell them apart by `type`.

    No webinars are listed where the user's plan or the app's scopes do not include them. Raises: ZoomRestError.
    """
    found = {number: item for item in rest.meetings(host_id) if (number := _number(item)) is not None}
    try:
        for item in rest.webinars(host_id):
            number = _number(item)
            if number is not None:
                found[number] = {"type": 5, **item}
    except (ZoomScopeError, ZoomGoneError):
        return found
    except ZoomRestError as error:
        if error.code not in _NO_WEBINARS:
            raise
    return found


def log_entry(store: Store, account_id: str, snapshot: Snapshot, *, now: int) -> log.Entry:
    """Return the log entry of a snapshot that differs; `now` is in Unix milliseconds (UTC)."""
    assert snapshot.raw is not None  # noqa: S101 - callers have checked
    assert snapshot.place is not None  # noqa: S101 - set together with `raw`
    return log.Entry(
        digest=snapshot.place.digest,
        account_id=account_id,
        number=snapshot.number,
        event=SNAPSHOT,
        position=snapshot.place,
        received_at=now,
        site_id=None,
        request_id=None,
        request=Request({"content-type": "application/json"}, snapshot.raw).sealed(store.sealer),
        outcome=log.Outcome.PENDING,
    )


def _number(item: dict[str, Any]) -> int | None:
    value = item.get("id")
    if isinstance(value, str) and value.isascii() and value.isdigit():
        value = int(value)
    return value if isinstance(value, int) and not isinstance(value, bool) and 0 < value < 10**15 else None
