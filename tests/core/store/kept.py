"""Meetings as the store keeps them, and posts as they stand on their sites: made for tests of pages and lists."""

from datetime import UTC, datetime
from typing import Any

from sqlalchemy import Connection, update

from core.model.meeting import Meeting, MeetingKind, MeetingState
from core.store.db.engine import Store
from core.store.db.schema import posts as posts_table
from core.store.meetings import meetings
from core.store.posts import queue
from tests.core.events import ACCOUNT, NOW

NOW_MS = NOW * 1000
HOUR = 3_600_000


def said(hours: float, now: int = NOW_MS) -> str:
    return f"{datetime.fromtimestamp(now / 1000 + hours * 3600, UTC):%Y-%m-%dT%H:%M:%SZ}"


def keep(
    store: Store,
    number: int,
    hours: float | None = 1,
    *,
    kind: MeetingKind = MeetingKind.MEETING,
    state: MeetingState = MeetingState.SCHEDULED,
    now: int = NOW_MS,
    account_id: str = ACCOUNT,
    **object_: Any,
) -> None:
    fields: dict[str, Any] = {"topic": f"Meeting {number}", "type": 2, "duration": 60}
    fields |= {"type": 3} if hours is None else {"start_time": said(hours, now or NOW_MS)}
    made = Meeting(account_id, number, kind, state, fields | object_)

    def change(connection: Connection) -> None:
        assert meetings.save(connection, store.sealer, made, seen=0, now=now)
        queue.schedule_write(connection, account_id, number, 1, now=now)

    store.write(change)


def weekly(*hours: float, now: int = NOW_MS) -> dict[str, Any]:
    dates = [
        {"occurrence_id": str(hour), "start_time": said(hour, now), "duration": 60, "status": "available"}
        for hour in hours
    ]
    return {"type": 8, "occurrences": dates}


def stand(store: Store, number: int, site_id: str = "s1", **values: Any) -> None:
    columns = {"wanted": 1, "written": 1, "state": "synced", "post_id": number} | values
    change = (
        update(posts_table)
        .where(posts_table.c.site_id == site_id, posts_table.c.number == number)
        .values(**columns)
    )
    assert store.write(lambda connection: connection.execute(change).rowcount) == 1
