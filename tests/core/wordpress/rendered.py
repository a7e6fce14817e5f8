"""A meeting whose texts are hard to keep whole, as the mirror renders it."""

from datetime import UTC, datetime, timedelta
from typing import Any

from core.model.meeting import Meeting
from core.render import SiteRules, render

NUMBER = 85393847045
NOW = datetime.now(UTC)
MEETING = Meeting(
    "account",
    NUMBER,
    object={
        "topic": 'Äpfel & <script>alert("1")</script> \\ 🚒',
        "agenda": "Bring [gallery] & cake\n\nhttps://example.org/a?b=1&c=2",
        "type": 8,
        "timezone": "Europe/Berlin",
        "join_url": "https://us02web.zoom.us/j/85393847045?pwd=a&b=c",
        "password": "a\\b<c>",
        "host_id": "x1yCzABCDEfg23HiJKl4mN",
        "settings": {"waiting_room": False, "alternative_host_ids": ["a-id", "b-id"]},
        "recurrence": {"type": 2, "weekly_days": "1", "repeat_interval": 1},
        "occurrences": [
            {
                "occurrence_id": str(week),
                "start_time": (NOW + timedelta(days=7 * week)).strftime("%Y-%m-%dT%H:%M:%SZ"),
                "duration": 60,
                "status": "deleted" if week == 2 else "available",
            }
            for week in (1, 2, 3)
        ],
    },
)


def fields(meeting: Meeting = MEETING) -> dict[str, Any]:
    post = render(meeting, SiteRules(), NOW)
    return {
        "title": post.title,
        "content": post.content,
        "status": post.status,
        "zoombridge": {**post.field, "revision": 1},
    }
