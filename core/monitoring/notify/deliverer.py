"""Deliver queued messages, with retries that end."""

from __future__ import annotations

import random
import threading
import time
from dataclasses import dataclass, field
from functools import partial
from typing import TYPE_CHECKING

import structlog

from core import messages
from core.errors import AlertChannelError, DeliveryError, StoreError
from core.jobs.worker import WorkerThread
from core.monitoring.notify import senders
from core.monitoring.notify.watcher import queue
from core.store import audit
from core.store.alerts import channels, deliveries
from core.store.alerts.deliveries import DeliveryState, MessageKind
from core.store.audit import Action
from core.store.db import clock as store_clock
from core.store.db import settings

if TYPE_CHECKING:
    import ssl
    from collections.abc import Callable

    from sqlalchemy import Connection

    from core.store.alerts.deliveries import Delivery
    from core.store.db.engine import Store

DELAYS = (60, 300, 900, 3600, 3 * 3600, 6 * 3600, 12 * 3600)
"""Seconds before the second attempt and those after it: about 23 hours in all. Then a message is given up."""
_JITTER = 0.1
_CONCURRENT = 8
_POLL_SECONDS = 5.0  # other processes queue messages, too
_LEASE = 300_000  # ms; longer than an attempt takes

logger = structlog.get_logger(__name__)


def untranslated(sentence: str, _language: str) -> str:
    """Return a sentence as it is: in English."""
    return sentence


@dataclass(slots=True)
class AlertDeliverer:
    """Deliver messages in background threads, one of each channel at a time. Thread-safe.

    `translate` takes a sentence of `core.messages` and a language, `public_url` is the bridge's address where it is not the
    saved one. `tls` replaces the system's trust in mail servers. Without a `clock` the store's own is used. A message may
    come twice where a process dies during an attempt.
    """

    store: Store
    translate: Callable[[str, str], str] = untranslated
    public_url: str = ""
    tls: ssl.SSLContext | None = None
    clock: Callable[[], float] | None = None
    thread: WorkerThread = field(init=False)
    _underway: set[str] = field(default_factory=set)
    _guard: threading.Lock = field(default_factory=threading.Lock)

    def __post_init__(self) -> None:
        """Create the thread that claims messages."""
        self.thread = WorkerThread("alert-delivery", self.begin_due, retry_seconds=_POLL_SECONDS)

    def start(self) -> None:
        """Start, with what an earlier process left."""
        self.thread.start()

    def wake(self) -> None:
        """Look for messages now."""
        self.thread.wake()

    def stop(self) -> None:
        """Start no more attempts. Blocks, but not for those that are running."""
        self.thread.stop()

    def begin_due(self) -> float:
        """Start the attempts that are due, as many as there is room for; return how many seconds none is due."""
        with self._guard:
            underway = list(self._underway)
        room = _CONCURRENT - len(underway)
        with self.store.reading() as connection:
            now = self._now(connection)
            due_at = deliveries.next_due(connection, underway=underway)
        if room <= 0 or due_at is None or due_at > now:
            wait = _POLL_SECONDS if due_at is None or room <= 0 else (due_at - now) / 1000
            return min(wait, _POLL_SECONDS)
        claim = partial(deliveries.claim, now=now, until=now + _LEASE, limit=room, underway=underway)
        for delivery in self.store.write(claim):
            thread = threading.Thread(target=self._run, args=(delivery,), name="alert-delivery", daemon=True)
            with self._guard:
                thread.start()  # first: where no thread can be started, nothing is under way
                self._underway.add(delivery.channel_id)
        return 0

    def deliver_due(self) -> int:
        """Make the attempts that are due, one after the other; return their number. For tests and commands."""
        with self.store.reading() as connection:
            now = self._now(connection)
        found = self.store.write(
            partial(deliveries.claim, now=now, until=now + _LEASE, limit=channels.MOST_CHANNELS)
        )
        for delivery in found:
            self.attempt(delivery)
        return len(found)

    def test(self, name: str) -> Delivery:
        """Send a test message by a channel, once, and return its delivery. Blocks. Raises: AlertChannelError."""
        delivery = self.store.write(partial(self._queue_test, name=name, lease=_LEASE))
        self.attempt(delivery)
        with self.store.reading() as connection:
            return deliveries.load(connection, delivery.id)

    def queue_test(self, name: str) -> None:
        """Queue a test message. Raises: AlertChannelError."""
        self.store.write(partial(self._queue_test, name=name, lease=0))
        self.wake()

    def attempt(self, delivery: Delivery) -> None:
        """Make one attempt at a claimed delivery, and record its outcome."""
        with self.store.reading() as connection:
            try:
                channel = channels.load(connection, delivery.channel_id, self.store.sealer)
            except AlertChannelError:
                return  # removed meanwhile
            address = self.public_url or settings.public_url(connection)
        outcome, state, retry_in = "", DeliveryState.DELIVERED, 0.0
        try:
            outcome = senders.send(
                channel,
                delivery,
                address=address,
                now=(self.clock or time.time)(),
                translate=self.translate,
                tls=self.tls,
            )
            logger.info("alert_delivered", channel=channel.name, kind=delivery.kind.value)
        except DeliveryError as error:
            outcome = str(error)
            retry_in = _retry_in(delivery, is_final=error.is_final)
            state = DeliveryState.PENDING if retry_in else DeliveryState.FAILED
            logger.warning(
                "alert_not_delivered",
                channel=channel.name,
                kind=delivery.kind.value,
                reason=senders.without_addresses(outcome),
            )
        except Exception as error:
            outcome, state = messages.ALERT_INTERNAL % {"error": type(error).__name__}, DeliveryState.FAILED
            logger.exception("alert_not_delivered", channel=channel.name, kind=delivery.kind.value)
        self.store.write(
            partial(self._record, delivery=delivery, state=state, outcome=outcome, retry_in=retry_in)
        )

    def _run(self, delivery: Delivery) -> None:
        try:
            self.attempt(delivery)
        except StoreError as error:  # its lease ends
            logger.warning("alert_outcome_not_saved", channel=delivery.channel_id, reason=str(error))
        except Exception:
            logger.exception("alert_outcome_not_saved", channel=delivery.channel_id)
        finally:
            with self._guard:
                self._underway.discard(delivery.channel_id)
            self.wake()

    def _record(
        self,
        connection: Connection,
        *,
        delivery: Delivery,
        state: DeliveryState,
        outcome: str,
        retry_in: float,
    ) -> None:
        now = self._now(connection)
        if state is DeliveryState.PENDING:
            deliveries.postpone(connection, delivery, until=now + int(retry_in * 1000), outcome=outcome)
        else:
            deliveries.end(connection, delivery, state, outcome=outcome, now=now)

    def _queue_test(self, connection: Connection, *, name: str, lease: int) -> Delivery:
        channel = channels.load(connection, name, self.store.sealer)
        audit.record(connection, Action.ALERT_CHANNEL_TESTED, channel.name, site_id=channel.site_id)
        now = self._now(connection)
        return queue(connection, channel, MessageKind.TEST, {}, now=now, due_at=now + lease)

    def _now(self, connection: Connection) -> int:
        return store_clock.now(connection, self.clock)


def _retry_in(delivery: Delivery, *, is_final: bool) -> float:
    """Return the seconds until the next attempt; 0: there is none."""
    if is_final or delivery.kind is MessageKind.TEST or delivery.attempts >= len(DELAYS):
        return 0.0
    return DELAYS[delivery.attempts] * (1 + _JITTER * random.random())  # noqa: S311 - no secret
