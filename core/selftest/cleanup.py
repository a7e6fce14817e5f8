"""Clean up after self-tests: the probe meeting, its page, and every trace of it in the store."""

from __future__ import annotations

import time
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from core.jobs.runner import JobStep
from core.model.fold import position
from core.store import jobs, selftest
from core.store.events import log
from core.store.events.request import Request
from core.zoom import envelope as zoom_envelope
from core.zoom.probe import ProbeEvents, probe_account_id

if TYPE_CHECKING:
    from collections.abc import Callable

    from sqlalchemy import Connection

    from core.store.db.engine import Store
    from core.store.jobs import Job

SELF_TEST = "self-test"  # job kinds
CLEANUP = "self-test-cleanup"
_RECENT_TESTS = 10
_MILLISECONDS = 1000


@dataclass(slots=True)
class CleanupJob:
    """Clean up after interrupted self-tests of a site, retrying until the site permits it."""

    store: Store
    appended: Callable[[int], None] = lambda _: None
    clock: Callable[[], float] = time.time
    retry_seconds: float = 60.0

    def count(self, job: Job) -> int | None:  # noqa: ARG002 - it is not known
        """Return None: the number changes meanwhile."""
        return None

    def step(self, job: Job) -> JobStep:
        """Clean up each probe meeting; wait and repeat while any is left."""
        site_id = job.arguments["site"]
        with self.store.reading() as connection:
            left = set(selftest.numbers(connection, probe_account_id(site_id)))
            running = [
                (one.cursor or {}).get("number")
                for one in jobs.latest(connection, _RECENT_TESTS, kind=SELF_TEST, site_id=site_id)
                if not one.has_ended
            ]
        at = datetime.fromtimestamp(self.clock(), UTC)
        gone = [
            number
            for number in left - set(running)
            if clean_up(self.store, ProbeEvents(site_id, number, ""), at=at, appended=self.appended)
        ]
        is_done = len(gone) == len(left)
        return JobStep(done=len(gone), finished=is_done, wait=0.0 if is_done else self.retry_seconds)

    def close(self) -> None:
        """Do nothing: no resource is held."""


def clean_up(store: Store, probe: ProbeEvents, *, at: datetime, appended: Callable[[int], None]) -> bool:
    """Delete a probe meeting permanently, and its traces once its page is gone. Returns whether nothing is left.

    The bridge appends the deletion to the log itself; no request is sent for it.
    """
    with store.reading() as connection:
        if not selftest.is_known(connection, probe):
            return True
        is_over = selftest.is_over(connection, probe)
        is_settled = selftest.is_settled(connection, probe)
    if is_over and is_settled:
        store.write(lambda connection: selftest.forget(connection, probe))
        return True
    if not is_over:
        body = probe.permanently_deleted(at)
        entry = _entry(probe, body, received_at=int(at.timestamp() * _MILLISECONDS), store=store)
        store.write(lambda connection: log.append(connection, [entry]))
        appended(1)
    return False


def _entry(probe: ProbeEvents, body: bytes, *, received_at: int, store: Store) -> log.Entry:
    envelope = zoom_envelope.parse(body)
    digest = zoom_envelope.digest(envelope)
    return log.Entry(
        digest=digest,
        account_id=probe.account_id,
        number=probe.number,
        event=envelope.event,
        position=position(envelope, digest, received_at=received_at),
        received_at=received_at,
        site_id=None,
        request_id=None,
        request=Request({}, body).sealed(store.sealer),
        outcome=log.Outcome.PENDING,
    )


def enqueue_cleanup(connection: Connection, site_id: str, *, now: int) -> None:
    """Enqueue the cleanup after interrupted self-tests of a site."""
    jobs.enqueue(connection, CLEANUP, {"site": site_id}, site_id=site_id, requested_by="", now=now)
