"""Zoom accounts that can be read: who asks Zoom, and how what was read enters the log."""

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

# Requests under way to Zoom at the same time, for one account: so many that the pace of the plan Business is kept where
# an answer takes half a second.
AT_ONCE = 32
_NO_WEBINARS = frozenset({200, 3161})  # Zoom's codes for users who may not have any


@dataclass(slots=True)
class AccountClients:
    """Gives who asks Zoom for each account. All that ask for one account share its token and its pace."""

    store: Store
    clock: Callable[[], float] = time.time
    _open: dict[str, tuple[ZoomAccount, ZoomRest]] = field(default_factory=dict)
    _guard: threading.Lock = field(default_factory=threading.Lock)

    def rest(self, account_id: str) -> ZoomRest:
        """Return who asks Zoom for this account. Raises `UnknownAccountError`, `StoreUnavailableError`."""
        with self.store.reading() as connection:
            account = zoom_credentials.load(connection, account_id, self.store.sealer)
        with self._guard:
            known = self._open.get(account_id)
            if known is not None and (known[0].credentials, known[0].plan) == (
                account.credentials,
                account.plan,
            ):
                return known[1]
            over = session(at_once=AT_ONCE)
            tokens = Tokens(over, account.credentials, StoredToken(self.store, account_id), clock=self.clock)
            rest = ZoomRest(over, tokens, RateLimiter(account.plan))
            self._open[account_id] = (account, rest)
            return rest


def read_each(rest: ZoomRest, wanted: Iterable[tuple[int, bool]]) -> dict[int, Reading | Absence]:
    """Read meetings by number, and webinars where the second value says so.

    Several at a time: what takes long is the way, and `RateLimiter` keeps the limits. Raises `ZoomRestError`.
    """
    numbers = list(wanted)
    with ThreadPoolExecutor(AT_ONCE, thread_name_prefix="zoom") as pool:
        readings = pool.map(lambda one: read_one(rest, one[0], is_webinar=one[1]), numbers)
        return {number: reading for (number, _), reading in zip(numbers, readings, strict=True)}


def read_one(rest: ZoomRest, number: int, *, is_webinar: bool) -> Reading | Absence:
    """Read one meeting or webinar, which may have become the other meanwhile. Raises `ZoomRestError`."""
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


def listed(rest: ZoomRest, host_id: str) -> dict[int, dict[str, Any]]:
    """Return what Zoom lists of a user, by number: meetings and webinars, whose items say so by their type.

    Raises `ZoomRestError`; a user who may not have webinars, or an app that may not list them, has none.
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


def entry(store: Store, account_id: str, snapshot: Snapshot, *, now: int) -> log.Entry:
    """Return a snapshot as it enters the log; `now` is in ms since 1970, UTC."""
    assert snapshot.raw is not None  # noqa: S101 - who asks has looked
    assert snapshot.place is not None  # noqa: S101 - it came with it
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
