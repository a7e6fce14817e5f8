"""`render`: a meeting, a site's rules and a moment make the post that the site should have."""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import StrEnum
from typing import TYPE_CHECKING, Any

from core.meeting import INSTANT, PERSONAL_ROOM, State
from core.render import metas, page, plain
from core.render.schedule import Phase, Schedule, schedule

if TYPE_CHECKING:
    from collections.abc import Mapping
    from datetime import datetime

    from core.meeting import Meeting

_PERSONAL = {
    INSTANT: "It is an instant meeting, started on the spot. Those are never published.",
    PERSONAL_ROOM: "It is the host's personal meeting room. Those are never published.",
}


class Presence(StrEnum):
    """Where the post of a meeting should be."""

    SHOWN = "shown"
    TRASHED = "trashed"  # deleted at Zoom; it can be recovered for a week
    GONE = "gone"  # deleted at Zoom for good
    WITHHELD = "withheld"  # none is made, and one that is there is kept right; `Post.reason` says why


@dataclass(frozen=True, slots=True)
class SiteRules:
    """What a site decides about its posts, and what its plugins ask of them.

    `post_status` is the status of a new post. `vczapi` and `vczapi_pro` tell whether the plugin *Video
    Conferencing with Zoom* and its PRO add-on are active there. `locale` is the site's language, as
    WordPress names it; the page speaks English in all of them so far.
    """

    post_status: str = "publish"
    vczapi: bool = False
    vczapi_pro: bool = False
    locale: str = "en_US"


@dataclass(frozen=True, slots=True)
class Post:
    """The post that a site should have; of a meeting that is not fully known, as far as it is.

    `reason` says, in words for the site's owner, why a post is not shown; empty when it is. `title` and
    `content` are HTML. `content` is meant for a new post, or for one whose content is still what the bridge
    wrote. `status` is that of a new post. `field` is what the REST field `zoombridge` takes (docs/stub.md),
    but for the revision. All of it is true until `until` (UTC), or for ever where that is None.
    """

    presence: Presence
    reason: str = ""
    title: str = ""
    content: str = ""
    status: str = "publish"
    field: Mapping[str, Any] = field(default_factory=dict)
    until: datetime | None = None


def render(meeting: Meeting, site: SiteRules, now: datetime) -> Post:
    """Return the post that `site` should have for `meeting` at `now` (any zone).

    The same at any other moment before the post's `until`. Nothing that Zoom could put into the meeting
    makes it raise.
    """
    if meeting.state is State.PERMANENTLY_DELETED:
        return Post(Presence.GONE, "It was deleted for good at Zoom.", status=site.post_status)
    if meeting.state is State.DELETED:
        return _trashed(meeting, site)
    reason = _why_withheld(meeting)
    standing = schedule(meeting, now)
    return Post(
        presence=Presence.WITHHELD if reason else Presence.SHOWN,
        reason=reason,
        title=plain.title(meeting.topic),
        content=page.agenda(meeting),
        status=site.post_status,
        field={
            **metas.field(
                meeting, standing, with_pro=site.vczapi_pro, without_pro=site.vczapi and not site.vczapi_pro
            ),
            **({"html": page.details(meeting, standing)} if meeting.is_complete else {}),
        },
        until=standing.until,
    )


def _trashed(meeting: Meeting, site: SiteRules) -> Post:
    """Return a post that says only that the meeting is cancelled, for whoever sees it all the same."""
    return Post(
        presence=Presence.TRASHED,
        reason="It was deleted at Zoom. When it is recovered there, the post comes back.",
        title=plain.title(meeting.topic),
        content=page.agenda(meeting),
        status=site.post_status,
        field={
            "number": str(meeting.number),
            "kind": str(meeting.kind),
            "html": page.details(meeting, Schedule(Phase.CANCELLED)),
        },
    )


def _why_withheld(meeting: Meeting) -> str:
    if meeting.type in _PERSONAL:
        return _PERSONAL[meeting.type]
    if meeting.is_complete:
        return ""
    known = {
        "its topic": meeting.topic,
        "its join link": meeting.join_url,
        "its type": meeting.type is not None,
    }
    missing = [name for name, there in known.items() if not there]
    return (
        f"Zoom has not told everything about it yet ({', '.join(missing) or 'its time'} is missing). "
        "It appears when Zoom sends the rest; to make Zoom send it now, change the meeting in Zoom and save it."
    )
