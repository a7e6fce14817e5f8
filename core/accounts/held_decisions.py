"""Decide about held removals: approve them, which reads each meeting again before its page goes, or dismiss them."""

from __future__ import annotations

from typing import TYPE_CHECKING

import structlog

from core.accounts import removal_job
from core.store.accounts import removals
from core.store.accounts.removals import RemovalState
from core.store.db import clock as store_clock

if TYPE_CHECKING:
    from collections.abc import Callable, Collection

    from sqlalchemy import Connection

    from core.jobs.runner import JobRunner
    from core.store.db.engine import Store
    from core.store.jobs import Job

logger = structlog.get_logger(__name__)


def approve(
    store: Store, job_runner: JobRunner, account_id: str, numbers: Collection[int] | None, *, by: str
) -> Job:
    """Approve held removals of an account, all where `numbers` is None; return the job that applies them.

    `by` names the administrator. Raises: TooManyJobsError, StoreError.
    """
    _decide(store, account_id, numbers, RemovalState.APPROVED, by=by, clock=job_runner.clock)
    return job_runner.enqueue(removal_job.KIND, {"account": account_id}, requested_by=by)


def dismiss(
    store: Store, job_runner: JobRunner, account_id: str, numbers: Collection[int] | None, *, by: str
) -> int:
    """Dismiss held removals of an account, all where `numbers` is None; return the number of meetings."""
    return len(_decide(store, account_id, numbers, RemovalState.DISMISSED, by=by, clock=job_runner.clock))


def _decide(
    store: Store,
    account_id: str,
    numbers: Collection[int] | None,
    state: RemovalState,
    *,
    by: str,
    clock: Callable[[], float] | None,
) -> list[int]:
    def write(connection: Connection) -> list[int]:
        now = store_clock.now(connection, clock)
        return removals.decide(connection, account_id, numbers, state, by=by, now=now)

    decided = store.write(write)
    logger.info("removals_decided", account=account_id, decision=state, by=by, numbers=decided)
    return decided
