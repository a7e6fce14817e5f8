"""Posts of meetings as the bridge writes them: rendered by it, and sent by the sync protocol."""

from __future__ import annotations

import itertools
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any, Self

from core.model.meeting import Meeting, MeetingKind
from core.model.rules import Rules
from core.render import SiteRules, render
from core.wordpress.post_operations import CreatePost
from core.wordpress.sync_client import SyncClient
from core.wordpress.sync_posts import Mark
from tests.plugin_stub.bridge_double import KEY, SITE
from tests.plugin_stub.pairing import connect

if TYPE_CHECKING:
    from types import TracebackType

    from tests.wordpress import WordPress

BRIDGE = "http://127.0.0.1:9"  # nothing listens there
PASSCODE = "sing4us"
MINUTE = timedelta(minutes=1)
HOUR = timedelta(hours=1)
DAY = timedelta(days=1)


def z(moment: datetime) -> str:
    """Write a time as Zoom does."""
    return f"{moment.astimezone(UTC):%Y-%m-%dT%H:%M:%SZ}"


_numbers = itertools.count(85_000_000_001)


def meeting(topic: str, start: datetime | None, **given: Any) -> Meeting:
    """Return a meeting of an hour; without a start, one without a fixed time."""
    kept = {
        name: given.pop(name)
        for name in ("kind", "instances", "created", "state", "deleted_at")
        if name in given
    }
    number = next(_numbers)
    object_ = {
        "topic": topic,
        "agenda": "Bring your notes",
        "type": 2 if start else 3,
        "start_time": z(start) if start else None,
        "duration": 60,
        "timezone": "Europe/Berlin",
        "join_url": f"https://us02web.zoom.us/j/{number}?pwd=aBc.1",
        "password": PASSCODE,
        "host_id": "theHost",
    } | given
    object_ = {name: value for name, value in object_.items() if value is not None}
    fields: dict[str, Any] = {"object": object_, "created": True}
    return Meeting("account", number, **(fields | kept))


def webinar(topic: str, start: datetime, **given: Any) -> Meeting:
    """Return a webinar of an hour."""
    return meeting(topic, start, **{"kind": MeetingKind.WEBINAR, "type": 5, **given})


def weekly(topic: str, first: datetime, count: int = 3, **given: Any) -> Meeting:
    """Return a series."""
    dates = [
        {
            "occurrence_id": str(week),
            "start_time": z(first + week * 7 * DAY),
            "duration": 60,
            "status": "available",
        }
        for week in range(count)
    ]
    recurrence = {"type": 2, "repeat_interval": 1, "end_times": count}
    given = {"type": 8, "occurrences": dates, "recurrence": recurrence} | given
    return meeting(topic, first, **given)


class Writer:
    """Writes posts to a site, as a bridge does whose clock says `now`."""

    def __init__(self, site: WordPress, rules: Rules | None = None) -> None:
        connect(site, BRIDGE)
        self.site = site
        self.rules = rules or Rules()
        self.now = datetime.now(UTC).replace(microsecond=0)
        self._client = SyncClient(site.rest_root, site.url, site=SITE, key=KEY, epoch=1)
        self._marks = itertools.count(1000)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._client.close()

    def write(
        self, *meetings: Meeting, rules: Rules | None = None, at: datetime | None = None, **post: Any
    ) -> list[int]:
        """Create the posts of meetings, one by one: on a busy machine, the site does not try more. Return their IDs."""
        ids = []
        for one in meetings:
            made = render(one, SiteRules(rules or self.rules), at or self.now)
            fields = {**made.field, "revision": 1}
            fields["fields"] = {**fields["fields"], **dict.fromkeys(made.ticks, "1")}
            columns = {"title": made.title, "content": made.content, "status": "publish"} | post
            create = CreatePost({**columns, "zoombridge": fields})
            [written] = self._client.perform([create], [Mark(one.number, next(self._marks))])
            assert not isinstance(written, BaseException), written
            ids.append(written.id)
        return ids

    def page(self, title: str, content: str) -> str:
        """Create a page. Return its address."""
        link: str = self.site.php(
            """
            return get_permalink( wp_insert_post( wp_slash( array( 'post_type' => 'page', 'post_status' => 'publish',
                'post_title' => $title, 'post_content' => $content ) ) ) );
            """,
            title=title,
            content=content,
        )
        return link

    def link(self, post: int) -> str:
        """Return the address of a post."""
        link: str = self.site.php("return get_permalink( $post );", post=post)
        return link
