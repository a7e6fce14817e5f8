"""Decide about held removals: approve them, which reads each meeting again before its page goes, or dismiss them."""

from __future__ import annotations

from typing import TYPE_CHECKING

import structlog

from core.accounts import removal_job
from core.store import jobs
from core.store.accounts import removals
from core.store.accounts.removals import RemovalState
from core.store.db import clock as store_clock

if TYPE_CHECKING:
    from collections.abc import Collection

    from sqlalchemy import Connection

    from core.jobs.runner import JobRunner
    from core.store.db.engine import Store
    from core.store.jobs import Job

logger = structlog.get_logger(__name__)


def approve(
    store: Store, job_runner: JobRunner, account_id: str, numbers: Collection[int] | None, *, by: str
) -> Job:
    """Approve held removals of an account, all where `numbers` is None; return the job that applies them.

    `by` names the administrator. Raises: TooManyJobsError, StoreError; then nothing is approved.
    """

    def write(connection: Connection) -> tuple[list[int], Job]:
        now = store_clock.now(connection, job_runner.clock)
        decided = removals.decide(connection, account_id, numbers, RemovalState.APPROVED, by=by, now=now)
        arguments = {"account": account_id}
        job = jobs.enqueue(connection, removal_job.KIND, arguments, site_id=None, requested_by=by, now=now)
        return decided, job

    decided, job = store.write(write)
    _log(account_id, RemovalState.APPROVED, decided, by=by)
    job_runner.wake()
    return job


def dismiss(
    store: Store, job_runner: JobRunner, account_id: str, numbers: Collection[int] | None, *, by: str
) -> int:
    """Dismiss held removals of an account, all where `numbers` is None; return the number of meetings."""

    def write(connection: Connection) -> list[int]:
        now = store_clock.now(connection, job_runner.clock)
        return removals.decide(connection, account_id, numbers, RemovalState.DISMISSED, by=by, now=now)

    decided = store.write(write)
    _log(account_id, RemovalState.DISMISSED, decided, by=by)
    return len(decided)


def _log(account_id: str, decision: RemovalState, numbers: Collection[int], *, by: str) -> None:
    logger.info("removals_decided", account=account_id, decision=decision, by=by, numbers=numbers)
