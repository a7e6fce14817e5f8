"""Findings of jobs: one result per meeting (and site), deleted with their job."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING

from sqlalchemy import func, insert, select

from core.store.db.schema import findings

if TYPE_CHECKING:
    from collections.abc import Sequence

    from sqlalchemy import Connection

MOST = 20_000  # per job: further ones are only counted


@dataclass(frozen=True, slots=True)
class Finding:
    """One line of a job's report. `site_id` is None if it does not concern a single site.

    If it concerns a user instead of a meeting, `number` is 0 and `topic` is the user's e-mail address.
    """

    job_id: int
    account_id: str
    number: int
    kind: str
    topic: str
    detail: str = ""
    site_id: str | None = None


def add(connection: Connection, found: Sequence[Finding]) -> None:
    """Save findings of one job; beyond `MOST` they are discarded."""
    if not found:
        return
    held = connection.scalar(select(func.count()).where(findings.c.job_id == found[0].job_id)) or 0
    room = max(MOST - held, 0)
    if room:
        connection.execute(insert(findings), [asdict(finding) for finding in found[:room]])


def add_reasons(connection: Connection, found: Sequence[Finding]) -> None:
    """Save those findings of one job whose `detail` no other finding of their kind has."""
    new: dict[tuple[str, str], Finding] = {}
    for finding in found:
        new.setdefault((finding.kind, finding.detail), finding)
    for (kind, detail), finding in new.items():
        same = select(findings.c.id).where(
            findings.c.job_id == finding.job_id, findings.c.kind == kind, findings.c.detail == detail
        )
        if connection.execute(same.limit(1)).first() is None:
            add(connection, [finding])


def of_job(
    connection: Connection, job_id: int, *, kind: str | None = None, after: int = 0, limit: int = 100
) -> list[tuple[int, Finding]]:
    """Return findings with their ids in order of creation, after the id `after`."""
    columns = [findings.c[name] for name in Finding.__dataclass_fields__]
    query = select(findings.c.id, *columns).where(findings.c.job_id == job_id, findings.c.id > after)
    if kind is not None:
        query = query.where(findings.c.kind == kind)
    rows = connection.execute(query.order_by(findings.c.id).limit(limit))
    return [(row[0], Finding(*row[1:])) for row in rows]


def count_by_site(connection: Connection, job_id: int, kind: str) -> dict[str, int]:
    """Return the number of a job's findings of one kind, by site."""
    query = select(findings.c.site_id, func.count()).where(
        findings.c.job_id == job_id, findings.c.kind == kind, findings.c.site_id.is_not(None)
    )
    return {row[0]: row[1] for row in connection.execute(query.group_by(findings.c.site_id))}
