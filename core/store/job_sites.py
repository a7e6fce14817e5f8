"""Results of jobs for many sites: one for each site, deleted with their job. Times are Unix milliseconds (UTC)."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING

from sqlalchemy import case, func, select

from core.store.db.schema import job_sites, sites
from core.store.db.upsert import insert

if TYPE_CHECKING:
    from collections.abc import Iterable

    from sqlalchemy import Connection

_LONGEST = 500


class BulkOutcome(StrEnum):
    """What became of a site."""

    FAILED = "failed"
    PENDING = "pending"  # it goes on by itself, as when the site answers again
    SKIPPED = "skipped"
    DONE = "done"


@dataclass(frozen=True, slots=True)
class SiteResult:
    """The result for one site. `name` and `url` are empty where it is gone."""

    site_id: str
    outcome: BulkOutcome
    message: str
    at: int = 0
    name: str = ""
    url: str = ""


def record(connection: Connection, job_id: int, results: Iterable[SiteResult], *, now: int) -> None:
    """Save results of a job; a site that has one gets the new one."""
    rows = [
        {
            "job_id": job_id,
            "site_id": one.site_id,
            "outcome": one.outcome,
            "message": one.message[:_LONGEST],
            "at": now,
        }
        for one in results
    ]
    if not rows:
        return
    wanted = insert(connection, job_sites)
    new = wanted.excluded
    connection.execute(
        wanted.on_conflict_do_update(
            index_elements=["job_id", "site_id"],
            set_={"outcome": new.outcome, "message": new.message, "at": new.at},
        ),
        rows,
    )


def count(connection: Connection, job_id: int) -> int:
    """Return the number of a job's results."""
    return connection.scalar(select(func.count()).where(job_sites.c.job_id == job_id)) or 0


def of_job(connection: Connection, job_id: int, *, limit: int, offset: int = 0) -> list[SiteResult]:
    """Return results of a job, failures first, then by the names of the sites."""
    order = {outcome: place for place, outcome in enumerate(BulkOutcome)}
    rows = connection.execute(
        select(
            job_sites.c.site_id,
            job_sites.c.outcome,
            job_sites.c.message,
            job_sites.c.at,
            func.coalesce(sites.c.name, ""),
            func.coalesce(sites.c.url, ""),
        )
        .outerjoin(sites, sites.c.id == job_sites.c.site_id)
        .where(job_sites.c.job_id == job_id)
        .order_by(case(order, value=job_sites.c.outcome), sites.c.name, job_sites.c.site_id)
        .limit(limit)
        .offset(offset)
    )
    return [SiteResult(row[0], BulkOutcome(row[1]), *row[2:]) for row in rows]
