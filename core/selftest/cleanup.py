"""What takes a test away again: its meeting, its page, and every trace of it in the store."""

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

TRIAL = "self-test"  # the kind of job that is a test
CLEANING = "self-test-cleanup"
_TESTS_LOOKED_AT = 10
_MILLISECONDS = 1000


@dataclass(slots=True)
class CleanupJob:
    """Takes away what broken tests of a site left behind, as soon as the site lets it."""

    store: Store
    appended: Callable[[int], None] = lambda _: None
    clock: Callable[[], float] = time.time
    retry_seconds: float = 60.0

    def count(self, job: Job) -> int | None:  # noqa: ARG002 - it is not known
        """Return nothing: how much there is changes while it is done."""
        return None

    def step(self, job: Job) -> JobStep:
        """Go through what there is; come again where not all of it is gone."""
        site_id = job.arguments["site"]
        with self.store.reading() as connection:
            left = set(selftest.numbers(connection, probe_account_id(site_id)))
            running = [
                (one.place or {}).get("number")
                for one in jobs.latest(connection, _TESTS_LOOKED_AT, kind=TRIAL, site_id=site_id)
                if not one.has_ended
            ]
        at = datetime.fromtimestamp(self.clock(), UTC)
        gone = [
            number
            for number in left - set(running)
            if clean(self.store, ProbeEvents(site_id, number, ""), at=at, appended=self.appended)
        ]
        is_done = len(gone) == len(left)
        return JobStep(done=len(gone), finished=is_done, wait=0.0 if is_done else self.retry_seconds)

    def close(self) -> None:
        """Nothing is held."""


def clean(store: Store, trial: ProbeEvents, *, at: datetime, appended: Callable[[int], None]) -> bool:
    """Have a test's meeting deleted for good, and forget it once its page is gone. Tell whether nothing is left.

    That it was deleted is noted in the log by the bridge itself, which made it: nothing need be sent for that.
    """
    with store.reading() as connection:
        if not selftest.is_known(connection, trial):
            return True
        is_over = selftest.is_over(connection, trial)
        is_settled = selftest.is_settled(connection, trial)
    if is_over and is_settled:
        store.write(lambda connection: selftest.forget(connection, trial))
        return True
    if not is_over:
        body = trial.permanently_deleted(at)
        entry = _entry(trial, body, received_at=int(at.timestamp() * _MILLISECONDS), store=store)
        store.write(lambda connection: log.append(connection, [entry]))
        appended(1)
    return False


def _entry(trial: ProbeEvents, body: bytes, *, received_at: int, store: Store) -> log.Entry:
    envelope = zoom_envelope.parse(body)
    digest = zoom_envelope.digest(envelope)
    return log.Entry(
        digest=digest,
        account_id=trial.account_id,
        number=trial.number,
        event=envelope.event,
        position=position(envelope, digest, received_at=received_at),
        received_at=received_at,
        site_id=None,
        request_id=None,
        request=Request({}, body).sealed(store.sealer),
        outcome=log.Outcome.PENDING,
    )


def ask_for_cleaning(connection: Connection, site_id: str, *, now: int) -> None:
    """Have what broken tests of a site left behind taken away."""
    jobs.enqueue(connection, CLEANING, {"site": site_id}, site_id=site_id, requested_by="", now=now)
