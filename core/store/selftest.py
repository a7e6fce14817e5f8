"""The stored data of self-tests' probe meetings, and their complete deletion."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from sqlalchemy import and_, delete, func, select

from core.model.meeting import MeetingState
from core.store.db.schema import attempts, events, meeting_baselines, meetings, posts, sites
from core.store.events.log import Outcome
from core.store.events.request import Request
from core.store.posts.queue import PostState
from core.store.sites import grants
from core.zoom.probe import FIRST_NUMBER, LAST_NUMBER

if TYPE_CHECKING:
    from sqlalchemy import ColumnElement, Connection, Table

    from core.store.db.encryption import Sealer
    from core.zoom.probe import ProbeEvents


@dataclass(frozen=True, slots=True)
class StoredEvent:
    """An event in the log. `received_at` is in Unix milliseconds (UTC)."""

    outcome: Outcome
    reason: str | None
    received_at: int
    request: Request


@dataclass(frozen=True, slots=True)
class StoredPost:
    """The post of a probe meeting. `fault` and `message` are of the last attempt, or of the site as a whole."""

    state: PostState
    is_written: bool
    post_id: int | None
    link: str | None
    reason: str | None
    fault: str | None
    message: str | None


def find_event(connection: Connection, digest: str, sealer: Sealer) -> StoredEvent | None:
    """Return the event with a digest; None if it is not in the log."""
    columns = events.c.outcome, events.c.reason, events.c.received_at, events.c.request
    row = connection.execute(select(*columns).where(events.c.digest == digest)).one_or_none()
    if row is None:
        return None
    return StoredEvent(Outcome(row.outcome), row.reason, row.received_at, Request.opened(row.request, sealer))


def find_post(connection: Connection, probe: ProbeEvents, *, now: int) -> StoredPost | None:
    """Return the post of a probe meeting; None before it is requested."""
    row = connection.execute(
        select(
            posts, sites.c.fault.label("of_site"), sites.c.fault_message.label("said"), sites.c.blocked_until
        )
        .join(sites, sites.c.id == posts.c.site_id)
        .where(posts.c.site_id == probe.site_id, _is_of(posts, probe))
    ).one_or_none()
    if row is None:
        return None
    is_blocked = row.blocked_until > now
    return StoredPost(
        PostState(row.state),
        row.written >= row.wanted and row.lease_until == 0,
        row.post_id,
        row.link,
        row.reason,
        row.of_site if is_blocked else row.fault,
        row.said if is_blocked else row.fault_message,
    )


def is_known(connection: Connection, probe: ProbeEvents) -> bool:
    """Whether any data of a probe meeting is stored."""
    return any(
        connection.execute(select(table.c.number).where(_is_of(table, probe)).limit(1)).first() is not None
        for table in (events, meetings, posts)
    )


def is_over(connection: Connection, probe: ProbeEvents) -> bool:
    """Whether the probe meeting is permanently deleted, as of the last folded event."""
    state = connection.scalar(select(meetings.c.state).where(_is_of(meetings, probe)))
    return bool(state == MeetingState.PERMANENTLY_DELETED)


def is_settled(connection: Connection, probe: ProbeEvents) -> bool:
    """Whether all events of a probe meeting are folded and its post is up to date."""
    pending = select(func.count()).where(_is_of(events, probe), events.c.outcome == Outcome.PENDING)
    if connection.scalar(pending):
        return False
    rows = connection.execute(select(posts).where(_is_of(posts, probe))).all()
    return all(row.written >= row.wanted and row.lease_until == 0 for row in rows)


def numbers(connection: Connection, account_id: str) -> list[int]:
    """Return the numbers of probe meetings with stored data."""
    found: set[int] = set()
    for table in (events, meetings):
        of_tests = table.c.number.between(FIRST_NUMBER, LAST_NUMBER), table.c.account_id == account_id
        found.update(connection.scalars(select(table.c.number).where(*of_tests).distinct()))
    return sorted(found)


def forget(connection: Connection, probe: ProbeEvents) -> None:
    """Delete all data of a settled probe meeting."""
    of_post = attempts.c.site_id == probe.site_id, attempts.c.number == probe.number
    connection.execute(delete(attempts).where(*of_post))
    for table in (posts, meetings, meeting_baselines, events):
        connection.execute(delete(table).where(_is_of(table, probe)))
    if not numbers(connection, probe.account_id):
        grants.forget_probe(connection, probe.site_id)


def _is_of(table: Table, probe: ProbeEvents) -> ColumnElement[bool]:
    return and_(table.c.account_id == probe.account_id, table.c.number == probe.number)
