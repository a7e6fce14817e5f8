"""`render`: a meeting, a site's rules and a moment make the post that the site should have."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from enum import StrEnum
from typing import TYPE_CHECKING, Any

from core.model.meeting import MeetingState
from core.model.rules import DEFAULT, JoinLink
from core.render import html, text, vczapi_meta
from core.render.activity import activity_of
from core.render.schedule import Phase, Schedule, schedule
from core.render.visibility import NOTHING, VisibleFields, visible_fields

if TYPE_CHECKING:
    from collections.abc import Mapping
    from datetime import datetime

    from core.model.meeting import Meeting
    from core.model.rules import Rules

# What the plugin VCZAPI lets a site choose for each meeting, and what the rules want chosen.
_TICKS = {
    JoinLink.EVERYBODY: frozenset[str](),
    JoinLink.SIGNED_IN: frozenset({"site_option_logged_in"}),
    JoinLink.NOBODY: frozenset({"site_option_browser_join"}),  # hides the link to join in the browser
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

    `rules` are what its owner decided. `vczapi` and `vczapi_pro` tell whether the plugin *Video Conferencing with
    Zoom* and its PRO add-on are active there. `locale` is the site's language, as WordPress names it; the page
    speaks English in all of them so far. `host_names` is what Zoom calls hosts, by their ids, as far as it is known.
    """

    rules: Rules = DEFAULT
    vczapi: bool = False
    vczapi_pro: bool = False
    locale: str = "en_US"
    host_names: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Post:
    """The post that a site should have; of a meeting that is not fully known, as far as it is.

    `reason` says, in words for the site's owner, why a post is not shown; empty when it is. `by_rule` tells
    whether it is withheld because the site's rules leave the meeting out: then one that the bridge has made goes
    into the trash. `title` and `content` are HTML. `content` is meant for a new post, or for one whose content is
    still what the bridge wrote. `status`, `author` and `category` are those of a new post. `field` is what the
    REST field `zoombridge` takes (docs/stub.md), but for the revision. `ticks` are options of the plugin VCZAPI
    that belong to the site, and that its rules want ticked. All of it is true until `until` (UTC), or for ever
    where that is None. `seen` is what `field` shows to visitors.
    """

    presence: Presence
    reason: str = ""
    by_rule: bool = False
    title: str = ""
    content: str = ""
    status: str = "publish"
    author: int | None = None
    category: int | None = None
    field: Mapping[str, Any] = field(default_factory=dict)
    ticks: frozenset[str] = frozenset()
    until: datetime | None = None
    seen: VisibleFields = NOTHING


def render(meeting: Meeting, site: SiteRules, now: datetime) -> Post:
    """Return the post that `site` should have for `meeting` at `now` (any zone).

    The same at any other moment before the post's `until`. Nothing that Zoom could put into the meeting
    makes it raise.
    """
    rules = site.rules
    if meeting.state is MeetingState.PERMANENTLY_DELETED:
        return Post(Presence.GONE, "It was deleted for good at Zoom.")
    if meeting.state is MeetingState.DELETED:
        return _trashed(meeting)
    left_out = rules.why_not(meeting)
    reason = left_out or _why_incomplete(meeting)
    standing = schedule(meeting, now)
    told = activity_of(meeting, rules, now)
    if told.is_over and told.live_since is None:
        standing = replace(standing, phase=Phase.ENDED)
    seen = visible_fields(meeting, rules, host_name=site.host_names.get(meeting.host_id, ""))
    author = rules.author_of(meeting)
    return Post(
        presence=Presence.WITHHELD if reason else Presence.SHOWN,
        reason=reason,
        by_rule=bool(left_out),
        title=text.title(meeting.topic),
        content=html.agenda(meeting),
        status=rules.status,
        author=None if author is None else author.user,
        category=rules.category_of(meeting.kind),
        field={
            **vczapi_meta.field(
                meeting,
                standing,
                seen,
                with_pro=site.vczapi_pro,
                without_pro=site.vczapi and not site.vczapi_pro,
            ),
            **({"html": html.details(meeting, standing, seen, told)} if meeting.is_complete else {}),
        },
        ticks=_TICKS[rules.join_link],
        until=min((one for one in (standing.until, told.until) if one is not None), default=None),
        seen=seen,
    )


def _trashed(meeting: Meeting) -> Post:
    """Return a post that says only that the meeting is cancelled, for whoever sees it all the same."""
    return Post(
        presence=Presence.TRASHED,
        reason="It was deleted at Zoom. When it is recovered there, the post comes back.",
        title=text.title(meeting.topic),
        content=html.agenda(meeting),
        field={
            "number": str(meeting.number),
            "kind": str(meeting.kind),
            "html": html.details(meeting, Schedule(Phase.CANCELLED), NOTHING),
        },
    )


def _why_incomplete(meeting: Meeting) -> str:
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
