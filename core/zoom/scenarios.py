"""Scenarios: sequences of events as Zoom sends them, to try the bridge without a Zoom account. Pure.

The shapes follow https://developers.zoom.us/docs/api/meetings/events/.
"""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

ACCOUNT = "DemoAccount-000000000A"
_HOST = "demoHost0000000000000A"
_CANCELLED_WEEK = 2
_OPERATOR = {"operator": "host@example.org", "operator_id": _HOST}


def lifecycle(kind: str, number: int, *, now: datetime) -> list[dict[str, Any]]:
    """Return the events of a meeting or webinar: created, moved, deleted, recovered, permanently deleted."""
    start = (now.astimezone(UTC) + timedelta(days=7)).replace(hour=16, minute=0, second=0, microsecond=0)
    moved = start + timedelta(days=1, hours=2)
    named = {
        "uuid": f"{kind}{number}==",
        "id": number,
        "host_id": _HOST,
        "topic": "Choir rehearsal ♫" if kind == "meeting" else "Open evening for new members 👋",
        "type": 2 if kind == "meeting" else 5,
        "start_time": _z(start),
        "duration": 60,
        "timezone": "Europe/Berlin",
    }
    made = {
        **named,
        "join_url": f"https://example.zoom.us/{'j' if kind == 'meeting' else 'w'}/{number}?pwd=demo",
        "password": "482915",
        "settings": {"waiting_room": True, "join_before_host": False, "mute_upon_entry": True},
    }
    changed = {
        "id": number,
        "topic": "Choir rehearsal, with the orchestra" if kind == "meeting" else "Open evening, moved",
        "start_time": _z(moved),
        "duration": 90,
        "agenda": "Bring the blue folder.\nDoors open ten minutes before.",
    }
    before = {
        "id": number,
        "topic": named["topic"],
        "start_time": named["start_time"],
        "duration": 60,
        "agenda": "",
    }
    after = {**named, "topic": changed["topic"], "start_time": changed["start_time"], "duration": 90}
    steps: list[tuple[str, dict[str, Any]]] = [
        ("created", {"operation": "all", "object": made}),
        ("updated", {"scope": "all", "object": changed, "old_object": before}),
        ("deleted", {"operation": "all", "object": after}),
        ("recovered", {"operation": "all", "object": after}),
        ("deleted", {"operation": "all", "object": after}),
        ("permanently_deleted", {"operation": "all", "object": after}),
    ]
    first = int(now.timestamp() * 1000)
    events = []
    for index, (verb, said) in enumerate(steps):
        at = first + index * 1000
        payload = {"account_id": ACCOUNT, **_OPERATOR, **said}
        if verb == "updated":
            payload["time_stamp"] = at
        events.append({"event": f"{kind}.{verb}", "event_ts": at, "payload": payload})
    return events


def series(number: int, *, now: datetime) -> dict[str, Any]:
    """Return the creation of a weekly series of five meetings, the third of which is cancelled."""
    start = (now.astimezone(UTC) + timedelta(days=3)).replace(hour=17, minute=30, second=0, microsecond=0)
    dates = [
        {
            "occurrence_id": str(int((start + timedelta(weeks=week)).timestamp() * 1000)),
            "start_time": _z(start + timedelta(weeks=week)),
            "duration": 45,
            "status": "deleted" if week == _CANCELLED_WEEK else "available",
        }
        for week in range(5)
    ]
    made = {
        "uuid": f"series{number}==",
        "id": number,
        "host_id": _HOST,
        "topic": "Evening course: drawing from life",
        "type": 8,
        "start_time": _z(start),
        "duration": 45,
        "timezone": "Europe/London",
        "join_url": f"https://example.zoom.us/j/{number}?pwd=demo",
        "password": "730164",
        "occurrences": dates,
        "recurrence": {
            "type": 2,
            "repeat_interval": 1,
            "weekly_days": str(start.isoweekday() % 7 + 1),
            "end_times": 5,
        },
        "settings": {"waiting_room": True},
    }
    payload = {"account_id": ACCOUNT, **_OPERATOR, "operation": "all", "object": made}
    return {"event": "meeting.created", "event_ts": int(now.timestamp() * 1000), "payload": payload}


def validation(plain_token: str, *, now: datetime) -> dict[str, Any]:
    """Return the request with which Zoom validates an endpoint."""
    return {
        "event": "endpoint.url_validation",
        "event_ts": int(now.timestamp() * 1000),
        "payload": {"plainToken": plain_token},
    }


def _z(moment: datetime) -> str:
    return moment.strftime("%Y-%m-%dT%H:%M:%SZ")
